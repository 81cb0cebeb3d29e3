//! HEVC: the `hvcC` record (ISO/IEC 14496-15 §8.3.3), SPS (ITU-T H.265 §7.3.2.2), random access.

use bytes::{BufMut, Bytes, BytesMut};

use super::avc::with_four_byte_lengths;
use super::nal::Nals;
use crate::bits::{BitReader, Cursor, unescape};
use crate::{MediaError, Result, VideoCodec, VideoTrack};

/// Most bytes of a parameter set that are read; those of layered streams stay far below.
const MAX_PARAMETER_SET_BYTES: usize = 4096;
/// Widest or highest picture believed, in pixels: level 6.2 stops at 16,888.
const MAX_PIXELS: u32 = 32_768;
/// Length of the record in front of its arrays, in bytes.
const HEADER_BYTES: usize = 23;
/// Most parameter sets of one kind kept: H.265 allows 16 VPS, 16 SPS and 64 PPS.
const MAX_SETS: usize = 64;

const NAL_VPS: u8 = 32;
const NAL_SPS: u8 = 33;
const NAL_PPS: u8 = 34;

/// An HEVCDecoderConfigurationRecord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HevcConfig {
    /// Bytes in front of each NAL unit: 1 to 4.
    pub length_bytes: usize,
    /// Video parameter sets, without start codes or lengths.
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets, likewise.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, likewise.
    pub pps: Vec<Bytes>,
}

impl HevcConfig {
    /// Reads the body of an `hvcC` box; arrays of other kinds (SEI) are passed over.
    ///
    /// # Errors
    /// Truncated, or of another version.
    pub fn parse(record: &Bytes) -> Result<Self> {
        let mut cursor = Cursor::new(record.clone(), "hvcC");
        // Version 0 was written by early muxers and differs in nothing that is read here.
        if cursor.u8()? > 1 {
            return Err(MediaError::invalid("hvcC", "the version is not 1"));
        }
        cursor.take(20)?;
        let length_bytes = usize::from(cursor.u8()? & 3) + 1;
        let mut config = Self {
            length_bytes,
            vps: vec![],
            sps: vec![],
            pps: vec![],
        };
        for _ in 0..cursor.u8()? {
            let kind = cursor.u8()? & 0x3f;
            for _ in 0..cursor.u16()? {
                let len = usize::from(cursor.u16()?);
                config.keep(kind, cursor.take(len)?);
            }
        }
        Ok(config)
    }

    /// From the parameter sets found in the bitstream; `None` unless all three kinds are there.
    pub fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut config = Self {
            length_bytes: 4,
            vps: vec![],
            sps: vec![],
            pps: vec![],
        };
        for nal in Nals::new(payload) {
            let kind = nal_type(nal);
            if (NAL_VPS..=NAL_PPS).contains(&kind) && nal.len() <= MAX_PARAMETER_SET_BYTES {
                config.keep(kind, Bytes::copy_from_slice(nal));
            }
        }
        let whole = !config.vps.is_empty() && !config.sps.is_empty() && !config.pps.is_empty();
        whole.then_some(config)
    }

    /// The record with 4-byte lengths and complete arrays.
    ///
    /// # Errors
    /// Without an SPS, or with one that cannot be read.
    pub fn build(&self) -> Result<Bytes> {
        let first = self
            .sps
            .first()
            .ok_or(MediaError::invalid("hvcC", "there is no SPS"))?;
        let sps = HevcSps::parse(first)?;
        let mut out = BytesMut::with_capacity(256);
        out.put_u8(1);
        out.put_slice(&sps.profile_tier_level);
        out.put_slice(&[0xf0, 0, 0xfc, 0xfc | sps.chroma_format]);
        out.put_slice(&[
            0xf8 | (sps.bit_depth_luma - 8),
            0xf8 | (sps.bit_depth_chroma - 8),
        ]);
        out.put_slice(&[
            0,
            0,
            sps.temporal_layers << 3 | u8::from(sps.temporal_nesting) << 2 | 3,
        ]);
        out.put_u8(3);
        for (kind, sets) in [
            (NAL_VPS, &self.vps),
            (NAL_SPS, &self.sps),
            (NAL_PPS, &self.pps),
        ] {
            out.put_u8(0x80 | kind);
            out.put_u16(sets.len() as u16);
            for set in sets {
                out.put_u16(set.len() as u16);
                out.put_slice(set);
            }
        }
        Ok(out.freeze())
    }

    fn keep(&mut self, kind: u8, set: Bytes) {
        let sets = match kind {
            NAL_VPS => &mut self.vps,
            NAL_SPS => &mut self.sps,
            NAL_PPS => &mut self.pps,
            _ => return,
        };
        if sets.len() < MAX_SETS && !set.is_empty() {
            sets.push(set);
        }
    }
}

