-- What each node tells of a recording: its stream moved between them. A row of recordings is made of these.
CREATE TABLE recording_parts (
    id           TEXT NOT NULL,
    node         TEXT NOT NULL,
    owned_ms     BIGINT NOT NULL,               -- since when the node owned the stream, the last time; 0: it never did
    started_ms   BIGINT NOT NULL,
    ended_ms     BIGINT NOT NULL,               -- 0: it goes on there
    from_ms      BIGINT NOT NULL,               -- what it has is of this time
    to_ms        BIGINT NOT NULL,
    duration_ms  BIGINT NOT NULL,
    bytes        BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    holes        TEXT NOT NULL,                 -- JSON: where it recorded nothing
    told_ms      BIGINT NOT NULL,               -- what was told later counts
    PRIMARY KEY (id, node)
);
CREATE INDEX recording_parts_by_node ON recording_parts (node);
INSERT INTO recording_parts (id, node, owned_ms, started_ms, ended_ms, from_ms, to_ms, duration_ms, bytes, stored_bytes,
    holes, told_ms)
    SELECT id, node, started_ms, started_ms, ended_ms, started_ms, started_ms + duration_ms, duration_ms, bytes,
    stored_bytes, holes, told_ms FROM recordings WHERE node <> '' AND told_ms > 0;

-- Whether a channel's stream is recorded of which its publisher's address says nothing: 1, 0, or -1 for as its app says.
ALTER TABLE channels ADD COLUMN record BIGINT NOT NULL DEFAULT -1;
