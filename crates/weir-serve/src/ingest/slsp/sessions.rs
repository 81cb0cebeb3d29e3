//! The tokens of live sessions, and how a session moves from one socket's task to another's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use weir_base::{Code, Refusal, StreamName, ids};

use super::live::Live;

/// Bytes of a token: nobody guesses it while a session lasts.
const TOKEN_BYTES: usize = 16;
/// Sockets that may ask for one session at the same time; more are told that there is none.
const CLAIMS: usize = 16;
/// Time the task that has a session may take to give it away.
const HANDOVER: Duration = Duration::from_secs(2);

/// See the module's words. One entry per SLSP publisher, so bounded by the hub's streams.
#[derive(Clone, Default)]
pub(in crate::ingest) struct Sessions(Arc<Mutex<HashMap<String, SessionSlot>>>);

struct SessionSlot {
    name: StreamName,
    claims: mpsc::Sender<oneshot::Sender<Box<Live>>>,
}

/// A session's place in the table; it leaves it when dropped.
pub(super) struct SessionEntry {
    token: String,
    claims: mpsc::Receiver<oneshot::Sender<Box<Live>>>,
    sessions: Sessions,
}

impl Sessions {
    /// A place and a token for a new session.
    ///
    /// # Errors
    /// 5001 where the system has no randomness to give.
    pub(super) fn enter(&self, name: StreamName) -> Result<SessionEntry, Refusal> {
        let bytes = ids::random_bytes::<TOKEN_BYTES>()
            .map_err(|error| Refusal::new(Code::Overloaded, error.to_string()))?;
        let token = ids::hex(&bytes);
        let (sender, claims) = mpsc::channel(CLAIMS);
        let slot = SessionSlot {
            name,
            claims: sender,
        };
        self.0.lock().insert(token.clone(), slot);
        Ok(SessionEntry {
            token,
            claims,
            sessions: self.clone(),
        })
    }

    /// The live session of this token, if it is one of this stream's. The socket it had is closed by
    /// its own task.
    pub(super) async fn claim(&self, token: &str, name: &StreamName) -> Option<Box<Live>> {
        let claims = self
            .0
            .lock()
            .get(token)
            .filter(|slot| slot.name == *name)?
            .claims
            .clone();
        let (give, take) = oneshot::channel();
        claims.try_send(give).ok()?;
        tokio::pin!(take);
        if let Ok(given) = timeout(HANDOVER, take.as_mut()).await {
            return given.ok();
        }
        // It may have been given in this very moment: then it is ours to keep alive.
        take.close();
        take.try_recv().ok()
    }
}

impl SessionEntry {
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Another socket that wants the session now, if one does and still waits.
    pub(super) fn claimed_now(&mut self) -> Option<oneshot::Sender<Box<Live>>> {
        std::iter::from_fn(|| self.claims.try_recv().ok()).find(|next| !next.is_closed())
    }

    /// Resolves when another socket wants the session.
    pub(super) async fn claimed(&mut self) -> oneshot::Sender<Box<Live>> {
        match self.claims.recv().await {
            Some(next) => next,
            // The table holds the other end for as long as we are in it.
            None => std::future::pending().await,
        }
    }
}

impl Drop for SessionEntry {
    fn drop(&mut self) {
        self.sessions.0.lock().remove(&self.token);
    }
}
