//! AAC in LATM, as DVB and ISDB broadcast it: LOAS frames (ISO/IEC 14496-3 §1.7.2), the stream's set-up
//! among the frames, and access units that begin at any bit.

use bytes::Bytes;

use crate::bits::{BitReader, BitWriter};
use crate::{LeftOut, MediaError, Result, TrackKind};

/// Bytes in front of an `AudioMuxElement`: the sync word and its length.
pub const LOAS_HEADER_BYTES: usize = 3;
/// Bytes of an AudioSpecificConfig that are believed.
const MAX_CONFIG_BITS: usize = 64 * 8;
/// Bytes of one access unit: 6,144 bits for each of up to 48 channels stay below.
const MAX_UNIT_BYTES: usize = 8191;

/// Length of the LOAS frame at the start of `data`, header included; `None` if there is none.
pub fn loas_frame_len(data: &[u8]) -> Option<usize> {
    let &[first, second, third, ..] = data else {
        return None;
    };
    let is_sync = first == 0x56 && second & 0xE0 == 0xE0;
    let len = usize::from(second & 0x1F) << 8 | usize::from(third);
    (is_sync && len > 0).then_some(LOAS_HEADER_BYTES + len)
}

/// Takes LOAS frames apart; knows the set-up that was sent last.
#[derive(Debug, Default)]
pub struct LatmReader {
    mux: Option<StreamMux>,
}

/// `StreamMuxConfig` (§1.7.3), of one programme with one layer.
#[derive(Debug, Clone)]
struct StreamMux {
    config: Bytes,
    /// `numSubFrames` and one.
    units: u32,
    length: UnitLength,
    other_data_bits: usize,
}

#[derive(Debug, Clone, Copy)]
enum UnitLength {
    /// Each unit says how long it is.
    Told,
    Bits(usize),
}

impl LatmReader {
    /// The AudioSpecificConfig in force; none before the first frame with one.
    pub fn config(&self) -> Option<&Bytes> {
        self.mux.as_ref().map(|mux| &mux.config)
    }

    /// The access units of one whole LOAS frame. Empty before the first set-up.
    ///
    /// # Errors
    /// Broken; [`MediaError::LeftOut`] for several programmes or layers, and for what is no AAC.
    pub fn units(&mut self, frame: &[u8]) -> Result<Vec<Bytes>> {
        let element = frame.get(LOAS_HEADER_BYTES..).unwrap_or_default();
        let mut r = BitReader::new(element, "LATM");
        let is_same = r.bit()?;
        if !is_same {
            self.mux = None;
            self.mux = Some(StreamMux::read(&mut r)?);
        }
        let Some(mux) = &self.mux else {
            return Ok(Vec::new());
        };
        let mut units = Vec::new();
        for _ in 0..mux.units {
            let bits = match mux.length {
                UnitLength::Told => unit_bytes(&mut r)? * 8,
                UnitLength::Bits(bits) => bits,
            };
            units.push(copy_bits(&mut r, bits)?);
        }
        if mux.other_data_bits > r.left() {
            return Err(MediaError::Truncated("LATM"));
        }
        Ok(units)
    }
}

impl StreamMux {
    fn read(r: &mut BitReader<'_>) -> Result<Self> {
        let version = r.bit()?;
        if version && r.bit()? {
            return Err(other("AAC in LATM of a later version"));
        }
        if version {
            latm_value(r)?;
        }
        let same_timing = r.bit()?;
        let units = r.bits(6)? + 1;
        let (programmes, layers) = (r.bits(4)?, r.bits(3)?);
        if !same_timing || programmes > 0 || layers > 0 {
            return Err(other("AAC in LATM of several programmes or layers"));
        }
        let config = if version {
            let bits = latm_value(r)? as usize;
            if bits > MAX_CONFIG_BITS {
                return Err(MediaError::invalid("LATM", "the set-up is too long"));
            }
            copy_bits(r, bits)?
        } else {
            let mut end = r.clone();
            skip_config(&mut end)?;
            copy_bits(r, r.left() - end.left())?
        };
        let length = match r.bits(3)? {
            0 => {
                r.skip(8)?;
                UnitLength::Told
            }
            1 => UnitLength::Bits((r.bits(9)? as usize + 20) * 8),
            _ => return Err(other("MPEG-4 audio that is no AAC")),
        };
        let mut other_data_bits = 0;
        if r.bit()? {
            other_data_bits = match version {
                true => latm_value(r)? as usize,
                false => escaped_bits(r)?,
            };
        }
        if r.bit()? {
            r.skip(8)?;
        }
        Ok(Self {
            config,
            units,
            length,
            other_data_bits,
        })
    }
}

/// Passes over an AudioSpecificConfig (§1.6.2.1) whose length nothing tells: AAC, with SBR and PS told in
/// front of it.
fn skip_config(r: &mut BitReader<'_>) -> Result<()> {
    let mut kind = object_type(r)?;
    sampling_rate(r)?;
    let channels = r.bits(4)?;
    if matches!(kind, 5 | 29) {
        sampling_rate(r)?;
        kind = object_type(r)?;
        if kind == 22 {
            r.skip(4)?;
        }
    }
    if !matches!(kind, 1..=4 | 6 | 7 | 17 | 19..=23) {
        return Err(other("MPEG-4 audio that is no AAC"));
    }
    if channels == 0 {
        return Err(other("AAC in LATM with a channel layout of its own"));
    }
    r.skip(1)?;
    if r.bit()? {
        r.skip(14)?;
    }
    let has_extension = r.bit()?;
    if matches!(kind, 6 | 20) {
        r.skip(3)?;
    }
    if has_extension {
        match kind {
            22 => r.skip(16)?,
            17 | 19 | 20 | 23 => r.skip(3)?,
            _ => {}
        }
        r.skip(1)?;
    }
    if kind >= 17 {
        r.skip(2)?;
    }
    Ok(())
}

