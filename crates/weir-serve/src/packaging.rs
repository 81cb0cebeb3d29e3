//! A packager at work on a live stream: it follows the ring, and shows its playlists anew after each
//! change. It runs as long as somebody holds it, an HTTP station or a recorder, and knows of no viewer and
//! no HTTP.

mod page;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use weir_base::{Clock, Shutdown, StreamName, Tasks, ids};
use weir_hub::{Cursor, Entry, JoinKind, JoinPoint, Read, Start, Stream};
use weir_media::Item;
use weir_media::hls::{
    Container, EncryptionConfig, Packager, PackagerConfig, PlaylistOptions, Promises,
    RenditionReport, Selection,
};

use crate::config::HlsConfig;

pub use page::{Page, Pages};

/// Pause after each look, so that a burst of frames is one look.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Where numbers count from, Unix microseconds: 2024-01-01. They fit into 31 bits until 2041, as some players
/// want them.
const NUMBER_EPOCH_US: i64 = 1_704_067_200_000_000;
/// Microseconds for each segment number that a packager leaves to those before it. They counted by one for each
/// segment, none of which is that short, on whichever node and however long ago: so numbers never run
/// backwards (RFC 8216bis §6.2.2), over restarts and takeovers too, and nobody keeps them.
const SEGMENT_NUMBER_US: i64 = 250_000;
/// The same for discontinuities: one in ten seconds, so that players hear that times begin anew with a new
/// life of a stream. All renditions of it have the same numbers.
const DISCONTINUITY_NUMBER_US: i64 = 10_000_000;
/// Numbers of discontinuities a stream begins with are below this: hls.js has an array as long as the number,
/// which it walks through. They begin anew after a day, less than which no player waits through.
const DISCONTINUITY_NUMBERS: u64 = 8192;
/// Numbers of three digits to the base of 36.
const EPOCH_RANDOM: i64 = 36 * 36 * 36;

/// One packager of one stream, and the pages it renders. An `Arc` of it keeps it running.
#[derive(Debug)]
pub struct Packaging {
    /// Read by one cursor of the packager.
    pub stream: Arc<Stream>,
    /// fMP4 or TS.
    pub container: Container,
    /// Which tracks.
    pub selection: Selection,
    /// Part of all names.
    pub epoch: String,
    /// Target length of a segment, microseconds.
    pub segment_us: i64,
    packager: Mutex<Packager>,
    pages: watch::Sender<Arc<Pages>>,
    /// Dropped with the last holder, which ends the task.
    _held: oneshot::Sender<()>,
}

impl Packaging {
    fn new(
        stream: Arc<Stream>,
        container: Container,
        selection: Selection,
        settings: &HlsConfig,
        clock: &Clock,
        held: oneshot::Sender<()>,
    ) -> Self {
        let segment_us = settings.segment_us();
        let segments_per_key = settings.key_every_segments;
        let epoch = new_epoch(clock.wall_us() / 1_000);
        let encrypted = container == Container::Ts && segments_per_key > 0;
        let packager = Packager::new(PackagerConfig {
            container,
            segment_us,
            part_us: (container == Container::Fmp4).then_some(settings.part_us()),
            window_segments: settings.window_segments,
            encryption: encrypted.then_some(EncryptionConfig { segments_per_key }),
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
            _held: held,
        }
    }

    /// What it shows now and from now on.
    pub fn pages(&self) -> watch::Receiver<Arc<Pages>> {
        self.pages.subscribe()
    }

    /// Looks into the packager, for segments and parts. Short: everybody waits meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&Packager) -> T) -> T {
        look(&self.packager.lock())
    }

    fn key(&self) -> PackagingKey {
        (self.stream.name.clone(), self.container, self.selection)
    }

    /// Whether it packages this very stream, not another of its name.
    pub fn is_of(&self, stream: &Arc<Stream>) -> bool {
        Arc::ptr_eq(&self.stream, stream)
    }

