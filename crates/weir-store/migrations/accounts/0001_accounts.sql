-- Accounts: who may sign in, with what, and where they are signed in.
--
-- Ids are UUIDs of version 7; times are milliseconds since 1970; 0 and 1 are no and yes. Secrets are here as
-- hashes alone. Tables of a user's rows begin their keys with user_id, so that they can be split by it; what is
-- looked up by something else has a directory keyed by that.

-- One row for each person or machine that can sign in.
CREATE TABLE accounts (
    user_id           TEXT NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL,            -- as it is shown and written; unique by logins
    email             TEXT NOT NULL,            -- as it was given; '' for none
    email_verified_ms BIGINT NOT NULL,          -- when it was proved to be theirs; 0: not yet
    password_hash     TEXT NOT NULL,            -- argon2id in PHC form; '' where there is none to sign in with
    role              TEXT NOT NULL,            -- viewer, broadcaster, moderator or admin
    state             TEXT NOT NULL,            -- active, suspended or closed
    state_reason      TEXT NOT NULL,
    display_name      TEXT NOT NULL,
    about             TEXT NOT NULL,
    language          TEXT NOT NULL,            -- 'en', 'zh' or '' for what the browser asks for
    avatar            TEXT NOT NULL,            -- id of a picture, or ''
    totp_secret       BLOB,                     -- sealed; NULL: no second factor by code
    created_ms        BIGINT NOT NULL,
    changed_ms        BIGINT NOT NULL,
    version           BIGINT NOT NULL           -- counts changes: what an ETag is made of
) /* by user_id */;

-- What somebody may write in the field for who they are: a name or an address, folded (see weir-account).
CREATE TABLE logins (
    login   TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,                      -- name or email
    user_id TEXT NOT NULL
);

-- Where somebody is signed in: a browser's cookie or a program's token.
CREATE TABLE sessions (
    user_id      TEXT NOT NULL,
    id           TEXT NOT NULL,
    refresh_hash TEXT NOT NULL,                 -- SHA-256 of what renews it
    previous_hash TEXT NOT NULL,                -- the one before: used again, it was stolen
    kind         TEXT NOT NULL,                 -- cookie or token
    agent        TEXT NOT NULL,                 -- what the client says it is
    address      TEXT NOT NULL,                 -- from where it was last used
    created_ms   BIGINT NOT NULL,
    used_ms      BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- A session by what the client shows.
CREATE TABLE session_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,       -- SHA-256
    user_id    TEXT NOT NULL,
    session_id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX session_tokens_by_expiry ON session_tokens (expires_ms);
