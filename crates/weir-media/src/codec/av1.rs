//! AV1: the `av1C` record (AV1-ISOBMFF §2.3), OBUs and the sequence header (AV1 §5.3, §5.5).

use bytes::{BufMut, Bytes, BytesMut};

use crate::bits::{BitReader, BitWriter};
use crate::{MediaError, Result, VideoCodec, VideoTrack};

/// Most OBUs of one temporal unit that are looked at; a frame of 4,096 tiles stays below.
const MAX_OBUS: usize = 4200;

const OBU_SEQUENCE_HEADER: u8 = 1;
const OBU_TEMPORAL_DELIMITER: u8 = 2;
const OBU_FRAME_HEADER: u8 = 3;
const OBU_FRAME: u8 = 6;

/// One open bitstream unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obu<'a> {
    /// `obu_type`.
    pub kind: u8,
    /// Whether the unit says how long it is; the last one of a unit need not.
    pub has_size: bool,
    /// Header, size and body.
    pub whole: &'a [u8],
    /// What follows header and size.
    pub body: &'a [u8],
    /// Header without the size.
    header: &'a [u8],
}

/// Walks the OBUs of a temporal unit; stops where a size lies.
#[derive(Debug, Clone)]
pub struct Obus<'a> {
    data: &'a [u8],
}

impl<'a> Obus<'a> {
    /// Over the OBUs in `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data }
    }
}

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.data.first()?;
        if first & 0x80 != 0 {
            return None;
        }
        let header_len = if first & 4 == 0 { 1 } else { 2 };
        let (header, after) = self.data.split_at_checked(header_len)?;
        let has_size = first & 2 != 0;
        let (body_at, body_len) = if has_size {
            let (len, used) = leb128(after)?;
            (header_len + used, len)
        } else {
            (header_len, after.len())
        };
        let (whole, rest) = self.data.split_at_checked(body_at.checked_add(body_len)?)?;
        self.data = rest;
        let body = whole.get(body_at..)?;
        Some(Obu {
            kind: first >> 3 & 0xf,
            has_size,
            whole,
            body,
            header,
        })
    }
}

/// What a sequence header says that weir needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceHeader {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level: u8,
    /// Whether that operating point is of the High tier.
    pub high_tier: bool,
    /// Bits per sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// No colour.
    pub monochrome: bool,
    /// Chroma is halved across.
    pub subsampling_x: bool,
    /// Chroma is halved down.
    pub subsampling_y: bool,
    /// `chroma_sample_position`.
    pub chroma_position: u8,
    /// Width of the largest frame, in pixels.
    pub width: u32,
    /// Height of the largest frame, in pixels.
    pub height: u32,
    /// `reduced_still_picture_header`: every frame is a keyframe.
    pub reduced: bool,
}

