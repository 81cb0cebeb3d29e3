//! What the WebM and fMP4 demuxers have in common in front of their containers: bytes cut anywhere
//! in, passed over or handed to the parser, and the loop that makes [`Event`]s of its steps.
//!
//! What stands in the bytes is the parsers' business, and what follows a sample the [`Assembler`]'s.

use bytes::{Buf, Bytes, BytesMut};

use super::assembler::Assembler;
use crate::flv::Event;
use crate::{MediaError, Result, TrackKind};

/// A container's structure.
pub(crate) trait Parse: Default {
    /// Goes one step on in `input`, none of which is to be passed over now. Samples go to `out`.
    ///
    /// # Errors
    /// Broken structure: the end of this stream.
    fn step(&mut self, input: &mut Input, out: &mut Assembler) -> Result<Step>;

    /// Bytes held for later steps.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// What a step came to.
pub(crate) enum Step {
    /// Nothing: what there is to read is not whole yet.
    NeedsMore,
    Done,
    /// A codec header or sample is broken; the structure around it is whole.
    Broken(MediaError),
}

impl From<Result<()>> for Step {
    fn from(result: Result<()>) -> Self {
        result.map_or_else(Self::Broken, |()| Self::Done)
    }
}

/// A parser with what it reads from and what it writes to.
#[derive(Debug, Default)]
pub(crate) struct Incremental<P> {
    input: Input,
    assembler: Assembler,
    parser: P,
    failed: Option<MediaError>,
}

impl<P: Parse> Incremental<P> {
    /// The next bytes; nothing is kept of them once the structure is broken.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.input.push(bytes);
        }
    }

    /// The next event, or `None` until more bytes are pushed.
    ///
    /// # Errors
    /// Those of the structure again and again, those of codecs once.
    pub(crate) fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.assembler.next_event() {
                return Ok(Some(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if !self.input.pass_over() {
                return Ok(None);
            }
            match self.parser.step(&mut self.input, &mut self.assembler) {
                Ok(Step::NeedsMore) => return Ok(None),
                Ok(Step::Done) => {}
                Ok(Step::Broken(error)) => return Err(error),
                Err(error) => {
                    self.input = Input::default();
                    self.parser = P::default();
                    self.assembler.give_up();
                    self.failed = Some(error);
                }
            }
        }
    }

    /// Whether the structure is broken: nothing more will come.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether frames wait until all announced tracks are known.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.assembler.is_waiting()
    }

    /// Waits no longer.
    pub(crate) fn wait_no_longer(&mut self) {
        self.assembler.settle();
    }

    /// The track whose frame the last error was about.
    pub(crate) const fn failed_track(&self) -> Option<TrackKind> {
        self.assembler.failed_track()
    }

    /// Bytes pushed, and not given out or passed over.
    pub(crate) fn held_bytes(&self) -> usize {
        self.input.buffer.len() + self.parser.held_bytes() + self.assembler.held_bytes()
    }
}

/// The bytes at hand, with their place in the stream.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// Where in the stream `buffer` begins.
    at: u64,
    /// Bytes still to be passed over.
    skip: u64,
}

impl Input {
    /// Where in the stream the bytes at hand begin.
    pub(crate) const fn at(&self) -> u64 {
        self.at
    }

    /// The bytes at hand.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Passes over `bytes` from here on, whether they are there yet or not.
    pub(crate) const fn skip(&mut self, bytes: u64) {
        self.skip = self.skip.saturating_add(bytes);
    }

    /// Takes `head` bytes off and leaves them, then `body` bytes; `None` until both are there.
    pub(crate) fn take(&mut self, head: usize, body: usize) -> Option<Bytes> {
        if self.buffer.len() < head.saturating_add(body) {
            return None;
        }
        self.advance(head);
        self.at = self.at.saturating_add(body as u64);
        Some(self.buffer.split_to(body).freeze())
    }

    fn push(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.buffer.is_empty() {
            // What is passed over is not kept first.
            let now = within(self.skip, bytes.len());
            bytes = bytes.get(now..).unwrap_or_default();
            self.passed(now);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether all is passed over that is to be.
    fn pass_over(&mut self) -> bool {
        let now = within(self.skip, self.buffer.len());
        self.buffer.advance(now);
        self.passed(now);
        self.skip == 0
    }

    fn passed(&mut self, bytes: usize) {
        self.skip = self.skip.saturating_sub(bytes as u64);
        self.at = self.at.saturating_add(bytes as u64);
    }

    fn advance(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.at = self.at.saturating_add(bytes as u64);
    }
}

/// As many of `wanted` as there are.
fn within(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Notes of a byte n are the n bytes behind it, and of a byte over 99 that so many less 100 are
    /// passed over.
    #[derive(Debug, Default)]
    struct Sized;

    impl Parse for Sized {
        fn step(&mut self, input: &mut Input, out: &mut Assembler) -> Result<Step> {
            match input.bytes().first() {
                None => return Ok(Step::NeedsMore),
                Some(255) => return Err(MediaError::invalid("test", "255")),
                Some(254) => {
                    input.skip(1);
                    return Ok(Step::Broken(MediaError::invalid("test", "254")));
                }
                Some(&size @ 100..) => input.skip(u64::from(size) - 99),
                Some(&size) => match input.take(1, size.into()) {
                    None => return Ok(Step::NeedsMore),
                    Some(_) if size == 0 => out.note("none"),
                    Some(body) => assert_eq!(body.len(), usize::from(size)),
                },
            }
            Ok(Step::Done)
        }
    }

    fn run(bytes: &[u8], piece: usize) -> (Vec<Result<Event>>, u64) {
        let mut incremental = Incremental::<Sized>::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            incremental.push(piece);
            loop {
                match incremental.next() {
                    Ok(None) => break,
                    Ok(Some(event)) => out.push(Ok(event)),
                    Err(error) => {
                        out.push(Err(error));
                        if incremental.failed.is_some() {
                            assert_eq!(incremental.held_bytes(), 0);
                            return (out, 0);
                        }
                    }
                }
            }
        }
        (out, incremental.input.at)
    }

    #[test]
    fn errors_of_the_structure_stay_and_others_do_not() {
        let mut incremental = Incremental::<Sized>::default();
        incremental.push(&[254, 0, 255, 0]);
        assert!(incremental.next().is_err());
        assert!(matches!(incremental.next(), Ok(Some(Event::Note(_)))));
        let error = incremental.next();
        assert!(error.is_err());
        incremental.push(&[0]);
        assert_eq!(incremental.next(), error);
    }

    #[test]
    fn what_is_passed_over_is_never_held() {
        let mut incremental = Incremental::<Sized>::default();
        incremental.push(&[249]);
        assert_eq!(incremental.next(), Ok(None));
        for _ in 0..14 {
            incremental.push(&[7; 10]);
            assert_eq!(incremental.held_bytes(), 0);
        }
        incremental.push(&[7; 10]);
        assert_eq!((incremental.held_bytes(), incremental.input.at()), (1, 150));
    }

    proptest! {
        #[test]
        fn cuts_never_matter(bytes: Vec<u8>, piece in 1usize..40) {
            prop_assert_eq!(run(&bytes, piece), run(&bytes, usize::MAX));
        }
    }
}
