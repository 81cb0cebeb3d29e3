-- Channels and what belongs to them. For ids, times and user_id see accounts.

-- A place to broadcast at, owned by an account.
CREATE TABLE channels (
    user_id       TEXT NOT NULL,                -- the owner
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,                -- in URLs; unique by channel_names
    app           TEXT NOT NULL,                -- the app that its stream is published to
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    category      TEXT NOT NULL,
    language      TEXT NOT NULL,
    cover         TEXT NOT NULL,                -- id of a picture, or ''
    visibility    TEXT NOT NULL,                -- public, unlisted, password, followers or private
    password_hash TEXT NOT NULL,
    state         TEXT NOT NULL,                -- active or closed
    created_ms    BIGINT NOT NULL,
    changed_ms    BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- A channel by its name, and by its name folded so that look-alikes collide.
CREATE TABLE channel_names (
    name       TEXT NOT NULL PRIMARY KEY,
    skeleton   TEXT NOT NULL UNIQUE,
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL
);

-- Stream keys of a channel: two may be good at once while one replaces the other.
CREATE TABLE stream_keys (
    user_id      TEXT NOT NULL,
    channel_id   TEXT NOT NULL,
    id           TEXT NOT NULL,
    key_hash     TEXT NOT NULL,                 -- SHA-256: the key itself is shown once
    label        TEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,               -- 0: never
    revoked_ms   BIGINT NOT NULL,               -- 0: it is good
    used_ms      BIGINT NOT NULL,               -- when it was last published with; 0: never
    used_address TEXT NOT NULL,
    PRIMARY KEY (user_id, channel_id, id)
) /* by user_id */;

-- What changed, in order, for whoever keeps a copy of it in memory: the admission snapshot.
CREATE TABLE content_changes (
    seq        BIGINT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,                   -- channel, key, app or ban
    user_id    TEXT NOT NULL,
    id         TEXT NOT NULL,
    at_ms      BIGINT NOT NULL
);
