//! What goes wrong with Redis, in an operator's words, and each thing said once.

use std::collections::BTreeMap;

use ::redis::{ErrorKind, RedisError};
use parking_lot::Mutex;

/// A trouble that comes and goes is told this often at most, microseconds.
const QUIET_US: i64 = 10_000_000;

/// What a server does that hangs; and, over TLS, one that knows none.
const NO_ANSWER: [&str; 2] = [
    "no answer in time",
    "no answer in time; if it does not speak TLS, use redis://",
];
/// What a server does that goes; and, without TLS, one that wants it.
const HUNG_UP: [&str; 2] = ["it hung up; if it speaks TLS, use rediss://", "it hung up"];

/// Why something could not be done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the way to it.
    Redis(RedisError),
    /// Nothing came in time.
    Silent,
    /// Something else, in words.
    Said(String),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Failure {
    /// Whether the connection may be used on: the server was reached and answered that it will not.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Redis(error) = self else {
            return false;
        };
        matches!(error.code(), Some("NOPERM" | "OOM" | "MISCONF" | "BUSY"))
    }

    /// Whether it is about the way there, and so about all that is done.
    pub(super) fn is_of_the_way(&self) -> bool {
        match self {
            Self::Redis(error) => error.is_io_error(),
            Self::Silent => true,
            Self::Said(_) => false,
        }
    }

    /// The more it tells, the higher: of several servers' failures one is told.
    pub(super) fn tells(&self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Redis(error) if error.is_io_error() => 1,
            Self::Redis(_) => 2,
            Self::Said(_) => 3,
        }
    }

    /// In words, of a server that was spoken to over TLS or not.
    pub(super) fn words(&self, tls: bool) -> String {
        match self {
            Self::Said(words) => words.clone(),
            Self::Silent => NO_ANSWER[usize::from(tls)].to_owned(),
            Self::Redis(error) => of_redis(error, tls),
        }
    }
}

fn of_redis(error: &RedisError, tls: bool) -> String {
    let said = error.to_string();
    // Some come wrapped, as the failure of one command among several.
    let has = |word: &str| said.contains(word);
    let words = match error.code() {
        Some("READONLY") => {
            "it is a replica, which takes no writes: name the master, or use redis+sentinel://"
        }
        Some("MOVED" | "ASK" | "CROSSSLOT") => {
            "it is one server of a Redis Cluster: use redis+cluster://"
        }
        Some("CLUSTERDOWN") => "the Redis Cluster is down: part of it is missing",
        Some("MASTERDOWN") => "it is a replica that lost its master",
        Some("LOADING") => "it is still loading its data",
        Some("BUSY") => "it is busy with somebody's script",
        Some("NOREPLICAS") => "it has fewer replicas than min-replicas-to-write asks for",
        Some("OOM") => "its memory is full: see maxmemory",
        Some("MISCONF") => "it cannot save to its disk and takes no writes",
        Some("NOPERM") => return format!("its user may not do this: {said}"),
        _ if error.kind() == ErrorKind::AuthenticationFailed || has("WRONGPASS") => {
            "user or password is wrong"
        }
        _ if has("NOAUTH") => "it wants a password, and cluster.redis has none",
        _ if has("cluster support disabled") => "it is not a Redis Cluster: use redis://",
        _ => return of_io(error, tls).map_or(said, str::to_owned),
    };
    words.to_owned()
}

