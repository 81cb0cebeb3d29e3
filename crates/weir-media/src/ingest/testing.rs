//! For the tests of the live demuxers: what one makes of bytes, and the same stream in each
//! container.

use super::{LiveContainer, LiveDemuxer};
use crate::flv::{self, Event, RawFrame, write};
use crate::fmp4::{self, Sample};
use crate::ts::tests::{audio, tracks, video};
use crate::webm::tests as webm_file;
use crate::{Frame, FrameKind, MediaError, Result, TrackKind, Tracks, ts, webm};

/// A demuxer of one container, or of any.
pub(crate) trait Demux {
    fn push(&mut self, bytes: &[u8]);
    fn next(&mut self) -> Result<Option<Event>>;
}

macro_rules! demux {
    ($($demuxer:ty),+) => {
        $(impl Demux for $demuxer {
            fn push(&mut self, bytes: &[u8]) {
                Self::push(self, bytes);
            }

            fn next(&mut self) -> Result<Option<Event>> {
                Self::next(self)
            }
        })+
    };
}
demux!(fmp4::stream::Fmp4Demuxer, webm::WebmDemuxer, LiveDemuxer);

/// More often than this no error comes again in a row, unless it is the end.
const MAX_REPEATED: usize = 1000;

/// Takes what there is, errors too, one that comes again and again only once; false at the end.
pub(crate) fn drain(demuxer: &mut impl Demux, out: &mut Vec<Result<Event>>) -> bool {
    let mut repeated = 0;
    while repeated < MAX_REPEATED {
        match demuxer.next() {
            Ok(None) => return true,
            Err(error) if out.last() == Some(&Err(error.clone())) => repeated += 1,
            Ok(Some(event)) => out.push(Ok(event)),
            Err(error) => out.push(Err(error)),
        }
    }
    false
}

/// All that `demuxer` makes of a stream cut into `pieces`.
pub(crate) fn events_of(mut demuxer: impl Demux, pieces: &[&[u8]]) -> Vec<Result<Event>> {
    let mut out = Vec::new();
    for piece in pieces {
        demuxer.push(piece);
        if !drain(&mut demuxer, &mut out) {
            break;
        }
    }
    out
}

/// The frames of a stream without a fault.
pub(crate) fn frames_of(events: Vec<Result<Event>>) -> Vec<RawFrame> {
    let frame = |event| match event {
        Ok(Event::Frame(frame)) => Some(frame),
        Err(error) => panic!("{error}"),
        _ => None,
    };
    events.into_iter().filter_map(frame).collect()
}

/// The tracks as told each time.
pub(crate) fn tracks_of(events: &[Result<Event>]) -> Vec<Tracks> {
    let tracks = |event: &Result<Event>| match event {
        Ok(Event::Tracks(tracks)) => Some(tracks.as_ref().clone()),
        _ => None,
    };
    events.iter().filter_map(tracks).collect()
}

/// What a stream ended with.
pub(crate) fn error_of(mut events: Vec<Result<Event>>) -> MediaError {
    events.pop().unwrap().unwrap_err()
}

/// Six pictures and six audio frames, 40 ms each.
pub(crate) fn stream() -> Vec<Frame> {
    let both = |at: i64| {
        [
            video(at * 40_000, 0, at % 3 == 0, 30),
            audio(at * 40_000, 20),
        ]
    };
    (0..6).flat_map(both).collect()
}

/// It in each container.
pub(crate) fn file(container: LiveContainer) -> Vec<u8> {
    match container {
        LiveContainer::Flv => flv_file(),
        LiveContainer::Fmp4 => mp4_file(),
        LiveContainer::WebM => webm_file::h264_and_aac(&stream()),
        LiveContainer::Ts => ts_file(),
    }
}

fn flv_file() -> Vec<u8> {
    let tracks = tracks();
    let (mut out, mut body) = (Vec::new(), Vec::new());
    write::put_file_header(&mut out, true, true);
    write::put_video_config(&mut body, tracks.video.as_ref().unwrap());
    write::put_tag(&mut out, flv::TAG_VIDEO, 0, &[], &body);
    body.clear();
    write::put_audio_config(&mut body, tracks.audio.as_ref().unwrap());
    write::put_tag(&mut out, flv::TAG_AUDIO, 0, &[], &body);
    for frame in stream() {
        let mut head = Vec::new();
        write::put_frame_header(&mut head, &tracks, &frame);
        let tag_type = match frame.track {
            TrackKind::Video => flv::TAG_VIDEO,
            TrackKind::Audio => flv::TAG_AUDIO,
        };
        let ts_ms = (frame.dts_us / 1000) as u32;
        write::put_tag(&mut out, tag_type, ts_ms, &head, &frame.payload);
    }
    out
}

fn mp4_file() -> Vec<u8> {
    let tracks = tracks();
    let sample = |frame: Frame| {
        let hz = i64::from(fmp4::timescale(&tracks, frame.track));
        Sample {
            track: frame.track,
            dts: (frame.dts_us * hz / 1_000_000) as u64,
            duration: (40_000 * hz / 1_000_000) as u32,
            cts: 0,
            key: frame.kind == FrameKind::Key,
            payload: frame.payload,
        }
    };
    let samples: Vec<_> = stream().into_iter().map(sample).collect();
    let init = fmp4::init_segment(&tracks).unwrap();
    [init, fmp4::fragment(1, &samples)].concat()
}

fn ts_file() -> Vec<u8> {
    let mut muxer = ts::Muxer::new(&tracks()).unwrap();
    let mut out = Vec::new();
    muxer.put_tables(&mut out);
    for frame in stream() {
        muxer.put_frame(&frame, &mut out);
    }
    out
}
