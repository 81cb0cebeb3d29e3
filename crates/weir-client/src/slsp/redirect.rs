//! On the way to another server: the connection that is made there while media flows here, and the
//! one that is left once media flows there.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use weir_link::url::HttpUrl;
use weir_proto::ws::{CLOSE_NORMAL, Opcode};

use super::socket::Socket;
use super::{Attempt, RESUME_ATTEMPT_MS, no_answer};

/// For saying `bye` to a server that sent us elsewhere.
const FAREWELL: Duration = Duration::from_millis(300);

/// A redirect, until a session runs where it leads.
#[derive(Debug)]
pub(super) struct Detour {
    /// Where we were.
    pub(super) from: HttpUrl,
    /// Where we are sent.
    pub(super) to: HttpUrl,
}

impl Detour {
    /// Where to try next when it is of no use at `here`: the one place, then the other.
    pub(super) fn other(&self, here: &HttpUrl) -> HttpUrl {
        if *here == self.to {
            self.from.clone()
        } else {
            self.to.clone()
        }
    }
}

/// A connection that is being made while another one carries the media.
pub(super) struct Moving {
    attempt: Attempt,
    until: Instant,
    to: HttpUrl,
}

impl Moving {
    pub(super) fn new(attempt: Attempt, to: HttpUrl) -> Self {
        Self {
            attempt,
            until: Instant::now() + Duration::from_millis(RESUME_ATTEMPT_MS),
            to,
        }
    }
}

/// The connection, once there is one or cannot be one. May be dropped and asked again; never comes
/// if nobody is on the way.
pub(super) async fn arrival(moving: &mut Option<Moving>) -> anyhow::Result<Socket> {
    let Some(moving) = moving else {
        return pending().await;
    };
    match timeout_at(moving.until, &mut moving.attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Err(no_answer(&moving.to)),
    }
}

/// A connection to a server that sent us elsewhere, until it was told that we are there.
pub(super) struct Leaving {
    socket: Socket,
    /// Once it is told: for how long to try.
    until: Option<Instant>,
}

impl Leaving {
    /// A connection that is still silent.
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            until: None,
        }
    }

    /// We are elsewhere now: `bye` is for this one.
    pub(super) fn tell(&mut self, bye: &str) {
        // A connection that is gone need not be told.
        let _ = self.socket.send(Opcode::Text, bye.as_bytes());
        let _ = self.socket.send_close(CLOSE_NORMAL);
        self.until = Some(Instant::now() + FAREWELL);
    }

    /// Whether the time for it is over.
    pub(super) fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// The connection, if we are to stay after all.
    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }
}

/// When the server left behind was told, or will not be any more. May be dropped and asked again;
/// never comes if there is none, or it is too early to tell it.
pub(super) async fn farewell(leaving: &mut Option<Leaving>) {
    match leaving {
        Some(Leaving {
            socket,
            until: Some(until),
        }) => {
            // The server sees the connection end either way.
            let _ = timeout_at(*until, socket.flush()).await;
        }
        _ => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_farewell_that_nobody_takes_is_over_in_time_however_often_it_is_interrupted() {
        let (near, _far) = duplex(16);
        let mut leaving = Some(Leaving::new(Socket::new(Box::new(near))));
        let mut told = timeout(Duration::from_millis(50), farewell(&mut leaving)).await;
        assert!(told.is_err(), "it is too early");
        leaving.as_mut().unwrap().tell(&"bye".repeat(100));
        let began = Instant::now();
        while told.is_err() && !leaving.as_ref().unwrap().is_late() {
            told = timeout(Duration::from_millis(20), farewell(&mut leaving)).await;
        }
        let took = began.elapsed();
        assert!(
            took >= FAREWELL && took < FAREWELL + Duration::from_secs(1),
            "{took:?}"
        );
    }
}
