-- Gifts, and the money behind them. For ids, times and user_id see accounts.

-- What is on sale, and what was: what somebody gave is still shown.
CREATE TABLE gift_offers (
    name       TEXT NOT NULL PRIMARY KEY,
    title      TEXT NOT NULL,
    title_zh   TEXT NOT NULL,
    price      BIGINT NOT NULL,                 -- coins
    animation  TEXT NOT NULL,                   -- what the pages show, or ''
    badge      TEXT NOT NULL,                   -- what stands beside the name of who gives it, or ''
    place      BIGINT NOT NULL,                 -- in lists, lowest first
    is_open    BIGINT NOT NULL                  -- 1: on sale
);

-- What somebody may spend: the sum of their entries in the account wallet, and never less than nothing.
CREATE TABLE wallets (
    user_id TEXT NOT NULL PRIMARY KEY,
    coins   BIGINT NOT NULL
) /* by user_id */;

-- The books: those of one operation add up to nothing. None is ever changed or taken away.
CREATE TABLE ledger_entries (
    user_id TEXT NOT NULL,                      -- '' for the site's own accounts
    account TEXT NOT NULL,                      -- wallet; channel: and its id; house; payments
    op_id   TEXT NOT NULL,                      -- the operation: a gift's id, or of its own
    kind    TEXT NOT NULL,                      -- topup, gift or refund
    about   TEXT NOT NULL,                      -- the gift, or the payment
    coins   BIGINT NOT NULL,                    -- below 0: fewer
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (user_id, account, op_id)
) /* by user_id */;
CREATE INDEX ledger_entries_by_op ON ledger_entries (op_id);

-- Operations by the key that names them, so that what is asked for again is not done again.
CREATE TABLE ledger_keys (
    user_id TEXT NOT NULL,                      -- who asked; '' for payment services and staff
    id      TEXT NOT NULL,                      -- the kind of operation, a blank, and the key
    digest  TEXT NOT NULL,                      -- of what was asked for
    op_id   TEXT NOT NULL,
    coins   BIGINT NOT NULL,                    -- in the wallet behind it
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
) /* by user_id */;

-- What was given.
CREATE TABLE gifts (
    user_id     TEXT NOT NULL,                  -- by whom
    id          TEXT NOT NULL,
    channel_id  TEXT NOT NULL,
    owner_id    TEXT NOT NULL,                  -- of the channel
    gift        TEXT NOT NULL,                  -- name of the offer
    amount      BIGINT NOT NULL,                -- how many at once
    coins       BIGINT NOT NULL,                -- for all of them
    to_channel  BIGINT NOT NULL,                -- of these, for the channel; the rest is the house's
    combo       TEXT NOT NULL,                  -- id of the first gift of a row of them
    combo_count BIGINT NOT NULL,                -- how many the row has with this
    at_ms       BIGINT NOT NULL,
    refunded_ms BIGINT NOT NULL,                -- 0: it was not
    PRIMARY KEY (user_id, id)
) /* by user_id */;
CREATE INDEX gifts_by_channel ON gifts (channel_id, id);

-- The row of gifts that somebody is at.
CREATE TABLE gift_combos (
    user_id    TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    gift       TEXT NOT NULL,
    combo      TEXT NOT NULL,
    amount     BIGINT NOT NULL,
    until_ms   BIGINT NOT NULL,
    PRIMARY KEY (user_id, channel_id, gift)
) /* by user_id */;

-- What a channel was given by whom in an hour: leader boards and earnings are read from here.
CREATE TABLE gift_totals (
    user_id    TEXT NOT NULL,                   -- the channel's owner
    channel_id TEXT NOT NULL,
    hour       BIGINT NOT NULL,                 -- hours since 1970
    giver_id   TEXT NOT NULL,
    coins      BIGINT NOT NULL,
    earned     BIGINT NOT NULL,                 -- of these, the channel's
    PRIMARY KEY (user_id, channel_id, hour, giver_id)
) /* by user_id */;

-- Gifts that the room has not been told of.
CREATE TABLE gift_outbox (
    id             TEXT NOT NULL PRIMARY KEY,   -- of the gift
    giver_id       TEXT NOT NULL,
    giver_name     TEXT NOT NULL,               -- as it was shown when it was given
    room           TEXT NOT NULL,
    lease          TEXT NOT NULL,               -- whose task it is, or ''
    lease_until_ms BIGINT NOT NULL
);
CREATE INDEX gift_outbox_by_lease ON gift_outbox (lease_until_ms, id);

-- What is not said in a room, or anywhere.
CREATE TABLE chat_filters (
    room       TEXT NOT NULL PRIMARY KEY,       -- the group; r:0 for all of them
    words      TEXT NOT NULL,                   -- a line for each; ~ in front: what sounds the same too
    no_links   BIGINT NOT NULL,                 -- 1: nor are links
    changed_ms BIGINT NOT NULL
);