/// What is behind an error of the network or of TLS.
fn of_io(error: &RedisError, tls: bool) -> Option<&'static str> {
    let said = error.to_string();
    let has = |word: &str| said.contains(word);
    if has("fatal alert: UnknownCA") || has("fatal alert: BadCertificate") {
        return Some("it does not trust this node's certificate");
    }
    if has("UnknownIssuer") {
        return Some("its certificate is by nobody who is trusted: name the CA with ?ca=FILE");
    }
    if has("not valid for name") || has("NotValidForName") {
        return Some("its certificate is for another name than the one in cluster.redis");
    }
    if has("certificate expired") || has("Expired") {
        return Some("its certificate has expired, or the clocks differ");
    }
    if has("CertificateRequired") {
        return Some("it wants a certificate of this node: ?cert=FILE&key=FILE");
    }
    if has("InvalidContentType") || has("corrupt message") {
        return Some("it does not speak TLS: use redis:// in place of rediss://");
    }
    if error.is_connection_refusal() {
        return Some("connection refused: nothing listens there");
    }
    if error.is_connection_dropped() {
        return Some(HUNG_UP[usize::from(tls)]);
    }
    error.is_timeout().then_some(NO_ANSWER[usize::from(tls)])
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Connect,
    Leases,
    Record,
    Reports,
    Recordings,
    Nonces,
    Read,
    Send,
    Listen,
    Ask,
}

impl What {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Connect => "connect to it",
            Self::Leases => "keep leases there",
            Self::Record => "write this node's record",
            Self::Reports => "write reports",
            Self::Recordings => "agree on recordings there",
            Self::Nonces => "remember nonces there",
            Self::Read => "read from it",
            Self::Send => "send to the other nodes",
            Self::Listen => "hear the other nodes",
            Self::Ask => "ask it",
        }
    }
}

/// What is wrong, told when it changes.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<What, Trouble>>);

#[derive(Debug)]
struct Trouble {
    words: String,
    since_us: i64,
    /// The beginning was told, and the end was not.
    is_told: bool,
    told_us: i64,
    is_over: bool,
}

impl Troubles {
    /// Something failed. What is worth telling, if anything.
    pub(super) fn failed(&self, what: What, words: String, now_us: i64) -> Option<String> {
        let mut all = self.0.lock();
        let fresh = Trouble {
            words: String::new(),
            since_us: now_us,
            is_told: false,
            told_us: i64::MIN,
            is_over: false,
        };
        let trouble = all.entry(what).or_insert(fresh);
        if std::mem::take(&mut trouble.is_over) {
            trouble.since_us = now_us;
        }
        let is_news = trouble.words != words;
        let is_due = !trouble.is_told && now_us.saturating_sub(trouble.told_us) >= QUIET_US;
        if !is_news && !is_due {
            return None;
        }
        let told = format!("cannot {}: {words}", what.words());
        (trouble.words, trouble.is_told, trouble.told_us) = (words, true, now_us);
        Some(told)
    }

    /// Something was done: how long it could not be, seconds, if that was told.
    pub(super) fn went_well(&self, what: What, now_us: i64) -> Option<i64> {
        let mut all = self.0.lock();
        let trouble = all.get_mut(&what).filter(|trouble| !trouble.is_over)?;
        trouble.is_over = true;
        let was_told = std::mem::take(&mut trouble.is_told);
        was_told.then(|| now_us.saturating_sub(trouble.since_us) / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn a_trouble_is_told_once_and_its_end_too() {
        let troubles = Troubles::default();
        let failed = |words: &str, at| troubles.failed(What::Connect, words.into(), at);
        assert_eq!(
            failed("refused", S).as_deref(),
            Some("cannot connect to it: refused")
        );
        for at in 2..60 {
            assert_eq!(failed("refused", at * S), None);
        }
        assert!(
            failed("user or password is wrong", 60 * S).is_some(),
            "another trouble is news"
        );
        assert_eq!(troubles.went_well(What::Connect, 70 * S), Some(69));
        assert_eq!(troubles.went_well(What::Connect, 71 * S), None);
    }

    #[test]
    fn what_comes_and_goes_is_told_seldom() {
        let troubles = Troubles::default();
        let mut told = 0;
        for at in 0..600_i64 {
            told += i32::from(
                troubles
                    .failed(What::Send, "no answer".into(), at * S / 10)
                    .is_some(),
            );
            told += i32::from(troubles.went_well(What::Send, at * S / 10 + 1).is_some());
        }
        assert!((2..=14).contains(&told), "{told} lines in a minute");
    }
}
