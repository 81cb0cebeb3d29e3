//! One chat loop: a thread with an epoll of its own, which owns its connections' sockets.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::mpsc::{self, error::TryRecvError};
use weir_base::{Clock, Refusal, limits};
use weir_chat::{Bye, Encoding, Gone, Said, Slice};
use weir_hub::Protocol;
use weir_proto::ws;

use super::line::Line;
use super::pool::ChatArrival;
use crate::core::Core;
use crate::deliver::Sink;

/// The waker's token; connections use their key.
const WAKER: Token = Token(usize::MAX);
/// Events taken at once.
const EVENTS: usize = 1024;
/// Arrivals taken before the others have their turn.
const ARRIVALS_PER_TURN: usize = 256;
/// Reads from one socket before the others have their turn.
const READS_PER_TURN: usize = 8;
/// Microseconds for which a socket that was said goodbye to is kept, so that unread bytes do not turn the close into
/// a reset that eats the goodbye.
const LINGER_US: i64 = 1_000_000;
/// Sockets kept so.
const LINGERING: usize = 4_096;

pub(super) struct ChatLoop {
    poll: Poll,
    inbox: Receiver<ChatArrival>,
    slice: Slice<Line>,
    core: Core,
    clock: Clock,
    /// Connections that had not said all when their turn was over.
    unread: Vec<usize>,
    /// Connections with a task in between.
    tasks: Vec<usize>,
    lingering: VecDeque<(i64, TcpStream)>,
    scratch: Vec<u8>,
    more_arrive: bool,
}

impl ChatLoop {
    pub(super) fn new(
        (poll, inbox): (Poll, Receiver<ChatArrival>),
        slice: Slice<Line>,
        (core, clock): (Core, Clock),
    ) -> Self {
        Self {
            poll,
            inbox,
            slice,
            core,
            clock,
            unread: Vec::new(),
            tasks: Vec::new(),
            lingering: VecDeque::new(),
            scratch: vec![0; limits::VIEWER_READ_BYTES],
            more_arrive: false,
        }
    }

