//! Why a command is refused: numbers that programs decide by, and words for people.

use std::borrow::Cow;

macro_rules! deny_table {
    ($($variant:ident = $number:literal, $temporary:literal, $words:literal;)+) => {
        /// Why a command is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Deny {
            $(#[doc = $words] $variant = $number,)+
        }

        impl Deny {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Whether the very same command may succeed later.
            pub const fn is_temporary(self) -> bool {
                match self { $(Self::$variant => $temporary,)+ }
            }

            /// Words for people.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        }
    };
}

deny_table! {
    Internal = 100, true, "something broke here";
    Unauthenticated = 101, false, "this takes somebody who is signed in";
    UnknownGroup = 102, false, "there is no such group";
    Forbidden = 103, false, "this is not yours to do";
    UnknownCommand = 104, false, "there is no such command";
    AlreadyJoined = 105, false, "the connection is in this group already";
    Limit = 106, false, "a limit is reached";
    BadRequest = 107, false, "the command makes no sense";
    Unavailable = 108, true, "this cannot be had right now";
    TokenExpired = 109, false, "the token has expired: get a new one and send it with refresh";
    Rate = 111, true, "too fast";
    Unrecoverable = 112, false, "what was missed is not there any more";
    BusinessAway = 150, true, "the business behind chat is away";
    BusinessLate = 151, true, "the business behind chat takes too long";
    BusinessSays = 152, false, "this site does not want this";
    Muted = 201, false, "you are muted here";
    Banned = 202, false, "you are banned";
    Slow = 203, true, "slow mode: wait between two messages";
    EmoteOnly = 206, false, "only emotes are taken here now";
    Duplicate = 207, true, "you have just said the same";
    TooLong = 208, false, "the message is too long";
    Blocked = 209, false, "a word in it is not said here";
    Closed = 211, true, "the room is closed for now";
}

impl Deny {
    /// The one of this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|deny| deny.number() == number)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }
}

/// A refusal with what is particular about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// What programs decide by.
    pub why: Deny,
    /// Words for people.
    pub words: Cow<'static, str>,
    /// Milliseconds after which to try again.
    pub retry_ms: Option<i64>,
}

impl Denied {
    /// In the usual words.
    pub const fn new(why: Deny) -> Self {
        Self {
            why,
            words: Cow::Borrowed(why.words()),
            retry_ms: None,
        }
    }

    /// In words of its own.
    pub fn because(why: Deny, words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            why,
            words: words.into(),
            retry_ms: None,
        }
    }

    /// To be tried again after so long.
    #[must_use]
    pub const fn after_ms(mut self, retry_ms: i64) -> Self {
        self.retry_ms = Some(retry_ms);
        self
    }
}

impl From<Deny> for Denied {
    fn from(why: Deny) -> Self {
        Self::new(why)
    }
}
