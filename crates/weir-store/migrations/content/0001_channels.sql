-- Channels and what belongs to them. For ids, times and user_id see accounts.

-- A place to broadcast at, owned by an account.
CREATE TABLE channels (
    user_id       TEXT NOT NULL,                -- the owner
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,                -- in URLs; unique by channel_names
    app           TEXT NOT NULL,                -- the app that its stream is published to
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    category      TEXT NOT NULL,                -- of categories, or ''
    language      TEXT NOT NULL,                -- BCP 47, or ''
    cover         TEXT NOT NULL,                -- id of a picture, or ''
    visibility    TEXT NOT NULL,                -- public, unlisted, password, followers or private
    password_hash TEXT NOT NULL,                -- argon2id; '' where no password opens it
    play_round    BIGINT NOT NULL,              -- leaves to watch that were given in an earlier round have ended
    followers     BIGINT NOT NULL,              -- how many follow it
    created_ms    BIGINT NOT NULL,
    changed_ms    BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- How many channels somebody has: what the bound is compared with.
CREATE TABLE channel_owners (
    user_id  TEXT NOT NULL PRIMARY KEY,
    channels BIGINT NOT NULL
) /* by user_id */;

-- A channel by its name, and by its name folded so that look-alikes collide.
CREATE TABLE channel_names (
    name       TEXT NOT NULL PRIMARY KEY,
    skeleton   TEXT NOT NULL UNIQUE,
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL
);

-- What a list shows of each public channel: those that are not public have no row here.
CREATE TABLE listed_channels (
    channel_id TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    category   TEXT NOT NULL,
    language   TEXT NOT NULL,
    cover      TEXT NOT NULL
);
CREATE INDEX listed_by_category ON listed_channels (category, channel_id);
CREATE INDEX listed_by_language ON listed_channels (language, channel_id);
CREATE INDEX listed_by_both ON listed_channels (category, language, channel_id);

-- Which words find a listed channel: see channels/words.rs.
CREATE TABLE channel_words (
    channel_id TEXT NOT NULL,
    word       TEXT NOT NULL,
    PRIMARY KEY (channel_id, word)
);
CREATE INDEX channel_words_by_word ON channel_words (word, channel_id);

-- How many channels each word finds: a search begins with the rarest.
CREATE TABLE words (
    word     TEXT NOT NULL PRIMARY KEY,
    channels BIGINT NOT NULL
);

-- Stream keys of a channel: two may be good at once while one replaces the other.
CREATE TABLE stream_keys (
    user_id      TEXT NOT NULL,
    channel_id   TEXT NOT NULL,
    id           TEXT NOT NULL,
    key_hash     TEXT NOT NULL,                 -- SHA-256: the key itself is shown once
    label        TEXT NOT NULL,
    replaces     TEXT NOT NULL,                 -- id of the key that this one came for, or ''
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,               -- 0: never
    revoked_ms   BIGINT NOT NULL,               -- 0: it is good
    used_ms      BIGINT NOT NULL,               -- when it was last published with; 0: never
    used_address TEXT NOT NULL,
    PRIMARY KEY (user_id, channel_id, id),
    UNIQUE (user_id, key_hash)
) /* by user_id */;

-- What somebody follows.
CREATE TABLE follows (
    user_id    TEXT NOT NULL,                   -- who follows
    channel_id TEXT NOT NULL,
    owner_id   TEXT NOT NULL,                   -- whose channel it is
    id         TEXT NOT NULL,                   -- sorts by when it began
    PRIMARY KEY (user_id, channel_id)
) /* by user_id */;
CREATE INDEX follows_by_time ON follows (user_id, id);

-- Who follows a channel: the same from its side.
CREATE TABLE channel_followers (
    channel_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    user_id    TEXT NOT NULL,                   -- who follows
    PRIMARY KEY (channel_id, id),
    UNIQUE (channel_id, user_id)
);

-- Who helps with a channel.
CREATE TABLE channel_members (
    user_id    TEXT NOT NULL,                   -- the owner
    channel_id TEXT NOT NULL,
    member_id  TEXT NOT NULL,
    role       TEXT NOT NULL,                   -- editor or moderator
    since_ms   BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id, member_id)
) /* by user_id */;

