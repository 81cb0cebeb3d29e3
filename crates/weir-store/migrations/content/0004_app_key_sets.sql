-- Keys of apps that are kept up to date from an address (a JSON Web Key Set, RFC 7517): as they were read last.

CREATE TABLE app_key_sets (
    app        TEXT NOT NULL PRIMARY KEY,       -- all levels
    url        TEXT NOT NULL,
    body       TEXT NOT NULL,                   -- empty: never read
    fault      TEXT NOT NULL,                   -- why it could not be read the last time; empty: it could
    read_ms    BIGINT NOT NULL,                 -- when it was read last; 0: never
    asked_ms   BIGINT NOT NULL,                 -- when somebody set out to read it; 0: never
    wanted_ms  BIGINT NOT NULL                  -- when a key was missed in it
);
CREATE INDEX app_key_sets_by_asking ON app_key_sets (asked_ms);
