//! One connection: who it is, where it stands in its groups, and a few bytes of its own.

use std::sync::Arc;

use bytes::Bytes;

use super::hold::Hold;
use super::{Carrier, Newcomer};
use crate::bye::Bye;
use crate::limits;
use crate::room::Cursor;
use crate::who::Who;
use crate::wire::{Encoding, Framing, Push};

/// A group that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sub {
    /// Which part of the loop's.
    pub(super) part: usize,
    /// Where it stands among the part's members.
    pub(super) at: usize,
    /// Its place among the batches.
    pub(super) cursor: Cursor,
}

/// See the file's words.
pub(super) struct Member<C> {
    pub(super) carrier: C,
    /// Told apart from who had its key before.
    pub(super) serial: u64,
    pub(super) encoding: Encoding,
    /// Who it is; none before its greeting.
    pub(super) who: Option<Arc<Who>>,
    /// Who its handshake said it is, and what it is called as a guest; none after its greeting.
    pub(super) presented: Option<Box<(Option<Who>, String)>>,
    /// Its handshake has said who it is.
    pub(super) is_presented: bool,
    pub(super) subs: Vec<Sub>,
    /// What it is to be told, not framed yet.
    lines: Vec<u8>,
    /// Framed bytes of its own.
    pub(super) own: Vec<u8>,
    pub(super) own_at: usize,
    /// The rest of a batch that is half sent.
    pub(super) held: Bytes,
    is_marked: bool,
    /// Since when its socket takes nothing.
    pub(super) blocked_us: Option<i64>,
    /// Its socket took nothing for a while: it is behind.
    pub(super) is_late: bool,
    pub(super) sent_tick: i64,
    pub(super) came_us: i64,
    pub(super) heard_us: i64,
    /// Until when its measure of commands is used up.
    spent_to_us: i64,
    refused: u32,
    pub(super) commands: u64,
    pub(super) sent_bytes: u64,
    pub(super) ending: Option<Bye>,
    /// What waits for a group that is learned of.
    pub(super) hold: Option<Box<Hold>>,
}

impl<C: Carrier> Member<C> {
    pub(super) fn new(newcomer: Newcomer<C>, serial: u64, now_us: i64) -> Self {
        Self {
            carrier: newcomer.carrier,
            serial,
            encoding: newcomer.encoding,
            who: None,
            is_presented: newcomer.presented.is_some(),
            presented: Some(Box::new((newcomer.presented, newcomer.number))),
            subs: Vec::new(),
            lines: Vec::new(),
            own: newcomer.greeting,
            own_at: 0,
            held: Bytes::new(),
            is_marked: false,
            blocked_us: None,
            is_late: false,
            sent_tick: -1,
            came_us: now_us,
            heard_us: now_us,
            spent_to_us: 0,
            refused: 0,
            commands: 0,
            sent_bytes: 0,
            ending: None,
            hold: None,
        }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked_us.is_some()
    }

    /// Notes that it has something to get; whether that is news.
    pub(super) const fn mark(&mut self) -> bool {
        !std::mem::replace(&mut self.is_marked, true)
    }

    pub(super) const fn unmark(&mut self) {
        self.is_marked = false;
    }

    /// Appends a push of its own.
    pub(super) fn say(&mut self, push: &Push<'_>) {
        if self.ending.is_none() {
            push.put(self.encoding, &mut self.lines, &mut 0);
        }
    }

    /// Appends what is framed already: a sign of life, an answer of the carrier's own.
    pub(super) fn say_framed(&mut self, framing: &Framing, bytes: &[u8]) {
        if self.ending.is_none() {
            self.frame(framing);
            self.own.extend_from_slice(bytes);
        }
    }

    /// Frames what it is to be told.
    pub(super) fn frame(&mut self, framing: &Framing) {
        if self.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        (framing.header)(&mut self.own, self.encoding, lines.len());
        self.own.extend_from_slice(&lines);
    }

    /// Nothing follows but a goodbye.
    pub(super) fn end(&mut self, bye: Bye, framing: &Framing) {
        self.frame(framing);
        (framing.close)(&mut self.own, self.encoding, bye.number(), bye.words());
        self.ending = Some(bye);
    }

    /// Bytes of its own that wait.
    pub(super) const fn own_bytes(&self) -> usize {
        self.lines.len() + self.own.len() - self.own_at
    }

    /// Whether one more command is within its measure.
    ///
    /// # Errors
    /// Milliseconds to wait, and whether it has been told so too often.
    pub(super) fn may_command(&mut self, now_us: i64) -> Result<(), (i64, bool)> {
        let each_us = 1_000_000 / i64::from(limits::COMMANDS_PER_S);
        let most_us = now_us + i64::from(limits::COMMANDS_AT_ONCE) * each_us;
        let spent_us = self.spent_to_us.max(now_us) + each_us;
        if spent_us > most_us {
            self.refused += 1;
            let wait_ms = (spent_us - most_us) / 1_000 + 1;
            return Err((wait_ms, self.refused > limits::FLOOD_COMMANDS));
        }
        self.spent_to_us = spent_us;
        self.refused = 0;
        self.commands += 1;
        Ok(())
    }
}
