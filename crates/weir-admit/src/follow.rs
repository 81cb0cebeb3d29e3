//! A node's side of the snapshot: begins from the copy on disk, asks api nodes for what changed, and keeps both the
//! rulebook and the copy up to date. How they are asked is whoever composes the node's to say.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::book::Rulebook;
use crate::snapshot::Position;
use crate::snapshot::copy::DiskCopy;
use crate::snapshot::wire::{self, Update, WireError};

/// Between two questions where nobody tells of a change: what is asked for is small when there is none.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for: a whole snapshot of a large site over a slow line.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a disk that took nothing is left alone: a whole snapshot for its sake every second would be the load of a
/// thousand nodes whose disks are full.
const DISK_AGAIN: Duration = Duration::from_secs(60);

/// Bytes for [`wire::read`]; `None` where nothing has changed. In words what went wrong.
pub type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send + 'a>>;

/// Somebody who has the newest snapshot: an api node.
pub trait Source: Send + Sync {
    /// What changed since then; all of it for `None`.
    fn fetch(&self, since: Option<Position>) -> Fetched<'_>;
}

/// Keeps one node's rulebook and its copy on disk.
#[derive(Debug)]
pub struct Follower {
    rulebook: Arc<Rulebook>,
    disk: DiskCopy,
    /// What came last did not fit: all of it is asked for.
    is_lost: bool,
    /// When the disk last took nothing.
    disk_failed: Option<Instant>,
}

impl Follower {
    /// For this rulebook, which knows what the copy in `file` knows from now on.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(rulebook: Arc<Rulebook>, file: &Path) -> io::Result<Self> {
        let (disk, known) = DiskCopy::open(file)?;
        if let Some(snapshot) = known {
            let counts = snapshot.counts();
            tracing::info!(
                channels = counts.channels,
                keys = counts.keys,
                bans = counts.bans,
                "admission begins with what this node knew"
            );
            rulebook.install(snapshot);
        }
        Ok(Self {
            rulebook,
            disk,
            is_lost: false,
            disk_failed: None,
        })
    }

    /// What to ask for: what changed since then, or all of it.
    pub fn since(&self) -> Option<Position> {
        let rests = self
            .disk_failed
            .is_some_and(|failed| failed.elapsed() < DISK_AGAIN);
        let wants_whole = self.is_lost || (self.disk.wants_whole() && !rests);
        (!wants_whole).then(|| self.rulebook.position()).flatten()
    }

    /// Takes what came. It takes a moment where that is a whole snapshot: not on a thread that serves others.
    ///
    /// # Errors
    /// When it makes no sense or does not fit: what was known still counts, and [`Self::since`] asks for all.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let taken = self.install(bytes);
        self.is_lost = taken.is_err();
        taken
    }

    fn install(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let mut update = wire::read(bytes)?;
        if let Update::Delta(delta) = &update {
            self.rulebook.take(delta)?;
        }
        let kept = self.disk.keep(&update, bytes);
        if let Err(error) = kept {
            self.disk_failed = Some(Instant::now());
            tracing::warn!(%error, "the copy of what admission knows cannot be written; going on without");
        }
        if let Update::Whole(snapshot) = &mut update {
            self.rulebook.install(std::mem::take(snapshot));
        }
        Ok(())
    }

    /// Asks `source` every second, and at once when `told`, until `stopped`.
    pub async fn run(
        mut self,
        source: Arc<dyn Source>,
        told: Arc<Notify>,
        stopped: impl Future<Output = ()>,
    ) {
        tokio::pin!(stopped);
        let mut trouble: Option<String> = None;
        loop {
            let asked = tokio::time::timeout(ANSWER_WAIT, source.fetch(self.since()));
            let fetched = tokio::select! {
                () = &mut stopped => return,
                fetched = asked => fetched.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            };
            let outcome = match fetched {
                Ok(None) => Ok(()),
                Err(words) => Err(words),
                Ok(Some(bytes)) => {
                    let work = tokio::task::spawn_blocking(move || {
                        let taken = self.take(&bytes).map_err(|error| error.to_string());
                        (self, taken)
                    });
                    // It ends in a panic or not at all; the hook has told of that.
                    let Ok((follower, taken)) = work.await else {
                        return;
                    };
                    self = follower;
                    taken
                }
            };
            tell(&mut trouble, outcome.err());
            tokio::select! {
                () = &mut stopped => return,
                () = told.notified() => {}
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
        }
    }
}

