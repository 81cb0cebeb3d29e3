//! One viewer inside a delivery loop: a sink, a place in a wire, and a few bytes of its own.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use weir_base::{Clock, Code, limits};
use weir_hub::{ClientGuard, JoinKind, Stream, StreamPosition};

use super::catch_up::CatchUp;
use super::format::Format;
use super::forms::Lost;
use super::mux::Mux;
use super::pool::Seat;
use super::sink::Sink;
use super::talk::{Ask, Detached, Over, Parting, Talk};
use super::task::Watching;
use super::wire::{Batch, View};

/// Microseconds of silence after which a viewer gets its form's beat: with the time between two looks, a
/// beat each 250 to 450 ms, of which a node may miss two.
const BEAT_EVERY_US: i64 = 200_000;
/// Reads from one viewer's socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// A viewer on its way to a delivery loop.
pub struct NewViewer {
    /// Where its bytes go.
    pub sink: Sink,
    /// Its place in the table of clients.
    pub client: ClientGuard,
    /// Bytes to send first, framing included (an HTTP head, RTMP answers).
    pub greeting: Vec<u8>,
    /// What it may say to the loop, if anything that matters. A task in between hears for itself.
    pub talk: Option<Box<dyn Talk>>,
    /// How far a node that comes back has come. For forms whose bytes say the same wherever they begin.
    pub after: Option<StreamPosition>,
}

/// One viewer of one wire: its socket, its place among the batches, and what is half sent.
pub(super) struct Viewer {
    pub(super) sink: Sink,
    pub(super) client: ClientGuard,
    _seat: Seat,
    talk: Option<Box<dyn Talk>>,
    /// Bytes of its own, sent at the next boundary between batches.
    own: Vec<u8>,
    own_at: usize,
    /// The rest of a batch that left the wire while half sent.
    held: Bytes,
    /// Next batch, and how much of it is sent.
    seq: u64,
    offset: usize,
    frames_before: u64,
    /// The stream's timeline as it has heard of it.
    timeline: u64,
    place: Place,
    has_begun: bool,
    /// Version of the remarks that it was told.
    remarks: Option<u64>,
    /// The batch it joined at last.
    joined: Option<u64>,
    blocked: bool,
    last_progress_us: i64,
    /// Where it stands in its wire's list of viewers.
    pub(super) position: usize,
    pub(super) slot: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Has not begun: waits for a place to join.
    Waiting,
    /// Takes batch after batch.
    Running,
    /// Was too slow: the wire has passed it by. It goes on at the newest keyframe once it can.
    Fallen,
    /// Asked to pause; it goes on at the newest keyframe.
    Paused,
    /// Gets its last bytes.
    Ending,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has all there is, or its socket is full.
    Rests,
    /// There is more for it, and its socket may take more: come back soon.
    HasMore,
    /// It is gone or done.
    Over(Code),
}

/// What listening came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listened {
    /// It is silent now, and the socket tells when it is not.
    All,
    /// It has more to say: listen again soon.
    HasMore,
    /// It is gone or done.
    Over(Code),
    /// It wants what a loop cannot do.
    Back,
}

/// What is said of the publisher, as bytes of the form; none where the form has no word for it.
#[derive(Debug, Default)]
pub(super) struct ToldRemarks {
    pub(super) version: Option<u64>,
    pub(super) bytes: Vec<u8>,
}

/// The wire as a loop holds it.
pub(super) struct Window<'a> {
    pub(super) format: Format,
    pub(super) stream: &'a Stream,
    pub(super) view: View,
    pub(super) batches: &'a VecDeque<Batch>,
    pub(super) now_us: i64,
}

/// A [`Detached`] whose socket the loop still watches.
pub(super) struct Detach {
    unsent: Vec<u8>,
    batches: mpsc::Receiver<Bytes>,
    watching: Watching,
}

impl Detach {
    /// With the socket, which nobody watches now.
    pub(super) fn with(self, socket: mio::net::TcpStream) -> Detached {
        Detached {
            socket: socket.into(),
            unsent: self.unsent,
            batches: self.batches,
            watching: self.watching,
        }
    }
}

impl Place {
    /// The place after what the viewer asked for.
    const fn after(self, ask: Ask) -> Self {
        match (self, ask) {
            (Self::Running, Ask::Pause) => Self::Paused,
            (Self::Paused, Ask::Resume) => Self::Waiting,
            (place, _) => place,
        }
    }
}

