//! Which pictures no other refers to: what the bitstream says, where it is cheap to read.

use bytes::Bytes;
use weir_media::codec::nal::{MAX_NALS_PER_FRAME, Nals};
use weir_media::codec::{avc, hevc};
use weir_media::{FrameKind, VideoCodec};

/// What the codec header says that is needed to read the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PictureShape {
    /// Width of the NAL lengths.
    length_bytes: usize,
    /// HEVC: the highest temporal sub-layer.
    highest_layer: u8,
}

impl Default for PictureShape {
    fn default() -> Self {
        Self {
            length_bytes: 4,
            highest_layer: u8::MAX,
        }
    }
}

impl PictureShape {
    /// Of a configuration record; of one that cannot be read, nothing is disposable.
    pub(crate) fn of(codec: VideoCodec, config: &Bytes) -> Self {
        let unknown = Self::default();
        match codec {
            VideoCodec::H264 => avc::AvcConfig::parse(config).map_or(unknown, |avc| Self {
                length_bytes: avc.length_bytes,
                ..unknown
            }),
            VideoCodec::Hevc => {
                let Ok(record) = hevc::HevcConfig::parse(config) else {
                    return unknown;
                };
                let layers = record.sps.iter().map(|sps| {
                    hevc::HevcSps::parse(sps).map_or(u8::MAX, |sps| sps.temporal_layers)
                });
                Self {
                    length_bytes: record.length_bytes,
                    highest_layer: layers
                        .max()
                        .map_or(u8::MAX, |layers| layers.saturating_sub(1)),
                }
            }
            VideoCodec::Av1 | VideoCodec::Vp9 => unknown,
        }
    }

    /// Width of the NAL lengths.
    pub(crate) const fn length_bytes(self) -> usize {
        self.length_bytes
    }
}

/// Whether no other picture refers to this one.
///
/// H.264 and HEVC say so themselves and are believed whatever the FLV header claims; of AV1 and VP9,
/// which keep more from picture to picture than references, only what is claimed to be disposable is.
pub(crate) fn is_disposable(
    codec: VideoCodec,
    shape: PictureShape,
    claimed: FrameKind,
    payload: &[u8],
) -> bool {
    let units = Nals::with_length_bytes(payload, shape.length_bytes).take(MAX_NALS_PER_FRAME);
    match codec {
        // nal_ref_idc is 0 in all slices (§7.4.1).
        VideoCodec::H264 => all_slices(
            units.filter(|nal| (1..=5).contains(&avc::nal_type(nal))),
            |nal| nal.first().is_some_and(|byte| byte & 0x60 == 0),
        ),
        // Sub-layer non-reference pictures of the highest sub-layer (§7.4.2.2): even types below 16.
        VideoCodec::Hevc => all_slices(units.filter(|nal| hevc::nal_type(nal) < 32), |nal| {
            let kind = hevc::nal_type(nal);
            let layer = nal.get(1).map_or(0, |byte| (byte & 7).saturating_sub(1));
            kind < 16 && kind & 1 == 0 && layer == shape.highest_layer
        }),
        VideoCodec::Av1 | VideoCodec::Vp9 => claimed == FrameKind::Disposable,
    }
}

fn all_slices<'a>(
    slices: impl Iterator<Item = &'a [u8]>,
    mut holds: impl FnMut(&[u8]) -> bool,
) -> bool {
    let mut slices = slices.peekable();
    slices.peek().is_some() && slices.all(&mut holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(units: &[&[u8]], length_bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in units {
            out.extend_from_slice(&(unit.len() as u32).to_be_bytes()[4 - length_bytes..]);
            out.extend_from_slice(unit);
        }
        out
    }

    fn disposable(codec: VideoCodec, highest_layer: u8, units: &[&[u8]]) -> bool {
        let is = [1, 2, 4].map(|length_bytes| {
            let shape = PictureShape {
                length_bytes,
                highest_layer,
            };
            // What the header claims counts for nothing.
            let claimed = FrameKind::Disposable;
            is_disposable(codec, shape, claimed, &payload(units, length_bytes))
        });
        assert!(is[0] == is[1] && is[1] == is[2]);
        is[0]
    }

    #[test]
    fn h264_says_it_in_every_slice() {
        let is = |units: &[&[u8]]| disposable(VideoCodec::H264, 0, units);
        assert!(is(&[&[0x06, 1], &[0x01, 9], &[0x01, 8]]));
        assert!(!is(&[&[0x01, 9], &[0x41, 9]]));
        assert!(!is(&[&[0x65, 9]]));
        assert!(!is(&[&[0x06, 1]]), "there is no picture in it");
        assert!(!is(&[]));
    }

    #[test]
    fn hevc_says_it_by_the_kind_of_unit_and_the_layer() {
        let is = |layers, units: &[&[u8]]| disposable(VideoCodec::Hevc, layers, units);
        // TRAIL_N, TRAIL_R, RASL_N and CRA of layer 0; TRAIL_N of layer 1.
        assert!(is(0, &[&[0, 1, 9]]) && is(0, &[&[8 << 1, 1, 9]]));
        assert!(!is(0, &[&[1 << 1, 1, 9]]) && !is(0, &[&[21 << 1, 1, 9]]));
        assert!(!is(1, &[&[0, 1, 9]]), "a higher layer may refer to it");
        assert!(is(1, &[&[0, 2, 9]]));
        assert!(!is(u8::MAX, &[&[0, 1, 9]]), "the layers are not known");
    }

    #[test]
    fn other_codecs_are_believed_what_their_header_claims() {
        let shape = PictureShape::default();
        for codec in [VideoCodec::Av1, VideoCodec::Vp9] {
            assert!(is_disposable(codec, shape, FrameKind::Disposable, &[1]));
            assert!(!is_disposable(codec, shape, FrameKind::Inter, &[1]));
        }
    }

    #[test]
    fn a_record_that_lies_makes_nothing_disposable() {
        let shape = PictureShape::of(VideoCodec::Hevc, &Bytes::from_static(&[1, 2]));
        assert!(!is_disposable(
            VideoCodec::Hevc,
            shape,
            FrameKind::Inter,
            &payload(&[&[0, 1, 9]], 4)
        ));
    }
}
