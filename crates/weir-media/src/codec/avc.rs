//! H.264: the `avcC` record (ISO/IEC 14496-15 §5.3.3), SPS (ITU-T H.264 §7.3.2.1), keyframes.
// long because: an SPS is made to say something else by what reads it.

use bytes::{BufMut, Bytes, BytesMut};

use super::nal::Nals;
use crate::bits::{BitReader, BitWriter, Cursor, escape, unescape};
use crate::{MediaError, Result, VideoCodec, VideoTrack};

/// Most bytes of a parameter set that are read: real ones stay under 200.
const MAX_PARAMETER_SET_BYTES: usize = 4096;
/// Widest or highest picture believed, in pixels: level 6.2 stops at 16,888.
const MAX_PIXELS: u32 = 32_768;

const PROFILE_BASELINE: u8 = 66;
/// `aspect_ratio_idc` that is followed by the ratio itself.
const SAR_EXTENDED: u32 = 255;
const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;

/// An AVCDecoderConfigurationRecord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig {
    /// Bytes in front of each NAL unit: 1 to 4.
    pub length_bytes: usize,
    /// Sequence parameter sets, without start codes or lengths.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, likewise.
    pub pps: Vec<Bytes>,
}

impl AvcConfig {
    /// Reads the body of an `avcC` box. What follows the parameter sets is not read.
    ///
    /// # Errors
    /// Truncated, or of another version.
    pub fn parse(record: &Bytes) -> Result<Self> {
        let mut cursor = Cursor::new(record.clone(), "avcC");
        if cursor.u8()? != 1 {
            return Err(MediaError::invalid("avcC", "the version is not 1"));
        }
        cursor.u24()?;
        let length_bytes = usize::from(cursor.u8()? & 3) + 1;
        let sps_count = cursor.u8()? & 0x1f;
        let sps = read_sets(&mut cursor, sps_count)?;
        let pps_count = cursor.u8()?;
        let pps = read_sets(&mut cursor, pps_count)?;
        Ok(Self {
            length_bytes,
            sps,
            pps,
        })
    }

    /// From the parameter sets found in the bitstream; `None` without both kinds.
    pub fn from_payload(payload: &[u8]) -> Option<Self> {
        let of = |kind: u8, limit: usize| -> Vec<Bytes> {
            Nals::new(payload)
                .filter(|nal| nal_type(nal) == kind && nal.len() <= MAX_PARAMETER_SET_BYTES)
                .take(limit)
                .map(Bytes::copy_from_slice)
                .collect()
        };
        let (sps, pps) = (of(NAL_SPS, 31), of(NAL_PPS, 255));
        (!sps.is_empty() && !pps.is_empty()).then_some(Self {
            length_bytes: 4,
            sps,
            pps,
        })
    }

    /// The record with 4-byte lengths, with the chroma fields that the High profiles need.
    ///
    /// # Errors
    /// Without an SPS, or with one that cannot be read.
    pub fn build(&self) -> Result<Bytes> {
        let first = self
            .sps
            .first()
            .ok_or(MediaError::invalid("avcC", "there is no SPS"))?;
        let sps = AvcSps::parse(first)?;
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(1);
        out.put_slice(first.get(1..4).unwrap_or(&[0; 3]));
        out.put_u8(0xff);
        out.put_u8(0xe0 | (self.sps.len().min(31) as u8));
        put_sets(&mut out, &self.sps, 31);
        out.put_u8(self.pps.len().min(255) as u8);
        put_sets(&mut out, &self.pps, 255);
        if matches!(sps.profile, 100 | 110 | 122 | 144) {
            out.put_slice(&[
                0xfc | sps.chroma_format,
                0xf8 | sps.bit_depth_luma.saturating_sub(8),
                0xf8 | sps.bit_depth_chroma.saturating_sub(8),
                0,
            ]);
        }
        Ok(out.freeze())
    }
}

/// What a sequence parameter set says that weir needs.
#[derive(Debug, Clone, PartialEq)]
pub struct AvcSps {
    /// `profile_idc`.
    pub profile: u8,
    /// The constraint flags' byte.
    pub constraints: u8,
    /// `level_idc`.
    pub level: u8,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample.
    pub bit_depth_chroma: u8,
    /// Width after cropping, in pixels.
    pub width: u32,
    /// Height after cropping, in pixels.
    pub height: u32,
    /// Pictures that others may refer to, at most.
    pub reference_frames: u32,
    /// Its pictures may be fields.
    pub has_fields: bool,
    /// How many pictures may stand before another in decode order and behind it on the screen,
    /// where the profile, the picture order or the VUI tells.
    pub reorder_frames: Option<u32>,
    /// The usability information, empty where there is none.
    pub vui: Vui,
}

