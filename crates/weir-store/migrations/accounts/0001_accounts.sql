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
    state             TEXT NOT NULL,            -- active or suspended
    state_reason      TEXT NOT NULL,
    display_name      TEXT NOT NULL,
    about             TEXT NOT NULL,
    language          TEXT NOT NULL,            -- 'en', 'zh' or '' for what the browser asks for
    avatar            TEXT NOT NULL,            -- id of a picture, or ''
    totp_secret       BLOB NOT NULL,            -- sealed; empty: no second factor by code
    totp_step         BIGINT NOT NULL,          -- the step of the last code that was taken: none is taken twice
    created_ms        BIGINT NOT NULL,
    changed_ms        BIGINT NOT NULL,
    version           BIGINT NOT NULL           -- counts changes: what an ETag is made of
) /* by user_id */;
CREATE INDEX accounts_by_role ON accounts (role);

-- What somebody may write in the field for who they are: a name or an address, folded (see weir-account).
CREATE TABLE logins (
    login   TEXT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,                      -- name or email
    user_id TEXT NOT NULL
);
CREATE INDEX logins_by_user ON logins (user_id);

-- Each name in the form in which look-alikes are the same. A row stays when its account goes: nobody else is
-- taken for who had it.
CREATE TABLE name_skeletons (
    skeleton TEXT NOT NULL PRIMARY KEY,
    user_id  TEXT NOT NULL
);

-- Where somebody is signed in: a browser or a program.
CREATE TABLE sessions (
    user_id    TEXT NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,                   -- cookie, token or both
    agent      TEXT NOT NULL,                   -- what the client says it is
    address    TEXT NOT NULL,                   -- from where it was last used
    created_ms BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX sessions_by_expiry ON sessions (expires_ms);

-- A session by what the client shows.
CREATE TABLE session_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,       -- SHA-256
    kind       TEXT NOT NULL,                   -- cookie, access, refresh, or spent: a refresh token that was used
    user_id    TEXT NOT NULL,
    session_id TEXT NOT NULL,
    made_ms    BIGINT NOT NULL,                 -- for a spent one: when it was used
    expires_ms BIGINT NOT NULL
);
CREATE INDEX session_tokens_by_session ON session_tokens (user_id, session_id);
CREATE INDEX session_tokens_by_expiry ON session_tokens (expires_ms);

-- Links that were sent or shown: whoever follows one proves something, once.
CREATE TABLE proofs (
    token_hash TEXT NOT NULL PRIMARY KEY,       -- SHA-256
    purpose    TEXT NOT NULL,                   -- email, reset or link
    user_id    TEXT NOT NULL,
    email      TEXT NOT NULL,                   -- the address that it was sent to, or ''
    expires_ms BIGINT NOT NULL
);
CREATE INDEX proofs_by_user ON proofs (user_id);
CREATE INDEX proofs_by_expiry ON proofs (expires_ms);

-- What lets somebody sign up where that is not open to all.
CREATE TABLE invites (
    code_hash  TEXT NOT NULL PRIMARY KEY,       -- SHA-256
    id         TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    uses_left  BIGINT NOT NULL,
    made_by    TEXT NOT NULL,                   -- the account that made it, or '' for the operator
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Keys of programs that act for an account.
CREATE TABLE api_keys (
    user_id      TEXT NOT NULL,
    id           TEXT NOT NULL,
    label        TEXT NOT NULL,
    scopes       TEXT NOT NULL,                 -- names of rights, a space between two
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,               -- 0: never
    used_ms      BIGINT NOT NULL,               -- 0: not yet
    used_address TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- An API key by what the program shows.
CREATE TABLE api_key_hashes (
    key_hash TEXT NOT NULL PRIMARY KEY,         -- SHA-256: the key itself is shown once
    user_id  TEXT NOT NULL,
    key_id   TEXT NOT NULL
);
CREATE INDEX api_key_hashes_by_key ON api_key_hashes (user_id, key_id);

-- Codes that stand in for a lost second factor, each once.
CREATE TABLE recovery_codes (
    user_id   TEXT NOT NULL,
    code_hash TEXT NOT NULL,                    -- SHA-256
    PRIMARY KEY (user_id, code_hash)
) /* by user_id */;
