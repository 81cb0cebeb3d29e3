//! From our hub to a server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use weir_base::{Code, Refusal};
use weir_hub::{Cursor, Entry, Hub, JoinPoint, Read, Start, Stream};
use weir_link::rtmp::Direction;
use weir_media::flv::TAG_SCRIPT;
use weir_media::{Item, Metadata, Tracks};
use weir_proto::rtmp::RtmpClientEvent;

use super::{Begun, Link, RtmpRoute, SETUP_LIMIT, sent_away, unreachable};
use crate::deliver::forms::Here;
use crate::deliver::forms::tags::{TagSink, TagWriter};

/// Entries taken at once: few, as the connection's queue is looked at between two reads only.
const ENTRIES_PER_READ: usize = 16;
/// Microseconds behind the stream's head above which we go on at its last keyframe.
const MAX_LAG_US: i64 = 3_000_000;

/// From the server's having answered `connect` to its word on the publish: SRS asks its hook first, which
/// somebody else wrote.
const WORD_LIMIT: Duration = Duration::from_secs(10);
/// A server that closes a publish within so long of its yes did not want it: SRS up to 5 says yes first and
/// asks its hook then.
const EARLY: Duration = Duration::from_secs(2);
/// How long a server that closed a publish may take to show that it is there.
const PROBE_LIMIT: Duration = Duration::from_millis(500);

/// A publish that a server has said yes to; nothing of the stream has gone there yet.
pub(in crate::node) struct AcceptedPublish {
    link: Link,
    /// Where the redirects led.
    place: String,
    since: Instant,
}

impl AcceptedPublish {
    /// Connects and waits until the server accepts; follows redirects.
    pub(super) async fn open(hub: &Hub, mut route: RtmpRoute<'_>) -> Result<Self, Refusal> {
        loop {
            let mut link = Link::connect(&route.url()?, Direction::Publish, hub.clock()).await?;
            let begun = accepted(&mut link).await;
            if let Ok(Begun::Here) = begun {
                return Ok(Self {
                    link,
                    place: route.place,
                    since: Instant::now(),
                });
            }
            link.close().await;
            if let Begun::Elsewhere(place) = begun? {
                route.follow(place)?;
            }
        }
    }

    /// Waits whether the server takes its yes back, for so long.
    pub(super) async fn settle(&mut self, hub: &Hub, within: Duration) -> Result<(), Refusal> {
        let closed = async {
            loop {
                if let Err(refusal) = self.link.step().await.and_then(hear) {
                    return refusal;
                }
            }
        };
        match timeout(within, closed).await {
            Ok(refusal) => {
                let is_early = self.is_closed_early();
                let place = self.place.clone();
                Err(judged(hub, &place, is_early, refusal).await)
            }
            Err(_) => Ok(()),
        }
    }

    /// Sends `stream` from its last keyframe on, until it ends or `stop`.
    pub(super) async fn run(
        self,
        hub: &Hub,
        stream: &Arc<Stream>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Refusal> {
        let mut outgoing = Outgoing::new(self.link, stream);
        let ended = tokio::select! {
            ended = outgoing.run() => ended,
            () = stop => Ok(()),
        };
        let rest = Self {
            link: outgoing.link,
            ..self
        };
        match ended {
            Ok(()) => {
                rest.link.close().await;
                Ok(())
            }
            Err(refusal) => {
                let is_early = rest.is_closed_early();
                let place = rest.place;
                Err(judged(hub, &place, is_early, refusal).await)
            }
        }
    }

    /// Whether the server has taken its yes back at once, or is gone.
    fn is_closed_early(&self) -> bool {
        self.link.is_closed() && self.since.elapsed() < EARLY
    }
}

/// A yes that is taken back at once by a server that is well was a no.
async fn judged(hub: &Hub, place: &str, is_closed_early: bool, refusal: Refusal) -> Refusal {
    if is_closed_early && is_there(hub, place).await {
        return not_wanted();
    }
    refusal
}

/// Whether a server takes connections and answers `connect`.
async fn is_there(hub: &Hub, place: &str) -> bool {
    let asked = async {
        let url = RtmpRoute::new(place, &[]).url().ok()?;
        // As a player, who is asked for nothing: no hook is called for him until he plays.
        let connected = Link::connect(&url, Direction::Play, hub.clock()).await;
        let mut link = connected.ok()?;
        while !link.is_answered() {
            link.step().await.ok()?;
        }
        Some(())
    };
    timeout(PROBE_LIMIT, asked).await.ok().flatten().is_some()
}

/// The server closed the connection instead of answering.
fn not_wanted() -> Refusal {
    let words = "the origin closed the connection when it was asked to take the stream";
    Refusal::new(Code::OriginRefused, words)
}

/// A stream that goes out.
struct Outgoing {
    link: Link,
    cursor: Cursor,
    entries: Vec<Entry>,
    tracks: Arc<Tracks>,
    metadata: Option<Arc<Metadata>>,
    /// Decode time of the last frame queued.
    last_us: i64,
    tags: TagWriter,
}

/// How far the connection's queue was filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// There is no room for more.
    Full,
    /// It has all there is.
    All,
    /// It has all, and nothing follows while nobody publishes.
    Ended,
}

