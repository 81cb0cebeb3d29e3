-- People who look at live streams of some apps alone, and test pictures that say what they miss. For ids, times and
-- user_id see accounts.

-- Accounts that may look, whatever their role is.
CREATE TABLE review_people (
    user_id  TEXT NOT NULL PRIMARY KEY,
    apps     TEXT NOT NULL,                     -- names of apps, one a line
    by_user  TEXT NOT NULL,                     -- who said so
    given_ms BIGINT NOT NULL
);

-- Pictures of which the right verdict is known. One that is shown is an item of the kind gold.
CREATE TABLE review_gold (
    id       TEXT NOT NULL PRIMARY KEY,
    object   TEXT NOT NULL,                     -- its key among the assets
    sha256   TEXT NOT NULL,
    bytes    BIGINT NOT NULL,
    width    BIGINT NOT NULL,
    height   BIGINT NOT NULL,
    verdict  TEXT NOT NULL,                     -- ok: nothing is wrong with it; bad: something is
    label    TEXT NOT NULL,
    by_user  TEXT NOT NULL,                     -- who added it
    added_ms BIGINT NOT NULL
);

-- Which items have pictures that are near to a known one.
CREATE INDEX review_pictures_by_known ON review_pictures (known_as, item_id);