impl SequenceHeader {
    /// Reads the body of a sequence header OBU (§5.5.1).
    ///
    /// # Errors
    /// Truncated, or of a profile that is not defined.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut r = BitReader::new(body, "AV1 sequence header");
        let profile = r.byte(3)?;
        if profile > 2 {
            return Err(MediaError::invalid(
                "AV1 sequence header",
                "the profile is not defined",
            ));
        }
        r.skip(1)?;
        let reduced = r.bit()?;
        let (level, high_tier) = if reduced {
            (r.byte(5)?, false)
        } else {
            read_operating_points(&mut r)?
        };
        let (width_bits, height_bits) = (r.bits(4)? + 1, r.bits(4)? + 1);
        let (width, height) = (r.bits(width_bits)? + 1, r.bits(height_bits)? + 1);
        skip_tools(&mut r, reduced)?;
        let mut header = Self {
            profile,
            level,
            high_tier,
            bit_depth: 8,
            monochrome: false,
            subsampling_x: true,
            subsampling_y: true,
            chroma_position: 0,
            width,
            height,
            reduced,
        };
        header.read_colour(&mut r)?;
        Ok(header)
    }

    /// From the first sequence header among the OBUs; `None` if there is none or it is broken.
    pub fn find(obus: &[u8]) -> Option<Self> {
        let mut obus = Obus::new(obus).take(MAX_OBUS);
        Self::parse(obus.find(|obu| obu.kind == OBU_SEQUENCE_HEADER)?.body).ok()
    }

    /// `color_config()`, §5.5.2.
    fn read_colour(&mut self, r: &mut BitReader<'_>) -> Result<()> {
        let high = r.bit()?;
        self.bit_depth = match (self.profile, high) {
            (_, false) => 8,
            (2, true) if r.bit()? => 12,
            _ => 10,
        };
        self.monochrome = self.profile != 1 && r.bit()?;
        let described = r.bit()?;
        let colour = if described {
            [r.bits(8)?, r.bits(8)?, r.bits(8)?]
        } else {
            [2, 2, 2]
        };
        if self.monochrome {
            return Ok(());
        }
        if colour == [1, 13, 0] {
            (self.subsampling_x, self.subsampling_y) = (false, false);
            return Ok(());
        }
        r.skip(1)?;
        (self.subsampling_x, self.subsampling_y) = match self.profile {
            0 => (true, true),
            1 => (false, false),
            _ if self.bit_depth == 12 => {
                let across = r.bit()?;
                (across, across && r.bit()?)
            }
            _ => (true, false),
        };
        if self.subsampling_x && self.subsampling_y {
            self.chroma_position = r.byte(2)?;
        }
        Ok(())
    }

    /// `av01.P.LLT.DD` (AV1-ISOBMFF §5).
    fn rfc6381(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        format!(
            "av01.{}.{:02}{tier}.{:02}",
            self.profile, self.level, self.bit_depth
        )
    }
}

/// Reads an `av1C` into a track. Without a sequence header in it, the size is 0 and the codecs
/// string comes from the fixed fields.
///
/// # Errors
/// Truncated, of another version, or with a broken sequence header.
pub fn track(config: Bytes) -> Result<VideoTrack> {
    let mut r = BitReader::new(&config, "av1C");
    if r.bits(8)? != 0x81 {
        return Err(MediaError::invalid("av1C", "marker and version are not 1"));
    }
    let (profile, level, high_tier) = (r.byte(3)?, r.byte(5)?, r.bit()?);
    let (high, twelve) = (r.bit()?, r.bit()?);
    r.skip(13)?;
    let obus = config.get(4..).unwrap_or_default();
    let sequence = Obus::new(obus)
        .take(MAX_OBUS)
        .find(|obu| obu.kind == OBU_SEQUENCE_HEADER && !obu.body.is_empty());
    let (rfc6381, width, height) = match sequence {
        Some(obu) => {
            let header = SequenceHeader::parse(obu.body)?;
            (header.rfc6381(), header.width, header.height)
        }
        None => {
            let tier = if high_tier { 'H' } else { 'M' };
            let depth = if twelve && high {
                12
            } else if high {
                10
            } else {
                8
            };
            (format!("av01.{profile}.{level:02}{tier}.{depth:02}"), 0, 0)
        }
    };
    Ok(VideoTrack {
        codec: VideoCodec::Av1,
        config,
        width,
        height,
        rfc6381,
    })
}

/// Builds an `av1C` from the first sequence header among the OBUs of a keyframe.
pub fn config_from_payload(payload: &[u8]) -> Option<Bytes> {
    let obu = Obus::new(payload)
        .take(MAX_OBUS)
        .find(|obu| obu.kind == OBU_SEQUENCE_HEADER)?;
    let header = SequenceHeader::parse(obu.body).ok()?;
    let mut bits = BitWriter::default();
    bits.bits(0x81, 8);
    bits.bits(u32::from(header.profile), 3);
    bits.bits(u32::from(header.level), 5);
    bits.bits(u32::from(header.high_tier), 1);
    bits.bits(u32::from(header.bit_depth > 8), 1);
    bits.bits(u32::from(header.bit_depth == 12), 1);
    bits.bits(u32::from(header.monochrome), 1);
    bits.bits(u32::from(header.subsampling_x), 1);
    bits.bits(u32::from(header.subsampling_y), 1);
    bits.bits(u32::from(header.chroma_position), 2);
    bits.bits(0, 8);
    let mut out = BytesMut::from(&bits.finish()[..]);
    put_sized(&mut out, &obu);
    Some(out.freeze())
}

