//! What gifts bound, with units and reasons.

/// Gifts in one order: more at once is a mistake of whoever asks.
pub const GIFTS_AT_ONCE: i64 = 9_999;
/// Coins that one gift costs at most: as many as may be ordered at once stay far below what can be counted.
pub const PRICE_COINS: i64 = 10_000_000;
/// Coins of one top-up: beyond what anybody buys at once.
pub const TOP_UP_COINS: i64 = 1_000_000_000;
/// Bytes of the key of an order, and of a payment's id: a UUID in any spelling, or two words.
pub const KEY_BYTES: usize = 128;
/// Gifts that a crier takes at a time: some ticks' worth of a busy room.
pub const CRIED_AT_ONCE: u32 = 64;
/// Milliseconds for which gifts are a crier's task: far longer than it takes to tell of them.
pub const CRIER_LEASE_MS: i64 = 10_000;
/// Milliseconds between two looks for gifts that other nodes took, or that a crier that died has left.
pub const CRIER_LOOK_MS: u64 = 500;
/// People on a leader board.
pub const BOARD_PLACES: u32 = 20;
/// Milliseconds for which a leader board is not read anew.
pub const BOARD_KEPT_MS: i64 = 2_000;
/// Leader boards that are remembered.
pub const BOARDS: usize = 4_096;
