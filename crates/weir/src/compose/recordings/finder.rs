//! Finds recordings that this node has nothing of: the database says where they are, the node that records them or the
//! store has them, and a cache of its own keeps what was read.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use weir_api::{ClipPlace, RecordingPlace};
use weir_base::{Clock, Code, Id, Refusal};
use weir_cluster::record::Scope;
use weir_cluster::run::Cluster;
use weir_cluster::{Name, Scheme};
use weir_keep::{Archive, ColdReads, Slice, SliceCache};
use weir_link::http::BodyLimits;
use weir_link::node::{NodeClient, NodeRequest, refusal_in};
use weir_link::walk::{AnyNode, Unserved, WalkRequest};
use weir_record::block::{BlockName, MAX_BLOCK_BYTES};
use weir_record::clips::stretch;
use weir_record::manifest::{self, MAX_MANIFEST_BYTES};
use weir_record::{Elsewhere, Recording, Spool, View, merged};
use weir_serve::hls::{Archives, FoundById, FoundObjection, FoundPoster, FoundRecording};
use weir_store::Store;

use super::read_view;

/// How long what was found counts, microseconds: so long may one be played that was taken away.
const FOUND_US: i64 = 2_000_000;
/// The same of what is not there.
const NOT_FOUND_US: i64 = 1_000_000;
/// Recordings that are known at once; beyond that the ones go that were looked at longest ago.
const MAX_KNOWN: usize = 512;
/// How long another node may take for the head of an answer, and between two pieces of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a place.
const MAX_PLACE_BYTES: usize = 16 * 1024;

/// Who knows where recordings are.
pub(in crate::compose) enum Places {
    /// The database of this node.
    Own(Store),
    /// One of the api nodes.
    Of(Box<AnyNode>),
    /// Nobody: this node is alone and has no database.
    Nobody,
}

/// What the finder is made of.
pub(in crate::compose) struct FinderParts {
    pub(in crate::compose) places: Places,
    pub(in crate::compose) cluster: Cluster,
    pub(in crate::compose) me: String,
    pub(in crate::compose) client: NodeClient,
    /// What this node has itself.
    pub(in crate::compose) spool: Spool,
    pub(in crate::compose) archive: Option<Archive>,
    pub(in crate::compose) cache: Arc<SliceCache>,
    pub(in crate::compose) clock: Clock,
    pub(in crate::compose) cold: ColdReads,
}

/// Knows for a moment what it has found, and asks once for all who want the same.
pub(in crate::compose) struct Finder {
    parts: Arc<FinderParts>,
    known: Mutex<HashMap<Id, Arc<Sought>>>,
}

/// A recording, asked for once however many want it.
#[derive(Default)]
struct Sought {
    last: tokio::sync::Mutex<Option<Finding>>,
    /// When it was asked last whether it is hidden, and what was said then.
    said: tokio::sync::Mutex<(Option<i64>, bool)>,
    /// When it was looked at last, microseconds.
    asked_us: std::sync::atomic::AtomicI64,
}

#[derive(Clone)]
struct Finding {
    at_us: i64,
    place: Option<RecordingPlace>,
    /// All nodes that have parts of it told of them.
    is_whole: bool,
    outcome: Result<FoundById, Refusal>,
}

impl Finder {
    pub(in crate::compose) fn new(parts: FinderParts) -> Self {
        Self {
            parts: Arc::new(parts),
            known: Mutex::default(),
        }
    }

    fn known(&self, id: Id, now_us: i64) -> Arc<Sought> {
        use std::sync::atomic::Ordering;
        let mut known = self.known.lock();
        if known.len() >= MAX_KNOWN && !known.contains_key(&id) {
            let asked_us = |known: &Sought| known.asked_us.load(Ordering::Relaxed);
            let oldest = known.iter().min_by_key(|(_, known)| asked_us(known));
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                known.remove(&oldest);
            }
        }
        let known = known.entry(id).or_default().clone();
        known.asked_us.store(now_us, Ordering::Relaxed);
        known
    }
}

