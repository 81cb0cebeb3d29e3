//! A keyframe alone, for a decoder that has just had another stream's: with its parameter sets in front, and nothing
//! that could make the decoder look at a picture it had before.

use bytes::Bytes;

use crate::codec::avc::{self, AvcConfig, AvcSps};
use crate::codec::hevc::{self, HevcConfig};
use crate::codec::nal::{MAX_NALS_PER_FRAME, Nals};
use crate::codec::{av1, vp9};
use crate::{MediaError, Result, VideoCodec, VideoTrack};

const AVC_IDR: u8 = 5;
const AVC_SPS: u8 = 7;
const AVC_PPS: u8 = 8;
/// HEVC's IDR, BLA and CRA (H.265 table 7-1).
const HEVC_KEYS: std::ops::RangeInclusive<u8> = 16..=21;
const HEVC_SETS: std::ops::RangeInclusive<u8> = 32..=34;
/// HEVC's end of sequence: the picture behind it begins one (§7.4.2.4.4).
const HEVC_END_OF_SEQUENCE: [u8; 2] = [36 << 1, 1];
/// A black keyframe of 64 × 64 pixels: SPS, PPS, IDR.
const AVC_BLACK: [&[u8]; 3] = [
    &[
        0x67, 0x42, 0xc0, 0x0a, 0xda, 0x10, 0x9b, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
        0x00, 0x03, 0x03, 0x20, 0xf1, 0x22, 0x6a,
    ],
    &[0x68, 0xce, 0x0f, 0xc8],
    &[
        0x65, 0x88, 0x84, 0x0a, 0xff, 0xff, 0xfc, 0x3d, 0x14, 0x00, 0x04, 0x49, 0x7c, 0x9c, 0x9c,
        0x9d, 0x75, 0xd7, 0x5d, 0x75, 0xd7, 0x5d, 0x75, 0xd7, 0x5e,
    ],
];
/// The same: end of sequence, VPS, SPS, PPS, IDR.
const HEVC_BLACK: [&[u8]; 5] = [
    &[0x48, 0x01],
    &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9f, 0xa8, 0x00,
        0x00, 0x03, 0x00, 0x00, 0x1e, 0xba, 0x02, 0x40,
    ],
    &[
        0x42, 0x01, 0x01, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9f, 0xa8, 0x00, 0x00, 0x03, 0x00,
        0x00, 0x1e, 0xa0, 0x20, 0x81, 0x05, 0x96, 0xe9, 0x29, 0x30, 0xbc, 0x05, 0xa0, 0x20, 0x00,
        0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21,
    ],
    &[0x44, 0x01, 0xc0, 0x71, 0x81, 0x12],
    &[
        0x28, 0x01, 0xad, 0xe0, 0xd1, 0x17, 0xff, 0xd3, 0x91, 0x73, 0x23, 0x8b, 0x80,
    ],
];
/// The same: a sequence header and a frame.
const AV1_BLACK: &[u8] = &[
    0x0a, 0x0a, 0x00, 0x00, 0x00, 0x02, 0xaf, 0xff, 0x9b, 0x5f, 0x20, 0x08, 0x32, 0x0e, 0x10, 0x00,
    0xc0, 0x00, 0x00, 0x02, 0x80, 0x00, 0x00, 0x0a, 0x05, 0x77, 0x64, 0x80,
];
/// The same.
const VP9_BLACK: &[u8] = &[
    0x82, 0x49, 0x83, 0x42, 0x00, 0x03, 0xf0, 0x03, 0xf6, 0x00, 0x38, 0x24, 0x1c, 0x18, 0x4a, 0x00,
    0x00, 0x30, 0x60, 0x00, 0x00, 0x67, 0x3f, 0xff, 0xff, 0x56, 0x45, 0x64, 0xee, 0xcc, 0x00,
];

/// A keyframe that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LonePicture {
    /// In the shape of [`crate::Frame::payload`], with parameter sets.
    pub payload: Bytes,
    /// A decoder may show what it had before where parts of the picture are missing: [`black`] belongs between two of
    /// them.
    pub needs_curtain: bool,
}

impl LonePicture {
    /// The keyframe `payload` of `track`.
    ///
    /// # Errors
    /// Where it is none that can be decoded without another picture, or its parameter sets are not to be read.
    pub fn of(track: &VideoTrack, payload: &Bytes) -> Result<Self> {
        match track.codec {
            VideoCodec::H264 => of_avc(track, payload),
            VideoCodec::Hevc => of_hevc(track, payload),
            VideoCodec::Av1 => of_whole(payload, av1::is_keyframe(payload)),
            VideoCodec::Vp9 => of_whole(payload, vp9::is_keyframe(payload)),
        }
    }
}

/// A small black keyframe with its parameter sets, which every decoder of the codec decodes. Between two pictures it
/// has a decoder forget the first one, memory and all, as it has another size.
pub fn black(codec: VideoCodec) -> LonePicture {
    let payload = match codec {
        VideoCodec::H264 => joined(AVC_BLACK.into_iter()),
        VideoCodec::Hevc => joined(HEVC_BLACK.into_iter()),
        VideoCodec::Av1 => Bytes::from_static(AV1_BLACK),
        VideoCodec::Vp9 => Bytes::from_static(VP9_BLACK),
    };
    LonePicture {
        payload,
        needs_curtain: false,
    }
}

