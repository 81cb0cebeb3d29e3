//! The wire form: commands in, pushes and replies out, as lines of JSON, as records, or as events of a page.

pub mod command;
pub mod events;
pub mod push;
pub mod record;

pub use command::{Ask, Command, Misread, Position};
pub use push::{Push, PushKind};

/// How messages look on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Lines of JSON in text messages.
    Json,
    /// Records in binary messages.
    Binary,
    /// Server-sent events, each the object that a line would be; such a client says nothing but its greeting.
    Events,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Binary, Self::Events];

    /// The WebSocket subprotocol, of what a WebSocket carries.
    pub const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("weir.json.1"),
            Self::Binary => Some("weir.bin.1"),
            Self::Events => None,
        }
    }

    /// The first of ours among those that a client offers, separated by commas.
    pub fn offered(offer: &str) -> Option<Self> {
        offer.split(',').map(str::trim).find_map(|name| {
            Self::ALL
                .into_iter()
                .find(|encoding| encoding.subprotocol() == Some(name))
        })
    }
}

/// How the carrier frames a message: a WebSocket, as a rule.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Appends the header of a message of so many bytes.
    pub header: fn(&mut Vec<u8>, Encoding, usize),
    /// Appends the whole of a goodbye: code and reason.
    pub close: fn(&mut Vec<u8>, Encoding, u16, &str),
}

impl Framing {
    /// A whole message.
    pub fn framed(&self, encoding: Encoding, payload: &[u8]) -> Vec<u8> {
        /// Bytes of the longest header there is.
        const HEADER_BYTES: usize = 10;
        let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
        (self.header)(&mut out, encoding, payload.len());
        out.extend_from_slice(payload);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_subprotocol_of_ours_is_taken() {
        assert_eq!(Encoding::offered("weir.json.1"), Some(Encoding::Json));
        assert_eq!(
            Encoding::offered("x, weir.bin.1 ,weir.json.1"),
            Some(Encoding::Binary)
        );
        assert_eq!(Encoding::offered("weir.json.2"), None);
        assert_eq!(Encoding::offered(""), None);
    }
}
