-- What a channel is called, by its id alone: for those who are banned from it.
CREATE INDEX channel_names_by_id ON channel_names (channel_id);