fn object_type(r: &mut BitReader<'_>) -> Result<u32> {
    Ok(match r.bits(5)? {
        31 => 32 + r.bits(6)?,
        kind => kind,
    })
}

fn sampling_rate(r: &mut BitReader<'_>) -> Result<()> {
    if r.bits(4)? == 15 {
        r.skip(24)?;
    }
    Ok(())
}

/// `LatmGetValue`, §1.7.3.1.
fn latm_value(r: &mut BitReader<'_>) -> Result<u32> {
    let bytes = r.bits(2)?;
    let mut value = 0u32;
    for _ in 0..=bytes {
        value = value << 8 | r.bits(8)?;
    }
    Ok(value)
}

/// `otherDataLenBits` of version 0.
fn escaped_bits(r: &mut BitReader<'_>) -> Result<usize> {
    let mut bits = 0usize;
    for _ in 0..4 {
        let more = r.bit()?;
        bits = bits << 8 | r.bits(8)? as usize;
        if !more {
            return Ok(bits);
        }
    }
    Err(MediaError::invalid("LATM", "the other data is too long"))
}

/// `PayloadLengthInfo` of one unit.
fn unit_bytes(r: &mut BitReader<'_>) -> Result<usize> {
    let mut bytes = 0;
    loop {
        let part = r.bits(8)? as usize;
        bytes += part;
        if bytes > MAX_UNIT_BYTES {
            return Err(MediaError::invalid("LATM", "an access unit is too long"));
        }
        if part < 255 {
            return Ok(bytes);
        }
    }
}

/// So many bits as bytes, the last one padded with zeros.
fn copy_bits(r: &mut BitReader<'_>, bits: usize) -> Result<Bytes> {
    if bits > r.left() {
        return Err(MediaError::Truncated("LATM"));
    }
    let mut out = BitWriter::default();
    for _ in 0..bits / 8 {
        out.bits(r.bits(8)?, 8);
    }
    let rest = (bits % 8) as u32;
    if rest > 0 {
        out.bits(r.bits(rest)?, rest);
    }
    Ok(out.finish().into())
}

fn other(what: &'static str) -> MediaError {
    MediaError::LeftOut(LeftOut::of(TrackKind::Audio, what))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// LC at 44.1 kHz, stereo, as bits.
    const LC: [(u32, u32); 4] = [(2, 5), (4, 4), (2, 4), (0, 3)];

    /// A LOAS frame with one unit, and with a set-up if `config` has bits.
    pub(crate) fn loas(config: &[(u32, u32)], unit: &[u8]) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.bits(u32::from(config.is_empty()), 1);
        if !config.is_empty() {
            // Version 0, same timing, one unit, programme and layer.
            bits.bits(0b01, 2);
            bits.bits(0, 6 + 4 + 3);
            config
                .iter()
                .for_each(|(value, width)| bits.bits(*value, *width));
            bits.bits(0, 3);
            bits.bits(0xFF, 8);
            bits.bits(0, 2);
        }
        let mut left = unit.len() as u32;
        while left >= 255 {
            bits.bits(255, 8);
            left -= 255;
        }
        bits.bits(left, 8);
        unit.iter().for_each(|byte| bits.bits(u32::from(*byte), 8));
        let element = bits.finish();
        let len = element.len();
        [vec![0x56, 0xE0 | (len >> 8) as u8, len as u8], element].concat()
    }

    #[test]
    fn units_come_out_with_the_set_up_in_force() {
        let mut reader = LatmReader::default();
        assert_eq!(
            reader.units(&loas(&[], &[1, 2])),
            Ok(vec![]),
            "before the set-up"
        );
        let unit: Vec<u8> = (0..700).map(|byte| byte as u8).collect();
        let frame = loas(&LC, &unit);
        assert_eq!(loas_frame_len(&frame), Some(frame.len()));
        assert_eq!(reader.units(&frame), Ok(vec![Bytes::from(unit.clone())]));
        assert_eq!(reader.config().unwrap(), &[0x12, 0x10][..]);
        assert_eq!(reader.units(&loas(&[], &unit)), Ok(vec![unit.into()]));
    }

    #[test]
    fn high_efficiency_that_is_told_in_front_keeps_its_set_up() {
        let he = [(5, 5), (7, 4), (2, 4), (4, 4), (2, 5), (0, 3)];
        let mut reader = LatmReader::default();
        assert_eq!(reader.units(&loas(&he, &[7; 3])).unwrap().len(), 1);
        let config = crate::codec::aac::AacConfig::parse(reader.config().unwrap()).unwrap();
        assert_eq!((config.core_rate, config.sbr_rate), (22_050, Some(44_100)));
    }

    #[test]
    fn what_is_no_plain_aac_is_named() {
        let celp = [(8, 5), (4, 4), (2, 4), (0, 3)];
        let error = LatmReader::default().units(&loas(&celp, &[1])).unwrap_err();
        assert!(matches!(error, MediaError::LeftOut(_)), "{error:?}");
        assert_eq!(loas_frame_len(&[0xFF, 0xF1, 0x50]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_frames_never_panic(frames: Vec<Vec<u8>>, at: usize, value: u8) {
            let mut reader = LatmReader::default();
            let mut damaged = loas(&LC, &[1, 2, 3]);
            let len = damaged.len();
            damaged[at % len] = value;
            let _ = reader.units(&damaged);
            for frame in &frames {
                let _ = (loas_frame_len(frame), reader.units(frame));
            }
        }
    }
}
