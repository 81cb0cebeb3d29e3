//! Why a connection is closed. A client that reads the first digits knows whether to come again.

use weir_base::Code;

macro_rules! bye_table {
    ($($variant:ident = $number:literal, $code:ident, $words:literal;)+) => {
        /// Why a connection is closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Bye {
            $(#[doc = $words] $variant = $number,)+
        }

        impl Bye {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The reason in the close frame.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }

            /// What it is in the code table: how it is counted and logged.
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }
        }
    };
}

bye_table! {
    Done = 1000, ClientStopped, "done";
    Protocol = 1002, ProtocolError, "that is no WebSocket";
    NotText = 1007, ProtocolError, "text that is no UTF-8";
    TooBig = 1009, FrameTooLarge, "a message larger than is taken";
    Shutdown = 3001, Draining, "this node is going: connect again";
    Expired = 3005, AuthExpired, "the token has expired";
    Slow = 3008, TooSlow, "too slow: connect again and recover";
    Resync = 3010, TooSlow, "fell behind: connect again and recover";
    NoPong = 3012, TooSlow, "no sign of life";
    Flood = 3013, RateLimited, "too many commands";
    BadToken = 3500, WrongCredentials, "the token is not good";
    BadRequest = 3501, ProtocolError, "that is no command";
    Stale = 3502, TooSlow, "no greeting in time";
    Kicked = 3503, Operator, "a moderator ended this connection";
    TooMany = 3504, RateLimited, "too many connections";
    Banned = 3507, Forbidden, "banned";
}

impl Bye {
    /// The close code.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Whether a client connects again by itself: 3000 to 3499 and what the network does.
    pub const fn may_come_again(self) -> bool {
        self.number() < 3500 && self.number() != 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_a_close_frame_and_the_first_digits_say_whether_to_come_again() {
        for bye in Bye::ALL {
            assert!(bye.words().len() < 124, "{bye:?}");
        }
        assert!(Bye::Slow.may_come_again() && !Bye::BadToken.may_come_again());
    }
}
