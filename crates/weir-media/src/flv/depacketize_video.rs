//! What the depacketizer does to video by codec: the shape of payloads, keyframes, and tracks
//! learnt from frames where the codec header is missing or does not tell.

use bytes::Bytes;

use super::depacketize::VideoState;
use crate::codec::{self, av1, avc, hevc, nal, vp9};
use crate::{FrameKind, VideoCodec, VideoTrack};

/// Width of the NAL lengths that belong to this record.
pub(super) fn length_bytes(codec: VideoCodec, config: &Bytes) -> Option<usize> {
    match codec {
        VideoCodec::H264 => avc::AvcConfig::parse(config)
            .ok()
            .map(|avc| avc.length_bytes),
        VideoCodec::Hevc => hevc::HevcConfig::parse(config)
            .ok()
            .map(|hevc| hevc.length_bytes),
        VideoCodec::Av1 | VideoCodec::Vp9 => None,
    }
}

/// A record that is well formed but leaves its parameter sets to the bitstream.
pub(super) fn lacks_parameter_sets(codec: VideoCodec, config: &Bytes) -> bool {
    match codec {
        VideoCodec::H264 => avc::AvcConfig::parse(config).is_ok_and(|avc| avc.sps.is_empty()),
        VideoCodec::Hevc => hevc::HevcConfig::parse(config).is_ok_and(|hevc| hevc.sps.is_empty()),
        VideoCodec::Av1 | VideoCodec::Vp9 => false,
    }
}

/// The payload in the shape of [`crate::Frame::payload`].
pub(super) fn normalise(codec: VideoCodec, payload: Bytes, length_bytes: usize) -> Bytes {
    match codec {
        VideoCodec::H264 | VideoCodec::Hevc => nal::normalise(payload, length_bytes),
        VideoCodec::Av1 => av1::normalise(payload),
        VideoCodec::Vp9 => payload,
    }
}

/// What the frame is, given what its header claims.
///
/// A picture every decoder can start at is a keyframe whatever the header says. Otherwise the
/// header is believed, so that a recovery point without IDR stays a keyframe, except where the
/// payload is H.264 or HEVC and has no picture at all. H.264 says of each picture whether others
/// refer to it, and that is believed over the header, which no encoder fills in.
pub(super) fn kind(codec: VideoCodec, claimed: FrameKind, payload: &[u8]) -> FrameKind {
    let (is_key, has_picture) = match codec {
        VideoCodec::H264 => (avc::is_keyframe(payload), avc::has_slice(payload)),
        VideoCodec::Hevc => (hevc::is_keyframe(payload), hevc::has_slice(payload)),
        VideoCodec::Av1 | VideoCodec::Vp9 => return claimed,
    };
    match claimed {
        _ if is_key => FrameKind::Key,
        FrameKind::Key if has_picture => FrameKind::Key,
        _ if codec == VideoCodec::H264 && avc::is_disposable(payload) => FrameKind::Disposable,
        FrameKind::Key => FrameKind::Inter,
        other => other,
    }
}

/// The track as this frame shows it, where that is news: parameter sets that the codec header
/// lacked or that differ from it, and sizes that only keyframes tell.
pub(super) fn learn(
    codec: VideoCodec,
    current: Option<&VideoTrack>,
    state: &mut VideoState,
    payload: &[u8],
) -> Option<VideoTrack> {
    let waiting = state.waiting.take_if(|track| track.codec == codec);
    let learnt = match codec {
        VideoCodec::H264 => learn_avc(current, payload),
        VideoCodec::Hevc => learn_hevc(current, payload),
        VideoCodec::Av1 => learn_av1(current.filter(|_| waiting.is_none()), payload),
        VideoCodec::Vp9 => learn_vp9(waiting.as_ref().or(current), payload),
    };
    if learnt.is_none() {
        state.waiting = state.waiting.take().or(waiting);
    }
    learnt
}

fn learn_avc(current: Option<&VideoTrack>, payload: &[u8]) -> Option<VideoTrack> {
    let sps = nal::Nals::new(payload).find(|nal| avc::nal_type(nal) == 7)?;
    let known = current.and_then(|track| avc::AvcConfig::parse(&track.config).ok());
    if known.is_some_and(|avc| avc.sps.iter().any(|known| known == sps)) {
        return None;
    }
    let config = avc::AvcConfig::from_payload(payload)?.build().ok()?;
    codec::video_track(VideoCodec::H264, config).ok()
}

fn learn_hevc(current: Option<&VideoTrack>, payload: &[u8]) -> Option<VideoTrack> {
    let sps = nal::Nals::new(payload).find(|nal| hevc::nal_type(nal) == 33)?;
    let known = current.and_then(|track| hevc::HevcConfig::parse(&track.config).ok());
    if known.is_some_and(|hevc| hevc.sps.iter().any(|known| known == sps)) {
        return None;
    }
    let config = hevc::HevcConfig::from_payload(payload)?.build().ok()?;
    codec::video_track(VideoCodec::Hevc, config).ok()
}

fn learn_av1(current: Option<&VideoTrack>, payload: &[u8]) -> Option<VideoTrack> {
    let header = av1::SequenceHeader::find(payload)?;
    if current.is_some_and(|track| (track.width, track.height) == (header.width, header.height)) {
        return None;
    }
    codec::video_track(VideoCodec::Av1, av1::config_from_payload(payload)?).ok()
}

fn learn_vp9(current: Option<&VideoTrack>, payload: &[u8]) -> Option<VideoTrack> {
    let header = vp9::KeyHeader::parse(payload)?;
    if current.is_some_and(|track| (track.width, track.height) == (header.width, header.height)) {
        return None;
    }
    let track = match current {
        Some(track) => track.clone(),
        None => vp9::track(header.build_config()).ok()?,
    };
    Some(VideoTrack {
        width: header.width,
        height: header.height,
        ..track
    })
}