/// Whether the temporal unit starts with a keyframe that is shown.
///
/// `reduced` is not known from the unit alone unless it brings its sequence header, which every
/// keyframe of a stream that can be joined does.
pub fn is_keyframe(payload: &[u8]) -> bool {
    let mut reduced = false;
    for obu in Obus::new(payload).take(MAX_OBUS) {
        match obu.kind {
            OBU_SEQUENCE_HEADER => {
                reduced = SequenceHeader::parse(obu.body).is_ok_and(|header| header.reduced);
            }
            OBU_FRAME_HEADER | OBU_FRAME => {
                // show_existing_frame 0, frame_type 00 (KEY_FRAME), show_frame 1.
                return reduced || obu.body.first().is_some_and(|byte| byte >> 4 == 0b0001);
            }
            _ => {}
        }
    }
    false
}

/// Whether the temporal unit holds any frame, in one piece or with its header apart.
pub fn has_frame(payload: &[u8]) -> bool {
    Obus::new(payload)
        .take(MAX_OBUS)
        .any(|obu| matches!(obu.kind, OBU_FRAME_HEADER | OBU_FRAME))
}

/// Whether a frame of these OBUs is shown.
pub fn is_shown(payload: &[u8]) -> bool {
    let mut reduced = false;
    for obu in Obus::new(payload).take(MAX_OBUS) {
        match (obu.kind, obu.body.first()) {
            (OBU_SEQUENCE_HEADER, _) => {
                reduced = SequenceHeader::parse(obu.body).is_ok_and(|header| header.reduced);
            }
            // show_existing_frame; or behind two bits of frame_type show_frame (§5.9.2).
            (OBU_FRAME_HEADER | OBU_FRAME, Some(first)) if reduced || first & 0x90 != 0 => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// Appends one OBU with its size, unless it is a temporal delimiter. What is no OBU is left out.
pub fn put_unit(out: &mut BytesMut, unit: &[u8]) {
    if let Some(obu) = Obus::new(unit).next()
        && obu.kind != OBU_TEMPORAL_DELIMITER
    {
        put_sized(out, &obu);
    }
}

/// The temporal unit as weir keeps it: no temporal delimiters, every OBU with its size, nothing
/// after the last whole OBU. Copies only where it has to.
pub fn normalise(payload: Bytes) -> Bytes {
    let (mut start, mut end, mut clean) = (0, 0, true);
    for obu in Obus::new(&payload).take(MAX_OBUS) {
        let delimiter = obu.kind == OBU_TEMPORAL_DELIMITER;
        if delimiter && start == end {
            start += obu.whole.len();
        } else if delimiter || !obu.has_size {
            clean = false;
        }
        end += obu.whole.len();
    }
    if clean {
        return payload.slice(start..end);
    }
    let mut out = BytesMut::with_capacity(payload.len() + 8);
    for obu in Obus::new(&payload).take(MAX_OBUS) {
        if obu.kind != OBU_TEMPORAL_DELIMITER {
            put_sized(&mut out, &obu);
        }
    }
    out.freeze()
}

fn put_sized(out: &mut BytesMut, obu: &Obu<'_>) {
    if obu.has_size {
        out.put_slice(obu.whole);
        return;
    }
    for (at, byte) in obu.header.iter().enumerate() {
        out.put_u8(if at == 0 { byte | 2 } else { *byte });
    }
    let mut len = obu.body.len();
    while len >= 0x80 {
        out.put_u8(len as u8 | 0x80);
        len >>= 7;
    }
    out.put_u8(len as u8);
    out.put_slice(obu.body);
}

/// A little-endian base-128 number of at most 32 bits and the bytes it took (§4.10.5).
fn leb128(data: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (at, byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, at + 1));
        }
    }
    None
}

