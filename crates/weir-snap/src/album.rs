//! Keeps pictures: the file among the assets, the row, the event that tells of it, and how long all of it stays.
//!
//! A picture of a stream that everybody may watch and that stands in lists is kept where everybody's pictures are,
//! under a name that nobody guesses: it is the poster of its card. All others are kept apart from those.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use weir_base::{Shutdown, StreamName, rfc3339};
use weir_events::Log;
use weir_store::broadcasts::BroadcastFilter;
use weir_store::channels::{Channel, Visibility};
use weir_store::events::{Fact, NewEvent};
use weir_store::objects::{Class, Key, Stored};
use weir_store::snapshots::Snapshot;
use weir_store::{Id, Store, StoreError};

use crate::config::SnapshotConfig;
use crate::posters::Posters;
use crate::shot::{Caption, Keep, Keeping, Kept, Picture};

/// The type of event that tells of a picture.
const TAKEN: &str = "snapshot.taken";
/// Between two looks for pictures that are too old.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Between two looks for what other nodes kept.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Milliseconds that are read again at each: clocks of two nodes differ, and a row may be there late.
const AGAIN_MS: i64 = 10_000;
/// Milliseconds that a node which starts looks back.
const BACK_MS: i64 = 120_000;
/// Rows read at once.
const BATCH: u32 = 500;
/// Digits of a digest that name a public picture: nobody finds two with one.
const NAME_DIGITS: usize = 32;

/// Knows whether anybody may watch an app's streams that are no channel's.
pub trait Openness: Send + Sync + 'static {
    /// Whether no signature is asked for.
    fn is_open(&self, app: &str) -> bool;

    /// The settings in force.
    fn config(&self) -> SnapshotConfig;
}

/// What a picture is waited for with by whoever looks at it next.
pub type Looking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Is given each picture that is kept, and each keyframe that has none: whoever has people look at them.
pub trait LookedAt: Send + Sync + 'static {
    /// It is there; without a file where the keyframe cannot be decoded.
    fn look<'a>(&'a self, row: &'a Snapshot, jpeg: Option<Bytes>) -> Looking<'a>;
}

/// What it works with.
pub struct AlbumParts {
    /// Rows and objects.
    pub store: Store,
    /// Is told of what is new.
    pub log: Log,
    /// Who may watch, and for how long pictures stay.
    pub openness: Arc<dyn Openness>,
    /// Where the public reaches the site; empty where nobody said.
    pub site_url: String,
    /// Who looks at pictures, if anybody does.
    pub looked_at: Option<Arc<dyn LookedAt>>,
}

/// Pictures of streams with their rows, and the posters of those that are live.
pub struct Album {
    parts: AlbumParts,
    posters: Posters,
}

impl Album {
    /// An empty one; what was kept before is found in the store.
    pub fn new(parts: AlbumParts) -> Self {
        Self {
            parts,
            posters: Posters::default(),
        }
    }

