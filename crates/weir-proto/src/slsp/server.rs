//! The server's side of one connection: order, bounds and acknowledgements.

use super::message::{Ack, ClientMessage};
use super::{
    ACK_MS, MAX_STRING_CHARS, MAX_TEXT_BYTES, MAX_TEXTS_PER_S, SlspError, VERSION, json_error,
};

/// See the module's words. Times are milliseconds of any clock that does not go back.
#[derive(Debug, Default)]
pub struct SlspServerSession {
    greeted: bool,
    bytes: u64,
    acked_bytes: u64,
    next_ack_ms: u64,
    window_ms: u64,
    texts: u32,
}

impl SlspServerSession {
    /// Before hello.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a text message.
    ///
    /// # Errors
    /// When it is not one that may come now, or too many come.
    pub fn text(&mut self, now_ms: u64, text: &[u8]) -> Result<ClientMessage, SlspError> {
        if now_ms >= self.window_ms.saturating_add(1000) {
            (self.window_ms, self.texts) = (now_ms, 0);
        }
        self.texts += 1;
        if self.texts > MAX_TEXTS_PER_S {
            return Err(SlspError::Flood);
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err(SlspError::Order("a control message is over 16 KiB"));
        }
        let message = serde_json::from_slice(text).map_err(|error| json_error(&error))?;
        self.check(&message)?;
        Ok(message)
    }

    fn check(&mut self, message: &ClientMessage) -> Result<(), SlspError> {
        match message {
            ClientMessage::Hello(_) if self.greeted => Err(SlspError::Order("a second hello")),
            ClientMessage::Hello(hello) if hello.v != VERSION => Err(SlspError::Version(hello.v)),
            ClientMessage::Hello(hello) => {
                let strings = [
                    Some(&hello.agent),
                    Some(&hello.container),
                    hello.resume.as_ref(),
                ];
                if strings.into_iter().flatten().any(|text| is_too_long(text)) {
                    return Err(SlspError::Order("a string in hello is over 256 characters"));
                }
                self.greeted = true;
                Ok(())
            }
            _ if !self.greeted => Err(SlspError::Order("the first message is not hello")),
            _ => Ok(()),
        }
    }

    /// Counts media.
    ///
    /// # Errors
    /// When it comes before hello.
    pub fn media(&mut self, bytes: usize) -> Result<(), SlspError> {
        if !self.greeted {
            return Err(SlspError::Order("media before hello"));
        }
        self.bytes = self.bytes.saturating_add(bytes as u64);
        Ok(())
    }

    /// Goes on where a dropped socket stopped.
    pub fn resume_at(&mut self, bytes: u64) {
        (self.bytes, self.acked_bytes) = (bytes, bytes);
    }

    /// Bytes of media so far, over all sockets of the session.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next acknowledgement is due, if anything is to be acknowledged.
    pub const fn poll_timeout(&self) -> Option<u64> {
        if self.bytes > self.acked_bytes {
            Some(self.next_ack_ms)
        } else {
            None
        }
    }

    /// The last acknowledgement, of all that has arrived.
    pub const fn last_ack(&self, dts_ms: i64, at_ms: i64) -> Ack {
        Ack {
            bytes: self.bytes,
            dts_ms,
            at_ms,
        }
    }

    /// The acknowledgement that is due, if one is.
    pub fn poll_ack(&mut self, now_ms: u64, dts_ms: i64, at_ms: i64) -> Option<Ack> {
        if self.bytes == self.acked_bytes || now_ms < self.next_ack_ms {
            return None;
        }
        self.acked_bytes = self.bytes;
        self.next_ack_ms = now_ms.saturating_add(u64::from(ACK_MS));
        Some(Ack {
            bytes: self.bytes,
            dts_ms,
            at_ms,
        })
    }
}

fn is_too_long(text: &str) -> bool {
    text.chars().count() > MAX_STRING_CHARS
}