    pub(super) fn waker(poll: &Poll) -> io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.core.shutdown.is_stopping() {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a chat loop cannot wait for its sockets");
                return;
            }
            self.take_events(&events);
            self.slice.turn();
            self.see_off();
        }
        self.slice.close_all(Bye::Shutdown);
        self.see_off();
    }

    fn timeout(&self) -> Option<Duration> {
        if self.more_arrive || !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        let linger_us = self.lingering.front().map(|(until_us, _)| *until_us);
        let next_us = [self.slice.next_turn_us(), linger_us]
            .into_iter()
            .flatten()
            .min()?;
        let wait_us = next_us - self.clock.now_us();
        Some(Duration::from_micros(u64::try_from(wait_us).unwrap_or(0)))
    }

    fn take_events(&mut self, events: &Events) {
        let unread = std::mem::take(&mut self.unread);
        let mut is_woken = false;
        for event in events {
            if event.token() == WAKER {
                is_woken = true;
                continue;
            }
            let key = event.token().0;
            if event.is_writable() {
                self.slice.writable(key);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.listen(key);
            }
        }
        if is_woken || self.more_arrive {
            self.take_arrivals();
            self.hear_tasks();
        }
        for key in unread {
            self.listen(key);
        }
    }

    fn take_arrivals(&mut self) {
        self.more_arrive = true;
        for _ in 0..ARRIVALS_PER_TURN {
            let Ok(arrival) = self.inbox.try_recv() else {
                self.more_arrive = false;
                return;
            };
            self.admit(arrival);
        }
    }

    fn admit(&mut self, arrival: ChatArrival) {
        let ChatArrival { newcomer, said } = arrival;
        let is_task = newcomer.carrier.heard.is_some();
        let is_events = newcomer.encoding == Encoding::Events;
        let key = self.slice.arrive(newcomer);
        if is_events {
            // Its greeting was made of its request, and it says nothing more.
            let hello = std::str::from_utf8(&said).unwrap_or_default();
            return self.slice.hear(key, Said::Text(hello));
        }
        if is_task {
            self.tasks.push(key);
            return;
        }
        let Some(Line {
            sink: Sink::Socket(socket),
            ..
        }) = self.slice.carrier_mut(key)
        else {
            return;
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let watched = self.poll.registry().register(socket, Token(key), interest);
        if let Err(error) = watched {
            tracing::warn!(%error, "cannot watch a chat connection's socket");
            return self.slice.lost(key);
        }
        self.hear(key, &said);
    }

    /// Reads what a socket has, up to a limit: somebody who talks without end keeps nobody else waiting.
    fn listen(&mut self, key: usize) {
        for _ in 0..READS_PER_TURN {
            let mut scratch = std::mem::take(&mut self.scratch);
            let read = match self.slice.carrier_mut(key) {
                Some(line) => line.sink.read(&mut scratch),
                None => Err(io::ErrorKind::WouldBlock.into()),
            };
            if let Ok(bytes @ 1..) = read {
                self.hear(key, scratch.get(..bytes).unwrap_or_default());
            }
            self.scratch = scratch;
            match read {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return self.slice.lost(key),
            }
        }
        self.unread.push(key);
    }

    fn hear_tasks(&mut self) {
        for key in std::mem::take(&mut self.tasks) {
            match self.hear_task(key) {
                TryRecvError::Empty => self.tasks.push(key),
                TryRecvError::Disconnected => self.slice.lost(key),
            }
        }
    }

    /// Hears all that a task has heard; how that ended.
    fn hear_task(&mut self, key: usize) -> TryRecvError {
        loop {
            let line = self.slice.carrier_mut(key);
            let heard = line.and_then(|line| line.heard.as_mut());
            match heard.map(mpsc::Receiver::try_recv) {
                Some(Ok(said)) => self.hear(key, &said),
                Some(Err(ended)) => return ended,
                None => return TryRecvError::Disconnected,
            }
        }
    }

    /// Reads frames, and has whole messages heard.
    fn hear(&mut self, key: usize, mut said: &[u8]) {
        loop {
            let Some(line) = self.slice.carrier_mut(key) else {
                return;
            };
            match line.decoder.next(&mut said) {
                Ok(None) => return,
                Ok(Some(event)) => self.take_event(key, event),
                Err(error) => {
                    let bye = match error.code {
                        ws::CLOSE_TOO_BIG => Bye::TooBig,
                        ws::CLOSE_INVALID_PAYLOAD => Bye::NotText,
                        _ => Bye::Protocol,
                    };
                    return self.slice.close(key, bye);
                }
            }
        }
    }

    fn take_event(&mut self, key: usize, event: ws::Event) {
        match event {
            ws::Event::Message { is_text, data } => match (is_text, std::str::from_utf8(&data)) {
                (true, Ok(text)) => self.slice.hear(key, Said::Text(text)),
                _ => self.slice.hear(key, Said::Binary(&data)),
            },
            ws::Event::Ping(payload) => {
                let mut pong = Vec::new();
                ws::put_frame_header(&mut pong, ws::Opcode::Pong, true, payload.len());
                pong.extend_from_slice(&payload);
                self.slice.alive(key);
                self.slice.say_framed(key, &pong);
            }
            ws::Event::Pong(_) => self.slice.alive(key),
            ws::Event::Close { .. } => self.slice.close(key, Bye::Done),
        }
    }

    /// Logs those who went, and keeps their sockets until the goodbye has come through.
    fn see_off(&mut self) {
        let now_us = self.clock.now_us();
        for gone in self.slice.take_gone() {
            log(&self.core, &gone);
            let Line { sink, .. } = gone.carrier;
            if let Sink::Socket(mut socket) = sink
                && self.lingering.len() < LINGERING
            {
                let _ = self.poll.registry().deregister(&mut socket);
                let _ = socket.shutdown(std::net::Shutdown::Write);
                self.lingering.push_back((now_us + LINGER_US, socket));
            }
        }
        let mut kept = VecDeque::new();
        for (until_us, mut socket) in std::mem::take(&mut self.lingering) {
            // Once they have closed as well there is nothing to wait for.
            if until_us > now_us && !is_over(&mut socket, &mut self.scratch) {
                kept.push_back((until_us, socket));
            }
        }
        self.lingering = kept;
    }
}

/// Reads what nobody wants any more; whether that was all.
fn is_over(socket: &mut TcpStream, scratch: &mut [u8]) -> bool {
    for _ in 0..READS_PER_TURN {
        match socket.read(scratch) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(0) | Err(_) => return true,
        }
    }
    false
}

/// Whoever was sent away is counted and logged as others are who are refused; of everybody there is a line for
/// `log.filter = "info,chat=debug"`.
fn log(core: &Core, gone: &Gone<Line>) {
    if !matches!(gone.why, Bye::Done | Bye::Shutdown) {
        let refusal = Refusal::new(gone.why.code(), gone.why.words());
        core.refused(
            &refusal,
            Protocol::Api,
            "a chat connection",
            gone.carrier.client.ip(),
        );
    }
    let user = gone.who.as_ref().map(|who| &*who.user);
    tracing::debug!(
        target: "chat",
        client = %gone.carrier.client,
        user,
        why = gone.why.number(),
        code = gone.why.code().number(),
        lasted_ms = gone.lasted_us / 1000,
        commands = gone.commands,
        bytes = gone.sent_bytes,
        "chat connection ended: {}",
        gone.why.words(),
    );
}
