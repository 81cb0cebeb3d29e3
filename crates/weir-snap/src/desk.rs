//! Where others ask: for a picture now, and for why there are none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use weir_base::StreamName;
use weir_store::Id;

use crate::shot::Develop;

/// How long somebody who asks is let wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A picture that somebody asks for.
pub(crate) struct Order {
    pub(crate) name: StreamName,
    pub(crate) to: oneshot::Sender<Result<Id, NotTaken>>,
}

/// Why somebody who asked for a picture has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// No such stream is live here.
    #[error("it is not live here")]
    NotLive,
    /// There will be no picture.
    #[error("it has sound alone: there is no picture of it")]
    SoundAlone,
    /// No keyframe came yet.
    #[error("no keyframe of it came yet")]
    TooEarly,
    /// Its keyframe cannot be decoded.
    #[error("{0}")]
    Undecodable(String),
    /// It says nothing of the stream.
    #[error("{0}")]
    Away(String),
}

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Snapper {
    orders: mpsc::Sender<Order>,
    develop: Arc<dyn Develop>,
}

impl Snapper {
    pub(crate) fn new(orders: mpsc::Sender<Order>, develop: Arc<dyn Develop>) -> Self {
        Self { orders, develop }
    }

    /// Takes a picture of a live stream now, and gives the id that it is kept under.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn take(&self, name: StreamName) -> Result<Id, NotTaken> {
        if let Some(why) = self.why_off() {
            return Err(NotTaken::Away(why));
        }
        let busy = || NotTaken::Away("too many pictures are being taken".to_owned());
        let (to, answer) = oneshot::channel();
        let order = Order { name, to };
        self.orders.try_send(order).map_err(|_| busy())?;
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Why no pictures are taken here at all; none where they are.
    pub fn why_off(&self) -> Option<String> {
        self.develop.why_off()
    }
}

impl std::fmt::Debug for Snapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapper")
    }
}
