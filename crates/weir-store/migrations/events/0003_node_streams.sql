-- What is live on each node, as it says. For ids, times and user_id see accounts.

-- A row for each node that carries streams, written anew each few seconds.
CREATE TABLE node_streams (
    node    TEXT NOT NULL PRIMARY KEY,
    body    TEXT NOT NULL,                      -- JSON: each stream with its viewers there, and its tracks
    at_ms   BIGINT NOT NULL                     -- when it was said; what is old counts no more
);
