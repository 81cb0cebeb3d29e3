-- Pictures of live streams. For ids, times and user_id see accounts.

-- A row for each keyframe that was to be decoded, whether it was or not.
CREATE TABLE snapshots (
    user_id     TEXT NOT NULL,                  -- the channel's owner; '' where the stream is no channel's
    id          TEXT NOT NULL,
    channel_id  TEXT NOT NULL,                  -- '' likewise
    app         TEXT NOT NULL,
    stream      TEXT NOT NULL,                  -- the stream's whole name
    session     TEXT NOT NULL,                  -- id of a broadcast, or ''
    reason      TEXT NOT NULL,                  -- first, interval, end or asked
    fault       TEXT NOT NULL,                  -- why the keyframe cannot be decoded; '': there is a picture
    object      TEXT NOT NULL,                  -- the picture's key among the assets, or ''
    sha256      TEXT NOT NULL,                  -- of its bytes, or ''
    bytes       BIGINT NOT NULL,
    width       BIGINT NOT NULL,
    height      BIGINT NOT NULL,
    taken_ms    BIGINT NOT NULL,                -- when the keyframe was captured
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX snapshots_by_stream ON snapshots (stream, id);
CREATE INDEX snapshots_by_id ON snapshots (id);