    fn begin(&self, join: JoinPoint) -> bool {
        let wall_us = self.stream.wall_at_zero_us().saturating_add(join.dts_us);
        let msn = since_epoch(wall_us, SEGMENT_NUMBER_US);
        let begun = since_epoch(self.stream.begun_wall_us(), DISCONTINUITY_NUMBER_US);
        let discontinuity = (begun % DISCONTINUITY_NUMBERS).saturating_add(join.breaks);
        self.packager.lock().count_from(msn, discontinuity);
        let changed = self.push([&Item::Tracks(join.tracks)]);
        if join.kind != JoinKind::Sound {
            return changed;
        }
        let still = self.stream.ring.still_before(join.dts_us).into_iter();
        let still: Vec<_> = still.map(Item::Frame).collect();
        changed | self.push(&still)
    }

    /// Packages items; whether a client can see a change.
    fn push<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> bool {
        let wall_us = self.stream.wall_at_zero_us();
        let mut changed = false;
        let mut packager = self.packager.lock();
        for item in items {
            while packager.wants_key() {
                let Ok(key) = ids::random_bytes() else { break };
                if !packager.supply_key(key) {
                    break;
                }
            }
            match packager.push(item, wall_us) {
                Ok(now) => changed |= now,
                Err(error) => {
                    tracing::debug!(stream = %self.stream.name, %error, "HLS cannot carry a frame");
                }
            }
        }
        changed
    }

    fn pause(&self) -> bool {
        self.packager.lock().pause()
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

/// Which packagers run: at most one per stream, container and selection. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Packagings(Arc<Mutex<Floor>>);

#[derive(Debug, Default)]
struct Floor {
    running: HashMap<PackagingKey, Weak<Packaging>>,
    /// What was promised of streams that are still there, for packagers that rested meanwhile: at most one
    /// for each packager that a stream of the hub can have.
    promised: HashMap<PackagingKey, (Weak<Stream>, Promises)>,
}

type PackagingKey = (StreamName, Container, Selection);

/// What a packager needs to run.
#[derive(Debug, Clone, Copy)]
pub struct Workshop<'a> {
    /// How it cuts.
    pub settings: &'a HlsConfig,
    /// The node's clock.
    pub clock: &'a Clock,
    /// Where its task runs.
    pub tasks: &'a Tasks,
    /// When it ends at the latest.
    pub shutdown: &'a Shutdown,
}

impl Packagings {
    /// The one that runs.
    pub fn find(
        &self,
        name: &StreamName,
        container: Container,
        selection: Selection,
    ) -> Option<Arc<Packaging>> {
        let floor = self.0.lock();
        let key = (name.clone(), container, selection);
        floor.running.get(&key)?.upgrade()
    }

    /// Notes what a packager has promised, for the next of its stream.
    fn promised(&self, packaging: &Packaging) {
        let Some(promises) = packaging.with(Packager::promises) else {
            return;
        };
        let stream = Arc::downgrade(&packaging.stream);
        let mut floor = self.0.lock();
        floor.promised.insert(packaging.key(), (stream, promises));
    }

