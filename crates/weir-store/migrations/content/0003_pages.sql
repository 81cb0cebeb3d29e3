-- Pages of the site's own: notices, help, words about categories.

-- A page as it is now. A draft has no time to be published at.
CREATE TABLE pages (
    id         TEXT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,                   -- notice, help or category
    slug       TEXT NOT NULL,                   -- in URLs
    title      TEXT NOT NULL,                   -- in English
    title_zh   TEXT NOT NULL,                   -- in Chinese, or ''
    body       TEXT NOT NULL,                   -- Markdown, in English
    body_zh    TEXT NOT NULL,                   -- Markdown, in Chinese, or ''
    place      BIGINT NOT NULL,                 -- in lists, lowest first
    publish_ms BIGINT NOT NULL,                 -- from when on it is shown; 0: a draft
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    UNIQUE (kind, slug)
);

-- What a page was: each version, the newest too.
CREATE TABLE page_versions (
    page_id    TEXT NOT NULL,
    version    BIGINT NOT NULL,
    title      TEXT NOT NULL,
    title_zh   TEXT NOT NULL,
    body       TEXT NOT NULL,
    body_zh    TEXT NOT NULL,
    publish_ms BIGINT NOT NULL,
    by_user    TEXT NOT NULL,                   -- who wrote it: an account's id, or '' for the operator
    at_ms      BIGINT NOT NULL,
    PRIMARY KEY (page_id, version)
);
