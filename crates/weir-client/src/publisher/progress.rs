//! How it goes, in a line on the terminal; and how it went, in one at the end.

use std::io::{IsTerminal, Write};

use weir_base::Clock;

use super::link::Link;
use crate::adapt::Dropped;

/// Between two progress lines, µs.
const PROGRESS_US: i64 = 500_000;

/// One line that is rewritten on a terminal, and a line each time elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    clock: Clock,
    is_wanted: bool,
    is_terminal: bool,
    began_us: i64,
    shown_us: i64,
    /// Bytes sent over this connection or session when the line was shown last.
    shown_bytes: u64,
    /// Bytes of bodies given to this connection.
    given_bytes: u64,
    media_ms: i64,
    pictures: u64,
    /// Of sessions that ended.
    before: Totals,
    now: Totals,
    was_shown: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    bytes: u64,
    dropped: Dropped,
    resumed: u64,
}

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            dropped: Dropped {
                pictures: self.dropped.pictures + other.dropped.pictures,
                sounds: self.dropped.sounds + other.dropped.sounds,
            },
            resumed: self.resumed + other.resumed,
        }
    }
}

impl Progress {
    pub(super) fn new(clock: &Clock, is_wanted: bool) -> Self {
        let now_us = clock.now_us();
        Self {
            clock: clock.clone(),
            is_wanted,
            is_terminal: is_wanted && std::io::stderr().is_terminal(),
            began_us: now_us,
            shown_us: now_us,
            shown_bytes: 0,
            given_bytes: 0,
            media_ms: 0,
            pictures: 0,
            before: Totals::default(),
            now: Totals::default(),
            was_shown: false,
        }
    }

    /// Counts a tag given to the link.
    pub(super) fn sent(&mut self, time_ms: i64, bytes: usize, is_picture: bool, link: &Link) {
        self.given_bytes += bytes as u64;
        self.media_ms = time_ms;
        self.pictures += u64::from(is_picture);
        let now_us = self.clock.now_us();
        if self.is_terminal && now_us - self.shown_us >= PROGRESS_US {
            self.show(now_us, link);
        }
    }

    /// Takes the numbers of a connection, or session, that is over.
    pub(super) fn connection_ended(&mut self, link: &Link) {
        self.measure(link);
        self.before = self.before.plus(std::mem::take(&mut self.now));
        (self.given_bytes, self.shown_bytes) = (0, 0);
    }

    /// The line at the end.
    pub(super) fn end(&self) {
        if self.was_shown {
            eprintln!();
        }
        let totals = self.before.plus(self.now);
        if !self.is_wanted || totals.bytes == 0 {
            return;
        }
        let (media_s, wall_s) = self.seconds(self.clock.now_us());
        let kbit_s = totals.bytes as f64 * 0.008 / wall_s.max(0.001);
        eprintln!(
            "sent {media_s:.1} s of media in {wall_s:.1} s, {kbit_s:.0} kbit/s; {}{}",
            in_words(
                self.pictures.saturating_sub(totals.dropped.pictures),
                totals.dropped
            ),
            match totals.resumed {
                0 => String::new(),
                times => format!("; resumed {times} times"),
            }
        );
    }

    fn measure(&mut self, link: &Link) {
        self.now = match link.gauge() {
            Some((gauge, resumed)) => Totals {
                bytes: gauge.sent_bytes,
                dropped: gauge.dropped,
                resumed,
            },
            None => Totals {
                bytes: self.given_bytes,
                ..Totals::default()
            },
        };
    }

    fn show(&mut self, now_us: i64, link: &Link) {
        self.measure(link);
        let since_us = now_us - self.shown_us;
        let bytes = self.now.bytes.saturating_sub(self.shown_bytes);
        let kbit_s = bytes as f64 * 8000.0 / since_us as f64;
        let (media_s, wall_s) = self.seconds(now_us);
        let state = match link.gauge() {
            Some((gauge, _)) => {
                let rtt = gauge
                    .rtt_ms
                    .map_or_else(String::new, |ms| format!(", rtt {ms:.0} ms"));
                let totals = self.before.plus(self.now);
                format!(
                    "{} ms queued, {} dropped{rtt}, {} resumed",
                    gauge.queue_ms, totals.dropped.pictures, totals.resumed
                )
            }
            None => format!("{} KiB queued", link.queued_bytes() / 1024),
        };
        let mut out = std::io::stderr().lock();
        // A terminal that is gone takes nothing with it.
        let _ = write!(
            out,
            "\r{media_s:.1} s of media in {wall_s:.1} s, {} pictures, {kbit_s:.0} kbit/s, {state} \x1b[K",
            self.pictures,
        );
        let _ = out.flush();
        (self.shown_us, self.shown_bytes, self.was_shown) = (now_us, self.now.bytes, true);
    }

    fn seconds(&self, now_us: i64) -> (f64, f64) {
        let wall_s = (now_us - self.began_us) as f64 / 1e6;
        (self.media_ms as f64 / 1000.0, wall_s)
    }
}

/// Pictures that were sent, and what was not.
fn in_words(pictures: u64, dropped: Dropped) -> String {
    let mut words = format!("{pictures} pictures");
    if dropped != Dropped::default() {
        words.push_str(&format!(
            "; dropped {} pictures and {} frames of sound, as the network took less than the source gave",
            dropped.pictures, dropped.sounds
        ));
    }
    words
}
