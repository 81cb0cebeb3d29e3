//! Live containers as publishers send them: WebM, fragmented MP4, and whatever else is announced.

use bytes::Bytes;
use weir_media::codec::{avc, nal};
use weir_media::flv::Event;
use weir_media::ingest::{LiveContainer, LiveDemuxer, MAX_HELD_BYTES};
use weir_media::lone::LonePicture;
use weir_media::{MediaError, TrackKind, fmp4, webm};

use super::Input;
use super::media::Line;

type Demuxed = Vec<Result<Event, MediaError>>;

const CONTAINERS: [LiveContainer; 4] = [
    LiveContainer::Flv,
    LiveContainer::Fmp4,
    LiveContainer::WebM,
    LiveContainer::Ts,
];

pub(super) fn webm(data: &[u8]) {
    cuts_never_matter(data, |pieces| {
        let mut demuxer = webm::WebmDemuxer::new();
        let mut told = Demuxed::new();
        for piece in pieces {
            demuxer.push(piece);
            if !drain(&mut told, data.len(), || demuxer.next()) {
                break;
            }
        }
        told
    });
}

pub(super) fn fmp4_stream(data: &[u8]) {
    cuts_never_matter(data, |pieces| {
        let mut demuxer = fmp4::stream::Fmp4Demuxer::new();
        let mut told = Demuxed::new();
        for piece in pieces {
            demuxer.push(piece);
            if !drain(&mut told, data.len(), || demuxer.next()) {
                break;
            }
        }
        told
    });
}

/// The first byte picks the container, the second one the size of the pieces, 0 for all at once.
pub(super) fn live_demux(data: &[u8]) {
    let mut input = Input(data);
    let container = CONTAINERS[usize::from(input.u8()) % CONTAINERS.len()];
    let cut = match input.u8() {
        0 => usize::MAX,
        cut => cut.into(),
    };
    let told = demux(container, cut, input.0);
    // A first packet of MPEG-TS is believed without a second one behind it.
    if container != LiveContainer::Ts {
        let whole = demux(container, usize::MAX, input.0);
        assert!(
            told == whole,
            "{container:?} in pieces: {told:?}, whole: {whole:?}"
        );
    }
    let mut line = Line::new(0);
    for event in told.into_iter().flatten() {
        line.put_event(event);
    }
    line.end();
}

fn demux(container: LiveContainer, cut: usize, bytes: &[u8]) -> Demuxed {
    let mut demuxer = LiveDemuxer::new(container);
    let mut told = Demuxed::new();
    for piece in bytes.chunks(cut) {
        demuxer.push(piece);
        let goes_on = drain(&mut told, bytes.len(), || demuxer.next());
        let held = demuxer.held_bytes();
        // Of an input this small nothing may grow but the places of samples it tells of.
        assert!(held <= MAX_HELD_BYTES, "{held} bytes held");
        if !goes_on {
            assert_eq!(held, 0, "kept after the end");
            break;
        }
    }
    told
}

fn cuts_never_matter(data: &[u8], demux: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> Demuxed) {
    let whole = demux(&mut [data.get(4..).unwrap_or_default()].into_iter());
    let pieces = demux(&mut Input(data).pieces());
    assert!(pieces == whole, "in pieces: {pieces:?}, whole: {whole:?}");
    let (mut video, mut audio) = (false, false);
    for event in pieces.iter().flatten() {
        match event {
            Event::Tracks(tracks) => {
                (video, audio) = (tracks.video.is_some(), tracks.audio.is_some());
            }
            Event::Frame(frame) => {
                let known = match frame.track {
                    TrackKind::Video => video,
                    TrackKind::Audio => audio,
                };
                assert!(known, "a frame before its track");
                assert!(!frame.payload.is_empty());
            }
            _ => {}
        }
    }
}

/// Takes what there is, an error that comes again and again only once. One that comes more often
/// than there are bytes is the end: gives false then.
fn drain(
    told: &mut Demuxed,
    bytes: usize,
    mut next: impl FnMut() -> Result<Option<Event>, MediaError>,
) -> bool {
    let mut again = 0;
    while again <= bytes {
        match next() {
            Ok(None) => return true,
            Err(error) if told.last() == Some(&Err(error.clone())) => again += 1,
            Ok(Some(event)) => told.push(Ok(event)),
            Err(error) => told.push(Err(error)),
        }
    }
    false
}

/// A keyframe is made ready for a decoder that has had another stream's.
pub(super) fn keyframe_alone(payload: &Bytes) {
    for found in nal::Nals::new(payload) {
        // What is made to be decoded at once is read as it was, but for that.
        if let Some(text) = avc::sps_in_order(found) {
            let (was, is) = (avc::AvcSps::parse(found), avc::AvcSps::parse(&text));
            let size = |sps: avc::AvcSps| (sps.width, sps.height, sps.has_fields);
            assert_eq!(was.map(size), is.map(size));
        }
    }
    let config = avc::AvcConfig::from_payload(payload).and_then(|config| config.build().ok());
    if let Some(track) = config.and_then(|config| avc::track(config).ok())
        && let Ok(lone) = LonePicture::of(&track, payload)
    {
        assert!(avc::is_keyframe(&lone.payload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::seeds;

    #[test]
    fn seeds_get_as_far_as_frames() {
        let frames = |told: &Demuxed| {
            let frames = told
                .iter()
                .filter(|event| matches!(event, Ok(Event::Frame(_))));
            frames.count()
        };
        let seeds = seeds::live_demux();
        let (wrong, right) = seeds.split_last().unwrap();
        for seed in right {
            let container = CONTAINERS[usize::from(seed[0])];
            let told = demux(container, usize::MAX, &seed[2..]);
            assert!(frames(&told) >= 3, "{container:?}: {told:?}");
            assert!(told.iter().all(Result::is_ok), "{container:?}: {told:?}");
        }
        assert!(demux(LiveContainer::Ts, usize::MAX, &wrong[2..])[0].is_err());
    }
}
