-- Passkeys (WebAuthn): what signs somebody in without a password.

CREATE TABLE passkeys (
    user_id    TEXT NOT NULL,
    id         TEXT NOT NULL,
    credential TEXT NOT NULL,                   -- its id as the authenticator says it, in base64url
    cose_key   BLOB NOT NULL,                   -- its public key, as it came (RFC 9052, section 7)
    sign_count BIGINT NOT NULL,                 -- of its last use; 0: it does not count
    label      TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL,                 -- 0: not yet
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- A passkey by what the browser shows.
CREATE TABLE passkey_credentials (
    credential TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    passkey_id TEXT NOT NULL
);
CREATE INDEX passkey_credentials_by_key ON passkey_credentials (user_id, passkey_id);

-- Questions that were answered: each is answered once.
CREATE TABLE spent_challenges (
    challenge_hash TEXT NOT NULL PRIMARY KEY,   -- SHA-256
    expires_ms     BIGINT NOT NULL              -- it is too old to be answered from then on
);
CREATE INDEX spent_challenges_by_expiry ON spent_challenges (expires_ms);