/// Video usability information (§E.1.1), as much of it as weir needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vui {
    /// Frames per second.
    pub fps: Option<f64>,
    /// `max_num_reorder_frames`, as written: no level allows more than 16.
    pub max_reorder_frames: Option<u32>,
}

impl AvcSps {
    /// Reads one SPS NAL unit, header byte included. Damage in the VUI only loses what it says.
    ///
    /// # Errors
    /// Truncated, or with a size no level allows.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        let rbsp = sps_body(nal)?;
        let mut r = BitReader::new(&rbsp, "SPS");
        let mut sps = Self::read_head(&mut r)?;
        if matches!(r.bit(), Ok(true)) {
            sps.vui = Vui::read(&mut r);
        }
        sps.reorder_frames = sps.reorder_frames.or(sps.vui.max_reorder_frames);
        Ok(sps)
    }

    /// What stands before the VUI.
    fn read_head(r: &mut BitReader<'_>) -> Result<Self> {
        let profile = r.byte(8)?;
        let constraints = r.byte(8)?;
        let level = r.byte(8)?;
        r.ue()?;
        let chroma = Chroma::read(r, profile)?;
        r.ue()?;
        let order_type = read_picture_order(r)?;
        let reference_frames = r.ue()?;
        r.skip(1)?;
        let width_mbs = plus_one(r.ue()?)?;
        let height_units = plus_one(r.ue()?)?;
        let frame_mbs_only = r.bit()?;
        if !frame_mbs_only {
            r.skip(1)?;
        }
        r.skip(1)?;
        let fields = if frame_mbs_only { 1 } else { 2 };
        let crop = if r.bit()? {
            [r.ue()?, r.ue()?, r.ue()?, r.ue()?]
        } else {
            [0; 4]
        };
        let (crop_x, crop_y) = chroma.crop_units(fields);
        let width = cropped(width_mbs * 16, crop[0], crop[1], crop_x)?;
        let height = cropped(height_units * 16 * fields, crop[2], crop[3], crop_y)?;
        // Baseline has no B-pictures, and with order type 2 the output order is the decode order.
        let in_order = profile == PROFILE_BASELINE || order_type == 2;
        Ok(Self {
            profile,
            constraints,
            level,
            chroma_format: chroma.format,
            bit_depth_luma: chroma.depth_luma,
            bit_depth_chroma: chroma.depth_chroma,
            width,
            height,
            reference_frames,
            has_fields: !frame_mbs_only,
            reorder_frames: in_order.then_some(0),
            vui: Vui::default(),
        })
    }
}

/// The same SPS for pictures that are all shown in the order of decoding, so that a decoder gives each at once: as
/// keyframes alone are. `None` for one that cannot be read to its end.
pub fn sps_in_order(nal: &[u8]) -> Option<Vec<u8>> {
    let rbsp = sps_body(nal).ok()?;
    let mut r = BitReader::new(&rbsp, "SPS");
    let head = AvcSps::read_head(&mut r).ok()?;
    let has_vui = r.bit().ok()?;
    if has_vui {
        Vui::default().walk_head(&mut r).ok()?;
    }
    let mut out = BitWriter::default();
    // All up to the flag of the restrictions, or to the flag of a VUI that is not there.
    let kept = r.position() - usize::from(!has_vui);
    let mut r = BitReader::new(&rbsp, "SPS");
    for _ in 0..kept {
        out.bits(r.bits(1).ok()?, 1);
    }
    if !has_vui {
        out.bits(0x100, 9); // A VUI that says nothing else.
    }
    out.bits(0b11, 2); // There are restrictions; motion vectors may lead over the edge.
    for value in [0, 0, 16, 16, 0, head.reference_frames.clamp(1, 16)] {
        out.ue(value);
    }
    out.bits(1, 1);
    let mut sps = nal.get(..1)?.to_vec();
    sps.extend(escape(&out.finish()));
    Some(sps)
}

