-- Answers to requests that may be sent again (Idempotency-Key), so that all api nodes give the same one. Kept for a
-- day, the newest of each account.
CREATE TABLE replies (
    user_id  TEXT NOT NULL,                     -- who asked; '' for who has no account
    id       TEXT NOT NULL,                     -- SHA-256 of who, the path and the key
    digest   TEXT NOT NULL,                     -- SHA-256 of the request's body
    since_ms BIGINT NOT NULL,                   -- when it was asked
    sealed   BLOB NOT NULL,                     -- the answer, sealed; empty: it is being made
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX replies_by_time ON replies (user_id, since_ms);
CREATE INDEX replies_by_age ON replies (since_ms);
