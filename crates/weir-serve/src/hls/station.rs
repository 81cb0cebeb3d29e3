//! One packager at work: follows the ring, renders after each change, rests when nobody asks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use weir_base::ids;
use weir_hub::{Protocol, ReadOutcome, Stream};
use weir_media::Item;
use weir_media::hls::{
    Container, EncryptionConfig, Packager, PackagerConfig, PlaylistOptions, RenditionReport,
    Selection,
};

use super::page::{Page, Pages};
use super::stations::Stations;
use super::viewers::{HlsViewers, SESSION_US};
use crate::config::HlsConfig;
use crate::core::Core;

/// Items read from the ring under one lock.
const ITEMS_PER_READ: usize = 256;
/// Pause after each look, so that a burst of frames is one look.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
/// How often somebody is looked for who still watches.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// See the module's words.
#[derive(Debug)]
pub(super) struct Station {
    /// The stream.
    pub(super) stream: Arc<Stream>,
    /// fMP4 or TS.
    pub(super) container: Container,
    /// Which tracks.
    pub(super) selection: Selection,
    /// Part of all names.
    pub(super) epoch: String,
    /// Target length of a segment, microseconds.
    pub(super) segment_us: i64,
    packager: Mutex<Packager>,
    pages: watch::Sender<Arc<Pages>>,
    last_asked_us: AtomicI64,
    idle_us: i64,
    sessions: HlsViewers,
}

impl Station {
    pub(super) fn new(
        core: &Core,
        stream: Arc<Stream>,
        container: Container,
        selection: Selection,
    ) -> Self {
        let HlsConfig {
            segment_us,
            part_us,
            window_segments,
            key_every_segments,
            idle_us,
        } = core.config.load().hls;
        let epoch = base36(core.hub.clock().wall_us() / 1_000);
        let encrypted = container == Container::Ts && key_every_segments > 0;
        let packager = Packager::new(PackagerConfig {
            container,
            segment_us,
            part_us: (container == Container::Fmp4).then_some(part_us),
            window_segments,
            encryption: encrypted.then_some(EncryptionConfig {
                segments_per_key: key_every_segments,
            }),
            epoch: epoch.clone(),
            selection,
        });
        Self {
            stream,
            container,
            selection,
            epoch,
            segment_us,
            packager: Mutex::new(packager),
            pages: watch::Sender::default(),
            last_asked_us: AtomicI64::new(core.hub.clock().now_us()),
            idle_us,
            sessions: HlsViewers::default(),
        }
    }

    /// What it shows now and from now on.
    pub(super) fn pages(&self) -> watch::Receiver<Arc<Pages>> {
        self.pages.subscribe()
    }

    /// Looks into the packager. Short: everybody waits meanwhile.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Packager) -> T) -> T {
        look(&self.packager.lock())
    }

    pub(super) fn is_of(&self, stream: &Arc<Stream>) -> bool {
        Arc::ptr_eq(&self.stream, stream)
    }

    /// Somebody asked, a viewer or another node: it goes on for a while.
    pub(super) fn touch(&self, now_us: i64) {
        self.last_asked_us.store(now_us, Ordering::Relaxed);
    }

    /// Counts a viewer who asked for a while.
    pub(super) fn asked(&self, now_us: i64, ip: IpAddr, headers: &HeaderMap) {
        if self.sessions.asked(now_us, ip, headers) {
            self.stream.add_viewers(Protocol::Hls, 1);
        }
    }

    fn forget_sessions(&self, older_than_us: i64) {
        let gone = self.sessions.forget(older_than_us);
        let gone = i32::try_from(gone).unwrap_or(i32::MAX);
        self.stream.add_viewers(Protocol::Hls, -gone);
    }

    fn is_idle(&self, now_us: i64) -> bool {
        now_us - self.last_asked_us.load(Ordering::Relaxed) > self.idle_us
    }

    fn render(&self, reports: &[RenditionReport], ended: bool) {
        let packager = self.packager.lock();
        let page = |skip| {
            Page::new(packager.media_playlist(&PlaylistOptions {
                skip,
                query: "",
                reports,
            }))
        };
        let pages = Pages {
            head: packager.head(),
            has_content: packager.has_content(),
            ended,
            full: page(false),
            delta: page(true),
        };
        drop(packager);
        self.pages.send_replace(Arc::new(pages));
    }
}