fn sps_body(nal: &[u8]) -> Result<Vec<u8>> {
    if nal_type(nal) != NAL_SPS {
        return Err(MediaError::invalid("SPS", "another kind of NAL unit"));
    }
    Ok(unescape(
        nal.get(1..).unwrap_or_default(),
        MAX_PARAMETER_SET_BYTES,
    ))
}

/// Reads an `avcC` into a track. Its lengths are made 4 bytes.
///
/// # Errors
/// As [`AvcConfig::parse`], and without any SPS or PPS.
pub fn track(config: Bytes) -> Result<VideoTrack> {
    let avc = AvcConfig::parse(&config)?;
    let first = avc
        .sps
        .first()
        .ok_or(MediaError::invalid("avcC", "there is no SPS"))?;
    if avc.pps.is_empty() {
        return Err(MediaError::invalid("avcC", "there is no PPS"));
    }
    let sps = AvcSps::parse(first)?;
    let rfc6381 = format!(
        "avc1.{:02x}{:02x}{:02x}",
        sps.profile, sps.constraints, sps.level
    );
    Ok(VideoTrack {
        codec: VideoCodec::H264,
        config: with_four_byte_lengths(config, 4, avc.length_bytes),
        width: sps.width,
        height: sps.height,
        rfc6381,
    })
}

/// The type of a NAL unit; 0 for an empty one.
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Whether the payload holds an IDR slice.
pub fn is_keyframe(payload: &[u8]) -> bool {
    Nals::new(payload).any(|nal| nal_type(nal) == NAL_IDR)
}

/// Whether the payload holds any slice, that is, a picture.
pub fn has_slice(payload: &[u8]) -> bool {
    Nals::new(payload).any(|nal| matches!(nal_type(nal), 1..=NAL_IDR))
}

/// Whether the payload is a picture that no other picture refers to (`nal_ref_idc` is 0).
pub fn is_disposable(payload: &[u8]) -> bool {
    let mut slices = Nals::new(payload).filter(|nal| matches!(nal_type(nal), 1..=NAL_IDR));
    let unreferenced = |nal: &[u8]| nal.first().is_some_and(|byte| byte & 0x60 == 0);
    slices.next().is_some_and(unreferenced) && slices.all(unreferenced)
}

/// The record with the two low bits at `offset` saying 4; copied only where they said otherwise.
pub(super) fn with_four_byte_lengths(record: Bytes, offset: usize, length_bytes: usize) -> Bytes {
    if length_bytes == 4 {
        return record;
    }
    let mut copy = BytesMut::from(&record[..]);
    if let Some(byte) = copy.get_mut(offset) {
        *byte |= 3;
    }
    copy.freeze()
}

fn read_sets(cursor: &mut Cursor, count: u8) -> Result<Vec<Bytes>> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let len = usize::from(cursor.u16()?);
        let set = cursor.take(len)?;
        if !set.is_empty() {
            sets.push(set);
        }
    }
    Ok(sets)
}

fn put_sets(out: &mut BytesMut, sets: &[Bytes], limit: usize) {
    for set in sets.iter().take(limit) {
        out.put_u16(set.len() as u16);
        out.put_slice(set);
    }
}

/// The fields only the High profiles carry; 4:2:0 with 8 bits otherwise.
struct Chroma {
    format: u8,
    separate_planes: bool,
    depth_luma: u8,
    depth_chroma: u8,
}

