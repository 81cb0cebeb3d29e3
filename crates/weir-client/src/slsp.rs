//! A publisher's link over SLSP: one session over as many connections as it takes. What goes over
//! it and when is [`flow`]; here are sockets, time, and what is to be done when one breaks.

mod breaks;
mod flow;
mod held;
mod redirect;
mod socket;
#[cfg(test)]
#[path = "slsp/tests.rs"]
mod tests;
mod way;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use weir_base::Clock;
use weir_link::url::HttpUrl;
use weir_proto::slsp::{Ready, SUBPROTOCOL, SlspClientEvent, SlspError};
use weir_proto::ws::{CLOSE_NORMAL, Opcode};

use super::clip::ClipTag;
use super::refusal::Refused;
use super::ws::upgrade;
use breaks::{Broken, Final, elsewhere, may_resume};
use flow::{Flow, Message};
use redirect::{Detour, Leaving, Moving, arrival, farewell};
use socket::{Came, Socket};

pub(crate) use flow::Gauge;

/// Bytes queued for the socket above which nothing more is handed over.
const SOCKET_BYTES: usize = 256 * 1024;
/// Bytes waiting above which the source has to wait, where nothing is left out.
const HIGH_WATER_BYTES: usize = 1 << 20;
/// From the connection to `ready`, the first time.
const SETUP_MS: u64 = 15_000;
/// The same for a session that waits, which it does not do for long.
const RESUME_ATTEMPT_MS: u64 = 2500;
/// Media under way, and nothing acknowledged for so long: the connection is dead.
const STALL_MS: u64 = 2500;
/// The same where a session waits for a shorter time than is usual.
const MIN_STALL_MS: u64 = 1000;
/// Between two `stats`.
const STATS_MS: u64 = 1000;
/// For the server's close after `bye`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Redirects followed, between two acknowledgements, before it is a circle.
const MAX_REDIRECTS: u32 = 4;
/// How long nothing may be due, in ms: only that there is an end to it.
const LONG_MS: u64 = 60_000;

/// How to link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkOptions {
    /// Take any certificate.
    pub(crate) insecure: bool,
    /// Leave out what the network does not take.
    pub(crate) adapts: bool,
}

/// A session with a server, over as many connections as it takes.
pub(crate) struct SlspLink {
    url: HttpUrl,
    options: LinkOptions,
    clock: Clock,
    flow: Flow,
    state: State,
    /// Between a redirect and `ready` where it leads.
    detour: Option<Detour>,
    /// The connection to there, while media still flows here.
    moving: Option<Moving>,
    /// The connection to a server that sent us elsewhere, until it was told that we are there.
    leaving: Option<Leaving>,
    broken: Option<Broken>,
    resumed: u64,
    redirects: u32,
    /// When the server last showed that it takes what we send, or had nothing to take.
    alive_ms: u64,
    stats_ms: u64,
}

type Attempt = Pin<Box<dyn Future<Output = anyhow::Result<Socket>> + Send>>;

enum State {
    /// Until this time.
    Pausing(u64),
    /// Up to this time.
    Connecting(Attempt, u64),
    /// Hello was said; up to this time.
    Greeting(Box<Socket>, u64),
    /// Media flows.
    Up(Box<Socket>),
}

impl SlspLink {
    /// Connects and waits until media may be sent; `headers` are metadata, video and audio headers
    /// that are known already.
    ///
    /// # Errors
    /// What cannot be reached; [`Refused`].
    pub(crate) async fn open(
        url: &HttpUrl,
        options: LinkOptions,
        headers: [Option<Bytes>; 3],
    ) -> anyhow::Result<Self> {
        let clock = Clock::real();
        let now_ms = ms(&clock);
        let mut link = Self {
            state: State::Connecting(attempt(url, options.insecure), now_ms + SETUP_MS),
            url: url.clone(),
            options,
            clock,
            flow: Flow::new(options.adapts, headers),
            detour: None,
            moving: None,
            leaving: None,
            broken: None,
            resumed: 0,
            redirects: 0,
            alive_ms: now_ms,
            stats_ms: now_ms,
        };
        while !link.is_up() {
            link.step().await?;
        }
        Ok(link)
    }

    /// Takes a tag of the source.
    pub(crate) fn send(&mut self, tag: ClipTag) {
        let is_up = self.is_up();
        self.flow.push(tag, is_up);
    }

    /// One thing that happens, on the wire or by the clock. May be dropped and asked again.
    ///
    /// # Errors
    /// [`Refused`], and a connection that broke and could not be replaced in time.
    pub(crate) async fn step(&mut self) -> anyhow::Result<()> {
        let now_ms = ms(&self.clock);
        let outcome = match &mut self.state {
            State::Pausing(until_ms) => {
                sleep(until(*until_ms, now_ms)).await;
                self.connect();
                Ok(())
            }
            State::Connecting(attempt, until_ms) => {
                let until_ms = *until_ms;
                match timeout(until(until_ms, now_ms), attempt).await {
                    Ok(Ok(socket)) => self.greet(socket, until_ms),
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(no_answer(&self.url)),
                }
            }
            State::Greeting(..) | State::Up(_) => self.talk().await,
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => self.broke(error),
        }
    }

