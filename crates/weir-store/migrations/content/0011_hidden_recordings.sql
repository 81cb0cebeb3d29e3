-- Recordings that are played nowhere though they are kept.
ALTER TABLE recordings ADD COLUMN hidden TEXT NOT NULL DEFAULT '';  -- who said so: owner, moderator; empty: nobody
