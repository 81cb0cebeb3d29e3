//! Answers that are kept, so that a request which is sent again is answered again.

mod stored;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use weir_cluster::store::Waiting;
use weir_store::accounts::ReplyKey;

use crate::refused::Refused;

pub(crate) use stored::StoredReplies;

/// Bytes of an answer that is kept; a larger one is not given again.
pub(crate) const MAX_REPLY_BYTES: usize = 64 * 1024;
/// Answers kept.
const REPLIES: usize = 10_000;
/// Bytes of all answers kept.
const REPLIES_BYTES: usize = 32 * 1024 * 1024;
/// Milliseconds an answer is kept: a day, as long as anybody tries again.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds after which a request that was never answered may be made again.
const RUNNING_MS: i64 = 60_000;

/// Remembers answers.
pub(crate) trait Replies: Send + Sync {
    /// Claims a key for a request of this digest.
    ///
    /// # Errors
    /// Where what is kept cannot be asked.
    fn begin(
        &self,
        key: ReplyKey,
        digest: [u8; 32],
        now_ms: i64,
    ) -> Waiting<'_, Result<Begun, Refused>>;

    /// Keeps the answer; none gives the key back.
    fn finish(&self, key: ReplyKey, reply: Option<Reply>) -> Waiting<'_, ()>;
}

/// What a key stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Nothing yet: go on, and say how it ended.
    First,
    /// The same request is being answered.
    Running,
    /// It stands for another request.
    Another,
    /// This was the answer.
    Answered(Reply),
}

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// They, in this process's memory: on a node without a store.
#[derive(Debug, Default)]
pub(crate) struct MemoryReplies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    /// Oldest first, with when each was claimed.
    order: VecDeque<(String, i64)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    digest: [u8; 32],
    since_ms: i64,
    reply: Option<Reply>,
}

impl Replies for MemoryReplies {
    fn begin(
        &self,
        key: ReplyKey,
        digest: [u8; 32],
        now_ms: i64,
    ) -> Waiting<'_, Result<Begun, Refused>> {
        let begun = self.0.lock().begin(key.id, digest, now_ms);
        Box::pin(std::future::ready(Ok(begun)))
    }

    fn finish(&self, key: ReplyKey, reply: Option<Reply>) -> Waiting<'_, ()> {
        self.0.lock().finish(&key.id, reply);
        Box::pin(std::future::ready(()))
    }
}

impl Kept {
    fn begin(&mut self, key: String, digest: [u8; 32], now_ms: i64) -> Begun {
        self.forget_before(now_ms - KEPT_MS);
        if let Some(entry) = self.entries.get(&key) {
            let lost = entry.reply.is_none() && now_ms - entry.since_ms > RUNNING_MS;
            match &entry.reply {
                _ if entry.digest != digest && !lost => return Begun::Another,
                Some(reply) => return Begun::Answered(reply.clone()),
                None if !lost => return Begun::Running,
                None => self.remove(&key),
            }
        }
        while self.order.len() >= REPLIES {
            self.forget_oldest();
        }
        let entry = Entry {
            digest,
            since_ms: now_ms,
            reply: None,
        };
        self.order.push_back((key.clone(), now_ms));
        self.entries.insert(key, entry);
        Begun::First
    }

    fn finish(&mut self, key: &str, reply: Option<Reply>) {
        let Some(reply) = reply else {
            return self.remove(key);
        };
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        self.bytes += reply.body.len();
        entry.reply = Some(reply);
        while self.bytes > REPLIES_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, ms: i64) {
        while self.order.front().is_some_and(|(_, since)| *since < ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, since_ms)) = self.order.pop_front() {
            // A key that was given back may have been claimed anew.
            if self
                .entries
                .get(&key)
                .is_some_and(|entry| entry.since_ms == since_ms)
            {
                self.remove(&key);
            }
        }
    }

    fn remove(&mut self, key: &str) {
        let reply = self.entries.remove(key).and_then(|entry| entry.reply);
        self.bytes -= reply.map_or(0, |reply| reply.body.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: usize) -> Reply {
        Reply {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: vec![0; bytes].into(),
        }
    }

    #[test]
    fn a_key_stands_for_one_request_for_a_day() {
        let mut kept = Kept::default();
        let mut begin = |digest: u8, now_ms| kept.begin("k".into(), [digest; 32], now_ms);
        assert_eq!(begin(1, 0), Begun::First);
        assert_eq!(begin(1, 10), Begun::Running);
        assert_eq!(begin(2, 10), Begun::Another);
        kept.finish("k", Some(reply(3)));
        let mut begin = |digest: u8, now_ms| kept.begin("k".into(), [digest; 32], now_ms);
        assert_eq!(begin(1, 20), Begun::Answered(reply(3)));
        assert_eq!(begin(2, 20), Begun::Another);
        assert_eq!(begin(2, KEPT_MS + 1), Begun::First);
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn a_request_that_was_never_answered_may_be_made_again() {
        let mut kept = Kept::default();
        assert_eq!(kept.begin("k".into(), [1; 32], 0), Begun::First);
        assert_eq!(kept.begin("k".into(), [1; 32], RUNNING_MS), Begun::Running);
        assert_eq!(
            kept.begin("k".into(), [1; 32], RUNNING_MS + 1),
            Begun::First
        );
        kept.finish("k", None);
        assert_eq!(
            kept.begin("k".into(), [2; 32], RUNNING_MS + 2),
            Begun::First
        );
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let mut kept = Kept::default();
        for n in 0..REPLIES + 10 {
            assert_eq!(kept.begin(format!("k{n}"), [0; 32], 0), Begun::First);
            kept.finish(&format!("k{n}"), Some(reply(MAX_REPLY_BYTES)));
            assert!(kept.bytes <= REPLIES_BYTES && kept.entries.len() <= REPLIES);
        }
        assert_eq!(kept.begin("k0".into(), [0; 32], 0), Begun::First);
        let sum: usize = kept
            .entries
            .values()
            .filter_map(|e| e.reply.as_ref())
            .map(|r| r.body.len())
            .sum();
        assert_eq!(kept.bytes, sum);
    }
}
