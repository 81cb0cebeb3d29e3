//! What was handed to the socket and is not known to have arrived: kept to be sent again.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes kept: what two seconds of 32 Mbit/s are.
pub(super) const MAX_HELD_BYTES: u64 = 8 << 20;
/// Time of media kept where things are left out, in milliseconds: what may be under way, and a group
/// left out within it.
const MAX_HELD_MS: i64 = 4000;

/// The container's bytes from one position on, message by message.
#[derive(Debug, Default)]
pub(super) struct Held {
    messages: VecDeque<HeldMessage>,
    /// Position of the first byte kept, in bytes of the session.
    start: u64,
    end: u64,
}

#[derive(Debug)]
struct HeldMessage {
    bytes: Bytes,
    at_ms: i64,
    sent_ms: u64,
}

impl Held {
    /// Nothing, from this position on.
    pub(super) const fn at(position: u64) -> Self {
        Self {
            messages: VecDeque::new(),
            start: position,
            end: position,
        }
    }

    /// Keeps a message of this time of media; the oldest are given up where that is too many bytes,
    /// or with `is_timed` too much time. The newest one stays, whatever its size.
    pub(super) fn push(&mut self, sent_ms: u64, bytes: Bytes, at_ms: i64, is_timed: bool) {
        self.end = self.end.saturating_add(bytes.len() as u64);
        self.messages.push_back(HeldMessage {
            bytes,
            at_ms,
            sent_ms,
        });
        while self.messages.len() > 1
            && (self.bytes() > MAX_HELD_BYTES || is_timed && self.span_ms() > MAX_HELD_MS)
        {
            self.drop_first();
        }
    }

    /// Lets go what has arrived; gives when the newest of it was sent.
    pub(super) fn acked(&mut self, position: u64) -> Option<u64> {
        let mut newest = None;
        while let Some(first) = self.messages.front() {
            if self.start.saturating_add(first.bytes.len() as u64) > position {
                break;
            }
            newest = Some(first.sent_ms);
            self.drop_first();
        }
        newest
    }

    /// All from `position` on; `None` if some of it is not kept any more.
    pub(super) fn from(&self, position: u64) -> Option<Vec<Bytes>> {
        if position < self.start || position > self.end {
            return None;
        }
        let mut at = self.start;
        let mut rest = Vec::new();
        for message in &self.messages {
            let arrived = usize::try_from(position.saturating_sub(at)).unwrap_or(usize::MAX);
            if arrived < message.bytes.len() {
                rest.push(message.bytes.slice(arrived..));
            }
            at = at.saturating_add(message.bytes.len() as u64);
        }
        Some(rest)
    }

    /// Time of the oldest message kept.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        self.messages.front().map(|message| message.at_ms)
    }

    /// From the oldest to the newest message, in milliseconds of media.
    pub(super) fn span_ms(&self) -> i64 {
        let newest_ms = self.messages.back().map_or(0, |message| message.at_ms);
        self.oldest_ms()
            .map_or(0, |oldest_ms| newest_ms - oldest_ms)
    }

    /// Position after the last byte that was ever sent.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Bytes kept.
    pub(super) const fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.messages.pop_front() {
            self.start = self.start.saturating_add(first.bytes.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let mut held = Held::at(100);
        for (at_ms, bytes) in [(0, "abc"), (40, "defg"), (80, "hi")] {
            held.push(
                at_ms as u64 + 7,
                Bytes::from_static(bytes.as_bytes()),
                at_ms,
                true,
            );
        }
        held
    }

    #[test]
    fn what_has_not_arrived_can_be_sent_again_from_any_byte() {
        let mut held = held();
        assert_eq!(held.acked(102), None);
        assert_eq!(held.acked(105), Some(7));
        assert_eq!(
            (held.start, held.bytes(), held.oldest_ms()),
            (103, 6, Some(40))
        );
        let from = |position| held.from(position).map(|rest| rest.concat());
        assert_eq!(from(103).unwrap(), b"defghi");
        assert_eq!(from(105).unwrap(), b"fghi");
        assert_eq!(from(109).unwrap(), b"");
        assert_eq!(from(102), None);
        assert_eq!(from(110), None, "that was never sent");
    }

    #[test]
    fn the_oldest_is_given_up_where_it_is_too_much() {
        let mut held = held();
        held.push(0, Bytes::from_static(b"i"), 4041, false);
        assert!(
            held.from(100).is_some(),
            "nothing is left out: time is free"
        );
        held.push(0, Bytes::from_static(b"j"), 4041, true);
        assert_eq!(held.from(103), None);
        assert_eq!(held.from(107).unwrap().concat(), b"hiij");
        held.push(0, Bytes::from(vec![0; 9 << 20]), 4042, true);
        assert!(held.from(111).is_some() && held.from(110).is_none());
    }
}
