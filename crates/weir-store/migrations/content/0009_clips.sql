-- Stretches of recordings with a name and a link of their own. They have no media; what they are of does not go by time
-- while they are there.
CREATE TABLE recording_clips (
    id        TEXT NOT NULL PRIMARY KEY,
    recording TEXT NOT NULL,
    from_ms   BIGINT NOT NULL,                  -- where a segment begins
    to_ms     BIGINT NOT NULL,                  -- where a segment ends
    title     TEXT NOT NULL,
    made_ms   BIGINT NOT NULL
);
CREATE INDEX recording_clips_by_recording ON recording_clips (recording, id);
