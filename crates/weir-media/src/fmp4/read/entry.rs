//! Sample entries back to tracks.

use bytes::Bytes;

use super::{Mp4Box, boxes, read_u32};
use crate::{AudioCodec, AudioTrack, MediaError, Result, TrackKind, Tracks, VideoCodec, codec};

/// Bytes of a visual and of an audio sample entry before the boxes inside.
const VISUAL_BYTES: usize = 78;
const AUDIO_BYTES: usize = 28;

/// Adds what `entry` describes to `tracks`; `None`: a codec weir does not carry, or a second
/// track of a kind.
pub(super) fn read(entry: &Mp4Box, tracks: &mut Tracks) -> Result<Option<TrackKind>> {
    let video = match &entry.kind {
        b"avc1" | b"avc3" => Some((VideoCodec::H264, b"avcC")),
        b"hvc1" | b"hev1" => Some((VideoCodec::Hevc, b"hvcC")),
        b"av01" => Some((VideoCodec::Av1, b"av1C")),
        b"vp09" => Some((VideoCodec::Vp9, b"vpcC")),
        _ => None,
    };
    if let Some((video_codec, config)) = video {
        if tracks.video.is_some() {
            return Ok(None);
        }
        let config = inner(entry, VISUAL_BYTES, config)?;
        let mut track = codec::video_track(video_codec, config)?;
        if track.width == 0 || track.height == 0 {
            let size = read_u32(&entry.body, 24).unwrap_or(0);
            (track.width, track.height) = (size >> 16, size & 0xFFFF);
        }
        tracks.video = Some(track);
        return Ok(Some(TrackKind::Video));
    }
    if tracks.audio.is_some() {
        return Ok(None);
    }
    tracks.audio = read_audio(entry)?;
    Ok(tracks.audio.as_ref().map(|_| TrackKind::Audio))
}

fn read_audio(entry: &Mp4Box) -> Result<Option<AudioTrack>> {
    let track = match &entry.kind {
        b"mp4a" => {
            let (object_type, specific) = read_esds(&inner(entry, AUDIO_BYTES, b"esds")?)?;
            match object_type {
                0x40 | 0x66..=0x68 => codec::audio_track(AudioCodec::Aac, specific)?,
                0x69 | 0x6B => plain(entry, AudioCodec::Mp3, "mp4a.6B"),
                _ => return Ok(None),
            }
        }
        b"Opus" => {
            let head = opus_head(&inner(entry, AUDIO_BYTES, b"dOps")?)?;
            codec::audio_track(AudioCodec::Opus, head)?
        }
        b"ac-3" => plain(entry, AudioCodec::Ac3, "ac-3"),
        b"ec-3" => plain(entry, AudioCodec::Eac3, "ec-3"),
        b"fLaC" => {
            let body = inner(entry, AUDIO_BYTES, b"dfLa")?;
            let mut config = b"fLaC".to_vec();
            config.extend_from_slice(body.get(4..).unwrap_or_default());
            codec::audio_track(AudioCodec::Flac, config.into())?
        }
        _ => return Ok(None),
    };
    Ok(Some(track))
}

/// A track of a codec whose frames carry their own headers.
fn plain(entry: &Mp4Box, codec: AudioCodec, rfc6381: &str) -> AudioTrack {
    AudioTrack {
        codec,
        config: Bytes::new(),
        sample_rate: read_u32(&entry.body, 24).unwrap_or(0) >> 16,
        channels: entry.body.get(17).copied().unwrap_or(0),
        rfc6381: rfc6381.to_owned(),
    }
}

fn inner(entry: &Mp4Box, skip: usize, kind: &[u8; 4]) -> Result<Bytes> {
    if entry.body.len() < skip {
        return Err(MediaError::Truncated("MP4 sample entry"));
    }
    let found = boxes(&entry.body.slice(skip..))?
        .into_iter()
        .find(|found| found.kind == *kind);
    found
        .map(|found| found.body)
        .ok_or(MediaError::invalid("MP4 sample entry", "no codec header"))
}

/// Object type and decoder-specific info out of an ES descriptor.
fn read_esds(esds: &Bytes) -> Result<(u8, Bytes)> {
    let missing = MediaError::invalid("esds", "no decoder configuration");
    let (tag, es) = descriptor(esds, 4)?;
    let flags = es.get(2).copied().unwrap_or(0);
    if tag != 0x03 || flags & 0xE0 != 0 {
        return Err(missing);
    }
    let (tag, config) = descriptor(&es, 3)?;
    let &object_type = config.first().ok_or(missing.clone())?;
    if tag != 0x04 {
        return Err(missing);
    }
    let specific = descriptor(&config, 13).ok().filter(|(tag, _)| *tag == 0x05);
    Ok((
        object_type,
        specific.map(|(_, body)| body).unwrap_or_default(),
    ))
}

/// Tag and body of the descriptor at `at`.
fn descriptor(data: &Bytes, at: usize) -> Result<(u8, Bytes)> {
    let truncated = MediaError::Truncated("MPEG-4 descriptor");
    let &tag = data.get(at).ok_or(truncated.clone())?;
    let mut length = 0usize;
    for (more, &byte) in data.iter().skip(at + 1).take(4).enumerate() {
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            let body = at + 2 + more;
            return match data.get(body..body + length) {
                Some(_) => Ok((tag, data.slice(body..body + length))),
                None => Err(truncated),
            };
        }
    }
    Err(truncated)
}

/// `dOps` back to `OpusHead`.
fn opus_head(body: &[u8]) -> Result<Bytes> {
    let &[
        _,
        channels,
        s1,
        s0,
        r3,
        r2,
        r1,
        r0,
        g1,
        g0,
        family,
        ref mapping @ ..,
    ] = body
    else {
        return Err(MediaError::Truncated("dOps"));
    };
    let mut head = b"OpusHead\x01".to_vec();
    head.extend_from_slice(&[channels, s0, s1, r0, r1, r2, r3, g0, g1, family]);
    head.extend_from_slice(mapping);
    Ok(head.into())
}
