-- How often pictures are taken of a channel's stream: seconds, 0 for none, -1 for as its app says.
ALTER TABLE channels ADD COLUMN shot_every_s BIGINT NOT NULL DEFAULT -1;