/// Follows the stream until it is forgotten or nobody asks any more.
pub(super) async fn run(stations: Stations, station: Arc<Station>) {
    let mut follower = Follower {
        stations: stations.clone(),
        station: station.clone(),
        cursor: None,
        paused: false,
        items: Vec::new(),
    };
    let mut check = tokio::time::interval(CHECK_EVERY);
    let mut ended = false;
    loop {
        let changed = station.stream.changed();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if follower.follow() {
            station.render(&follower.reports(), ended);
        }
        tokio::select! {
            () = changed => tokio::time::sleep(LOOK_PAUSE).await,
            _ = check.tick() => {
                let now_us = stations.core().hub.clock().now_us();
                station.forget_sessions(now_us - SESSION_US);
                if !ended && follower.is_forgotten() {
                    ended = true;
                    station.packager.lock().end();
                    station.render(&follower.reports(), ended);
                }
                if station.is_idle(now_us) {
                    break;
                }
            }
            () = stations.core().shutdown.stopping() => break,
        }
    }
    stations.close(&station);
    station.forget_sessions(i64::MAX);
}

struct Follower {
    stations: Stations,
    station: Arc<Station>,
    /// Ring sequence to read next; none before there is a place to begin.
    cursor: Option<u64>,
    paused: bool,
    items: Vec<Item>,
}

impl Follower {
    /// Packages what is new; whether a client can see a change.
    fn follow(&mut self) -> bool {
        let mut changed = false;
        while let Some(cursor) = self.cursor.or_else(|| self.begin(&mut changed)) {
            self.items.clear();
            match self
                .station
                .stream
                .ring
                .read(cursor, ITEMS_PER_READ, &mut self.items)
            {
                ReadOutcome::Read { next } => {
                    self.cursor = Some(next);
                    if self.items.is_empty() {
                        break;
                    }
                    changed |= self.push();
                }
                ReadOutcome::Lagged { lost } => {
                    tracing::warn!(stream = %self.station.stream.name, lost, "the HLS packager fell behind the ring: raise stream.ring_bytes");
                    changed |= self.station.packager.lock().pause();
                    self.cursor = None;
                }
            }
        }
        let live = self.station.stream.is_live();
        if !live && !self.paused {
            changed |= self.station.packager.lock().pause();
        }
        self.paused = !live;
        changed
    }

    /// The first time at the oldest keyframe, to have a window at once.
    fn begin(&mut self, changed: &mut bool) -> Option<u64> {
        let join = self.station.stream.ring.oldest_join()?;
        // By the stream's clock, which goes with it: on whichever node it is packaged next, numbers go on
        // about where they were and do not run backwards.
        let msn = join.dts_us / self.station.segment_us.max(1);
        let mut packager = self.station.packager.lock();
        packager.count_from(u64::try_from(msn).unwrap_or(0));
        drop(packager);
        self.items.clear();
        self.items.push(Item::Tracks(join.tracks));
        *changed |= self.push();
        Some(join.seq)
    }

    fn push(&mut self) -> bool {
        let wall_us = self.station.stream.wall_at_zero_us();
        let mut changed = false;
        let mut packager = self.station.packager.lock();
        for item in &self.items {
            while packager.wants_key() {
                let Ok(key) = ids::random_bytes() else { break };
                if !packager.supply_key(key) {
                    break;
                }
            }
            match packager.push(item, wall_us) {
                Ok(now) => changed |= now,
                Err(error) => {
                    tracing::debug!(stream = %self.station.stream.name, %error, "HLS cannot carry a frame");
                }
            }
        }
        changed
    }

    fn is_forgotten(&self) -> bool {
        let current = self.stations.core().hub.find(&self.station.stream.name);
        !current.is_some_and(|stream| self.station.is_of(&stream))
    }

    /// How far the sibling renditions are that run.
    fn reports(&self) -> Vec<RenditionReport> {
        let siblings = [
            (Selection::VideoOnly, "video.m3u8"),
            (Selection::AudioOnly, "audio.m3u8"),
        ];
        let split = siblings
            .iter()
            .any(|(selection, _)| *selection == self.station.selection);
        siblings
            .iter()
            .filter(|(selection, _)| split && *selection != self.station.selection)
            .filter_map(|(selection, uri)| {
                let sibling = self.stations.find(
                    &self.station.stream.name,
                    self.station.container,
                    *selection,
                )?;
                let head = sibling.pages.borrow().head;
                let (last_msn, last_part) = match head.parts.checked_sub(1) {
                    Some(part) => (head.msn, Some(part)),
                    None => (head.msn.checked_sub(1)?, None),
                };
                Some(RenditionReport {
                    uri: (*uri).to_owned(),
                    last_msn,
                    last_part,
                })
            })
            .collect()
    }
}

fn base36(number: i64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        digits.push(char::from(
            DIGITS.get((rest % 36) as usize).copied().unwrap_or(b'0'),
        ));
        rest /= 36;
    }
    digits.into_iter().rev().collect()
}
