//! From our hub to a server.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use weir_base::Refusal;
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

/// A stream that goes out.
pub(super) struct Outgoing {
    pub(super) link: Link,
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
    /// Connects and waits until the server accepts; follows redirects.
    pub(super) async fn open(
        hub: &Hub,
        mut route: RtmpRoute<'_>,
        stream: Arc<Stream>,
    ) -> Result<Self, Refusal> {
        loop {
            let mut link = Link::connect(&route.url()?, Direction::Publish, hub.clock()).await?;
            let begun = accepted(&mut link).await;
            if let Ok(Begun::Here) = begun {
                return Ok(Self {
                    link,
                    // A server that is too slow gets the newest group of pictures, not ever older ones.
                    cursor: stream.follow(Start::Newest).at_most_behind(MAX_LAG_US),
                    entries: Vec::new(),
                    tracks: Arc::default(),
                    metadata: None,
                    last_us: 0,
                    tags: TagWriter::default(),
                });
            }
            link.close().await;
            if let Begun::Elsewhere(place) = begun? {
                route.follow(place)?;
            }
        }
    }

    /// Sends what comes until it ends.
    pub(super) async fn run(&mut self) -> Result<(), Refusal> {
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
                // Times go on, and the codecs' headers come with the new tracks.
                Read::Broke => {}
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
async fn accepted(link: &mut Link) -> Result<Begun, Refusal> {
    let by = Instant::now() + SETUP_LIMIT;
    loop {
        let Ok(next) = timeout_at(by, link.next()).await else {
            return Err(unreachable("the origin did not answer in time"));
        };
        match next? {
            RtmpClientEvent::PublishStarted { .. } => return Ok(Begun::Here),
            RtmpClientEvent::Redirect { url } => return Ok(Begun::Elsewhere(url)),
            RtmpClientEvent::Reconnect {
                tc_url: Some(there),
            } => {
                return Ok(Begun::Elsewhere(link.stream_at(&there)));
            }
            RtmpClientEvent::Closed => {
                return Err(unreachable("the origin ended the stream before it began"));
            }
            _ => {}
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
