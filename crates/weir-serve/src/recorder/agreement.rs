//! Which recording a broadcast goes into, agreed on with the other nodes: whoever takes a stream over goes on with what
//! is recorded of it, and whoever lost it does not end what goes on elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{Clock, Id, StreamName};
use weir_cluster::limits::RECORDINGS_PER_BATCH;
use weir_cluster::recorded::{RecordingAct, RecordingOp, RecordingSaid};
use weir_cluster::store::Store;
use weir_cluster::{LeaseKey, Name};
use weir_hub::Stream;

/// Tries to ask the registry before a stream is recorded all the same, as if nobody had: its packager keeps what is made
/// meanwhile.
const TRIES: u32 = 3;
/// Between two of them.
const AGAIN: Duration = Duration::from_millis(500);

/// What this node records, as the others are told.
pub(super) struct Agreement {
    store: Arc<dyn Store>,
    me: Name,
    clock: Clock,
    said: Mutex<HashMap<LeaseKey, Word>>,
}

/// What was said of a stream, for as long as it lives here.
struct Word {
    recording: Option<Id>,
    stream: Weak<Stream>,
}

impl Agreement {
    /// Nothing is recorded yet.
    pub(super) fn new(store: Arc<dyn Store>, me: Name, clock: Clock) -> Self {
        Self {
            store,
            me,
            clock,
            said: Mutex::default(),
        }
    }

    /// What the broadcast of `stream` goes into: what another node has begun, else `own`; none where nothing of it is to
    /// be recorded any more.
    pub(super) async fn take(&self, stream: &Arc<Stream>, own: Id) -> RecordingSaid {
        self.say(stream, Some(own), RecordingAct::Take).await
    }

    /// It goes into this from now on, whatever was said of it.
    pub(super) async fn begin(&self, stream: &Arc<Stream>, own: Id) -> RecordingSaid {
        self.say(stream, Some(own), RecordingAct::Begin).await
    }

    /// Somebody wants no more of it to be recorded: no other node begins anew.
    pub(super) async fn stop(&self, stream: &Weak<Stream>) {
        if let Some(stream) = stream.upgrade() {
            self.say(&stream, None, RecordingAct::Begin).await;
        }
    }

    /// The broadcast is over here; whether it is over at all, and does not go on at another node.
    pub(super) async fn end(&self, name: &StreamName, recording: Id) -> bool {
        let Ok(key) = LeaseKey::of(name) else {
            return true;
        };
        self.forget(&key, recording);
        let op = self.op(key, Some(recording), RecordingAct::End);
        self.ask(vec![op]).await.is_none_or(|said| said.is_own)
    }

    fn forget(&self, key: &LeaseKey, recording: Id) {
        let mut said = self.said.lock();
        if said
            .get(key)
            .is_some_and(|said| said.recording == Some(recording))
        {
            said.remove(key);
        }
    }

    /// Says anew what is recorded here, so that it is known for another term.
    pub(super) async fn keep(&self) {
        let mut ops = Vec::new();
        self.said.lock().retain(|key, said| {
            let lives = said.stream.strong_count() > 0;
            let act = if lives {
                RecordingAct::Keep
            } else {
                RecordingAct::End
            };
            ops.push(self.op(key.clone(), said.recording, act));
            lives
        });
        for some in ops.chunks(RECORDINGS_PER_BATCH) {
            // Said again in some seconds, and it holds for many of them.
            if self.store.recorded(some.to_vec()).await.is_err() {
                return;
            }
        }
    }

    /// Where nobody answers, it is as this node says.
    async fn say(
        &self,
        stream: &Arc<Stream>,
        recording: Option<Id>,
        act: RecordingAct,
    ) -> RecordingSaid {
        let alone = RecordingSaid {
            recording,
            is_own: true,
            at_ms: self.clock.wall_ms(),
        };
        let Ok(key) = LeaseKey::of(&stream.name) else {
            return alone;
        };
        let answer = self.ask(vec![self.op(key.clone(), recording, act)]).await;
        let answer = answer.unwrap_or(alone);
        let said = Word {
            recording: answer.recording,
            stream: Arc::downgrade(stream),
        };
        self.said.lock().insert(key, said);
        answer
    }

    fn op(&self, key: LeaseKey, recording: Option<Id>, act: RecordingAct) -> RecordingOp {
        RecordingOp {
            key,
            node: self.me.clone(),
            recording,
            act,
        }
    }

    /// What the registry says; `None` where it does not answer.
    async fn ask(&self, ops: Vec<RecordingOp>) -> Option<RecordingSaid> {
        for attempt in 1..=TRIES {
            if let Ok(said) = self.store.recorded(ops.clone()).await {
                return said.into_iter().next();
            }
            if attempt < TRIES {
                tokio::time::sleep(AGAIN).await;
            }
        }
        tracing::warn!(
            "the registry does not say what other nodes record: this one records as if there were none"
        );
        None
    }
}