    /// Removes what is too old, until the process stops.
    pub async fn run(&self, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!("old pictures of streams stay for now: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(SWEEP_EVERY) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Sees what other nodes keep, for the cards of this one's pages, until the process stops.
    pub async fn follow(&self, shutdown: Shutdown) {
        let mut since_ms = self.parts.store.now_ms() - BACK_MS;
        loop {
            match self.see_since(since_ms).await {
                Ok(()) => since_ms = self.parts.store.now_ms() - AGAIN_MS,
                Err(error) => tracing::debug!("others' pictures are not seen: {error}"),
            }
            tokio::select! {
                () = tokio::time::sleep(FOLLOW_EVERY) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    async fn see_since(&self, since_ms: i64) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let mut after = Id::first_of(since_ms);
        loop {
            let rows = store.snapshots().after(after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            rows.iter().for_each(|row| self.posters.see(row));
        }
        self.posters.forget(store.now_ms());
        Ok(())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let keep_ms = self.parts.openness.config().keep_s.saturating_mul(1_000);
        let before_ms = store.now_ms().saturating_sub(keep_ms);
        while store.snapshots().prune(before_ms).await? {}
        Ok(())
    }

    async fn put(
        &self,
        caption: &Caption,
        picture: Result<&Picture, &String>,
    ) -> Result<Snapshot, StoreError> {
        let store = &self.parts.store;
        let channel = self.channel_of(&caption.name).await?;
        let mut row = self.row(caption, channel.as_ref()).await?;
        match picture {
            Ok(picture) => {
                let stored = Stored::of(&picture.jpeg);
                let is_public = self.is_public(caption, channel.as_ref());
                // Of its row too: what goes takes nobody else's along that looks the same.
                let named = [row.id.to_string().as_bytes(), &picture.jpeg].concat();
                let digest = Stored::of(&named).sha256;
                let name = digest.get(..NAME_DIGITS).unwrap_or_default();
                let start = name.get(..2).unwrap_or_default();
                row.object = match is_public {
                    // As other pictures are named.
                    true => format!("i/{start}/{name}-{}.jpg", picture.canvas.width()),
                    false => format!("s/{start}/{}.jpg", row.id),
                };
                (row.width, row.height) = (
                    picture.canvas.width().into(),
                    picture.canvas.height().into(),
                );
                row.bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
                row.sha256 = stored.sha256.clone();
                let key =
                    Key::new(&row.object).map_err(|error| StoreError::Fault(error.to_string()))?;
                let assets = store.objects(Class::Assets);
                assets.put(&key, picture.jpeg.clone()).await?;
                if let Err(error) = store.snapshots().write(&row).await {
                    // Nothing would name it any more.
                    let _ = assets.delete(&key).await;
                    return Err(error);
                }
                self.posters.see(&row);
                if caption.is_told {
                    self.tell(&row).await?;
                }
            }
            Err(why) => {
                row.fault = why.chars().take(200).collect();
                store.snapshots().write(&row).await?;
            }
        }
        if let Some(looked_at) = &self.parts.looked_at {
            let jpeg = picture.ok().map(|picture| picture.jpeg.clone());
            looked_at.look(&row, jpeg).await;
        }
        let keep = self.parts.openness.config().keep_count;
        store.snapshots().keep_newest(&row.stream, keep).await?;
        Ok(row)
    }

    async fn row(
        &self,
        caption: &Caption,
        channel: Option<&Channel>,
    ) -> Result<Snapshot, StoreError> {
        let store = &self.parts.store;
        let stream = caption.name.to_string();
        let of_stream = BroadcastFilter {
            stream: Some(&stream),
            ..BroadcastFilter::default()
        };
        let broadcasts = store.broadcasts().list(of_stream, None, 1).await?;
        // The first picture may be here before its broadcast is told of.
        let broadcast = broadcasts
            .first()
            .filter(|one| one.ended_ms == 0 || one.ended_ms >= caption.taken_ms);
        Ok(Snapshot {
            user_id: channel.map_or_else(String::new, |channel| channel.user_id.to_string()),
            id: store.next_id()?,
            channel_id: channel.map_or_else(String::new, |channel| channel.id.to_string()),
            app: caption.name.app().to_owned(),
            session: broadcast.map_or_else(String::new, |one| one.id.to_string()),
            reason: caption.reason.name().to_owned(),
            fault: String::new(),
            object: String::new(),
            sha256: String::new(),
            bytes: 0,
            width: 0,
            height: 0,
            taken_ms: caption.taken_ms,
            stream,
        })
    }

    async fn channel_of(&self, name: &StreamName) -> Result<Option<Channel>, StoreError> {
        // With a virtual host before it the name is another's.
        if !name.vhost().is_empty() {
            return Ok(None);
        }
        match self.parts.store.channels().by_name(name.stream()).await {
            Ok(channel) => Ok(Some(channel).filter(|channel| channel.app == name.app())),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_public(&self, caption: &Caption, channel: Option<&Channel>) -> bool {
        let is_listed = channel.is_none_or(|channel| channel.visibility == Visibility::Public);
        is_listed && self.parts.openness.is_open(caption.name.app())
    }

    /// Id of the newest public picture of a live stream that everybody may watch.
    pub fn poster(&self, app: &str, stream: &str) -> Option<String> {
        self.posters.find(app, stream)
    }

    /// The newest picture of a live stream, everybody's or not: its id, and when it was taken.
    pub fn newest(&self, app: &str, stream: &str) -> Option<(Id, i64)> {
        self.posters.newest(app, stream)
    }

    async fn tell(&self, row: &Snapshot) -> Result<(), StoreError> {
        let path = format!("/api/v1/snapshots/{}/{}.jpg", row.stream, row.id);
        let url = format!("{}{path}", self.parts.site_url.trim_end_matches('/'));
        let data = json!({
            "snapshot": row.id, "reason": row.reason, "url": url, "path": path, "width": row.width, "height": row.height,
            "bytes": row.bytes, "taken_at": rfc3339(row.taken_ms), "taken_s": row.taken_ms.div_euclid(1_000),
        });
        let event = NewEvent {
            id: self.parts.store.next_id()?,
            kind: TAKEN.to_owned(),
            app: row.app.clone(),
            stream: row.stream.clone(),
            session: row.session.parse().ok(),
            cause: 0,
            data: data.to_string(),
            at_ms: row.taken_ms,
        };
        self.parts
            .store
            .events()
            .record(&[Fact::Other(event)])
            .await?;
        self.parts.log.poke();
        Ok(())
    }
}

impl Keep for Album {
    fn keep<'a>(&'a self, caption: Caption, picture: Result<Picture, String>) -> Keeping<'a> {
        Box::pin(async move {
            let kept = self.put(&caption, picture.as_ref()).await;
            let row = kept.map_err(|error| error.to_string())?;
            Ok(Kept {
                id: row.id,
                fault: row.fault,
            })
        })
    }

    fn has_ended(&self, name: &StreamName) {
        self.posters.has_ended(name);
    }
}

impl std::fmt::Debug for Album {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Album")
    }
}
