//! What the depacketizer does to video by codec: the shape of payloads, and tracks
//! learnt from frames where the codec header is missing or does not tell.

use bytes::Bytes;

use super::depacketize::VideoState;
use crate::codec::units::{self, SeparatedUnits};
use crate::codec::{self, av1, avc, hevc, nal, vp9};
use crate::{MediaError, Result, VideoCodec, VideoTrack};

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

/// The record that parameter sets with start codes make, where they were sent in its place.
pub(super) fn record_of_start_codes(codec: VideoCodec, config: &Bytes) -> Option<Result<Bytes>> {
    if !units::starts_with_code(config) {
        return None;
    }
    let payload = units::lengths_of(config);
    let lacking = || {
        Err(MediaError::invalid(
            "codec header",
            "parameter sets are missing",
        ))
    };
    match codec {
        VideoCodec::H264 => {
            let record = avc::AvcConfig::from_payload(&payload);
            Some(record.map_or_else(lacking, |record| record.build()))
        }
        VideoCodec::Hevc => {
            let record = hevc::HevcConfig::from_payload(&payload);
            Some(record.map_or_else(lacking, |record| record.build()))
        }
        VideoCodec::Av1 | VideoCodec::Vp9 => None,
    }
}

/// The payload in the shape of [`crate::Frame::payload`].
pub(super) fn separate(
    codec: VideoCodec,
    payload: Bytes,
    length_bytes: usize,
) -> Result<SeparatedUnits> {
    let payload = match codec {
        VideoCodec::H264 | VideoCodec::Hevc => {
            return units::separate(codec, payload, length_bytes);
        }
        VideoCodec::Av1 => av1::normalise(payload),
        VideoCodec::Vp9 => payload,
    };
    Ok(SeparatedUnits {
        payload,
        mended: None,
    })
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
