-- Who an account is elsewhere: at a provider that signs it in (OpenID Connect Core 1.0, section 2).

CREATE TABLE identities (
    user_id    TEXT NOT NULL,
    id         TEXT NOT NULL,
    provider   TEXT NOT NULL,                   -- as the settings call it
    issuer     TEXT NOT NULL,                   -- as it calls itself
    subject    TEXT NOT NULL,                   -- whom it means: never another account of the issuer's
    label      TEXT NOT NULL,                   -- a name or an address, as it was told when it was linked
    created_ms BIGINT NOT NULL,
    used_ms    BIGINT NOT NULL,                 -- 0: not yet
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- An account by what a provider says.
CREATE TABLE identity_subjects (
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    identity_id TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identity_subjects_by_identity ON identity_subjects (user_id, identity_id);
