//! NAL units with start codes (H.264/H.265 annex B) to and from NAL units with 4-byte lengths.

use bytes::Bytes;

use crate::codec::avc::AvcConfig;
use crate::codec::hevc::HevcConfig;
use crate::{Result, VideoCodec};

/// NAL units looked at in one access unit. A picture has at most some hundred slices.
const MAX_NALS: usize = 4096;

pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// What a NAL unit is to a muxer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NalRole {
    Delimiter,
    Vps,
    Sps,
    Pps,
    /// A picture anybody may start at.
    KeySlice,
    /// A picture nothing else needs.
    DisposableSlice,
    Slice,
    Other,
}

impl NalRole {
    /// VPS, SPS or PPS.
    pub(super) const fn is_parameter_set(self) -> bool {
        matches!(self, Self::Vps | Self::Sps | Self::Pps)
    }
}

/// The role by the NAL header.
pub(super) fn role(codec: VideoCodec, nal: &[u8]) -> NalRole {
    let Some(&header) = nal.first() else {
        return NalRole::Other;
    };
    if codec == VideoCodec::Hevc {
        return match header >> 1 & 0x3F {
            35 => NalRole::Delimiter,
            32 => NalRole::Vps,
            33 => NalRole::Sps,
            34 => NalRole::Pps,
            16..=21 => NalRole::KeySlice,
            // Sub-layer non-reference pictures have the even numbers below 16.
            0 | 2 | 4 | 6 | 8 | 10 | 12 | 14 => NalRole::DisposableSlice,
            1 | 3 | 5 | 7 | 9 | 11 | 13 | 15 => NalRole::Slice,
            _ => NalRole::Other,
        };
    }
    match header & 0x1F {
        9 => NalRole::Delimiter,
        7 => NalRole::Sps,
        8 => NalRole::Pps,
        5 => NalRole::KeySlice,
        1 if header & 0x60 == 0 => NalRole::DisposableSlice,
        1..=4 => NalRole::Slice,
        _ => NalRole::Other,
    }
}

/// NAL units of an annex B access unit, without start codes and trailing zeros.
pub(super) fn start_coded(data: &[u8]) -> Vec<&[u8]> {
    let mut nals = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(found) = find_start_code(data, at) {
        push_nal(&mut nals, data, start, found);
        start = Some(found + 3);
        at = found + 3;
        if nals.len() >= MAX_NALS {
            return nals;
        }
    }
    push_nal(&mut nals, data, start, data.len());
    nals
}

fn push_nal<'a>(nals: &mut Vec<&'a [u8]>, data: &'a [u8], start: Option<usize>, end: usize) {
    let Some(mut nal) = start.and_then(|start| data.get(start..end)) else {
        return;
    };
    while let [head @ .., 0] = nal {
        nal = head;
    }
    if !nal.is_empty() {
        nals.push(nal);
    }
}

fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    let tail = data.get(from..)?;
    tail.windows(3)
        .position(|window| window == [0, 0, 1])
        .map(|at| from + at)
}

/// Parameter sets out of an `avcC` or `hvcC`, in the order a decoder wants them.
pub(super) fn parameter_sets(codec: VideoCodec, config: &Bytes) -> Result<Vec<Bytes>> {
    Ok(if codec == VideoCodec::Hevc {
        let HevcConfig { vps, sps, pps, .. } = HevcConfig::parse(config)?;
        [vps, sps, pps].concat()
    } else {
        let AvcConfig { sps, pps, .. } = AvcConfig::parse(config)?;
        [sps, pps].concat()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_both_cut() {
        let data = [
            0, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x65, 1, 2, 0, 0, 0, 1, 0x41, 3,
        ];
        assert_eq!(
            start_coded(&data),
            [&[9, 0xF0][..], &[0x65, 1, 2], &[0x41, 3]]
        );
    }

    #[test]
    fn parameter_sets_come_out_of_an_avcc() {
        let config = [1, 0x42, 0, 30, 0xFF, 0xE1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 2];
        let config = Bytes::copy_from_slice(&config);
        let sets = parameter_sets(VideoCodec::H264, &config).unwrap();
        assert_eq!(sets, [&[0x67, 1][..], &[0x68, 2]]);
    }
}