impl Archives for Finder {
    fn find(&self, id: Id) -> FoundRecording<'_> {
        Box::pin(async move {
            let now_us = self.parts.clock.now_us();
            let known = self.known(id, now_us);
            // Whoever comes meanwhile waits for the same answer.
            let mut last = known.last.lock().await;
            let now_us = self.parts.clock.now_us();
            if let Some(found) = last.as_ref().filter(|found| found.is_good(now_us)) {
                return found.outcome.clone();
            }
            let found = self.parts.look(id, last.as_ref()).await;
            let outcome = found.outcome.clone();
            *last = Some(found);
            outcome
        })
    }

    fn objection(&self, id: Id) -> FoundObjection<'_> {
        Box::pin(async move {
            let now_us = self.parts.clock.now_us();
            let known = self.known(id, now_us);
            let mut said = known.said.lock().await;
            let now_us = self.parts.clock.now_us();
            match said.0 {
                Some(at_us) if now_us - at_us < FOUND_US => {}
                // Who cannot ask goes by what was said last, and asks no more for a moment.
                _ => {
                    let asked = self.parts.place(id).await;
                    let is_hidden = asked.map(|place| place.is_some_and(|place| place.hidden));
                    let now_us = self.parts.clock.now_us();
                    *said = (Some(now_us), is_hidden.unwrap_or(said.1));
                }
            }
            said.1.then(hidden)
        })
    }

    fn poster(&self, id: Id) -> FoundPoster<'_> {
        Box::pin(async move {
            let archive = self.parts.archive.as_ref()?;
            let found = tokio::time::timeout(ANSWER_TIMEOUT, archive.poster(id)).await;
            // One that cannot be had now is made anew.
            found.ok()?.ok().flatten()
        })
    }
}

impl Finding {
    fn is_good(&self, now_us: i64) -> bool {
        let for_us = if self.outcome.is_ok() {
            FOUND_US
        } else {
            NOT_FOUND_US
        };
        now_us - self.at_us < for_us
    }
}

impl FinderParts {
    async fn look(self: &Arc<Self>, id: Id, before: Option<&Finding>) -> Finding {
        let place = self.place(id).await;
        let (mut is_whole, mut outcome) = (true, Err(not_there()));
        match &place {
            Ok(Some(place)) if place.hidden => outcome = Err(hidden()),
            Ok(Some(RecordingPlace {
                clip: Some(clip), ..
            })) => outcome = of_clip(clip),
            Ok(Some(place)) => {
                // One that is over and is where it was is what it was.
                let same = before.filter(|before| {
                    before.is_whole && place.ended_ms > 0 && before.place.as_ref() == Some(place)
                });
                outcome = match same.and_then(|before| before.outcome.as_ref().ok()) {
                    Some(found) => Ok(found.clone()),
                    None => {
                        let found = self.open(id, place).await;
                        is_whole = found.as_ref().is_ok_and(|(_, is_whole)| *is_whole);
                        found.map(|(recording, _)| FoundById::Recording(recording))
                    }
                };
            }
            Ok(None) => {
                let (cache, gone) = (self.cache.clone(), id);
                let _ = tokio::task::spawn_blocking(move || cache.forget_recording(gone)).await;
            }
            Err(refusal) => outcome = Err(refusal.clone()),
        }
        Finding {
            at_us: self.clock.now_us(),
            place: place.ok().flatten(),
            is_whole,
            outcome,
        }
    }

    async fn place(&self, id: Id) -> Result<Option<RecordingPlace>, Refusal> {
        let away = |words: String| Refusal::new(Code::OriginUnreachable, words);
        let nodes = match &self.places {
            Places::Own(store) => {
                let found = RecordingPlace::find(store, id).await;
                return found
                    .map_err(|error| away(format!("the store does not say where it is: {error}")));
            }
            Places::Of(nodes) => nodes,
            Places::Nobody => return Ok(None),
        };
        let request = WalkRequest {
            target: format!("/api/v1/nodes/recordings/{id}"),
            json: String::new(),
            bytes: bytes::Bytes::new(),
            timeout: ANSWER_TIMEOUT,
            max_bytes: MAX_PLACE_BYTES,
        };
        match nodes.ask(&request).await {
            Ok(answer) => {
                let place = serde_json::from_slice(&answer.body);
                place
                    .map(Some)
                    .map_err(|error| away(format!("an api node answers what is no place: {error}")))
            }
            Err(Unserved::Missing(_)) => Ok(None),
            Err(error) => Err(away(error.to_string())),
        }
    }

