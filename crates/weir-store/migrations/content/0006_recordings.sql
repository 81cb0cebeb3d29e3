-- Broadcasts that can be watched again. For ids, times and user_id see accounts.

-- What nodes tell of each recording, and what people say of it. The media is in blocks, on nodes and among the
-- objects; this is made again from them.
CREATE TABLE recordings (
    user_id      TEXT NOT NULL,                 -- the channel's owner; '' where the stream is no channel's
    id           TEXT NOT NULL,
    channel_id   TEXT NOT NULL,                 -- '' likewise
    vhost        TEXT NOT NULL,
    app          TEXT NOT NULL,
    stream       TEXT NOT NULL,                 -- the stream's name in its app
    title        TEXT NOT NULL,
    published    BIGINT NOT NULL,               -- 1: it stands in the channel's list
    state        TEXT NOT NULL,                 -- recording, ready, failed or deleting
    stop_ms      BIGINT NOT NULL,               -- since when its node shall stop; 0: it need not
    held         BIGINT NOT NULL,               -- 1: nobody and nothing takes it away
    expires_ms   BIGINT NOT NULL,               -- when it is taken away; 0: never
    node         TEXT NOT NULL,                 -- who records it, or did last
    started_ms   BIGINT NOT NULL,
    ended_ms     BIGINT NOT NULL,               -- 0: it goes on
    duration_ms  BIGINT NOT NULL,
    bytes        BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,               -- of these, the ones among the objects
    holes        TEXT NOT NULL,                 -- JSON: where nothing was recorded
    poster       TEXT NOT NULL,                 -- id of its picture, or ''
    told_ms      BIGINT NOT NULL,               -- what was told later counts
    version      BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX recordings_by_id ON recordings (id);
CREATE INDEX recordings_by_channel ON recordings (user_id, channel_id, id);
CREATE INDEX recordings_by_stream ON recordings (app, stream, id);
CREATE INDEX recordings_by_node ON recordings (node, state);
CREATE INDEX recordings_by_expiry ON recordings (expires_ms);
CREATE INDEX recordings_by_telling ON recordings (state, told_ms);

-- Whose a recording is; and that it is gone, for nodes that were away when it went.
CREATE TABLE recording_owners (
    id      TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    gone_ms BIGINT NOT NULL                     -- 0: it is there
);
CREATE INDEX recording_owners_by_going ON recording_owners (gone_ms);
