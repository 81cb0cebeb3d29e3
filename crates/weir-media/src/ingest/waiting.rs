//! Frames that wait until all announced tracks are known: the one rule for every container, so that
//! sound that never comes costs no more than a moment.
//!
//! The wait ends when all tracks are known, by the frames' own clock, by number and by bytes; whoever has a
//! clock of the wall ends it by that too ([`super::LiveDemuxer::wait_no_longer`]).

/// Longest span of waiting frames, in µs: longer than senders interleave, and well below the time that a
/// stream may be silent.
pub(crate) const MAX_WAITING_US: i64 = 1_500_000;
/// Most bytes of waiting frames: a second and a half of 40 Mbit/s.
pub(crate) const MAX_WAITING_BYTES: usize = 8 << 20;
/// Most waiting frames: of fast video and sound together.
const MAX_WAITING_FRAMES: usize = 512;

/// A frame with what the rule asks of it.
pub(crate) trait Waits {
    /// Decode time in µs, on any clock that all frames share.
    fn at_us(&self) -> i64;
    fn bytes(&self) -> usize;
}

/// The frames, in order.
#[derive(Debug)]
pub(crate) struct Waiting<F> {
    frames: Vec<F>,
    bytes: usize,
    /// Nothing is waited for.
    is_over: bool,
}

impl<F> Default for Waiting<F> {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            bytes: 0,
            is_over: false,
        }
    }
}

impl<F: Waits> Waiting<F> {
    /// New tracks are announced. Take what waited for the last ones first.
    pub(crate) const fn begin(&mut self) {
        self.is_over = false;
    }

    /// Nothing is waited for any more: frames need not be given here.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Frames wait now.
    pub(crate) const fn is_on(&self) -> bool {
        !self.is_over && !self.frames.is_empty()
    }

    /// Bytes of the frames.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// One more frame; whether the wait is over with it. Then take them.
    pub(crate) fn push(&mut self, frame: F, all_known: bool) -> bool {
        self.bytes = self.bytes.saturating_add(frame.bytes());
        self.frames.push(frame);
        all_known
            || self.frames.len() >= MAX_WAITING_FRAMES
            || self.bytes >= MAX_WAITING_BYTES
            || self.span_us() >= MAX_WAITING_US
    }

    /// Ends the wait and gives the frames.
    pub(crate) fn end(&mut self) -> Vec<F> {
        self.is_over = true;
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }

    /// By the frames that lie furthest apart: two tracks may begin apart, and clocks jump.
    fn span_us(&self) -> i64 {
        let times = || self.frames.iter().map(Waits::at_us);
        match (times().min(), times().max()) {
            (Some(first), Some(last)) => last.saturating_sub(first),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct At(i64, usize);

    impl Waits for At {
        fn at_us(&self) -> i64 {
            self.0
        }

        fn bytes(&self) -> usize {
            self.1
        }
    }

    /// Frames that were given until the wait was over.
    fn waited(frames: impl Iterator<Item = At>, known_at: usize) -> usize {
        let mut waiting = Waiting::default();
        for (at, frame) in frames.enumerate() {
            if waiting.push(frame, at == known_at) {
                assert_eq!(waiting.end().len(), at + 1);
                assert!(waiting.is_over() && waiting.bytes() == 0);
                return at;
            }
            assert!(waiting.is_on());
        }
        panic!("it never was over");
    }

    #[test]
    fn the_wait_ends_by_what_is_known_by_time_by_number_and_by_bytes() {
        let paced = |step_us: i64, bytes| (0..).map(move |at| At(at * step_us, bytes));
        assert_eq!(waited(paced(40_000, 1000), 7), 7);
        assert_eq!(waited(paced(40_000, 1000), usize::MAX), 38, "1.5 s");
        assert_eq!(waited(paced(0, 10), usize::MAX), MAX_WAITING_FRAMES - 1);
        assert_eq!(waited(paced(0, 1 << 20), usize::MAX), 7, "8 MiB");
        assert_eq!(
            waited([At(9_000_000, 1), At(0, 1)].into_iter(), 9),
            1,
            "a jump back"
        );
    }

    #[test]
    fn tracks_that_are_announced_anew_are_waited_for_anew() {
        let mut waiting = Waiting::default();
        assert!(!waiting.is_over() && !waiting.is_on());
        waiting.end();
        assert!(waiting.is_over());
        waiting.begin();
        assert!(!waiting.push(At(0, 1), false) && waiting.is_on());
    }
}