impl Chroma {
    fn read(r: &mut BitReader<'_>, profile: u8) -> Result<Self> {
        let mut chroma = Self {
            format: 1,
            separate_planes: false,
            depth_luma: 8,
            depth_chroma: 8,
        };
        if !matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            return Ok(chroma);
        }
        let format = r.ue()?;
        let too_much = MediaError::invalid("SPS", "the chroma format or bit depth is not defined");
        if format > 3 {
            return Err(too_much);
        }
        chroma.format = format as u8;
        chroma.separate_planes = format == 3 && r.bit()?;
        let (luma, depth_chroma) = (r.ue()?, r.ue()?);
        if luma > 6 || depth_chroma > 6 {
            return Err(too_much);
        }
        chroma.depth_luma = 8 + luma as u8;
        chroma.depth_chroma = 8 + depth_chroma as u8;
        r.skip(1)?;
        if r.bit()? {
            for list in 0..if format == 3 { 12 } else { 8 } {
                if r.bit()? {
                    skip_scaling_list(r, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(chroma)
    }

    /// What one step of cropping is worth in pixels, across and down (§7.4.2.1.1).
    fn crop_units(&self, fields: u32) -> (u32, u32) {
        match (self.separate_planes, self.format) {
            (false, 1) => (2, 2 * fields),
            (false, 2) => (2, fields),
            _ => (1, fields),
        }
    }
}

fn skip_scaling_list(r: &mut BitReader<'_>, size: u32) -> Result<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = (last.wrapping_add(r.se()?)) & 0xff;
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

/// Passes over the fields of the picture order; gives its type.
fn read_picture_order(r: &mut BitReader<'_>) -> Result<u32> {
    let order_type = r.ue()?;
    match order_type {
        0 => {
            r.ue()?;
        }
        1 => {
            r.skip(1)?;
            r.se()?;
            r.se()?;
            let cycle = r.ue()?;
            if cycle > 255 {
                return Err(MediaError::invalid(
                    "SPS",
                    "the picture order cycle is over 255",
                ));
            }
            for _ in 0..cycle {
                r.se()?;
            }
        }
        _ => {}
    }
    Ok(order_type)
}

impl Vui {
    /// Reads as far as it goes: behind damage nothing is known.
    fn read(r: &mut BitReader<'_>) -> Self {
        let mut vui = Self::default();
        let _ = vui.walk(r);
        vui
    }

    fn walk(&mut self, r: &mut BitReader<'_>) -> Result<()> {
        self.walk_head(r)?;
        if r.bit()? {
            r.skip(1)?;
            for _ in 0..4 {
                r.ue()?;
            }
            self.max_reorder_frames = Some(r.ue()?);
        }
        Ok(())
    }

    /// What stands before the restrictions.
    fn walk_head(&mut self, r: &mut BitReader<'_>) -> Result<()> {
        if r.bit()? && r.bits(8)? == SAR_EXTENDED {
            r.skip(32)?;
        }
        if r.bit()? {
            r.skip(1)?;
        }
        if r.bit()? {
            r.skip(4)?;
            if r.bit()? {
                r.skip(24)?;
            }
        }
        if r.bit()? {
            r.ue()?;
            r.ue()?;
        }
        if r.bit()? {
            let (tick, scale) = (r.bits(32)?, r.bits(32)?);
            let fps = f64::from(scale) / (2.0 * f64::from(tick));
            self.fps = (tick > 0 && scale > 0 && fps <= 1000.0).then_some(fps);
            r.skip(1)?;
        }
        let (nal, vcl) = (skip_hrd(r)?, skip_hrd(r)?);
        if nal || vcl {
            r.skip(1)?;
        }
        r.skip(1)
    }
}

/// Passes over `hrd_parameters()` (§E.1.2); whether there were any.
fn skip_hrd(r: &mut BitReader<'_>) -> Result<bool> {
    if !r.bit()? {
        return Ok(false);
    }
    let count = r.ue()?.min(31) + 1;
    r.skip(8)?;
    for _ in 0..count {
        r.ue()?;
        r.ue()?;
        r.skip(1)?;
    }
    r.skip(20)?;
    Ok(true)
}

fn plus_one(value: u32) -> Result<u32> {
    if value >= MAX_PIXELS / 16 {
        return Err(MediaError::invalid(
            "SPS",
            "the picture is larger than any level allows",
        ));
    }
    Ok(value + 1)
}

fn cropped(size: u32, before: u32, after: u32, unit: u32) -> Result<u32> {
    let crop = before
        .checked_add(after)
        .and_then(|crop| crop.checked_mul(unit));
    match crop {
        Some(crop) if crop < size && size <= MAX_PIXELS * 2 => Ok(size - crop),
        _ => Err(MediaError::invalid(
            "SPS",
            "more is cropped away than there is",
        )),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1920×1080, High, level 4.0, cropped from 1088, 25 fps, made by x264.
    pub(crate) const SPS_1080P: &[u8] = &[
        0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00,
        0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
    ];
    pub(crate) const PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

    pub(crate) fn record(length_bytes: u8) -> Bytes {
        let mut out = vec![1, 0x64, 0, 0x28, 0xfc | (length_bytes - 1), 0xe1];
        out.extend((SPS_1080P.len() as u16).to_be_bytes());
        out.extend(SPS_1080P);
        out.extend([1, 0, PPS.len() as u8]);
        out.extend(PPS);
        out.into()
    }

    #[test]
    fn an_sps_is_made_to_say_that_nothing_is_shown_later() {
        let before = AvcSps::parse(SPS_1080P).unwrap();
        let text = sps_in_order(SPS_1080P).unwrap();
        let after = AvcSps::parse(&text).unwrap();
        assert_eq!(after.reorder_frames, Some(0));
        assert_ne!(before.reorder_frames, Some(0));
        let same = |sps: &AvcSps| (sps.width, sps.height, sps.vui.fps, sps.profile, sps.level);
        assert_eq!(same(&after), same(&before));
        assert_eq!(sps_in_order(&text).unwrap(), text);
        // Cut before its VUI ends, and before it begins.
        assert_eq!(sps_in_order(&SPS_1080P[..16]), None);
        assert_eq!(sps_in_order(PPS), None);
    }

    #[test]
    fn a_record_tells_size_rate_and_codecs_string() {
        let track = track(record(4)).unwrap();
        assert_eq!((track.width, track.height), (1920, 1080));
        assert_eq!(track.rfc6381, "avc1.640028");
        assert_eq!(track.config, record(4));
        let sps = AvcSps::parse(SPS_1080P).unwrap();
        assert_eq!(
            (sps.vui.fps, sps.vui.max_reorder_frames),
            (Some(25.0), Some(2))
        );
        assert_eq!(sps.reorder_frames, Some(2));
    }

    #[test]
    fn damage_in_the_usability_information_loses_what_is_behind_it_only() {
        // The timing ends some bytes before the end.
        let cut = AvcSps::parse(&SPS_1080P[..SPS_1080P.len() - 3]).unwrap();
        assert_eq!((cut.width, cut.vui.fps), (1920, Some(25.0)));
        assert_eq!(
            (cut.vui.max_reorder_frames, cut.reorder_frames),
            (None, None)
        );
    }

    #[test]
    fn baseline_has_no_pictures_out_of_order() {
        let mut baseline = SPS_1080P[..SPS_1080P.len() - 3].to_vec();
        // As x264 writes 320 × 240 without B-frames.
        baseline.splice(
            ..,
            [0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0xfb, 0x01, 0x10],
        );
        assert_eq!(AvcSps::parse(&baseline).unwrap().reorder_frames, Some(0));
    }

    #[test]
    fn short_lengths_in_the_record_become_four() {
        assert_eq!(track(record(2)).unwrap().config, record(4));
    }

    #[test]
    fn a_record_without_parameter_sets_is_refused() {
        assert!(track(Bytes::from_static(&[1, 100, 0, 40, 0xff, 0xe0, 0])).is_err());
        assert!(track(Bytes::new()).is_err());
    }

    #[test]
    fn a_record_is_built_from_the_bitstream() {
        let mut payload = Vec::new();
        for nal in [SPS_1080P, PPS, &[0x65, 0x88]] {
            payload.extend((nal.len() as u32).to_be_bytes());
            payload.extend(nal);
        }
        assert!(is_keyframe(&payload));
        let built = AvcConfig::from_payload(&payload).unwrap().build().unwrap();
        let parsed = AvcConfig::parse(&built).unwrap();
        assert_eq!((&parsed.sps[0][..], &parsed.pps[0][..]), (SPS_1080P, PPS));
        assert_eq!(built[built.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
        assert!(AvcConfig::from_payload(&payload[..35]).is_none());
    }

    #[test]
    fn pictures_nobody_refers_to_are_disposable() {
        assert!(is_disposable(&[0, 0, 0, 2, 0x06, 9, 0, 0, 0, 2, 0x01, 9]));
        assert!(!is_disposable(&[0, 0, 0, 2, 0x41, 9, 0, 0, 0, 2, 0x01, 9]));
        assert!(!is_disposable(&[0, 0, 0, 2, 0x06, 9]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, cut in 0usize..64, at in 0usize..64, value: u8) {
            let _ = track(data.clone().into());
            let _ = AvcConfig::from_payload(&data);
            let mut damaged = record(4).to_vec();
            damaged[at % 44] = value;
            let _ = track(Bytes::from(damaged).slice(..cut.min(44)));
            let mut sps = SPS_1080P.to_vec();
            sps.truncate(cut.max(1));
            sps.extend(data);
            let _ = AvcSps::parse(&sps);
            let _ = sps_in_order(&sps).map(|sps| AvcSps::parse(&sps));
        }
    }
}
