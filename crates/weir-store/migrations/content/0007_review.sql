-- What people look at of live streams. For ids, times and user_id see accounts.

-- A stretch of one stream's time with the pictures inside it, and what became of it.
CREATE TABLE review_items (
    id             TEXT NOT NULL PRIMARY KEY,
    open_key       TEXT NOT NULL UNIQUE,        -- the stream while pictures are added to it, else its own id
    kind           TEXT NOT NULL,               -- live, second or appeal
    is_waiting     BIGINT NOT NULL,             -- 1: for somebody to look at
    stream         TEXT NOT NULL,               -- the stream's whole name
    app            TEXT NOT NULL,
    channel_id     TEXT NOT NULL,               -- '' where the stream is no channel's
    user_id        TEXT NOT NULL,               -- the channel's owner, or ''
    session        TEXT NOT NULL,               -- id of a broadcast, or ''
    head_ms        BIGINT NOT NULL,             -- how much older than it is it counts as
    due_ms         BIGINT NOT NULL,             -- since_ms less head_ms: the lowest is first
    since_ms       BIGINT NOT NULL,             -- since when somebody should look at it
    begun_ms       BIGINT NOT NULL,             -- when its first picture was captured
    until_ms       BIGINT NOT NULL,             -- and its last
    held_ms        BIGINT NOT NULL,             -- nobody gets it before: a hook is asked first
    pictures       BIGINT NOT NULL,             -- that people look at
    folded         BIGINT NOT NULL,             -- that are near to what was approved
    reports        BIGINT NOT NULL,             -- by viewers
    viewers        BIGINT NOT NULL,             -- at once, when it was reported
    marks          BIGINT NOT NULL,             -- bits: why it is risky
    note           TEXT NOT NULL,               -- words of whoever handed it on, or ''
    parent_id      TEXT NOT NULL,               -- the item that it is a second look at, or ''
    ban_id         TEXT NOT NULL,               -- the ban that came of it, or that is appealed against; or ''
    appeal_id      TEXT NOT NULL,               -- or ''
    not_by         TEXT NOT NULL,               -- who may not decide it, or ''
    for_lead       BIGINT NOT NULL,             -- 1: for those who lead
    claimed_by     TEXT NOT NULL,               -- who had it last, or ''
    claim          TEXT NOT NULL,               -- by which claim, or ''
    claim_until_ms BIGINT NOT NULL,
    verdict        TEXT NOT NULL,               -- '': none yet
    reason         TEXT NOT NULL,
    decided_by     TEXT NOT NULL,
    decided_ms     BIGINT NOT NULL,
    agrees         BIGINT NOT NULL              -- of a second look: 1 or 0; -1 where there is nothing to agree with
);
CREATE INDEX review_items_by_due ON review_items (is_waiting, due_ms, id);
CREATE INDEX review_items_by_claim ON review_items (claimed_by, claim);
CREATE INDEX review_items_by_stream ON review_items (stream, id);
CREATE INDEX review_items_by_decision ON review_items (decided_ms, decided_by);
CREATE INDEX review_items_by_parent ON review_items (parent_id);
CREATE INDEX review_items_by_ban ON review_items (ban_id);

-- A picture inside an item.
CREATE TABLE review_pictures (
    item_id    TEXT NOT NULL,
    id         TEXT NOT NULL,                   -- of the snapshot
    object     TEXT NOT NULL,                   -- its key among the assets, or ''
    sha256     TEXT NOT NULL,
    bytes      BIGINT NOT NULL,
    width      BIGINT NOT NULL,
    height     BIGINT NOT NULL,
    hash       TEXT NOT NULL,                   -- PDQ, or '' where there is none
    quality    BIGINT NOT NULL,                 -- of the hash, 0 to 100
    fault      TEXT NOT NULL,                   -- why it cannot be decoded, or ''
    known_as   TEXT NOT NULL,                   -- the label of the known picture that it is near to, or ''
    is_folded  BIGINT NOT NULL,
    taken_ms   BIGINT NOT NULL,
    PRIMARY KEY (item_id, id)
);

-- What was approved last of a stream.
CREATE TABLE review_streams (
    stream      TEXT NOT NULL PRIMARY KEY,
    item_id     TEXT NOT NULL,
    hash        TEXT NOT NULL,                  -- '' where nothing may be folded into it
    approved_ms BIGINT NOT NULL,
    looks       BIGINT NOT NULL                 -- how often it was approved
);

-- What viewers say of a stream, once each.
CREATE TABLE review_reports (
    stream   TEXT NOT NULL,
    reporter TEXT NOT NULL,                     -- an account, or a digest of a network
    reason   TEXT NOT NULL,
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (stream, reporter)
);
CREATE INDEX review_reports_by_time ON review_reports (at_ms);

-- Pictures that are known to be bad.
CREATE TABLE review_hashes (
    hash     TEXT NOT NULL PRIMARY KEY,         -- PDQ
    label    TEXT NOT NULL,
    by_user  TEXT NOT NULL,
    added_ms BIGINT NOT NULL
);