    /// The one that runs for this very stream, started if there is none.
    pub fn open(
        &self,
        workshop: Workshop<'_>,
        stream: &Arc<Stream>,
        container: Container,
        selection: Selection,
    ) -> Arc<Packaging> {
        let mut floor = self.0.lock();
        let key = (stream.name.clone(), container, selection);
        let running = floor.running.get(&key).and_then(Weak::upgrade);
        if let Some(running) = running.filter(|running| running.is_of(stream)) {
            return running;
        }
        floor
            .running
            .retain(|_, packaging| packaging.strong_count() > 0);
        floor
            .promised
            .retain(|_, (stream, _)| stream.strong_count() > 0);
        let (held, released) = oneshot::channel();
        let packaging = Arc::new(Packaging::new(
            stream.clone(),
            container,
            selection,
            workshop.settings,
            workshop.clock,
            held,
        ));
        if let Some((promised_of, promises)) = floor.promised.get(&key)
            && std::ptr::eq(promised_of.as_ptr(), Arc::as_ptr(stream))
        {
            packaging.packager.lock().keep_promises(*promises);
        }
        floor.running.insert(key, Arc::downgrade(&packaging));
        let follower = Follower {
            packaging: Arc::downgrade(&packaging),
            siblings: self.clone(),
            cursor: stream.follow(Start::Oldest),
            entries: Vec::new(),
            is_paused: false,
            is_over: false,
            has_promised: false,
        };
        let run = follower.run(released, workshop.shutdown.clone());
        workshop.tasks.spawn("hls", run);
        packaging
    }
}

/// The task's side of a packager.
struct Follower {
    packaging: Weak<Packaging>,
    siblings: Packagings,
    /// From the oldest keyframe on, to have a window at once.
    cursor: Cursor,
    entries: Vec<Entry>,
    is_paused: bool,
    is_over: bool,
    has_promised: bool,
}

impl Follower {
    /// Follows the stream until it is forgotten or nobody holds the packager any more.
    async fn run(mut self, mut released: oneshot::Receiver<()>, shutdown: Shutdown) {
        loop {
            let Some(packaging) = self.packaging.upgrade() else {
                return;
            };
            if self.follow(&packaging) {
                packaging.render(&self.reports(&packaging), self.is_over);
                if !self.has_promised && packaging.with(Packager::has_content) {
                    self.has_promised = true;
                    self.siblings.promised(&packaging);
                }
            }
            drop(packaging);
            if self.is_over {
                return;
            }
            tokio::select! {
                () = self.cursor.ready() => tokio::time::sleep(LOOK_PAUSE).await,
                _ = &mut released => return,
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Packages what is new; whether a client can see a change.
    fn follow(&mut self, packaging: &Packaging) -> bool {
        let mut changed = false;
        loop {
            let read = self.cursor.read(Cursor::BATCH, &mut self.entries);
            let was_paused = std::mem::take(&mut self.is_paused);
            match read {
                Read::Began(join) => changed |= packaging.begin(join),
                Read::Items => {
                    changed |= packaging.push(self.entries.iter().map(|entry| &entry.item));
                }
                Read::Broke => changed |= packaging.push([&Item::Discontinuity]),
                Read::Lost(lost) => {
                    tracing::warn!(stream = %packaging.stream.name, lost, "the HLS packager fell behind the ring: raise stream.ring_bytes");
                    changed |= packaging.pause();
                }
                Read::Nothing => return changed,
                Read::Ended => {
                    self.is_paused = true;
                    return changed | (!was_paused && packaging.pause());
                }
                Read::Forgotten => {
                    packaging.packager.lock().end();
                    self.is_over = true;
                    return true;
                }
            }
        }
    }

    /// How far the sibling renditions are that run.
    fn reports(&self, packaging: &Packaging) -> Vec<RenditionReport> {
        let siblings = [
            (Selection::VideoOnly, "video.m3u8"),
            (Selection::AudioOnly, "audio.m3u8"),
        ];
        let split = siblings
            .iter()
            .any(|(selection, _)| *selection == packaging.selection);
        siblings
            .iter()
            .filter(|(selection, _)| split && *selection != packaging.selection)
            .filter_map(|(selection, uri)| {
                let sibling =
                    self.siblings
                        .find(&packaging.stream.name, packaging.container, *selection)?;
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

fn since_epoch(wall_us: i64, step_us: i64) -> u64 {
    let steps = wall_us.saturating_sub(NUMBER_EPOCH_US) / step_us;
    u64::try_from(steps).unwrap_or(0)
}

/// The name of a packager's life that begins at `now_ms`: later ones are greater. Three random digits behind the time,
/// because packagers of two nodes may begin in one millisecond and their segments may go into one recording.
fn new_epoch(now_ms: i64) -> String {
    let random = ids::random_bytes().map_or(0, u16::from_le_bytes);
    let digits = base36(i64::from(random) % EPOCH_RANDOM);
    format!("{}{digits:0>3}", base36(now_ms))
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

#[cfg(test)]
mod tests {
    use weir_hub::hub::PublishRequest;
    use weir_hub::{Grant, Hub, Protocol, Publisher};
    use weir_media::flv::RawFrame;
    use weir_media::{FrameKind, TrackKind};
    use weir_testkit::builders::hub_config;
    use weir_testkit::synthetic;

    use super::*;

    const FRAME_US: i64 = 40_000;
    const SETTINGS: HlsConfig = HlsConfig {
        segment_ms: 1_000,
        part_ms: 200,
        window_segments: 4,
        key_every_segments: 0,
        idle_ms: 0,
    };

    struct House {
        hub: Hub,
        clock: Clock,
        tasks: Tasks,
        shutdown: Shutdown,
        packagings: Packagings,
    }

    impl House {
        fn new() -> Self {
            let clock = Clock::manual(1_800_000_000_000_000);
            Self {
                hub: Hub::new(hub_config(), clock.clone()),
                clock,
                tasks: Tasks::new(),
                shutdown: Shutdown::new(),
                packagings: Packagings::default(),
            }
        }

        fn publish(&self) -> Publisher {
            let publisher = self.hub.publish(PublishRequest {
                name: StreamName::new("", "live", "s").unwrap(),
                protocol: Protocol::Rtmp,
                addr: "127.0.0.1:1".parse().unwrap(),
                grant: Grant::default(),
            });
            let publisher = publisher.unwrap();
            publisher.tracks(Arc::new(synthetic::tracks()));
            publisher
        }

        /// Pictures in real time, a keyframe each second.
        fn film(&self, publisher: &mut Publisher, first: u64, count: u64) {
            for number in first..first + count {
                self.clock.advance_us(FRAME_US);
                let key = number.is_multiple_of(25);
                publisher.frame(RawFrame {
                    track: TrackKind::Video,
                    ts_us: number as i64 * FRAME_US,
                    cts_us: 0,
                    kind: if key {
                        FrameKind::Key
                    } else {
                        FrameKind::Inter
                    },
                    payload: synthetic::picture(number, key, 60).into(),
                });
            }
        }

        fn hold(&self, stream: &Arc<Stream>) -> Arc<Packaging> {
            let workshop = Workshop {
                settings: &SETTINGS,
                clock: &self.clock,
                tasks: &self.tasks,
                shutdown: &self.shutdown,
            };
            self.packagings
                .open(workshop, stream, Container::Fmp4, Selection::Both)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_without_a_viewer_as_long_as_it_is_held() {
        let house = House::new();
        let mut publisher = house.publish();
        let stream = publisher.stream().clone();
        let recorder = house.hold(&stream);
        assert!(Arc::ptr_eq(&recorder, &house.hold(&stream)), "one for all");
        house.film(&mut publisher, 0, 80);
        let mut pages = recorder.pages();
        let shown = pages.wait_for(|pages| pages.full.text().matches("seg-").count() >= 3);
        let newest = shown.await.unwrap().head.msn - 1;
        let segment = recorder.with(|packager| packager.segment(newest)).unwrap();
        assert!(segment.parts.iter().any(|part| !part.is_empty()));
        assert_eq!(stream.all_viewers(), 0);

        publisher.end(weir_base::Code::ClientStopped);
        house.clock.advance_us(2_000_000);
        house.hub.sweep();
        let over = pages.wait_for(|pages| pages.ended).await;
        assert!(over.unwrap().full.text().contains("#EXT-X-ENDLIST"));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_its_last_holder() {
        let house = House::new();
        let publisher = house.publish();
        let first = house.hold(publisher.stream());
        let second = house.hold(publisher.stream());
        drop(first);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(house.tasks.len(), 1);
        drop(second);
        house.tasks.join().await;
        let name = &publisher.stream().name;
        let found = house
            .packagings
            .find(name, Container::Fmp4, Selection::Both);
        assert!(found.is_none());
    }

    /// The first number and the last, and how many discontinuities were before.
    fn numbers(packaging: &Packaging) -> (u64, u64, u64) {
        let text = packaging.with(|packager| packager.media_playlist(&PlaylistOptions::default()));
        let value = |tag: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(tag));
            line.and_then(|value| value.parse::<u64>().ok()).unwrap()
        };
        let first = value("#EXT-X-MEDIA-SEQUENCE:");
        let last = first + text.matches("#EXTINF:").count() as u64 - 1;
        (first, last, value("#EXT-X-DISCONTINUITY-SEQUENCE:"))
    }

    async fn shown(packaging: &Packaging, segments: usize) {
        let is_there =
            |pages: &Arc<Pages>| pages.full.text().matches("#EXTINF:").count() >= segments;
        packaging.pages().wait_for(is_there).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_go_on_where_the_stream_is_forgotten_and_comes_back_at_another_node_or_time() {
        let house = House::new();
        let mut publisher = house.publish();
        let stream = publisher.stream().clone();
        let first = house.hold(&stream);
        house.film(&mut publisher, 0, 250);
        shown(&first, 4).await;
        let before = numbers(&first);
        assert!(before.1 < 1 << 31, "{before:?}");
        publisher.end(weir_base::Code::ClientStopped);
        drop(first);
        house.clock.advance_us(10_000_000);
        house.hub.sweep();
        // As after a restart: nothing is known of the life before.
        let mut publisher = house.publish();
        let again = house.hold(publisher.stream());
        house.film(&mut publisher, 0, 100);
        shown(&again, 3).await;
        let after = numbers(&again);
        assert!(
            after.0 > before.1 && after.2 > before.2,
            "{before:?} {after:?}"
        );
        assert!(after.2 < 10_000, "players walk through as many: {after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn renditions_begun_at_different_times_number_their_discontinuities_alike() {
        let house = House::new();
        let mut publisher = house.publish();
        let stream = publisher.stream().clone();
        let first = house.hold(&stream);
        house.film(&mut publisher, 0, 100);
        publisher.restart();
        house.film(&mut publisher, 100, 500);
        shown(&first, 4).await;
        let workshop = Workshop {
            settings: &SETTINGS,
            clock: &house.clock,
            tasks: &house.tasks,
            shutdown: &house.shutdown,
        };
        let later = house
            .packagings
            .open(workshop, &stream, Container::Ts, Selection::Both);
        shown(&later, 4).await;
        assert_eq!(numbers(&first).2, numbers(&later).2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_packager_that_rested_keeps_the_promises_of_the_one_before() {
        let house = House::new();
        let mut publisher = house.publish();
        let stream = publisher.stream().clone();
        let first = house.hold(&stream);
        house.film(&mut publisher, 0, 100);
        shown(&first, 3).await;
        let promised = first.with(Packager::promises).unwrap();
        let before = numbers(&first);
        drop(first);
        house.tasks.join().await;
        // Groups of pictures are longer now than the target duration.
        for number in 1..10 {
            house.film(&mut publisher, number * 100, 1);
            house.film(&mut publisher, number * 100 + 1, 24);
            house.film(&mut publisher, number * 100 + 26, 24);
            house.film(&mut publisher, number * 100 + 51, 24);
        }
        let again = house.hold(&stream);
        shown(&again, 3).await;
        assert_eq!(again.with(Packager::promises), Some(promised));
        assert!(numbers(&again).1 > before.1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_first_in_a_long_still_sees_the_picture() {
        let house = House::new();
        let mut publisher = house.publish();
        house.film(&mut publisher, 0, 30);
        for number in 30..2_000 {
            house.clock.advance_us(FRAME_US);
            publisher.frame(RawFrame {
                track: TrackKind::Audio,
                ts_us: number * FRAME_US,
                cts_us: 0,
                kind: FrameKind::Key,
                payload: vec![0x21; 20].into(),
            });
        }
        let packaging = house.hold(publisher.stream());
        shown(&packaging, 2).await;
        let (first, last, _) = numbers(&packaging);
        let has_pictures = |msn| {
            let segment = packaging.with(|packager| packager.segment(msn)).unwrap();
            // The five pictures since the last keyframe are in it.
            let bytes = segment.parts.concat();
            (25..30).all(|number| {
                let picture = synthetic::picture(number, number == 25, 60);
                bytes.windows(picture.len()).any(|bytes| bytes == picture)
            })
        };
        assert!((first..=last).all(has_pictures), "{first} to {last}");
    }
}