impl Viewer {
    pub(super) fn new(
        new: NewViewer,
        seat: Seat,
        now_us: i64,
        slot: usize,
        position: usize,
    ) -> Self {
        Self {
            sink: new.sink,
            client: new.client,
            _seat: seat,
            talk: new.talk,
            own: new.greeting,
            own_at: 0,
            held: Bytes::new(),
            seq: 0,
            offset: 0,
            frames_before: 0,
            timeline: 0,
            place: Place::Waiting,
            has_begun: false,
            remarks: None,
            joined: None,
            blocked: false,
            last_progress_us: now_us,
            position,
            slot,
        }
    }

    /// Begins with what it missed, and goes on with the wire's next batch.
    pub(super) fn catch_up(&mut self, view: View, missed: CatchUp) {
        self.own.extend_from_slice(&missed.bytes);
        self.has_begun = true;
        self.place = Place::Running;
        self.seq = view.next;
        self.frames_before = view.frames;
        self.timeline = missed.timeline;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Sends what its socket takes of what it has not yet got.
    pub(super) fn pump(&mut self, window: &Window<'_>, sent: &mut u64) -> Turn {
        self.blocked = false;
        let mut budget = limits::CATCH_UP_BYTES_PER_TURN;
        loop {
            self.find_place(window);
            self.pass_over(window);
            let written = match &mut self.sink {
                Sink::Socket(_) => self.write_socket(window),
                Sink::Task(_) => self.hand_over(window),
            };
            match written {
                Ok(0) if self.place == Place::Ending => return Turn::Over(Code::ClientStopped),
                Ok(0) => return Turn::Rests,
                Ok(bytes) => {
                    *sent += bytes as u64;
                    self.client.add_bytes(bytes as u64);
                    self.last_progress_us = window.now_us;
                    budget = budget.saturating_sub(bytes);
                    if budget == 0 {
                        return Turn::HasMore;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Turn::Rests;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The task that stood between is done with it.
                Err(_) if self.sink.is_closed() => return Turn::Over(Code::ClientStopped),
                Err(_) => return Turn::Over(Code::NetworkReset),
            }
        }
    }

    /// Whether it has not taken a byte for `limit_us` although there were some.
    pub(super) fn is_stalled(&self, now_us: i64, limit_us: i64) -> bool {
        self.blocked && now_us - self.last_progress_us > limit_us
    }

    /// Sends `beat` to a viewer to which nothing was sent for long: it would take the connection for
    /// dead. Empty for a form without beats. Whoever has begun hears what is said of the publisher, too, where
    /// that is news.
    pub(super) fn beat(&mut self, window: &Window<'_>, beat: &[u8], remarks: &ToldRemarks) {
        if self.has_begun && self.place != Place::Ending && self.remarks != remarks.version {
            self.remarks = remarks.version;
            self.own.extend_from_slice(&remarks.bytes);
        }
        let is_due = window.now_us - self.last_progress_us >= BEAT_EVERY_US;
        if is_due && !self.has_own() && self.place != Place::Ending {
            self.own.extend_from_slice(beat);
        }
    }

    /// The stream is over: says goodbye once everything has been sent.
    pub(super) fn end(&mut self, window: &Window<'_>, code: Code) {
        let has_all = self.place != Place::Running || self.seq >= window.view.next;
        if has_all {
            self.close_notice(window.format, code, Over::Stream);
        }
    }

    /// Says goodbye with `code` after the batch it is in; nothing more follows.
    pub(super) fn close_notice(&mut self, format: Format, code: Code, over: Over) {
        if self.place == Place::Ending {
            return;
        }
        self.place = Place::Ending;
        let mut end = Vec::new();
        format.form.end(code, &mut end);
        self.own.extend_from_slice(&format.framing.wrap(&end));
        format.framing.put_close(code, &mut self.own);
        if let Some(talk) = &mut self.talk {
            talk.goodbye(code, over, &mut self.own);
        }
    }

    /// Nothing but words of its own from here on.
    pub(super) fn stop_media(&mut self) {
        self.place = Place::Ending;
    }

    /// Gives its socket back to whoever it is from, and goes on as a viewer whose batches a task takes, with
    /// the batch after the one it is in. Nothing where it has no socket, or nobody wants it back.
    pub(super) fn detach(
        &mut self,
        window: &Window<'_>,
        stream: &Arc<Stream>,
        clock: &Clock,
    ) -> Option<(Box<dyn Talk>, mio::net::TcpStream, Detach)> {
        let talk = self.talk.take()?;
        let (queue, batches) = mpsc::channel(limits::TASK_BATCHES);
        let Sink::Socket(socket) = std::mem::replace(&mut self.sink, Sink::Task(queue)) else {
            return None;
        };
        let is_half_sent = self.offset > 0;
        self.hold_rest(window);
        if is_half_sent {
            self.next_batch(window);
        }
        let mut unsent = std::mem::take(&mut self.held).to_vec();
        unsent.extend_from_slice(self.own.get(self.own_at..).unwrap_or_default());
        self.own = Vec::new();
        self.own_at = 0;
        self.blocked = false;
        let watching = Watching {
            client: Arc::clone(&self.client),
            stream: stream.clone(),
            clock: clock.clone(),
        };
        let detach = Detach {
            unsent,
            batches,
            watching,
        };
        Some((talk, socket, detach))
    }

    /// Reads what it said, up to a limit: somebody who talks without end keeps nobody else waiting.
    pub(super) fn listen(&mut self, now_us: i64, scratch: &mut [u8]) -> Listened {
        for _ in 0..READS_PER_TURN {
            let read = match self.sink.read(scratch) {
                Ok(0) => return Listened::Over(Code::ClientStopped),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Listened::All,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Listened::Over(Code::NetworkReset),
            };
            let said = scratch.get(..read).unwrap_or_default();
            if let Some(talk) = &mut self.talk {
                let place = &mut self.place;
                let over = talk.receive(now_us, said, &mut self.own, &mut |ask| {
                    *place = place.after(ask);
                });
                match over {
                    Some(Parting::Over(code)) => return Listened::Over(code),
                    Some(Parting::Back) => return Listened::Back,
                    None => {}
                }
            }
            if self.own.len() - self.own_at > limits::VIEWER_ANSWER_BYTES + limits::BATCH_BYTES {
                return Listened::Over(Code::TooSlow);
            }
        }
        Listened::HasMore
    }

    /// Whether something of its own waits to be sent.
    pub(super) fn has_own(&self) -> bool {
        self.own_at < self.own.len()
    }

    /// Notes that the wire has passed this viewer by, and keeps the batch it is in the middle of, which
    /// the loop is about to let go.
    pub(super) fn mark_lagged(&mut self, window: &Window<'_>) {
        if self.seq >= window.view.first {
            return;
        }
        self.hold_rest(window);
        if self.place == Place::Running {
            self.place = Place::Fallen;
        }
    }

    /// Keeps what is left of a half-sent batch, so that the place can move.
    fn hold_rest(&mut self, window: &Window<'_>) {
        if self.offset == 0 {
            return;
        }
        if let Some(batch) = window.batches.get(index_of(window, self.seq)) {
            self.held = batch.bytes.slice(self.offset.min(batch.bytes.len())..);
            self.timeline = batch.timeline;
        }
        self.offset = 0;
    }

    /// Joins, or goes on after a fall, at the newest keyframe there is.
    fn find_place(&mut self, window: &Window<'_>) {
        self.mark_lagged(window);
        if !matches!(self.place, Place::Fallen | Place::Waiting) {
            return;
        }
        // Its headers have not even gone out since the last fall: more of them would pile up.
        if self.place == Place::Fallen && self.has_own() {
            return;
        }
        let newest = window.view.join.and_then(|seq| {
            let batch = window.batches.get(index_of(window, seq))?;
            Some((seq, batch, batch.join.as_ref()?))
        });
        let Some((seq, batch, join)) = newest else {
            return;
        };
        if self.has_begun && self.place == Place::Waiting && self.seq >= seq {
            // A short pause: it has seen that keyframe and goes on where it was.
            self.place = Place::Running;
            return;
        }
        if self.place == Place::Fallen {
            let lost = batch.frames_before.saturating_sub(self.frames_before);
            self.client.add_skip(lost);
            window.stream.add_skipped_frames(lost);
            let Format { form, framing, .. } = window.format;
            let lost = Lost {
                frames: lost,
                breaks: join.timeline.wrapping_sub(self.timeline),
                dts_us: batch.dts_us,
            };
            let mut notice = Vec::new();
            form.skipped(&window.format, &lost, &mut notice);
            self.own.extend_from_slice(&framing.wrap(&notice));
        }
        let words = join.words();
        let headers = match self.has_begun {
            true => words.resume,
            false => words.start,
        };
        self.own.extend_from_slice(&headers);
        if join.kind == JoinKind::Sound {
            self.own
                .extend_from_slice(&Mux::still(window.format, window.stream, batch.dts_us));
        }
        self.has_begun = true;
        self.place = Place::Running;
        // A pause may have ended in the middle of a batch.
        self.hold_rest(window);
        self.seq = seq;
        self.joined = Some(seq);
        self.frames_before = batch.frames_before;
        self.timeline = join.timeline;
    }

    fn write_socket(&mut self, window: &Window<'_>) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); limits::BATCHES_PER_WRITE];
        let mut count = 0;
        let own = self.own.get(self.own_at..).unwrap_or_default();
        let first = index_of(window, self.seq);
        // A half-sent batch is finished before anything of its own may stand in the stream.
        let unfinished: &[u8] = if !self.held.is_empty() {
            &self.held
        } else if self.offset > 0 {
            window
                .batches
                .get(first)
                .and_then(|batch| batch.bytes.get(self.offset..))
                .unwrap_or_default()
        } else {
            &[]
        };
        for part in [unfinished, own] {
            if !part.is_empty() {
                slices[count] = IoSlice::new(part);
                count += 1;
            }
        }
        if self.place == Place::Running {
            let whole = first + usize::from(self.offset > 0);
            let mut room = limits::CATCH_UP_BYTES_PER_TURN;
            let wanted = |batch: &&Batch| !self.leaves_out(batch);
            for batch in window.batches.iter().skip(whole).filter(wanted) {
                if count == slices.len() || room == 0 {
                    break;
                }
                slices[count] = IoSlice::new(&batch.bytes);
                room = room.saturating_sub(batch.bytes.len());
                count += 1;
            }
        }
        if count == 0 {
            return Ok(0);
        }
        let written = self.sink.write(&slices[..count])?;
        self.took(window, written);
        Ok(written)
    }

    /// Moves the place on by `written` bytes, in the order of `write_socket`.
    fn took(&mut self, window: &Window<'_>, mut written: usize) {
        if !self.held.is_empty() {
            let part = written.min(self.held.len());
            let _ = self.held.split_to(part);
            written -= part;
        } else if self.offset > 0 {
            let size = window
                .batches
                .get(index_of(window, self.seq))
                .map_or(0, |batch| batch.bytes.len());
            let part = written.min(size - self.offset);
            written -= part;
            self.offset += part;
            if self.offset == size {
                self.next_batch(window);
            }
        }
        let part = written.min(self.own.len() - self.own_at);
        self.own_at += part;
        written -= part;
        if self.own_at == self.own.len() && self.own_at > 0 {
            // Given back: a thousand viewers would hold a thousand greetings.
            self.own = Vec::new();
            self.own_at = 0;
        }
        while written > 0 {
            self.pass_over(window);
            let Some(batch) = window.batches.get(index_of(window, self.seq)) else {
                break;
            };
            if written < batch.bytes.len() {
                self.offset = written;
                break;
            }
            written -= batch.bytes.len();
            self.next_batch(window);
        }
    }

    /// Whether the batch is of pictures that lead to the keyframe it joined at.
    fn leaves_out(&self, batch: &Batch) -> bool {
        batch.leads_to.is_some() && batch.leads_to == self.joined
    }

    /// Moves the place over what it is not sent.
    fn pass_over(&mut self, window: &Window<'_>) {
        if self.place != Place::Running || self.offset > 0 {
            return;
        }
        while let Some(batch) = window.batches.get(index_of(window, self.seq))
            && self.leaves_out(batch)
        {
            self.next_batch(window);
        }
    }

    fn next_batch(&mut self, window: &Window<'_>) {
        self.offset = 0;
        if let Some(batch) = window.batches.get(index_of(window, self.seq)) {
            self.timeline = batch.timeline;
            self.frames_before = batch.frames_after;
        }
        self.seq += 1;
    }

    fn hand_over(&mut self, window: &Window<'_>) -> io::Result<usize> {
        let mut handed = 0;
        if self.has_own() {
            let own = Bytes::from(std::mem::take(&mut self.own)).slice(self.own_at..);
            let size = own.len();
            match self.sink.hand_over(own.clone()) {
                Ok(()) => self.own_at = 0,
                Err(error) => {
                    self.own = own.into();
                    self.own_at = 0;
                    return Err(error);
                }
            }
            handed += size;
        }
        while self.place == Place::Running && handed < limits::CATCH_UP_BYTES_PER_TURN {
            self.pass_over(window);
            let Some(batch) = window.batches.get(index_of(window, self.seq)) else {
                break;
            };
            match self.sink.hand_over(batch.bytes.clone()) {
                Ok(()) => handed += batch.bytes.len(),
                Err(error) if handed == 0 => return Err(error),
                Err(_) => break,
            }
            self.next_batch(window);
        }
        Ok(handed)
    }
}

/// Where batch `seq` stands in the loop's list; past its end when it is not there. A loop that came
/// too late has a hole in its list, and somebody may be in the middle of a batch before the hole.
fn index_of(window: &Window<'_>, seq: u64) -> usize {
    let first = window.batches.front().map_or(u64::MAX, |batch| batch.seq);
    let guess = usize::try_from(seq.wrapping_sub(first)).unwrap_or(usize::MAX);
    if window
        .batches
        .get(guess)
        .is_some_and(|batch| batch.seq == seq)
    {
        return guess;
    }
    let place = window.batches.binary_search_by_key(&seq, |batch| batch.seq);
    place.unwrap_or(usize::MAX)
}