/// What a sequence parameter set says that weir needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HevcSps {
    /// Profile space, tier, profile, compatibility and constraint flags, level: the 12 bytes that
    /// the record repeats.
    pub profile_tier_level: [u8; 12],
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample.
    pub bit_depth_chroma: u8,
    /// Number of temporal sub-layers.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_nesting: bool,
    /// Width inside the conformance window, in pixels.
    pub width: u32,
    /// Height inside the conformance window, in pixels.
    pub height: u32,
}

impl HevcSps {
    /// Reads one SPS NAL unit, both header bytes included.
    ///
    /// # Errors
    /// Truncated, or with a size or depth no level allows.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        if nal_type(nal) != NAL_SPS {
            return Err(MediaError::invalid("SPS", "another kind of NAL unit"));
        }
        let rbsp = unescape(nal.get(2..).unwrap_or_default(), MAX_PARAMETER_SET_BYTES);
        let mut r = BitReader::new(&rbsp, "SPS");
        r.skip(4)?;
        let sub_layers = r.byte(3)?;
        if sub_layers > 6 {
            return Err(MediaError::invalid(
                "SPS",
                "there are over 7 temporal sub-layers",
            ));
        }
        let temporal_nesting = r.bit()?;
        let mut profile_tier_level = [0; 12];
        for byte in &mut profile_tier_level {
            *byte = r.byte(8)?;
        }
        skip_sub_layers(&mut r, sub_layers)?;
        r.ue()?;
        let chroma_format = r.ue()?;
        if chroma_format > 3 {
            return Err(MediaError::invalid(
                "SPS",
                "the chroma format is not defined",
            ));
        }
        let separate_planes = chroma_format == 3 && r.bit()?;
        let (width, height) = (r.ue()?, r.ue()?);
        let window = if r.bit()? {
            [r.ue()?, r.ue()?, r.ue()?, r.ue()?]
        } else {
            [0; 4]
        };
        let (luma, chroma) = (r.ue()?, r.ue()?);
        if luma > 8 || chroma > 8 {
            return Err(MediaError::invalid("SPS", "the bit depth is not defined"));
        }
        let (unit_x, unit_y) = match (separate_planes, chroma_format) {
            (false, 1) => (2, 2),
            (false, 2) => (2, 1),
            _ => (1, 1),
        };
        Ok(Self {
            profile_tier_level,
            chroma_format: chroma_format as u8,
            bit_depth_luma: 8 + luma as u8,
            bit_depth_chroma: 8 + chroma as u8,
            temporal_layers: sub_layers + 1,
            temporal_nesting,
            width: inside(width, window[0], window[1], unit_x)?,
            height: inside(height, window[2], window[3], unit_y)?,
        })
    }
}

/// Reads an `hvcC` into a track. Its lengths are made 4 bytes.
///
/// # Errors
/// As [`HevcConfig::parse`], and without any VPS, SPS or PPS.
pub fn track(config: Bytes) -> Result<VideoTrack> {
    let hevc = HevcConfig::parse(&config)?;
    if hevc.vps.is_empty() || hevc.pps.is_empty() {
        return Err(MediaError::invalid("hvcC", "there is no VPS or PPS"));
    }
    let first = hevc
        .sps
        .first()
        .ok_or(MediaError::invalid("hvcC", "there is no SPS"))?;
    let sps = HevcSps::parse(first)?;
    Ok(VideoTrack {
        codec: VideoCodec::Hevc,
        rfc6381: rfc6381(&sps.profile_tier_level),
        config: with_four_byte_lengths(config, HEADER_BYTES - 2, hevc.length_bytes),
        width: sps.width,
        height: sps.height,
    })
}

/// The type of a NAL unit; 63 (unspecified) for an empty one.
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(63, |byte| byte >> 1 & 0x3f)
}

/// Whether the payload holds a slice of an IRAP picture (IDR, CRA or BLA).
pub fn is_keyframe(payload: &[u8]) -> bool {
    Nals::new(payload).any(|nal| (16..=23).contains(&nal_type(nal)))
}

/// Whether the payload holds any slice, that is, a picture.
pub fn has_slice(payload: &[u8]) -> bool {
    Nals::new(payload).any(|nal| nal_type(nal) < 32)
}

