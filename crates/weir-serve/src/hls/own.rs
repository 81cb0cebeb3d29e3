//! HLS of streams that this node packages itself: which station, and what it shows once there is what
//! was asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::watch;
use weir_base::{Code, Refusal};
use weir_hub::TrackFilter;
use weir_media::Tracks;
use weir_media::hls::{
    AudioRendition, Blocking, Container, Multivariant, Name, Packager, Resource, Selection,
    Variant, multivariant_playlist,
};

use super::asked::{AdmittedRequest, Directives, HlsRequest};
use super::edge::container_of;
use super::service::Hls;
use super::station::Station;
use super::stations::Stations;
use crate::deliver::Form;
use crate::deliver::forms::ts::Ts;
use crate::packaging::Pages;

/// A request that this node answers for itself.
pub(super) struct Own<'a> {
    pub(super) hls: &'a Hls,
    pub(super) asked: &'a HlsRequest<'a>,
    pub(super) admitted: &'a AdmittedRequest,
    pub(super) headers: &'a HeaderMap,
}

impl Own<'_> {
    /// The text of the multivariant playlist; `is_split` with pictures and sound of their own.
    pub(super) async fn multivariant(
        &self,
        wanted: TrackFilter,
        is_split: bool,
    ) -> Result<String, Refusal> {
        let stations = &self.hls.stations;
        let selection = match (wanted.video, wanted.audio) {
            (true, false) => Selection::VideoOnly,
            (false, true) => Selection::AudioOnly,
            _ if is_split => Selection::VideoOnly,
            _ => Selection::Both,
        };
        let station = self.station(Container::Fmp4, selection).await?;
        self.note(&station);
        with_content(stations, &station).await?;
        let sound = if is_split
            && wanted == TrackFilter::ALL
            && station.stream.ring.tracks().audio.is_some()
        {
            let sound = stations.open(&station.stream, Container::Fmp4, Selection::AudioOnly);
            with_content(stations, &sound).await?;
            Some(sound)
        } else {
            None
        };
        Ok(station
            .with(|packager| render_multivariant(packager, sound.as_deref(), selection, &station)))
    }

    /// What a station shows when it has come to the position, and the seconds for which caches may
    /// keep it.
    pub(super) async fn playlist(
        &self,
        container: Container,
        selection: Selection,
        directives: Directives,
    ) -> Result<(Arc<Pages>, i64), Refusal> {
        let station = self.station(container, selection).await?;
        self.note(&station);
        let mut pages = with_content(&self.hls.stations, &station).await?;
        if let Some((msn, part)) = directives.position {
            wait_for(&self.hls.stations, &station, &mut pages, msn, part).await?;
        }
        let now = pages.borrow_and_update().clone();
        let seconds = match directives.position {
            // The answer to one position never changes: caches may keep it while anybody can ask for it.
            Some(_) => (6 * station.segment_us / 1_000_000).max(1),
            None => 1,
        };
        Ok((now, seconds))
    }

    /// The bytes of a piece, and whose they are.
    pub(super) async fn piece(&self, name: &Name) -> Result<(Vec<Bytes>, Arc<Station>), Refusal> {
        let gone = || {
            Refusal::new(
                Code::NotFound,
                format!("{name} is not, or no longer, in the window"),
            )
        };
        let station = self
            .hls
            .stations
            .find(&self.admitted.name, container_of(name), name.selection)
            .ok_or_else(gone)?;
        if station.epoch != name.epoch {
            return Err(gone());
        }
        self.note(&station);
        if let Resource::Part { msn, part } = name.resource
            && station.with(|packager| packager.part(msn, part)).is_none()
        {
            // The part of a preload hint: it is asked for before it is there (§6.2.6).
            let mut pages = station.pages();
            wait_for(&self.hls.stations, &station, &mut pages, msn, Some(part)).await?;
        }
        let pieces = station.with(|packager| find(packager, name.resource));
        Ok((pieces.ok_or_else(gone)?, station))
    }

    /// Whether a packager has the piece in its window.
    pub(super) fn has(&self, name: &Name) -> bool {
        let station =
            self.hls
                .stations
                .find(&self.admitted.name, container_of(name), name.selection);
        station.is_some_and(|station| {
            station.epoch == name.epoch
                && station
                    .with(|packager| find(packager, name.resource))
                    .is_some()
        })
    }

    fn note(&self, station: &Station) {
        let now_us = self.hls.core.hub.clock().now_us();
        station.touch(now_us);
        if let Some(visitor) = self.asked.visitor(self.admitted, self.headers) {
            let audience = self.hls.core.hub.audience();
            audience.asked(visitor, Some(&station.stream), now_us);
        }
    }

    /// The station of a live stream, or of one that has just ended and may come back.
    async fn station(
        &self,
        container: Container,
        selection: Selection,
    ) -> Result<Arc<Station>, Refusal> {
        let Self {
            hls,
            asked,
            admitted,
            ..
        } = self;
        let name = &admitted.name;
        let running = hls.stations.find(name, container, selection);
        if running.is_none() && admitted.is_viewer() && hls.core.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let stream = match hls.core.hub.find(name) {
            Some(stream) if running.is_some() && stream.ended().is_some() => stream,
            None if running.is_some() => {
                return running.ok_or_else(|| Refusal::from(Code::NotLive));
            }
            _ => {
                let want = asked.play_intent(admitted);
                hls.admission.play(name, &want).await?
            }
        };
        if container == Container::Ts
            && let Some(why) = Ts.refuses(&stream.ring.tracks())
        {
            return Err(Refusal::new(Code::CodecUnsupported, why));
        }
        Ok(hls.stations.open(&stream, container, selection))
    }
}