/// Tells of a trouble when it begins, when it is another, and when it is over.
fn tell(trouble: &mut Option<String>, now: Option<String>) {
    if *trouble == now {
        return;
    }
    match &now {
        Some(words) => {
            tracing::warn!(
                "what admission should know cannot be fetched: {words}; what is known counts on"
            );
        }
        None => tracing::info!("what admission should know is fetched again"),
    }
    *trouble = now;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use parking_lot::Mutex;

    use super::*;
    use crate::book::FileRules;
    use crate::rules::AppRules;
    use crate::snapshot::journal::{Answer, Journal};
    use crate::snapshot::{Change, Snapshot};

    /// An api node, which may be away or talk nonsense.
    struct Api {
        journal: Journal,
        is_away: AtomicBool,
        is_mad: AtomicBool,
        wholes: AtomicUsize,
        asked: Mutex<Vec<Option<u64>>>,
    }

    impl Source for Api {
        fn fetch(&self, since: Option<Position>) -> Fetched<'_> {
            self.asked
                .lock()
                .push(since.as_ref().map(|since| since.version));
            let answer = if self.is_away.load(Ordering::Relaxed) {
                Err("away".to_owned())
            } else if self.is_mad.swap(false, Ordering::Relaxed) {
                Ok(Some(b"nonsense".to_vec()))
            } else {
                self.wholes
                    .fetch_add(usize::from(since.is_none()), Ordering::Relaxed);
                match self.journal.answer(since.as_ref()) {
                    Answer::Nothing => Ok(None),
                    Answer::Bytes(bytes) => Ok(Some(bytes.to_vec())),
                }
            };
            Box::pin(std::future::ready(answer))
        }
    }

    fn api() -> Arc<Api> {
        Arc::new(Api {
            journal: Journal::new(Snapshot::new("s", 1)),
            is_away: AtomicBool::new(false),
            is_mad: AtomicBool::new(false),
            wholes: AtomicUsize::new(0),
            asked: Mutex::default(),
        })
    }

    fn app(limit: u32) -> Vec<Change> {
        let rules = AppRules {
            max_kbps: Some(limit),
            ..AppRules::default()
        };
        vec![Change::App {
            name: "live".into(),
            rules: Arc::new(rules),
        }]
    }

    fn book() -> Arc<Rulebook> {
        Arc::new(Rulebook::new(FileRules::default()))
    }

    /// Waits, in the time of the test, until the rulebook stands at `version`.
    async fn reaches(book: &Rulebook, version: u64) {
        let stands = || book.position().is_some_and(|here| here.version == version);
        for _ in 0..200 {
            if stands() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("stands at {:?} and not at {version}", book.position());
    }

    #[tokio::test]
    async fn a_change_arrives_at_once_where_it_is_told_of_and_soon_where_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (api, book, told) = (api(), book(), Arc::new(Notify::new()));
        let follower = Follower::open(book.clone(), &dir.path().join("admission")).unwrap();
        let story = async {
            reaches(&book, 1).await;
            api.journal.push(app(5), 2).unwrap();
            told.notify_one();
            reaches(&book, 2).await;
            assert_eq!(book.app("live").rules.max_kbps, Some(5));
            api.journal.push(app(6), 3).unwrap();
            reaches(&book, 3).await;
            // Nonsense is survived: the next question is for all of it.
            api.is_mad.store(true, Ordering::Relaxed);
            api.journal.push(app(7), 4).unwrap();
            reaches(&book, 4).await;
        };
        tokio::select! {
            () = story => {}
            () = follower.run(api.clone(), told.clone(), std::future::pending()) => unreachable!(),
        }
        assert_eq!(api.wholes.load(Ordering::Relaxed), 2);
        assert_eq!(book.app("live").rules.max_kbps, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_takes_nothing_costs_one_whole_snapshot_a_minute() {
        let dir = tempfile::tempdir().unwrap();
        let (api, book, told) = (api(), book(), Arc::new(Notify::new()));
        let file = dir.path().join("not there/admission");
        let follower = Follower::open(book.clone(), &file).unwrap();
        let wholes = || api.wholes.load(Ordering::Relaxed);
        let story = async {
            reaches(&book, 1).await;
            tokio::time::sleep(DISK_AGAIN / 2).await;
            assert_eq!(wholes(), 1);
            api.journal.push(app(5), 2).unwrap();
            reaches(&book, 2).await;
            assert_eq!(wholes(), 1, "what changed is enough for admission");
            std::fs::create_dir(file.parent().unwrap()).unwrap();
            tokio::time::sleep(DISK_AGAIN).await;
            assert_eq!(wholes(), 2, "and the disk is tried again");
        };
        tokio::select! {
            () = story => {}
            () = follower.run(api.clone(), told.clone(), std::future::pending()) => unreachable!(),
        }
        let again = super::tests::book();
        Follower::open(again.clone(), &file).unwrap();
        assert_eq!(again.app("live").rules.max_kbps, Some(5));
    }

    #[tokio::test]
    async fn a_node_that_starts_while_nobody_answers_knows_what_it_knew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("admission");
        let (api, told) = (api(), Arc::new(Notify::new()));
        api.journal.push(app(5), 2).unwrap();
        let first = book();
        let follower = Follower::open(first.clone(), &file).unwrap();
        tokio::select! {
            () = async {
                reaches(&first, 2).await;
                api.journal.push(app(6), 3).unwrap();
                reaches(&first, 3).await;
            } => {}
            () = follower.run(api.clone(), told.clone(), std::future::pending()) => unreachable!(),
        }
        api.is_away.store(true, Ordering::Relaxed);
        api.asked.lock().clear();
        let again = book();
        let follower = Follower::open(again.clone(), &file).unwrap();
        assert_eq!(again.app("live").rules.max_kbps, Some(6));
        tokio::select! {
            () = async {
                while api.asked.lock().is_empty() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                api.is_away.store(false, Ordering::Relaxed);
                api.journal.push(app(7), 4).unwrap();
                told.notify_one();
                reaches(&again, 4).await;
            } => {}
            () = follower.run(api.clone(), told.clone(), std::future::pending()) => unreachable!(),
        }
        let asked = api.asked.lock().clone();
        assert!(
            asked.iter().all(Option::is_some),
            "what changed is enough: {asked:?}"
        );
    }
}
