//! The loops that accept connections at doors of TCP.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use weir_base::{Backoff, BackoffPlan, Code, Dice, Refusal, limits};

use super::{Conn, Prefixed, proxy};
use crate::core::Core;

/// After an accept error (usually: out of descriptors), so that the loop does not spin.
const ACCEPT_AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(20),
    cap: Duration::from_millis(500),
    steady: Duration::ZERO,
};

/// One accepted connection.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, after PROXY header and TLS.
    pub conn: Conn,
    /// Bytes read from it already.
    pub read: Bytes,
    /// The client; what a trusted proxy said about it.
    pub client: SocketAddr,
}

/// Accepts until shutdown, each connection in a task of its own.
pub async fn run<F, Fut>(
    core: Core,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    protocol: weir_hub::Protocol,
    handle: F,
) where
    F: Fn(Accepted) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_IN_SETUP));
    let mut backoff = Backoff::new(ACCEPT_AGAIN, Dice::system());
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A draining node still answers: that it drains.
            () = core.shutdown.stopping() => return,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => {
                backoff.worked(ACCEPT_AGAIN.steady);
                accepted
            }
            Err(error) => {
                let pause = backoff.failed();
                if backoff.is_worth_a_line() {
                    let tries = backoff.failures();
                    tracing::warn!(%error, tries, "cannot accept a connection");
                }
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        let (tls, handle, shared) = (tls.clone(), handle.clone(), core.clone());
        core.tasks.spawn("connection", async move {
            let prepared = prepare(&shared, socket, peer, tls).await;
            drop(place);
            match prepared {
                Ok(accepted) => handle(accepted).await,
                Err(refusal) => shared.refused(&refusal, protocol, "a connection", peer.ip()),
            }
        });
    }
}

async fn prepare(
    core: &Core,
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> Result<Accepted, Refusal> {
    // Nagle would hold the end of each flush back until the viewer acknowledges its beginning.
    let _ = socket.set_nodelay(true);
    let within = core.config.load().door.head;
    let (socket, client) = if core.config.load().proxy.trusts(peer.ip()) {
        proxy::accept(socket, peer, within).await?
    } else {
        (Prefixed::new(Bytes::new(), socket), peer)
    };
    let Some(tls) = tls else {
        let (read, socket) = socket.into_parts();
        return Ok(Accepted {
            conn: Conn::Plain(socket),
            read,
            client,
        });
    };
    match tokio::time::timeout(within, tls.accept(socket)).await {
        Ok(Ok(stream)) => Ok(Accepted {
            conn: Conn::Tls(Box::new(stream)),
            read: Bytes::new(),
            client,
        }),
        Ok(Err(error)) => Err(Refusal::new(Code::ProtocolError, format!("TLS: {error}"))),
        Err(_) => Err(Refusal::new(Code::TooSlow, "no TLS hello in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_without_descriptors_does_not_spin() {
        for seed in 0..20 {
            let backoff = Backoff::new(ACCEPT_AGAIN, Dice::seeded(seed));
            let tries = backoff.tries_within(Duration::from_secs(10));
            assert!((20..=46).contains(&tries), "{tries}");
        }
    }
}