    /// Whether media flows.
    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Whether the source has to wait. Where things are left out it never has to.
    pub(crate) fn is_full(&self) -> bool {
        !self.options.adapts && self.flow.waiting_bytes() >= HIGH_WATER_BYTES
    }

    /// Whether all that was sent has arrived.
    pub(crate) fn is_delivered(&self) -> bool {
        self.flow.is_delivered()
    }

    /// How it goes.
    pub(crate) fn gauge(&self) -> Gauge {
        self.flow.gauge()
    }

    /// How often the session went on over a new connection.
    pub(crate) const fn resumed(&self) -> u64 {
        self.resumed
    }

    /// Says good-bye and waits for the server to close.
    pub(crate) async fn close(self) {
        let mut socket = match (self.state, self.leaving) {
            (State::Up(socket), _) => *socket,
            // The session may not have come along yet.
            (_, Some(leaving)) => leaving.into_socket(),
            _ => return,
        };
        if socket
            .send(Opcode::Text, self.flow.bye().as_bytes())
            .is_ok()
        {
            // The server sees the connection end either way.
            let _ = timeout(CLOSE_TIMEOUT, socket.finish()).await;
        }
    }

    fn connect(&mut self) {
        let now_ms = ms(&self.clock);
        let until_ms = match self.flow.resume_ms() {
            Some(_) => now_ms + RESUME_ATTEMPT_MS,
            None => now_ms + SETUP_MS,
        };
        self.state = State::Connecting(attempt(&self.url, self.options.insecure), until_ms);
    }

    fn greet(&mut self, mut socket: Socket, until_ms: u64) -> anyhow::Result<()> {
        socket.send(Opcode::Text, self.flow.hello().as_bytes())?;
        self.state = State::Greeting(Box::new(socket), until_ms);
        Ok(())
    }

    /// Serves the connection.
    async fn talk(&mut self) -> anyhow::Result<()> {
        let now_ms = ms(&self.clock);
        self.leaving.take_if(|leaving| leaving.is_late());
        let wake_ms = self.hand_over(now_ms)?;
        let (State::Greeting(socket, _) | State::Up(socket)) = &mut self.state else {
            return Ok(());
        };
        let came = tokio::select! {
            came = socket.step() => came?,
            outcome = arrival(&mut self.moving) => return self.arrive(outcome),
            () = farewell(&mut self.leaving) => {
                self.leaving = None;
                return Ok(());
            }
            () = sleep(until(wake_ms, now_ms)) => return Ok(()),
        };
        match came {
            Came::Moved => Ok(()),
            Came::Ended => bail!("the connection broke"),
            Came::Closed(Some(CLOSE_NORMAL), reason) if reason.is_empty() => {
                Err(Final::Ended.into())
            }
            Came::Closed(code, reason) => Err(Refused::web_socket(code, &reason).into()),
            Came::Text(text) => {
                let now_ms = ms(&self.clock);
                match self.flow.heard(now_ms, &text)? {
                    Some(event) => self.heard(now_ms, event),
                    None => Ok(()),
                }
            }
        }
    }

    /// Gives the socket what may go out; says when there is something to do by the clock.
    fn hand_over(&mut self, now_ms: u64) -> anyhow::Result<u64> {
        let socket = match &mut self.state {
            State::Up(socket) => socket,
            State::Greeting(_, until_ms) if now_ms < *until_ms => return Ok(*until_ms),
            _ => return Err(no_answer(&self.url)),
        };
        if now_ms >= self.stats_ms {
            self.stats_ms = now_ms + STATS_MS;
            socket.send(Opcode::Text, self.flow.stats(now_ms).as_bytes())?;
        }
        if !self.flow.awaits_ack() {
            self.alive_ms = now_ms;
        }
        while socket.pending_bytes() < SOCKET_BYTES {
            match self.flow.next(now_ms) {
                Some(Message::Text(text)) => socket.send(Opcode::Text, text.as_bytes())?,
                Some(Message::Media(bytes)) => socket.send(Opcode::Binary, &bytes)?,
                None => break,
            }
        }
        // What is left of the window is for another connection.
        let patience_ms = self.flow.resume_ms().map_or(STALL_MS, |ms| ms / 2);
        let patience_ms = patience_ms.clamp(MIN_STALL_MS, STALL_MS);
        let stalls_ms = self.alive_ms + patience_ms;
        if now_ms >= stalls_ms {
            bail!("the server acknowledged nothing for {patience_ms} ms");
        }
        let allowed_ms = self.flow.wait_until(now_ms).unwrap_or(now_ms + LONG_MS);
        Ok(self.stats_ms.min(stalls_ms).min(allowed_ms))
    }

