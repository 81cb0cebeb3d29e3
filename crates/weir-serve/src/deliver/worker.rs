//! One delivery loop: a thread that owns some viewers' sockets and serves them on every flush tick.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use weir_base::{Clock, Code, limits};
use weir_hub::Stream;

use super::catch_up::CatchUp;
use super::format::Format;
use super::pool::{Seat, Shared};
use super::sink::Sink;
use super::talk::Over;
use super::viewer::{Listened, NewViewer, ToldRemarks, Turn, Viewer, Window};
use super::wire::{Batch, View, Wire};

/// The waker's token; viewers use their index in the slab.
const WAKER: Token = Token(usize::MAX);
/// Arrivals taken before the others have their turn.
const ARRIVALS_PER_TURN: usize = 64;
/// Events taken at once.
const EVENTS: usize = 1024;
/// Microseconds between two looks at who has stalled or was kicked.
const CHECK_EVERY_US: i64 = 250_000;
/// Bytes of the buffer that what viewers say is read into, one for the loop.
const SCRATCH_BYTES: usize = limits::VIEWER_READ_BYTES;

/// A viewer and where it wants to be.
pub(super) struct Arrival {
    pub(super) stream: Arc<Stream>,
    pub(super) format: Format,
    pub(super) viewer: NewViewer,
    pub(super) seat: Seat,
}

pub(super) struct Worker {
    poll: Poll,
    inbox: Receiver<Arrival>,
    shared: Arc<Shared>,
    clock: Clock,
    slots: Slab<Slot>,
    viewers: Slab<Viewer>,
    /// Viewers that may take more before the next tick.
    catching_up: Vec<usize>,
    /// Viewers that had not said all when their turn was over.
    unread: Vec<usize>,
    scratch: Vec<u8>,
    next_check_us: i64,
    /// The inbox may hold more.
    more_arrive: bool,
}

/// One wire and this loop's viewers of it.
struct Slot {
    wire: Arc<Wire>,
    batches: VecDeque<Batch>,
    view: View,
    viewers: Vec<usize>,
    sent: u64,
    remarks: ToldRemarks,
}

impl Slot {
    fn sync(&mut self) {
        self.view = self.wire.sync(self.view.next, &mut self.batches);
    }

    /// Lets go of what the wire has let go of, after every viewer has had its look.
    fn evict(&mut self) {
        let gone = self
            .batches
            .partition_point(|batch| batch.seq < self.view.first);
        self.batches.drain(..gone);
    }

    fn window(&self, now_us: i64) -> Window<'_> {
        Window {
            format: self.wire.format,
            stream: &self.wire.stream,
            view: self.view,
            batches: &self.batches,
            now_us,
        }
    }

    /// What viewers of silence are told, the same for all.
    fn beat(&mut self, wall_us: i64) -> Vec<u8> {
        self.note_remarks();
        let Format { form, framing, .. } = self.wire.format;
        let mut beat = Vec::new();
        form.beat(wall_us, &mut beat);
        framing.wrap(&beat)
    }

    /// Renders anew what is said of the publisher, where that has changed.
    fn note_remarks(&mut self) {
        let stream = &self.wire.stream;
        let version = stream.remarks_version();
        if self.remarks.version == Some(version) {
            return;
        }
        let Format { form, framing, .. } = self.wire.format;
        let mut bytes = Vec::new();
        form.remarks(stream.notes(), stream.left_out(), &mut bytes);
        self.remarks = ToldRemarks {
            version: Some(version),
            bytes: framing.wrap(&bytes),
        };
    }

    fn end_code(&self) -> Option<Code> {
        let is_for_nodes = self.wire.format.form.about().is_for_nodes;
        let ended = self.wire.stream.ended()?;
        Some(ended.code_for(is_for_nodes))
    }

    /// The publisher has gone on to what this form cannot carry: better an end than silence.
    fn refusal_code(&self) -> Option<Code> {
        let tracks = self.wire.stream.ring.tracks();
        self.wire.format.refuses(&tracks)?;
        Some(Code::CodecUnsupported)
    }
}

impl Worker {
    pub(super) fn new(
        poll: Poll,
        inbox: Receiver<Arrival>,
        shared: Arc<Shared>,
        clock: Clock,
    ) -> Self {
        Self {
            poll,
            inbox,
            shared,
            clock,
            slots: Slab::new(),
            viewers: Slab::new(),
            catching_up: Vec::new(),
            unread: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            next_check_us: 0,
            more_arrive: false,
        }
    }

