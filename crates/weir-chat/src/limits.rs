//! What chat bounds, with units and reasons.

/// Bytes of one message from a client: a greeting with its token and some groups fits four times.
pub const MESSAGE_BYTES: usize = 16 * 1024;
/// Frames that one message of a client may be cut into.
pub const MESSAGE_FRAMES: usize = 16;
/// Commands in one message: what a client says after a break.
pub const COMMANDS_PER_MESSAGE: usize = 64;
/// Bytes of a group's name.
pub const GROUP_NAME_BYTES: usize = 128;
/// Bytes of the word that says what a post is.
pub const KIND_BYTES: usize = 32;
/// Bytes of an idempotency key: a UUID in any spelling, or two words.
pub const ONCE_KEY_BYTES: usize = 64;
/// Bytes of the name of a numbering, or of a node that counts.
pub const EPOCH_BYTES: usize = 40;
/// Bytes of a token: a JSON Web Token of an account service with long names.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// Groups that one connection is in at once.
pub const GROUPS_PER_MEMBER: usize = 64;
/// Groups on one node: some hundred bytes each without members and history.
pub const GROUPS: usize = 200_000;
/// Microseconds of a tick: twelve a second.
pub const TICK_US: i64 = 83_333;
/// Ticks a second.
pub const TICKS_PER_S: u32 = 12;
/// Microseconds in which a connection has to say who it is.
pub const GREETING_US: i64 = 5_000_000;
/// Seconds between two signs of life that the server sends: shorter than what routers at home forget after.
pub const PING_S: u32 = 25;
/// Microseconds beyond that for which a connection may stay silent.
pub const PONG_US: i64 = 10_000_000;
/// Microseconds that a socket may take nothing while something waits for it.
pub const BLOCKED_US: i64 = 15_000_000;
/// Microseconds for which sealed batches of the hi lane are kept for sockets that take nothing: longer than those
/// are borne.
pub const HI_KEPT_US: i64 = 16_000_000;
/// Bytes of sealed batches of one group's hi lane.
pub const HI_KEPT_BYTES: usize = 1024 * 1024;
/// Sealed batches of one group's lo lane: two seconds at full pace.
pub const LO_KEPT_BATCHES: usize = 24;
/// Batches of the lo lane that somebody who was blocked still gets; what is older is counted and left out.
pub const LO_LATE_BATCHES: usize = 6;
/// Bytes of a connection's own that wait to be sent: replies, what it missed, private words.
pub const OWN_BYTES: usize = 512 * 1024;
/// Bytes of missed posts in one answer: a client that missed more reads the history in pages.
pub const MISSED_BYTES: usize = 256 * 1024;
/// Batches handed to one write.
pub const BATCHES_PER_WRITE: usize = 32;
/// Bytes of one group's history.
pub const HISTORY_BYTES: usize = 512 * 1024;
/// Posts in one page of a history.
pub const HISTORY_PAGE: usize = 100;
/// Idempotency keys that a group remembers.
pub const ONCE_KEYS: usize = 4_096;
/// Microseconds for which it does.
pub const ONCE_KEPT_US: i64 = 300_000_000;
/// People that a group lists; of more it says how many.
pub const LISTED: usize = 500;
/// Users of a group whose latest word is remembered, for its slow mode and against repetition.
pub const REMEMBERED_USERS: usize = 20_000;
/// Users that are silenced in a group, or everywhere.
pub const SILENCED: usize = 20_000;
/// Connections of one user on one node.
pub const CONNECTIONS_PER_USER: u32 = 16;
/// Microseconds between two tellings of how many are there.
pub const COUNT_TOLD_US: i64 = 3_000_000;
/// Commands that a connection may say at once, and then each second.
pub const COMMANDS_AT_ONCE: u32 = 40;
/// See [`COMMANDS_AT_ONCE`].
pub const COMMANDS_PER_S: u32 = 10;
/// Refused commands in a row after which a connection that floods is closed.
pub const FLOOD_COMMANDS: u32 = 200;
/// Posts that a user may send at once, and then one each [`USER_POST_US`].
pub const USER_POSTS_AT_ONCE: u32 = 5;
/// Microseconds for which a user who sent [`USER_POSTS_AT_ONCE`] earns the next.
pub const USER_POST_US: i64 = 1_000_000;
/// Hearts that a user may give at once, as a phone's drumming fingers do in two seconds, and then one each
/// [`HEART_US`].
pub const HEARTS_AT_ONCE: u32 = 60;
/// Microseconds for which a user who gave [`HEARTS_AT_ONCE`] earns the next.
pub const HEART_US: i64 = 50_000;
/// Users that a message is meant for by name: more is a poster on a wall.
pub const MENTIONS: usize = 10;
/// Microseconds in which somebody who comes in again is not told of again.
pub const ENTRY_AGAIN_US: i64 = 600_000_000;
/// Users of a group of whom that is remembered: rooms with more are not told who comes.
pub const ENTRIES_REMEMBERED: usize = 4_096;
/// Microseconds in which the same words of the same user are a repetition.
pub const REPETITION_US: i64 = 30_000_000;
/// Milliseconds for which somebody may be silenced: ten years is for ever.
pub const SILENCE_MS: i64 = 10 * 365 * 24 * 3_600_000;
/// Microseconds for which a greeting or a join waits for a group that is learned from the other nodes: then it goes on
/// with what is known here.
pub const LEARN_US: i64 = 1_500_000;
/// Microseconds for which what a member wants waits for the business behind the gateway, whoever has lost the question:
/// longer than the longest deadline that can be set for it.
pub const BUSINESS_US: i64 = 6_000_000;
/// Commands of a connection that are kept while it waits so.
pub const HELD_COMMANDS: usize = 64;
/// Bytes of them.
pub const HELD_BYTES: usize = 32 * 1024;