    /// From the nodes that have parts of it; where one does not answer, from the store, too. Says whether all have told.
    async fn open(
        self: &Arc<Self>,
        id: Id,
        place: &RecordingPlace,
    ) -> Result<(Arc<Recording>, bool), Refusal> {
        let Told {
            parts,
            homes,
            own,
            refused,
        } = self.told(id, place).await?;
        let is_whole = refused.is_none();
        let none = || Refusal::new(Code::OriginUnreachable, "no node has it");
        let mut view = merged(parts).ok_or_else(|| refused.unwrap_or_else(none))?;
        // Nobody else says it of one whose node is gone.
        view.facts.ended_ms = view
            .facts
            .ended_ms
            .or(Some(place.ended_ms).filter(|ended_ms| *ended_ms > 0));
        let stored = view.blocks.iter().filter(|block| block.is_stored);
        let blocks = Blocks(Arc::new(Place {
            parts: self.clone(),
            homes,
            vhost: view.facts.vhost.clone(),
            stored: stored.map(|block| block.name).collect(),
        }));
        let recording = Recording::shared(view, own, Arc::new(blocks));
        Ok((Arc::new(recording), is_whole))
    }

    async fn told(&self, id: Id, place: &RecordingPlace) -> Result<Told, Refusal> {
        let mut told = Told {
            own: self.spool.find(id),
            ..Told::default()
        };
        if let Some(own) = told.own.clone() {
            told.parts.push(read_view(own).await?);
        }
        let others = place.nodes().filter(|node| **node != self.me);
        let asked = others.map(async |node| {
            let gone = || Refusal::new(Code::OriginUnreachable, format!("{node} is away"));
            let base = self.base(node).ok_or_else(gone)?;
            let view = self.view_of(&base, id, place).await?;
            Ok::<_, Refusal>((base, view))
        });
        for answer in join_all(asked).await {
            match answer {
                Ok((base, view)) => {
                    let names = view.blocks.iter().map(|block| block.name);
                    told.homes.extend(names.map(|name| (name, base.clone())));
                    told.parts.push(view);
                }
                Err(refusal) => told.refused = Some(refusal),
            }
        }
        if told.refused.is_some() || told.parts.is_empty() {
            told.parts.extend(self.stored(id).await?);
        }
        let is_it = |view: &View| {
            let facts = &view.facts;
            facts.id == id && facts.app == place.app && facts.stream == place.stream
        };
        match told.parts.iter().all(is_it) {
            true => Ok(told),
            false => Err(Refusal::new(
                Code::OriginUnreachable,
                "what another node has is another recording",
            )),
        }
    }

    async fn stored(&self, id: Id) -> Result<Vec<View>, Refusal> {
        let Some(archive) = &self.archive else {
            return Ok(Vec::new());
        };
        let words = |error| format!("the store does not have it: {error}");
        archive
            .parts(id)
            .await
            .map_err(|error| Refusal::new(Code::OriginUnreachable, words(error)))
    }

    /// Where another node is reached; none of one that is no member, or this one.
    fn base(&self, node: &str) -> Option<String> {
        let http = [Scheme::Http, Scheme::Https];
        let name = Name::new(node).ok().filter(|_| node != self.me)?;
        self.cluster.with(|member, _| {
            let record = member.view().find(&name)?.record.as_ref()?;
            Some(record.address(&http, Scope::Internal, None)?.url.clone())
        })
    }