/// Timing and operating points; the level and tier of the first one.
fn read_operating_points(r: &mut BitReader<'_>) -> Result<(u8, bool)> {
    let mut delay_bits = None;
    if r.bit()? {
        r.skip(64)?;
        if r.bit()? {
            r.ue()?;
        }
        if r.bit()? {
            delay_bits = Some(r.bits(5)? as usize + 1);
            r.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = r.bit()?;
    let mut first = None;
    for _ in 0..=r.bits(5)? {
        r.skip(12)?;
        let level = r.byte(5)?;
        let high_tier = level > 7 && r.bit()?;
        first.get_or_insert((level, high_tier));
        if let Some(bits) = delay_bits
            && r.bit()?
        {
            r.skip(2 * bits + 1)?;
        }
        if display_delay && r.bit()? {
            r.skip(4)?;
        }
    }
    Ok(first.unwrap_or_default())
}

/// From after the frame size up to the colour description (§5.5.1).
fn skip_tools(r: &mut BitReader<'_>, reduced: bool) -> Result<()> {
    if !reduced && r.bit()? {
        r.skip(7)?;
    }
    r.skip(3)?;
    if !reduced {
        r.skip(4)?;
        let order_hint = r.bit()?;
        if order_hint {
            r.skip(2)?;
        }
        let force_screen_content = if r.bit()? { true } else { r.bit()? };
        if force_screen_content && !r.bit()? {
            r.skip(1)?;
        }
        if order_hint {
            r.skip(3)?;
        }
    }
    r.skip(3)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 320×240, Main, level 2.0, made by SVT-AV1.
    pub(crate) const RECORD: &[u8] = &[
        0x81, 0, 0x0c, 0, 0x0a, 0x0b, 0x02, 0, 0, 0x05, 0x61, 0xe7, 0xfd, 0xe0, 0x17, 0xc0, 0x02,
    ];
    /// Delimiter, sequence header and the start of a key frame.
    pub(crate) const KEY: &[u8] = &[
        0x12, 0, 0x0a, 0x0b, 0x02, 0, 0, 0x05, 0x61, 0xe7, 0xfd, 0xe3, 0x57, 0xcc, 0x02, 0x32, 4,
        0x14, 0, 0xa1, 0x70,
    ];

    #[test]
    fn a_record_tells_size_and_codecs_string() {
        let track = track(Bytes::from_static(RECORD)).unwrap();
        assert_eq!((track.width, track.height), (320, 240));
        assert_eq!(track.rfc6381, "av01.0.00M.08");
    }

    #[test]
    fn a_record_without_a_sequence_header_has_no_size_yet() {
        let track = track(Bytes::from_static(&[0x81, 0x04, 0x40, 0])).unwrap();
        assert_eq!((track.width, track.rfc6381.as_str()), (0, "av01.0.04M.10"));
    }

    #[test]
    fn a_leading_delimiter_is_cut_off_without_a_copy() {
        let payload = Bytes::from_static(KEY);
        let out = normalise(payload.clone());
        assert_eq!(out.as_ptr(), payload.slice(2..).as_ptr());
        assert_eq!(out, KEY[2..]);
    }

    #[test]
    fn inner_delimiters_go_and_missing_sizes_are_written() {
        let payload = Bytes::from_static(&[0x32, 1, 9, 0x12, 0, 0x30, 7, 8]);
        assert_eq!(&normalise(payload)[..], [0x32, 1, 9, 0x32, 2, 7, 8]);
    }

    #[test]
    fn keyframes_are_told_from_others() {
        assert!(is_keyframe(KEY));
        assert!(!is_keyframe(&[0x32, 1, 0x30]));
        assert!(!is_keyframe(&KEY[..15]));
    }

    #[test]
    fn a_record_is_built_from_a_keyframe() {
        let built = track(config_from_payload(KEY).unwrap()).unwrap();
        assert_eq!((built.width, built.height), (320, 240));
        assert_eq!(built.config[..3], RECORD[..3]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, at: usize, value: u8) {
            let _ = track(data.clone().into());
            let _ = config_from_payload(&data);
            let _ = is_keyframe(&data);
            let out = normalise(data.into());
            prop_assert_eq!(normalise(out.clone()), out);
            let mut damaged = [RECORD, KEY].concat();
            let len = damaged.len();
            damaged[at % len] = value;
            let _ = track(damaged.clone().into());
            let _ = config_from_payload(&damaged[17..]);
        }
    }
}
