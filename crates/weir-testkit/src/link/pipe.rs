//! One direction of one connection: what waits in front of the bottleneck, and what is under way
//! behind it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::is_nothing;

/// Bytes let through at a time: a packet of Ethernet.
const PACKET_BYTES: usize = 1448;
/// What an idle link saves up, in seconds of its rate.
const BURST_S: f64 = 0.010;
/// What a busy link may catch up with after the thread was held up, in seconds of its rate.
const CATCH_UP_S: f64 = 0.5;
/// Bytes under way at most, whatever rate and delay say.
const MAX_FLYING_BYTES: usize = 32 << 20;

/// How far a direction has come to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Open,
    /// The sender has said all; some of it is still here.
    Ending,
    Over,
    /// One side reset its connection.
    Broken,
}

#[derive(Debug, Default)]
pub(super) struct Pipe {
    waiting: VecDeque<u8>,
    flying: VecDeque<Flight>,
    flying_bytes: usize,
    pub(super) state: State,
}

/// A packet behind the bottleneck.
#[derive(Debug)]
struct Flight {
    left_s: f64,
    bytes: Vec<u8>,
    delivered: usize,
}

impl Pipe {
    /// Bytes in front of the bottleneck.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Reads as much as there is room for.
    pub(super) fn read(&mut self, mut from: &TcpStream, room: usize) {
        let mut buffer = [0; 16 * 1024];
        while self.state == State::Open && self.waiting.len() < room {
            let size = buffer.len().min(room - self.waiting.len());
            match from.read(&mut buffer[..size]) {
                Ok(0) => self.state = State::Ending,
                Ok(read) => self.waiting.extend(&buffer[..read]),
                Err(error) if is_nothing(&error) => return,
                Err(_) => self.state = State::Broken,
            }
        }
    }

    /// Moves a packet through the bottleneck; gives its bytes.
    pub(super) fn let_through(&mut self, now_s: f64) -> usize {
        let size = self.waiting.len().min(PACKET_BYTES);
        if size == 0 || self.flying_bytes >= MAX_FLYING_BYTES {
            return 0;
        }
        self.flying_bytes += size;
        self.flying.push_back(Flight {
            left_s: now_s,
            bytes: self.waiting.drain(..size).collect(),
            delivered: 0,
        });
        size
    }

    /// Hands over what left the bottleneck before `before_s`.
    pub(super) fn deliver(&mut self, mut to: &TcpStream, before_s: f64) {
        while let Some(first) = self
            .flying
            .front_mut()
            .filter(|first| first.left_s <= before_s)
        {
            match to.write(&first.bytes[first.delivered..]) {
                Ok(written) => first.delivered += written,
                Err(error) if is_nothing(&error) => return,
                Err(_) => {
                    self.state = State::Broken;
                    return;
                }
            }
            if first.delivered == first.bytes.len() {
                self.flying_bytes -= first.delivered;
                self.flying.pop_front();
            }
        }
        if self.state == State::Ending && self.waiting.is_empty() && self.flying.is_empty() {
            let _ = to.shutdown(Shutdown::Write);
            self.state = State::Over;
        }
    }
}

/// What a direction may let through now: a token bucket filled by the time that passed.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    bytes: f64,
    filled_s: Option<f64>,
    /// Nothing may be left over for a link that had more to carry than it could.
    pub(super) is_used_up: bool,
}

impl Bucket {
    pub(super) fn fill(&mut self, rate_kbps: Option<u32>, now_s: f64) {
        let passed_s = now_s - self.filled_s.replace(now_s).unwrap_or(now_s);
        let Some(rate_kbps) = rate_kbps else {
            self.bytes = f64::INFINITY;
            return;
        };
        if self.bytes.is_infinite() {
            self.bytes = 0.0;
        }
        let bytes_per_s = f64::from(rate_kbps) * 125.0;
        let most_s = if self.is_used_up { CATCH_UP_S } else { BURST_S };
        self.bytes = (self.bytes + passed_s * bytes_per_s).min(most_s * bytes_per_s);
    }

    /// A packet may be larger than what is left: the next ones wait for it.
    pub(super) fn has_some(&self) -> bool {
        self.bytes > 0.0
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }
}