    pub(super) fn waker(poll: &Poll) -> std::io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut tick_us = 0;
        while !self.shared.shutdown.is_stopping() {
            let now_us = self.clock.now_us();
            if now_us >= tick_us {
                self.tick(now_us);
                // Ticks lie on multiples of the interval, so that all loops find the same batches.
                let flush_us = self.shared.flush_us();
                tick_us = (self.clock.now_us().div_euclid(flush_us) + 1) * flush_us;
            }
            let restless = !(self.catching_up.is_empty() && self.unread.is_empty());
            let timeout = if restless || self.more_arrive {
                Some(Duration::ZERO)
            } else if self.viewers.is_empty() {
                None
            } else {
                Some(Duration::from_micros(
                    u64::try_from(tick_us - self.clock.now_us()).unwrap_or(0),
                ))
            };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "delivery loop cannot wait for its sockets");
                return;
            }
            self.between_ticks(&events, tick_us);
        }
        self.end_all();
    }

    /// Whoever joins or catches up is served until the next tick is due: those who are live come first.
    fn between_ticks(&mut self, events: &Events, tick_us: i64) {
        let now_us = self.clock.now_us();
        let unread = std::mem::take(&mut self.unread);
        for event in events {
            if event.token() == WAKER {
                self.more_arrive = true;
                continue;
            }
            let index = event.token().0;
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.listen(index, now_us);
            }
            if event.is_writable() && self.viewers.get(index).is_some_and(Viewer::is_blocked) {
                self.pump(index, now_us);
            }
        }
        if self.more_arrive {
            self.take_arrivals(now_us);
        }
        let mut catching_up = std::mem::take(&mut self.catching_up);
        catching_up.sort_unstable();
        catching_up.dedup();
        for index in catching_up {
            if self.clock.now_us() < tick_us {
                self.pump(index, now_us);
            } else {
                self.catching_up.push(index);
            }
        }
        for index in unread {
            self.listen(index, now_us);
        }
    }

    fn take_arrivals(&mut self, now_us: i64) {
        for _ in 0..ARRIVALS_PER_TURN {
            let Ok(arrival) = self.inbox.try_recv() else {
                self.more_arrive = false;
                return;
            };
            if let Some(index) = self.admit(arrival, now_us) {
                // A hot stream's picture goes out at once, not at the next tick.
                self.pump(index, now_us);
            }
        }
    }

    fn admit(&mut self, arrival: Arrival, now_us: i64) -> Option<usize> {
        let Arrival {
            stream,
            format,
            viewer,
            seat,
        } = arrival;
        let protocol = viewer.client.protocol;
        let slot_index = self.slot_of(&stream, format);
        let slot = self.slots.get_mut(slot_index)?;
        slot.sync();
        let missed = viewer.after.and_then(|after| {
            let held = (slot.view, &slot.batches);
            CatchUp::read(&slot.wire, held, after)
        });
        let position = slot.viewers.len();
        let entry = self.viewers.vacant_entry();
        let index = entry.key();
        let viewer = entry.insert(Viewer::new(viewer, seat, now_us, slot_index, position));
        if let Some(missed) = missed {
            viewer.catch_up(slot.view, missed);
        }
        if let Sink::Socket(socket) = &mut viewer.sink {
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self
                .poll
                .registry()
                .register(socket, Token(index), interest)
            {
                tracing::warn!(%error, client = %viewer.client.id, "cannot watch a viewer's socket");
                self.viewers.remove(index);
                return None;
            }
        }
        slot.viewers.push(index);
        stream.add_viewers(protocol, 1);
        Some(index)
    }

    fn slot_of(&mut self, stream: &Arc<Stream>, format: Format) -> usize {
        let found = self
            .slots
            .iter()
            .find(|(_, slot)| Arc::ptr_eq(&slot.wire.stream, stream) && slot.wire.format == format)
            .map(|(index, _)| index);
        found.unwrap_or_else(|| {
            let wire = self.shared.open_wire(stream, format);
            let view = View::default();
            self.slots.insert(Slot {
                wire,
                batches: VecDeque::new(),
                view,
                viewers: Vec::new(),
                sent: 0,
                remarks: ToldRemarks::default(),
            })
        })
    }

    /// The flush: every wire once, every viewer once.
    fn tick(&mut self, now_us: i64) {
        let check = now_us >= self.next_check_us;
        if check {
            self.next_check_us = now_us + CHECK_EVERY_US;
        }
        let wall_us = self.clock.wall_us();
        let mut over = Vec::new();
        for (_, slot) in &mut self.slots {
            slot.sync();
            let refusal_code = check.then(|| slot.refusal_code()).flatten();
            let end_code = slot.end_code().or(refusal_code);
            let beat = if check {
                slot.beat(wall_us)
            } else {
                Vec::new()
            };
            let mut sent = 0;
            let window = Window {
                format: slot.wire.format,
                stream: &slot.wire.stream,
                view: slot.view,
                batches: &slot.batches,
                now_us,
            };
            for &index in &slot.viewers {
                let Some(viewer) = self.viewers.get_mut(index) else {
                    continue;
                };
                viewer.mark_lagged(&window);
                if let Some(code) = end_code {
                    viewer.end(&window, code);
                }
                if check && let Some(code) = self.shared.verdict(viewer, now_us) {
                    // Somebody whose socket is full would not hear a goodbye.
                    if viewer.is_blocked() {
                        over.push((index, code));
                        continue;
                    }
                    viewer.close_notice(window.format, code, Over::Connection);
                }
                if check {
                    viewer.beat(&window, &beat, &slot.remarks);
                }
                // A full socket says when it has room; a task has no way to.
                if viewer.is_blocked() && matches!(viewer.sink, Sink::Socket(_)) {
                    continue;
                }
                if viewer.sink.is_closed() {
                    over.push((index, Code::ClientStopped));
                    continue;
                }
                match viewer.pump(&window, &mut sent) {
                    Turn::Rests => {}
                    Turn::HasMore => self.catching_up.push(index),
                    Turn::Over(code) => over.push((index, code)),
                }
            }
            slot.sent += sent;
            slot.evict();
            self.shared.count_sent(
                slot.wire.format,
                &slot.wire.stream,
                std::mem::take(&mut slot.sent),
            );
        }
        for (index, code) in over {
            self.remove(index, code);
        }
    }

    fn pump(&mut self, index: usize, now_us: i64) {
        let Some(viewer) = self.viewers.get_mut(index) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(viewer.slot) else {
            return;
        };
        let mut sent = 0;
        let turn = viewer.pump(&slot.window(now_us), &mut sent);
        slot.sent += sent;
        match turn {
            Turn::Rests => {}
            Turn::HasMore => self.catching_up.push(index),
            Turn::Over(code) => self.remove(index, code),
        }
    }

    fn listen(&mut self, index: usize, now_us: i64) {
        let Some(viewer) = self.viewers.get_mut(index) else {
            return;
        };
        match viewer.listen(now_us, &mut self.scratch) {
            Listened::Over(code) => {
                // A close frame or an error status still goes out if the socket takes it at once.
                if viewer.has_own()
                    && let Some(slot) = self.slots.get(viewer.slot)
                {
                    viewer.stop_media();
                    let _ = viewer.pump(&slot.window(now_us), &mut 0);
                }
                self.remove(index, code);
            }
            Listened::Back => self.give_back(index, now_us),
            heard => {
                if heard == Listened::HasMore {
                    self.unread.push(index);
                }
                if self.viewers.get(index).is_some_and(Viewer::has_own) {
                    self.pump(index, now_us);
                }
            }
        }
    }

    /// The viewer's socket leaves the loop; the viewer itself leaves when its batches are wanted no more.
    fn give_back(&mut self, index: usize, now_us: i64) {
        let detached = self.viewers.get_mut(index).and_then(|viewer| {
            let slot = self.slots.get(viewer.slot)?;
            viewer.detach(&slot.window(now_us), &slot.wire.stream, &self.clock)
        });
        let Some((talk, mut socket, detach)) = detached else {
            return self.remove(index, Code::ClientStopped);
        };
        let _ = self.poll.registry().deregister(&mut socket);
        talk.take_back(detach.with(socket));
    }

    fn remove(&mut self, index: usize, code: Code) {
        let Some(mut viewer) = self.viewers.try_remove(index) else {
            return;
        };
        if let Sink::Socket(socket) = &mut viewer.sink {
            let _ = self.poll.registry().deregister(socket);
        }
        let (client, protocol) = (&viewer.client, viewer.client.protocol);
        let code = client.kicked().unwrap_or(code);
        self.shared.count_end(code, protocol);
        tracing::debug!(client = %client.id, stream = %client.name, code = code.number(), bytes = client.bytes(), skips = client.skips(), "viewer left");
        let Some(slot) = self.slots.get_mut(viewer.slot) else {
            return;
        };
        slot.wire.stream.add_viewers(protocol, -1);
        slot.viewers.swap_remove(viewer.position);
        if let Some(&moved) = slot.viewers.get(viewer.position)
            && let Some(moved) = self.viewers.get_mut(moved)
        {
            moved.position = viewer.position;
        }
        if slot.viewers.is_empty() {
            let slot = self.slots.remove(viewer.slot);
            self.shared
                .count_sent(slot.wire.format, &slot.wire.stream, slot.sent);
        }
    }

    /// The process stops: one last try to say so, then the sockets close.
    fn end_all(&mut self) {
        let now_us = self.clock.now_us();
        let all: Vec<_> = self.viewers.iter().map(|(index, _)| index).collect();
        for index in all {
            if let Some(viewer) = self.viewers.get_mut(index)
                && let Some(slot) = self.slots.get(viewer.slot)
            {
                viewer.close_notice(slot.wire.format, Code::Draining, Over::Connection);
                let _ = viewer.pump(&slot.window(now_us), &mut 0);
            }
            self.remove(index, Code::Draining);
        }
    }
}
