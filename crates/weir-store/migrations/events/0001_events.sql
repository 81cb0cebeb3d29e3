-- What happened. For ids, times and user_id see accounts.

-- Each publish, from its first byte to its end and why it ended.
CREATE TABLE broadcasts (
    user_id    TEXT NOT NULL,                   -- the channel's owner; '' where the stream is no channel's
    id         TEXT NOT NULL,
    channel_id TEXT NOT NULL,                   -- '' likewise
    app        TEXT NOT NULL,
    stream     TEXT NOT NULL,                   -- the stream's whole name
    node       TEXT NOT NULL,                   -- the node that owned it
    protocol   TEXT NOT NULL,
    address    TEXT NOT NULL,
    key_id     TEXT NOT NULL,                   -- what it was admitted by, or ''
    started_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,                 -- when its node last said that it lives
    ended_ms   BIGINT NOT NULL,                 -- 0: it lives
    cause      BIGINT NOT NULL,                 -- code of the registry; 0: it lives
    viewers_max BIGINT NOT NULL,
    bytes_in   BIGINT NOT NULL,
    bytes_out  BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX broadcasts_by_channel ON broadcasts (user_id, channel_id, started_ms);
CREATE INDEX broadcasts_alive ON broadcasts (ended_ms, seen_ms);

-- The log that everybody reads in the same order.
CREATE TABLE events (
    seq     BIGINT NOT NULL PRIMARY KEY,        -- without gaps, in the order of reading
    id      TEXT NOT NULL UNIQUE,
    type    TEXT NOT NULL,                      -- such as stream.started
    app     TEXT NOT NULL,
    stream  TEXT NOT NULL,
    session TEXT NOT NULL,                      -- id of a broadcast, or ''
    cause   BIGINT NOT NULL,
    data    TEXT NOT NULL,                      -- JSON: what belongs to this type
    at_ms   BIGINT NOT NULL
);
CREATE INDEX events_by_time ON events (at_ms);