-- The channels that somebody helps with: the same from their side.
CREATE TABLE memberships (
    user_id    TEXT NOT NULL,                   -- who helps
    channel_id TEXT NOT NULL,
    owner_id   TEXT NOT NULL,
    PRIMARY KEY (user_id, channel_id)
) /* by user_id */;

-- Broadcasts that are to come.
CREATE TABLE scheduled_broadcasts (
    user_id     TEXT NOT NULL,                  -- the channel's owner
    channel_id  TEXT NOT NULL,
    id          TEXT NOT NULL,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    starts_ms   BIGINT NOT NULL,
    ends_ms     BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id, id)
) /* by user_id */;
CREATE INDEX scheduled_by_time ON scheduled_broadcasts (user_id, channel_id, starts_ms);

-- Who or what may not: everywhere, or on one channel. Found by whom it hits, so it is nobody's own row.
CREATE TABLE bans (
    id           TEXT NOT NULL PRIMARY KEY,
    channel_id   TEXT NOT NULL,                 -- '': everywhere
    subject_kind TEXT NOT NULL,                 -- account, network or stream
    subject      TEXT NOT NULL,                 -- an account's id, a CIDR network, app/stream
    stops        TEXT NOT NULL,                 -- publish, play or both
    reason       TEXT NOT NULL,                 -- what the banned are told
    by_user      TEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL,               -- 0: never
    lifted_ms    BIGINT NOT NULL,               -- 0: it stands
    lifted_by    TEXT NOT NULL
);
CREATE INDEX bans_by_channel ON bans (channel_id, id);
CREATE INDEX bans_by_subject ON bans (subject_kind, subject, channel_id);

-- What the banned say against it: once for each ban.
CREATE TABLE appeals (
    user_id    TEXT NOT NULL,                   -- who appeals
    ban_id     TEXT NOT NULL,
    id         TEXT NOT NULL,
    words      TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- open, granted or denied
    answer     TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_ms BIGINT NOT NULL,                 -- 0: it is open
    PRIMARY KEY (user_id, ban_id)
) /* by user_id */;

-- Appeals nobody has decided: by channel ('': bans everywhere), oldest first.
CREATE TABLE open_appeals (
    channel_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    ban_id     TEXT NOT NULL,
    PRIMARY KEY (channel_id, id)
);

-- Apps as tenants: what admission goes by for all streams of the app.
CREATE TABLE apps (
    name         TEXT NOT NULL PRIMARY KEY,     -- all levels
    rules        TEXT NOT NULL,                 -- JSON: what [apps.NAME] of the file may say
    retention_s  BIGINT NOT NULL,               -- how long recordings are kept; 0: as the instance says
    recording_s  BIGINT NOT NULL,               -- seconds of recordings it may keep; 0: no bound
    created_ms   BIGINT NOT NULL,
    changed_ms   BIGINT NOT NULL,
    version      BIGINT NOT NULL
);

-- What a channel may be about.
CREATE TABLE categories (
    name     TEXT NOT NULL PRIMARY KEY,         -- in URLs
    title    TEXT NOT NULL,                     -- in English
    title_zh TEXT NOT NULL,                     -- in Chinese
    place    BIGINT NOT NULL                    -- in lists, lowest first
);

-- What changed last about each thing, for whoever keeps a copy of it in memory. The number is taken in the
-- transaction that changes the thing, as its last act, so that numbers are in the order of the commits.
CREATE TABLE content_changes (
    kind    TEXT NOT NULL,                      -- app, channel, key or ban
    id      TEXT NOT NULL,                      -- an app's name, a key's hash, else an id
    user_id TEXT NOT NULL,                      -- whose it is, or ''
    seq     BIGINT NOT NULL UNIQUE,
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- The number of the newest change: one row, or none before the first.
CREATE TABLE content_clock (
    one    BIGINT NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    series TEXT NOT NULL                        -- which life of the database numbers them; '': not yet told
);
