//! VP9: the `vpcC` record (VP-ISOBMFF §2.2) and the uncompressed frame header (VP9 §6.2).

use bytes::{BufMut, Bytes, BytesMut};

use crate::bits::BitReader;
use crate::{MediaError, Result, VideoCodec, VideoTrack};

/// Length of a `vpcC` with version and flags and no initialisation data, in bytes.
const RECORD_BYTES: usize = 12;

/// What the header of a keyframe says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHeader {
    /// 0 to 3.
    pub profile: u8,
    /// Bits per sample.
    pub bit_depth: u8,
    /// As in `vpcC`: 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4 (and 4:4:0, which has no code of its own).
    pub chroma: u8,
    /// Samples use the full range.
    pub full_range: bool,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl KeyHeader {
    /// Reads the header of a (super)frame; `None` if it is no keyframe or broken.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut r = BitReader::new(payload, "VP9 frame");
        let profile = frame_profile(&mut r).ok().flatten()?;
        Self::read(&mut r, profile).ok().flatten()
    }

    fn read(r: &mut BitReader<'_>, profile: u8) -> Result<Option<Self>> {
        let (existing, inter) = (r.bit()?, r.bit()?);
        r.skip(2)?;
        if existing || inter || r.bits(24)? != 0x49_83_42 {
            return Ok(None);
        }
        let bit_depth = match profile {
            0 | 1 => 8,
            _ if r.bit()? => 12,
            _ => 10,
        };
        let odd = profile & 1 == 1;
        let (full_range, chroma) = if r.bits(3)? == 7 {
            r.skip(usize::from(odd))?;
            (true, 3)
        } else {
            let full_range = r.bit()?;
            let chroma = match odd
                .then(|| Ok((r.bit()?, r.bit()?, r.bit()?)))
                .transpose()?
            {
                None => 1,
                Some((true, false, _)) => 2,
                Some(_) => 3,
            };
            (full_range, chroma)
        };
        let (width, height) = (r.bits(16)? + 1, r.bits(16)? + 1);
        Ok(Some(Self {
            profile,
            bit_depth,
            chroma,
            full_range,
            width,
            height,
        }))
    }

    /// A `vpcC` for it. The level is the lowest whose picture size fits; colour is unspecified.
    pub fn build_config(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(RECORD_BYTES);
        out.put_slice(&[1, 0, 0, 0, self.profile, self.level()]);
        out.put_u8(self.bit_depth << 4 | self.chroma << 1 | u8::from(self.full_range));
        out.put_slice(&[2, 2, 2, 0, 0]);
        out.freeze()
    }

    /// By the luma picture size of the level table; the sample rate is not known from one frame.
    fn level(&self) -> u8 {
        const LARGEST: [(u64, u8); 9] = [
            (36_864, 10),
            (73_728, 11),
            (122_880, 20),
            (245_760, 21),
            (552_960, 30),
            (983_040, 31),
            (2_228_224, 40),
            (8_912_896, 50),
            (35_651_584, 60),
        ];
        let samples = u64::from(self.width) * u64::from(self.height);
        LARGEST
            .iter()
            .find(|(largest, _)| samples <= *largest)
            .map_or(62, |(_, level)| *level)
    }
}

/// Reads a `vpcC` into a track; without version and flags in front they are added. The size is
/// always 0: only a keyframe tells it.
///
/// # Errors
/// Truncated, or of another version.
pub fn track(config: Bytes) -> Result<VideoTrack> {
    let full = config.len() >= RECORD_BYTES && config.starts_with(&[1, 0, 0, 0]);
    let config = if full {
        config
    } else if config.len() >= 8 && config.first().is_some_and(|profile| *profile <= 3) {
        [&[1, 0, 0, 0], &config[..]].concat().into()
    } else {
        return Err(MediaError::invalid(
            "vpcC",
            "too short, or the version is not 1",
        ));
    };
    let (Some(profile), Some(level), Some(depth)) = (config.get(4), config.get(5), config.get(6))
    else {
        return Err(MediaError::Truncated("vpcC"));
    };
    let rfc6381 = format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4);
    Ok(VideoTrack {
        codec: VideoCodec::Vp9,
        config,
        width: 0,
        height: 0,
        rfc6381,
    })
}

/// Whether the (super)frame starts with a keyframe.
pub fn is_keyframe(payload: &[u8]) -> bool {
    KeyHeader::parse(payload).is_some()
}

fn frame_profile(r: &mut BitReader<'_>) -> Result<Option<u8>> {
    if r.bits(2)? != 2 {
        return Ok(None);
    }
    let (low, high) = (r.byte(1)?, r.byte(1)?);
    let profile = high << 1 | low;
    if profile == 3 {
        r.skip(1)?;
    }
    Ok(Some(profile))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const RECORD: &[u8] = &[1, 0, 0, 0, 0, 0x14, 0x82, 2, 2, 2, 0, 0];
    /// The start of a 320×240 keyframe made by libvpx.
    pub(crate) const KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0e, 0xf6, 4, 0x38];

    #[test]
    fn a_record_tells_the_codecs_string_with_and_without_version() {
        assert_eq!(
            track(Bytes::from_static(RECORD)).unwrap().rfc6381,
            "vp09.00.20.08"
        );
        let bare = track(Bytes::from_static(&RECORD[4..])).unwrap();
        assert_eq!(bare.config, RECORD);
        assert!(track(Bytes::from_static(&[1, 0, 0, 0, 0])).is_err());
    }

    #[test]
    fn a_keyframe_tells_its_size_and_makes_a_record() {
        let header = KeyHeader::parse(KEY).unwrap();
        assert_eq!(
            (header.width, header.height, header.bit_depth),
            (320, 240, 8)
        );
        assert_eq!(header.build_config(), RECORD);
        assert!(!is_keyframe(&[0x86, 0, 0x40, 0x92, 0x88, 0, 0, 0, 0, 0, 0]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, cut in 0usize..12) {
            let _ = track(data.clone().into());
            let _ = KeyHeader::parse(&data);
            let _ = KeyHeader::parse(&[&KEY[..cut.min(KEY.len())], &data].concat());
        }
    }
}