    fn heard(&mut self, now_ms: u64, event: SlspClientEvent) -> anyhow::Result<()> {
        match event {
            SlspClientEvent::Ready(ready) => self.began(now_ms, &ready),
            SlspClientEvent::Acked => {
                (self.alive_ms, self.redirects) = (now_ms, 0);
            }
            SlspClientEvent::Hint(max_kbps) => {
                tracing::info!("the server takes no more than {max_kbps} kbit/s");
            }
            SlspClientEvent::Redirect(url) => return self.redirect(&url),
            SlspClientEvent::Refused {
                code,
                name,
                message,
            } => return Err(Refused::slsp(code, &name, &message).into()),
        }
        Ok(())
    }

    fn began(&mut self, now_ms: u64, ready: &Ready) {
        self.alive_ms = now_ms;
        let state = std::mem::replace(&mut self.state, State::Pausing(now_ms));
        if let State::Greeting(socket, _) = state {
            self.state = State::Up(socket);
        }
        self.detour.take_if(|detour| detour.to == self.url);
        if let Some(leaving) = &mut self.leaving {
            leaving.tell(&self.flow.bye());
        }
        self.resumed += u64::from(ready.resumed);
        if self.broken.take().is_some() || self.leaving.is_some() {
            let goes_on = match ready.resumed {
                true => "goes on",
                false => "begins anew",
            };
            let session = &ready.session;
            tracing::info!(session, "connected again: the stream {goes_on}");
        }
    }

    /// Sets out for elsewhere; media goes on here until we are there.
    fn redirect(&mut self, place: &str) -> anyhow::Result<()> {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            tracing::warn!("redirected more than {MAX_REDIRECTS} times: staying");
            return Ok(());
        }
        let to = elsewhere(&self.url, place)?;
        tracing::info!("the server sends us to {}", to.authority());
        // Who sends us on while we are not there yet has no session of ours.
        let from = match self.detour.take() {
            Some(detour) if detour.to == self.url => detour.from,
            _ => self.url.clone(),
        };
        self.detour = Some(Detour {
            from,
            to: to.clone(),
        });
        if self.is_up() {
            self.moving = Some(Moving::new(attempt(&to, self.options.insecure), to));
        } else {
            self.url = to;
            self.connect();
        }
        Ok(())
    }

    /// There is a connection to where we were sent, or there is none.
    fn arrive(&mut self, outcome: anyhow::Result<Socket>) -> anyhow::Result<()> {
        self.moving = None;
        let (socket, detour) = match (outcome, &self.detour) {
            (Ok(socket), Some(detour)) => (socket, detour),
            (Ok(_), None) => return Ok(()),
            (Err(error), _) => {
                tracing::warn!("{error:#}; staying for now");
                return Ok(());
            }
        };
        self.url = detour.to.clone();
        let now_ms = ms(&self.clock);
        let state = std::mem::replace(&mut self.state, State::Pausing(now_ms));
        if let State::Up(here) = state {
            self.leaving = Some(Leaving::new(*here));
        }
        self.greet(socket, now_ms + RESUME_ATTEMPT_MS)
    }

    /// What to do about a connection that ended: another one, while the session waits for it.
    fn broke(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let now_ms = ms(&self.clock);
        let was_up = self.is_up();
        (self.moving, self.leaving) = (None, None);
        let Some(window_ms) = self.flow.resume_ms() else {
            return Err(error);
        };
        if may_resume(&error, !was_up) {
            if let Some(detour) = &self.detour {
                self.url = detour.other(&self.url);
            }
        } else if !was_up && error.downcast_ref::<SlspError>().is_none() {
            // Who was sent where one is not wanted goes back.
            match self.detour.take() {
                Some(detour) if detour.to == self.url => self.url = detour.from,
                _ => return Err(error),
            }
        } else {
            return Err(error);
        }
        let since_ms = if was_up { self.alive_ms } else { now_ms };
        let is_first = self.broken.is_none();
        let broken = self
            .broken
            .get_or_insert_with(|| Broken::new(since_ms + window_ms));
        let Some(again_ms) = broken.next_attempt(now_ms) else {
            return Err(error.context(format!(
                "the connection could not be made again within {window_ms} ms"
            )));
        };
        if is_first {
            tracing::warn!("{error:#}; resuming");
        } else {
            tracing::debug!("{error:#}; trying again");
        }
        self.state = State::Pausing(again_ms);
        Ok(())
    }
}

fn attempt(url: &HttpUrl, insecure: bool) -> Attempt {
    let url = url.clone();
    Box::pin(async move {
        let upgraded = upgrade(&url, insecure, Some(SUBPROTOCOL)).await?;
        Ok(Socket::new(Box::new(upgraded)))
    })
}

fn no_answer(url: &HttpUrl) -> anyhow::Error {
    anyhow::anyhow!("{}: no answer in time", url.authority())
}

fn ms(clock: &Clock) -> u64 {
    u64::try_from(clock.now_us() / 1000).unwrap_or_default()
}

fn until(then_ms: u64, now_ms: u64) -> Duration {
    Duration::from_millis(then_ms.saturating_sub(now_ms))
}