impl Outgoing {
    fn new(link: Link, stream: &Arc<Stream>) -> Self {
        Self {
            link,
            // A server that is too slow gets the newest group of pictures, not ever older ones.
            cursor: stream.follow(Start::Newest).at_most_behind(MAX_LAG_US),
            entries: Vec::new(),
            tracks: Arc::default(),
            metadata: None,
            last_us: 0,
            tags: TagWriter::new(&Tracks::default()),
        }
    }

    /// Sends what comes until it ends.
    async fn run(&mut self) -> Result<(), Refusal> {
        loop {
            let filled = self.fill();
            if filled == Filled::Ended && self.link.pending_bytes() == 0 {
                return Ok(());
            }
            tokio::select! {
                event = self.link.step() => hear(event?)?,
                () = self.cursor.ready(), if filled != Filled::Full => {}
            }
        }
    }

    /// Queues what is new while there is room.
    fn fill(&mut self) -> Filled {
        let mut entries = std::mem::take(&mut self.entries);
        let filled = loop {
            if self.link.is_full() {
                break Filled::Full;
            }
            match self.cursor.read(ENTRIES_PER_READ, &mut entries) {
                Read::Began(join) => self.begin(join),
                Read::Items => entries.drain(..).for_each(|entry| self.put(entry.item)),
                // Times go on, and the codecs' headers come with the new tracks: all of them.
                Read::Broke => self.tags = TagWriter::new(&Tracks::default()),
                Read::Lost(lost) => self.count_lost(lost),
                Read::Nothing => break Filled::All,
                Read::Ended | Read::Forgotten => break Filled::Ended,
            }
        };
        self.entries = entries;
        filled
    }

    fn count_lost(&self, lost: u64) {
        let stream = self.cursor.stream();
        tracing::warn!(stream = %stream.name, lost, "the origin is too slow for the stream: it goes on at a keyframe");
        stream.add_skipped_frames(lost);
    }

    /// Begins at a keyframe, with all that must be known there.
    fn begin(&mut self, join: JoinPoint) {
        self.last_us = join.dts_us;
        self.tracks = join.tracks;
        self.metadata = join.metadata;
        self.tags = TagWriter::new(&self.tracks);
        let here = Here {
            tracks: &self.tracks,
            metadata: self.metadata.as_ref(),
            dts_us: self.last_us,
        };
        self.tags.resume(&here, &mut self.link);
    }

    fn put(&mut self, item: Item) {
        match &item {
            Item::Tracks(tracks) => self.tracks = tracks.clone(),
            Item::Metadata(metadata) => self.metadata = Some(metadata.clone()),
            Item::Frame(frame) => {
                self.last_us = frame.dts_us;
                let size = frame.payload.len() as u64;
                self.cursor.stream().add_sent_bytes(size);
            }
            Item::Discontinuity => {}
        }
        let here = Here {
            tracks: &self.tracks,
            metadata: self.metadata.as_ref(),
            dts_us: self.last_us,
        };
        self.tags.put(&item, &here, &mut self.link);
    }
}

impl TagSink for Link {
    fn tag(&mut self, tag_type: u8, time_ms: u32, head: &[u8], payload: &[u8]) {
        if tag_type == TAG_SCRIPT {
            self.send_metadata(head);
        } else {
            self.send(tag_type, time_ms, head, payload);
        }
    }
}

/// Waits for the server's yes.
///
/// # Errors
/// What it says when it says no, 2008 when it closes the connection instead, 5002 when it is not well.
async fn accepted(link: &mut Link) -> Result<Begun, Refusal> {
    let mut by = Instant::now() + SETUP_LIMIT;
    let mut is_asked = false;
    loop {
        let Ok(next) = timeout_at(by, link.next()).await else {
            return Err(unreachable("the origin did not answer in time"));
        };
        if link.is_answered() && !std::mem::replace(&mut is_asked, true) {
            by = Instant::now() + WORD_LIMIT;
        }
        match next {
            Err(_) if link.was_turned_away() => return Err(not_wanted()),
            Err(refusal) => return Err(refusal),
            Ok(RtmpClientEvent::PublishStarted { .. }) => return Ok(Begun::Here),
            Ok(RtmpClientEvent::Redirect { url }) => return Ok(Begun::Elsewhere(url)),
            Ok(RtmpClientEvent::Reconnect {
                tc_url: Some(there),
            }) => {
                return Ok(Begun::Elsewhere(link.stream_at(&there)));
            }
            Ok(RtmpClientEvent::Closed) => {
                return Err(unreachable("the origin ended the stream before it began"));
            }
            Ok(_) => {}
        }
    }
}

fn hear(event: Option<RtmpClientEvent>) -> Result<(), Refusal> {
    match event {
        Some(RtmpClientEvent::Redirect { .. } | RtmpClientEvent::Reconnect { .. }) => {
            Err(sent_away())
        }
        Some(RtmpClientEvent::Closed) => Err(unreachable("the origin ended the stream")),
        _ => Ok(()),
    }
}