    async fn view_of(&self, base: &str, id: Id, place: &RecordingPlace) -> Result<View, Refusal> {
        let query = query(&[("vhost", &place.vhost)]);
        let target = format!("/r/{id}/view?{query}");
        let bytes = self.fetch(base, &target, MAX_MANIFEST_BYTES).await?;
        let words = || {
            Refusal::new(
                Code::OriginUnreachable,
                format!("{base} answers what is no recording"),
            )
        };
        manifest::decode(&bytes).ok_or_else(words)
    }

    async fn fetch(&self, base: &str, target: &str, max_bytes: usize) -> Result<Bytes, Refusal> {
        let request = NodeRequest {
            base,
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            head_timeout: ANSWER_TIMEOUT,
        };
        let limits = BodyLimits {
            max_bytes,
            piece_timeout: ANSWER_TIMEOUT,
        };
        let answer = self.client.fetch(request, limits).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(refusal_in(base, status, &answer.headers, &answer.body)),
        }
    }
}

fn of_clip(clip: &ClipPlace) -> Result<FoundById, Refusal> {
    let words = "an api node answers what is no clip";
    let wrong = |_| Refusal::new(Code::OriginUnreachable, words);
    let of = clip.recording.parse().map_err(wrong)?;
    Ok(FoundById::Clip(of, stretch(clip.from_ms, clip.to_ms)))
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs).finish()
}

/// What is known of a recording, by those who have parts of it.
#[derive(Default)]
struct Told {
    parts: Vec<View>,
    /// Which node has a block.
    homes: HashMap<BlockName, String>,
    own: Option<Arc<Recording>>,
    /// Why somebody told nothing.
    refused: Option<Refusal>,
}

fn hidden() -> Refusal {
    Refusal::new(Code::ReplayHidden, "somebody has hidden this recording")
}

fn not_there() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such recording")
}

/// The blocks of one recording.
struct Blocks(Arc<Place>);

/// Where they are.
struct Place {
    parts: Arc<FinderParts>,
    homes: HashMap<BlockName, String>,
    vhost: String,
    stored: HashSet<BlockName>,
}

impl Elsewhere for Blocks {
    fn read(&self, id: Id, name: BlockName, place: Range<u32>) -> io::Result<Bytes> {
        let slice = Slice::new(id, name, &place);
        let fetch = |attempt| self.0.read(slice, attempt);
        self.0.parts.cold.get(slice, fetch)
    }

    fn ahead(&self, id: Id, name: BlockName, place: Range<u32>) {
        let slice = Slice::new(id, name, &place);
        let own = self.0.clone();
        let fetch = move |attempt| {
            let own = own.clone();
            async move { own.read(slice, attempt).await }
        };
        self.0.parts.cold.ahead(slice, fetch);
    }
}

impl Place {
    /// From the store, which asks nobody's disk; else from the node that records it, and from there first where what came
    /// was damaged.
    async fn read(&self, slice: Slice, attempt: u32) -> io::Result<Bytes> {
        let is_stored = self.stored.contains(&slice.name)
            && (attempt == 0 || !self.homes.contains_key(&slice.name));
        let archive = self.parts.archive.as_ref().filter(|_| is_stored);
        let mut refused = None;
        if let Some(archive) = archive {
            let place = slice.start..slice.end;
            match archive.read(slice.id, slice.name, place).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => refused = Some(error.to_string()),
            }
        }
        if let Some(base) = self.homes.get(&slice.name) {
            let (from, to) = (slice.start.to_string(), slice.end.to_string());
            let query = query(&[("vhost", &self.vhost), ("from", &from), ("to", &to)]);
            let target = format!("/r/{}/{}.blk?{query}", slice.id, slice.name);
            match self.parts.fetch(base, &target, MAX_BLOCK_BYTES).await {
                Ok(bytes) => return Ok(bytes),
                Err(refusal) => refused = Some(refusal.to_string()),
            }
        }
        let words = refused.unwrap_or_else(|| "nobody has this block".to_owned());
        Err(io::Error::new(io::ErrorKind::HostUnreachable, words))
    }
}
