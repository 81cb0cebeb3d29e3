-- Fills an empty store with accounts and channels, in words that SQLite and PostgreSQL both understand.
-- @ACCOUNTS@ and @CHANNELS@ are numbers; @HASH@ is the password hash of the account that was there before.
INSERT INTO accounts (user_id, name, email, email_verified_ms, password_hash, role, state, state_reason, display_name,
    about, language, avatar, totp_secret, totp_step, created_ms, changed_ms, version)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @ACCOUNTS@)
SELECT '019f0000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), 'user' || n,
    'user' || n || '@example.net', 1, '@HASH@', CASE WHEN n <= @CHANNELS@ THEN 'broadcaster' ELSE 'viewer' END,
    'active', '', '', '', 'en', '', @EMPTY@, 0, 1700000000000 + n, 1700000000000 + n, 1 FROM g;
INSERT INTO logins (login, kind, user_id)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @ACCOUNTS@)
SELECT 'user' || n, 'name', '019f0000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2) FROM g;
INSERT INTO logins (login, kind, user_id)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @ACCOUNTS@)
SELECT 'user' || n || '@example.net', 'email', '019f0000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2)
FROM g;
-- Each account up to @CHANNELS@ has a channel: one of five categories, one of three languages, and a title whose
-- words are rare, common, and in every one.
INSERT INTO channels (user_id, id, name, app, title, description, category, language, cover, visibility,
    password_hash, play_round, followers, created_ms, changed_ms, version)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @CHANNELS@)
SELECT '019f0000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2),
    '019f0000-0000-7000-9000-' || substr(CAST(1000000000000 + n AS TEXT), 2), 'chan' || n, 'live',
    'stream part' || (n % 100) || ' rare' || (n % 9973), '', 'category' || (n % 5),
    CASE n % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'zh' ELSE 'de' END, '', 'public', '', 1, 0, 1700000000000 + n,
    1700000000000 + n, 1 FROM g;
INSERT INTO channel_owners (user_id, channels) SELECT user_id, 1 FROM channels;
INSERT INTO channel_names (name, skeleton, user_id, channel_id) SELECT name, name, user_id, id FROM channels;
INSERT INTO listed_channels (channel_id, user_id, name, title, category, language, cover)
SELECT id, user_id, name, title, category, language, cover FROM channels;
INSERT INTO channel_words (channel_id, word) SELECT id, name FROM channels;
INSERT INTO channel_words (channel_id, word) SELECT id, 'stream' FROM channels;
INSERT INTO channel_words (channel_id, word)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @CHANNELS@)
SELECT '019f0000-0000-7000-9000-' || substr(CAST(1000000000000 + n AS TEXT), 2), 'part' || (n % 100) FROM g;
INSERT INTO channel_words (channel_id, word)
WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < @CHANNELS@)
SELECT '019f0000-0000-7000-9000-' || substr(CAST(1000000000000 + n AS TEXT), 2), 'rare' || (n % 9973) FROM g;
INSERT INTO words (word, channels) SELECT word, COUNT(*) FROM channel_words GROUP BY word;
ANALYZE;