fn of_avc(track: &VideoTrack, payload: &Bytes) -> Result<LonePicture> {
    let config = AvcConfig::parse(&track.config)?;
    let own = |kind| units(payload).filter(move |nal| avc::nal_type(nal) == kind);
    let slices: Vec<&[u8]> = own(AVC_IDR).collect();
    if slices.is_empty() {
        return Err(not_alone());
    }
    // Those that come with the picture count after those of the record.
    let sps = config.sps.iter().map(Bytes::as_ref).chain(own(AVC_SPS));
    let sps: Vec<Vec<u8>> = sps
        .map(|sps| avc::sps_in_order(sps).unwrap_or_else(|| sps.to_vec()))
        .collect();
    let has_fields = sps
        .iter()
        .any(|sps| AvcSps::parse(sps).is_ok_and(|sps| sps.has_fields));
    if has_fields {
        // What is missing of a field is filled with what stood there, and nobody says so.
        return Err(MediaError::Unsupported(
            "pictures of interlaced H.264".into(),
        ));
    }
    let pps = config.pps.iter().map(Bytes::as_ref).chain(own(AVC_PPS));
    let all = sps.iter().map(Vec::as_slice).chain(pps).chain(slices);
    Ok(LonePicture {
        payload: joined(all),
        needs_curtain: false,
    })
}

fn of_hevc(track: &VideoTrack, payload: &Bytes) -> Result<LonePicture> {
    let config = HevcConfig::parse(&track.config)?;
    let is_in = |kinds: std::ops::RangeInclusive<u8>| {
        units(payload).filter(move |nal| kinds.contains(&hevc::nal_type(nal)))
    };
    let slices: Vec<&[u8]> = is_in(HEVC_KEYS).collect();
    if slices.is_empty() {
        return Err(not_alone());
    }
    let sets = [&config.vps, &config.sps, &config.pps];
    let sets = sets.into_iter().flatten().map(Bytes::as_ref);
    let begin: &[u8] = &HEVC_END_OF_SEQUENCE;
    let all = std::iter::once(begin).chain(sets).chain(is_in(HEVC_SETS));
    Ok(LonePicture {
        payload: joined(all.chain(slices)),
        needs_curtain: true,
    })
}

fn of_whole(payload: &Bytes, is_keyframe: bool) -> Result<LonePicture> {
    match is_keyframe {
        true => Ok(LonePicture {
            payload: payload.clone(),
            needs_curtain: false,
        }),
        false => Err(not_alone()),
    }
}

fn units(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    Nals::new(payload).take(MAX_NALS_PER_FRAME)
}

const fn not_alone() -> MediaError {
    MediaError::invalid(
        "keyframe",
        "it cannot be decoded without pictures before it",
    )
}

fn joined<'a>(units: impl Iterator<Item = &'a [u8]>) -> Bytes {
    let mut out = Vec::new();
    for unit in units {
        let length = u32::try_from(unit.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(unit);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::video_track;

    fn avc_track() -> VideoTrack {
        video_track(VideoCodec::H264, avc::tests::record(4)).unwrap()
    }

    fn kinds(payload: &[u8]) -> Vec<u8> {
        Nals::new(payload).map(avc::nal_type).collect()
    }

    #[test]
    fn a_keyframe_has_its_parameter_sets_and_nothing_that_leads_elsewhere() {
        // Delimiter, SEI, an IDR slice, and a slice of another picture that somebody put behind it.
        let payload = joined([&[9, 0xF0][..], &[6, 5], &[0x65, 1], &[0x41, 2]].into_iter());
        let lone = LonePicture::of(&avc_track(), &payload).unwrap();
        assert_eq!(kinds(&lone.payload), [AVC_SPS, AVC_PPS, AVC_IDR]);
    }

    #[test]
    fn what_refers_to_other_pictures_is_not_taken() {
        let payload = joined([&[0x41, 2][..]].into_iter());
        assert!(LonePicture::of(&avc_track(), &payload).is_err());
        assert!(LonePicture::of(&avc_track(), &Bytes::new()).is_err());
    }

    #[test]
    fn black_is_a_keyframe_of_each_codec() {
        for codec in [
            VideoCodec::H264,
            VideoCodec::Hevc,
            VideoCodec::Av1,
            VideoCodec::Vp9,
        ] {
            let payload = black(codec).payload;
            let is_key = match codec {
                VideoCodec::H264 => avc::is_keyframe(&payload),
                VideoCodec::Hevc => hevc::is_keyframe(&payload),
                VideoCodec::Av1 => av1::is_keyframe(&payload),
                VideoCodec::Vp9 => vp9::is_keyframe(&payload),
            };
            assert!(is_key, "{codec:?}");
        }
        assert_eq!(
            kinds(&black(VideoCodec::H264).payload),
            [AVC_SPS, AVC_PPS, AVC_IDR]
        );
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload: Vec<u8>) {
            let payload = Bytes::from(payload);
            for codec in [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1, VideoCodec::Vp9] {
                let track = VideoTrack { codec, ..avc_track() };
                let _ = LonePicture::of(&track, &payload);
            }
        }
    }
}