async fn wait_for(
    stations: &Stations,
    station: &Station,
    pages: &mut watch::Receiver<Arc<Pages>>,
    msn: u64,
    part: Option<u32>,
) -> Result<(), Refusal> {
    let mut place = None;
    let deadline = tokio::time::sleep(block_timeout(station));
    tokio::pin!(deadline);
    loop {
        match station.with(|packager| packager.blocking(msn, part)) {
            // The page may be rendered a moment after the packager has moved on.
            Blocking::Ready
                if pages.borrow_and_update().ended || is_rendered(&pages.borrow(), msn, part) =>
            {
                return Ok(());
            }
            Blocking::Ready | Blocking::Wait => {}
            Blocking::TooFarAhead => {
                return Err(Refusal::new(
                    Code::ProtocolError,
                    "that segment is too far ahead of the playlist",
                ));
            }
        }
        if place.is_none() {
            place = Some(stations.block()?);
        }
        tokio::select! {
            changed = pages.changed() => changed.map_err(|_| Refusal::from(Code::Ended))?,
            () = &mut deadline => return Err(Refusal::new(Code::RenditionStarting, "the publisher sends nothing new")),
        }
    }
}

fn is_rendered(pages: &Pages, msn: u64, part: Option<u32>) -> bool {
    let head = pages.head;
    match part {
        None => head.msn > msn,
        Some(part) => head.msn > msn || (head.msn == msn && head.parts > part),
    }
}

/// How long a request may be held: three target durations, as the RFC has it.
fn block_timeout(station: &Station) -> Duration {
    Duration::from_micros(u64::try_from(3 * station.segment_us).unwrap_or(6_000_000))
        .max(Duration::from_secs(3))
}

/// Waits until there is something to list.
async fn with_content(
    stations: &Stations,
    station: &Station,
) -> Result<watch::Receiver<Arc<Pages>>, Refusal> {
    let mut pages = station.pages();
    if !pages.borrow().has_content {
        let _place = stations.block()?;
        let waited = tokio::time::timeout(
            block_timeout(station),
            pages.wait_for(|pages| pages.has_content),
        )
        .await;
        if !matches!(waited, Ok(Ok(_))) {
            if let Some(why) = station.stream.why_not_live() {
                let words = format!("{} is not live yet: {}", station.stream.name, why.detail);
                return Err(Refusal::new(Code::NotLive, words));
            }
            return Err(Refusal::new(
                Code::RenditionStarting,
                "no segment is complete yet",
            ));
        }
    }
    Ok(pages)
}

fn render_multivariant(
    packager: &Packager,
    sound: Option<&Station>,
    selection: Selection,
    station: &Station,
) -> String {
    let folder = encode(station.stream.name.stream());
    let file = match selection {
        Selection::Both => "hls",
        Selection::VideoOnly => "video",
        Selection::AudioOnly => "audio",
    };
    let uri = format!("{folder}/{file}.m3u8");
    let sound_uri = format!("{folder}/audio.m3u8");
    let mut tracks: Tracks = packager
        .tracks()
        .map(|tracks| Tracks::clone(tracks))
        .unwrap_or_default();
    let (mut peak_bps, mut average_bps) = packager.bandwidth();
    let mut channels = 0;
    if let Some(sound) = sound {
        let (peak, average, audio) = sound.with(|p| {
            (
                p.bandwidth().0,
                p.bandwidth().1,
                p.tracks().and_then(|tracks| tracks.audio.clone()),
            )
        });
        peak_bps += peak;
        average_bps += average;
        channels = audio.as_ref().map_or(0, |track| track.channels);
        tracks.audio = audio;
    }
    let variant = Variant {
        uri: &uri,
        tracks: &tracks,
        peak_bps,
        average_bps,
        frame_rate: packager.frame_rate(),
        audio_group: sound.map(|_| "audio"),
    };
    let audio = AudioRendition {
        uri: &sound_uri,
        group: "audio",
        name: "main",
        channels,
    };
    multivariant_playlist(&Multivariant {
        variants: &[variant],
        audio: if sound.is_some() {
            std::slice::from_ref(&audio)
        } else {
            &[]
        },
        independent_segments: packager.independent_segments(),
    })
}

pub(super) fn encode(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn find(packager: &Packager, resource: Resource) -> Option<Vec<Bytes>> {
    match resource {
        Resource::Init { id } => packager.init(id).map(|bytes| vec![bytes]),
        Resource::Segment { msn } | Resource::TsSegment { msn } => {
            packager.segment(msn).map(|segment| segment.parts)
        }
        // Lists of what is live have none of these.
        Resource::Segments { .. } => None,
        Resource::Part { msn, part } => packager.part(msn, part).map(|bytes| vec![bytes]),
        Resource::Key { id } => packager
            .key(id)
            .map(|key| vec![Bytes::copy_from_slice(&key)]),
    }
}
