-- What happened. For ids, times and user_id see accounts.

-- Each publish, from its first byte to its end and why it ended.
CREATE TABLE broadcasts (
    user_id     TEXT NOT NULL,                  -- the channel's owner; '' where the stream is no channel's
    id          TEXT NOT NULL,
    channel_id  TEXT NOT NULL,                  -- '' likewise
    app         TEXT NOT NULL,
    stream      TEXT NOT NULL,                  -- the stream's whole name
    node        TEXT NOT NULL,                  -- the node that owned it
    boot        TEXT NOT NULL,                  -- which life of that node
    protocol    TEXT NOT NULL,
    address     TEXT NOT NULL,
    key_id      TEXT NOT NULL,                  -- what it was admitted by, or ''
    started_ms  BIGINT NOT NULL,
    heartbeat_ms BIGINT NOT NULL,               -- the app has to be heard of so often; 0: it need not
    heard_ms    BIGINT NOT NULL,                -- when the app was heard of last
    ended_ms    BIGINT NOT NULL,                -- 0: it lives
    cause       BIGINT NOT NULL,                -- code of the registry; 0: it lives
    order_cause BIGINT NOT NULL,                -- its node shall end it with this code; 0: it need not
    viewers_max BIGINT NOT NULL,
    bytes_in    BIGINT NOT NULL,
    bytes_out   BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX broadcasts_by_channel ON broadcasts (user_id, channel_id, id);
CREATE INDEX broadcasts_by_stream ON broadcasts (stream, id);
CREATE INDEX broadcasts_by_node ON broadcasts (ended_ms, node);

-- Whose a broadcast is.
CREATE TABLE broadcast_owners (
    id      TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL
);

-- Nodes that own streams: which life of theirs was heard of last, and when.
CREATE TABLE recorders (
    node    TEXT NOT NULL PRIMARY KEY,
    boot    TEXT NOT NULL,
    seen_ms BIGINT NOT NULL
);

-- The number of the latest event, in one row: whoever writes events holds it until they are there.
CREATE TABLE event_head (
    one BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- The log that everybody reads in the same order.
CREATE TABLE events (
    seq     BIGINT NOT NULL PRIMARY KEY,        -- without gaps, in the order of reading
    id      TEXT NOT NULL UNIQUE,
    type    TEXT NOT NULL,                      -- such as stream.started
    app     TEXT NOT NULL,
    stream  TEXT NOT NULL,
    session TEXT NOT NULL,                      -- id of a broadcast, or ''
    cause   BIGINT NOT NULL,                    -- code of the registry; 0 for none
    data    TEXT NOT NULL,                      -- JSON: what belongs to this type
    at_ms   BIGINT NOT NULL
);

-- Who is told of events, over HTTP.
CREATE TABLE hook_endpoints (
    user_id     TEXT NOT NULL,                  -- whose it is; '' for the operator's
    id          TEXT NOT NULL,
    app         TEXT NOT NULL,                  -- of this app's streams alone; '' for all
    url         TEXT NOT NULL,
    secret      TEXT NOT NULL,                  -- whsec_…: deliveries are signed with it
    old_secret  TEXT NOT NULL,                  -- the one before it, or ''
    old_until_ms BIGINT NOT NULL,               -- deliveries are signed with both until then
    types       TEXT NOT NULL,                  -- with a space between them; '' for all
    dialect     TEXT NOT NULL,                  -- standard, srs or tencent
    state       TEXT NOT NULL,                  -- active or paused
    claimed_by  TEXT NOT NULL,                  -- the node that delivers, or ''
    claimed_until_ms BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- The latest event that deliveries were made of, in one row.
CREATE TABLE hook_head (
    one BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- What endpoints are told, and how it went.
CREATE TABLE deliveries (
    user_id     TEXT NOT NULL,                  -- the endpoint's
    id          TEXT NOT NULL,                  -- webhook-id: the same at each try
    endpoint_id TEXT NOT NULL,
    seq         BIGINT NOT NULL,                -- of the event: the order
    stream      TEXT NOT NULL,
    type        TEXT NOT NULL,
    event       TEXT NOT NULL,                  -- JSON: the event as the log has it
    state       TEXT NOT NULL,                  -- waiting, delivered or dead
    tries       BIGINT NOT NULL,
    next_ms     BIGINT NOT NULL,                -- not before this
    made_ms     BIGINT NOT NULL,
    done_ms     BIGINT NOT NULL,                -- 0: it waits
    status      BIGINT NOT NULL,                -- of the last answer; 0 for none
    words       TEXT NOT NULL,                  -- of the last answer, or why there is none
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, endpoint_id, seq)
) /* by user_id */;
CREATE INDEX deliveries_by_state ON deliveries (user_id, endpoint_id, state, seq);
CREATE INDEX deliveries_by_time ON deliveries (done_ms);

-- What was done by whom: rows are written and read, and nothing else.
CREATE TABLE audit (
    id      TEXT NOT NULL PRIMARY KEY,
    actor   TEXT NOT NULL,                      -- user_id, or ''
    name    TEXT NOT NULL,                      -- as the actor was called then
    action  TEXT NOT NULL,                      -- such as channel.ban
    object  TEXT NOT NULL,                      -- what it was done to, such as an id
    before  TEXT NOT NULL,                      -- JSON, or ''
    after   TEXT NOT NULL,                      -- JSON, or ''
    address TEXT NOT NULL,                      -- from where
    at_ms   BIGINT NOT NULL
);
CREATE INDEX audit_by_object ON audit (object, id);
CREATE INDEX audit_by_actor ON audit (actor, id);
