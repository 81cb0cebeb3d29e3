//! Who takes pictures of live streams, as handlers and pages see it: there or not, and why not; and what this node
//! does with those of others.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use weir_base::StreamName;
use weir_snap::{Album, Develop, NotTaken, Snapper, Tally, TallyNow};
use weir_store::Id;

/// Keyframes of other nodes that are here at once: each may have some MiB.
const LENT_AT_ONCE: usize = 16;

/// Who takes pictures on this node, or why nobody does; who keeps them, and who decodes for others.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// Of this node's own streams; why none, in words.
    pub taken: Result<Snapper, &'static str>,
    /// Where they are kept, on a node with the store.
    pub album: Option<Arc<Album>>,
    /// Who takes those of streams that other nodes own.
    pub elsewhere: Option<Arc<dyn TakesElsewhere>>,
    /// Who decodes keyframes of other nodes, where this one does.
    pub lent: Option<Lent>,
    /// Who counts.
    pub tally: Arc<Tally>,
}

/// What a picture that somebody else takes is waited for with: the id that it is kept under.
pub type TakingElsewhere<'a> = Pin<Box<dyn Future<Output = Result<Id, NotTaken>> + Send + 'a>>;

/// Has other nodes take pictures.
pub trait TakesElsewhere: std::fmt::Debug + Send + Sync + 'static {
    /// Of a stream that another node owns.
    fn take(&self, name: StreamName) -> TakingElsewhere<'_>;

    /// Why there are no pictures of other nodes' streams; none where there are.
    fn why_off(&self) -> Option<String>;
}

/// Decodes keyframes of other nodes, so many at once. Clones share it.
#[derive(Clone)]
pub struct Lent {
    develop: Arc<dyn Develop>,
    places: Arc<Semaphore>,
}

impl Snapshots {
    /// A node that neither takes nor keeps any, and why.
    pub fn off(why: &'static str) -> Self {
        Self {
            taken: Err(why),
            album: None,
            elsewhere: None,
            lent: None,
            tally: Arc::default(),
        }
    }

    /// Why none are taken; none where they are.
    pub(crate) fn why_off(&self) -> Option<String> {
        match (&self.taken, &self.elsewhere) {
            (_, Some(elsewhere)) => elsewhere.why_off(),
            (Ok(snapper), None) => snapper.why_off(),
            (Err(why), None) => Some((*why).to_owned()),
        }
    }

    /// What was counted.
    pub(crate) fn counted(&self) -> TallyNow {
        self.tally.now()
    }

    /// Where the newest public picture of a live stream is.
    pub(crate) fn poster(&self, app: &str, stream: &str) -> Option<String> {
        let id = self.album.as_ref()?.poster(app, stream)?;
        Some(format!("/i/{id}-640.jpg"))
    }
}

impl Lent {
    /// By `develop`.
    pub fn new(develop: Arc<dyn Develop>) -> Self {
        let places = Arc::new(Semaphore::new(LENT_AT_ONCE));
        Self { develop, places }
    }

    /// A place for one keyframe, if there is one.
    pub(crate) fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    pub(crate) fn develop(&self) -> &dyn Develop {
        &*self.develop
    }
}

impl std::fmt::Debug for Lent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lent({} places)", self.places.available_permits())
    }
}