/// ISO/IEC 14496-15 annex E.3: `hvc1.1.6.L93.B0`.
fn rfc6381(ptl: &[u8; 12]) -> String {
    let [
        first,
        compat_0,
        compat_1,
        compat_2,
        compat_3,
        constraints @ ..,
        level,
    ] = ptl;
    let space = ["", "A", "B", "C"][usize::from(first >> 6)];
    let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
    let compat = u32::from_be_bytes([*compat_0, *compat_1, *compat_2, *compat_3]).reverse_bits();
    let mut text = format!("hvc1.{space}{}.{compat:X}.{tier}{level}", first & 0x1f);
    let used = constraints
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

fn skip_sub_layers(r: &mut BitReader<'_>, count: u8) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let mut bits = 0;
    for layer in 0..8 {
        let (profile, level) = (r.bit()?, r.bit()?);
        if layer < count {
            bits += if profile { 88 } else { 0 } + if level { 8 } else { 0 };
        }
    }
    r.skip(bits)
}

fn inside(size: u32, before: u32, after: u32, unit: u32) -> Result<u32> {
    let cut = before
        .checked_add(after)
        .and_then(|cut| cut.checked_mul(unit));
    match cut {
        Some(cut) if cut < size && size <= MAX_PIXELS => Ok(size - cut),
        _ => Err(MediaError::invalid(
            "SPS",
            "the size or its conformance window is impossible",
        )),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1920×1080, Main 10, made by x265.
    pub(crate) const RECORD: &[u8] = &[
        0x01, 0x02, 0x20, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x78, 0xf0, 0x00,
        0xfc, 0xfd, 0xfa, 0xfa, 0x00, 0x00, 0x0f, 0x03, 0xa0, 0x00, 0x01, 0x00, 0x18, 0x40, 0x01,
        0x0c, 0x01, 0xff, 0xff, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
        0x00, 0x03, 0x00, 0x78, 0x95, 0x98, 0x09, 0xa1, 0x00, 0x01, 0x00, 0x2c, 0x42, 0x01, 0x01,
        0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x78,
        0xa0, 0x03, 0xc0, 0x80, 0x10, 0xe4, 0xd9, 0x65, 0x66, 0x92, 0x4c, 0xaf, 0x01, 0x68, 0x08,
        0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x40, 0xa2, 0x00, 0x01, 0x00,
        0x07, 0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40,
    ];

    #[test]
    fn a_record_tells_size_and_codecs_string() {
        let track = track(Bytes::from_static(RECORD)).unwrap();
        assert_eq!((track.width, track.height), (1920, 1080));
        assert_eq!(track.rfc6381, "hvc1.2.4.L120.90");
        assert_eq!(track.config, RECORD);
    }

    #[test]
    fn the_codecs_string_of_the_standard_comes_out() {
        let ptl = [1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        assert_eq!(rfc6381(&ptl), "hvc1.1.6.L93.B0");
    }

    #[test]
    fn a_record_is_built_from_the_bitstream() {
        let given = HevcConfig::parse(&Bytes::from_static(RECORD)).unwrap();
        let mut payload = Vec::new();
        for nal in [&given.vps[0], &given.sps[0], &given.pps[0]] {
            payload.extend((nal.len() as u32).to_be_bytes());
            payload.extend(&nal[..]);
        }
        let built = HevcConfig::from_payload(&payload).unwrap().build().unwrap();
        assert_eq!(HevcConfig::parse(&built).unwrap(), given);
        let (ours, theirs) = (
            track(built).unwrap(),
            track(Bytes::from_static(RECORD)).unwrap(),
        );
        assert_eq!(ours.config[..13], theirs.config[..13]);
        assert_eq!(ours.config[16..19], theirs.config[16..19]);
        assert!(HevcConfig::from_payload(&payload[..payload.len() - 1]).is_none());
    }

    #[test]
    fn random_access_pictures_are_keyframes() {
        for kind in 16..=21u8 {
            assert!(is_keyframe(&[0, 0, 0, 3, kind << 1, 1, 0]), "{kind}");
        }
        assert!(!is_keyframe(&[0, 0, 0, 3, 1 << 1, 1, 0]));
        assert!(has_slice(&[0, 0, 0, 3, 1 << 1, 1, 0]));
        assert!(!has_slice(&[0, 0, 0, 3, 39 << 1, 1, 0]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, cut: usize, at: usize, value: u8) {
            let _ = track(data.clone().into());
            let _ = HevcConfig::from_payload(&data);
            let mut damaged = RECORD.to_vec();
            let len = damaged.len();
            damaged[at % len] = value;
            let _ = track(Bytes::from(damaged.clone()).slice(..cut % len));
            let _ = track(damaged.into());
        }
    }
}
