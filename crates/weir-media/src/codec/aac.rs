//! AAC: AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2) and ADTS headers (§1.A.2).

mod program;

use bytes::Bytes;

use crate::bits::{BitReader, BitWriter};
use crate::{AudioCodec, AudioTrack, MediaError, Result};

pub use program::ProgramConfig;

/// Sampling rates by their 4-bit index.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// Length of an ADTS header without CRC, in bytes.
pub const ADTS_HEADER_BYTES: usize = 7;
/// Most bytes of an ADTS frame with its header: the field has 13 bits.
const MAX_ADTS_FRAME_BYTES: usize = 8191;
/// Highest sampling rate believed, in Hz.
const MAX_RATE: u32 = 192_000;

/// The index that says that the rate follows in 24 bits.
const RATE_IN_WORDS: u32 = 15;
const OBJECT_SBR: u8 = 5;
const OBJECT_PS: u8 = 29;

/// An AudioSpecificConfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AacConfig {
    /// The object type of the core: 2 is LC.
    pub object_type: u8,
    /// Samples per second of the core.
    pub core_rate: u32,
    /// Samples per second that come out, where spectral band replication is signalled.
    pub sbr_rate: Option<u32>,
    /// Parametric stereo is signalled: one channel becomes two.
    pub parametric_stereo: bool,
    /// `channelConfiguration`; 0 means a program config element tells.
    pub channel_config: u8,
    /// Number of channels that come out; 0 where nothing tells.
    pub channels: u8,
    /// Samples of one access unit at `core_rate`: 1024, or 960.
    pub core_samples: u32,
}

impl AacConfig {
    /// Reads an AudioSpecificConfig, with explicit SBR and PS in both ways of signalling.
    ///
    /// # Errors
    /// Truncated, or with a rate that is not defined.
    pub fn parse(config: &[u8]) -> Result<Self> {
        Self::read(config).map(|(aac, _)| aac)
    }

    /// The same with the program config element, where it has one.
    fn read(config: &[u8]) -> Result<(Self, Option<ProgramConfig>)> {
        let mut r = BitReader::new(config, "AudioSpecificConfig");
        let first_type = read_object_type(&mut r)?;
        let core_rate = read_rate(&mut r)?;
        let channel_config = r.byte(4)?;
        let mut aac = Self {
            object_type: first_type,
            core_rate,
            sbr_rate: None,
            parametric_stereo: first_type == OBJECT_PS,
            channel_config,
            channels: 0,
            core_samples: 1024,
        };
        if matches!(first_type, OBJECT_SBR | OBJECT_PS) {
            aac.sbr_rate = Some(read_rate(&mut r)?);
            aac.object_type = read_object_type(&mut r)?;
        }
        aac.channels = channels_of(channel_config);
        let mut program = None;
        if aac.is_general() {
            program = aac.read_general(&mut r)?;
            // What follows is an extension that a decoder may not know: its damage is no error.
            let _ = aac.read_sync_extension(&mut r);
        }
        if aac.parametric_stereo && aac.channels == 1 {
            aac.channels = 2;
        }
        Ok((aac, program))
    }

    /// What one ADTS header says, as a config.
    pub const fn from_adts(header: &AdtsHeader) -> Self {
        Self {
            object_type: header.object_type,
            core_rate: header.rate,
            sbr_rate: None,
            parametric_stereo: false,
            channel_config: header.channel_config,
            channels: channels_of(header.channel_config),
            core_samples: 1024,
        }
    }

    /// A 2-byte AudioSpecificConfig of the core, without extensions.
    pub fn build(&self) -> Bytes {
        let mut bits = BitWriter::default();
        self.write(&mut bits);
        bits.finish().into()
    }

    fn write(&self, bits: &mut BitWriter) {
        bits.bits(u32::from(self.object_type), 5);
        bits.bits(u32::from(rate_index(self.core_rate)), 4);
        bits.bits(u32::from(self.channel_config), 4);
        bits.bits(u32::from(self.core_samples == 960), 1);
        bits.bits(0, 2);
    }

    /// Whether `GASpecificConfig` follows, which an element tells the layout in.
    const fn is_general(&self) -> bool {
        matches!(self.object_type, 1..=4 | 6 | 7 | 17 | 19..=23)
    }

    /// Whether the layout was to be told by a program config element and was not.
    pub const fn lacks_layout(&self) -> bool {
        self.is_general() && self.channel_config == 0 && self.channels == 0
    }

    /// Samples per second that come out.
    pub fn sample_rate(&self) -> u32 {
        self.sbr_rate.unwrap_or(self.core_rate)
    }

    /// Samples of one access unit at [`Self::sample_rate`]: 2048 where SBR doubles the rate.
    pub fn frame_samples(&self) -> u32 {
        match self.sbr_rate {
            Some(rate) if rate / 2 == self.core_rate => self.core_samples * 2,
            _ => self.core_samples,
        }
    }

    /// Why ADTS cannot carry it, if it cannot: its header has two bits for the object type, three for
    /// the layout, a table of rates, and no word for short frames (§1.A.2.2).
    ///
    /// `program`: the element that tells the layout where no number does.
    pub fn adts_lacks(&self, program: Option<&ProgramConfig>) -> Option<&'static str> {
        let has_layout = matches!(self.channel_config, 1..=7) || program.is_some();
        match self {
            // Main, LC, SSR and LTP.
            _ if !(1..=4).contains(&self.object_type) => Some("AAC of this object type"),
            _ if self.core_samples != 1024 => Some("AAC in frames of 960 samples"),
            _ if !RATES.contains(&self.core_rate) => Some("AAC of an uncommon sampling rate"),
            _ if !has_layout => Some("AAC of this channel layout"),
            _ => None,
        }
    }

    /// The ADTS header of one access unit of `unit_bytes`, its program config element included; `None`
    /// where ADTS has no room for the size ([`MAX_ADTS_FRAME_BYTES`]) or the type
    /// ([`Self::adts_lacks`]).
    pub fn adts_header(&self, unit_bytes: usize) -> Option<[u8; ADTS_HEADER_BYTES]> {
        let len = unit_bytes.checked_add(ADTS_HEADER_BYTES)?;
        if len > MAX_ADTS_FRAME_BYTES || !(1..=4).contains(&self.object_type) {
            return None;
        }
        // 0 for a layout that the unit tells itself, by an element in front.
        let layout = match self.channel_config {
            number @ 1..=7 => number,
            _ => 0,
        };
        let mut bits = BitWriter::default();
        bits.bits(0xfff1, 16);
        bits.bits(u32::from(self.object_type - 1), 2);
        bits.bits(u32::from(rate_index(self.core_rate)), 4);
        bits.bits(0, 1);
        bits.bits(u32::from(layout), 3);
        bits.bits(0, 4);
        bits.bits(len as u32, 13);
        bits.bits(0x7ff, 11);
        bits.bits(0, 2);
        bits.finish().try_into().ok()
    }

    /// `GASpecificConfig`, §4.4.1.
    fn read_general(&mut self, r: &mut BitReader<'_>) -> Result<Option<ProgramConfig>> {
        if r.bit()? {
            self.core_samples = 960;
        }
        if r.bit()? {
            r.skip(14)?;
        }
        let extension = r.bit()?;
        let mut program = None;
        if self.channel_config == 0 {
            // Gateways that made the config of ADTS headers leave the element to the units.
            let Ok(told) = ProgramConfig::read(r) else {
                return Ok(None);
            };
            self.channels = told.channels;
            program = Some(told);
        }
        if matches!(self.object_type, 6 | 20) {
            r.skip(3)?;
        }
        if extension {
            match self.object_type {
                22 => r.skip(16)?,
                17 | 19 | 20 | 23 => r.skip(3)?,
                _ => {}
            }
            r.skip(1)?;
        }
        Ok(program)
    }

    /// SBR and PS signalled behind the core, so that old decoders pass over them.
    fn read_sync_extension(&mut self, r: &mut BitReader<'_>) -> Result<()> {
        if self.sbr_rate.is_some() || r.bits(11)? != 0x2b7 {
            return Ok(());
        }
        if read_object_type(r)? != OBJECT_SBR || !r.bit()? {
            return Ok(());
        }
        self.sbr_rate = Some(read_rate(r)?);
        if r.bits(11)? == 0x548 {
            self.parametric_stereo = r.bit()?;
        }
        Ok(())
    }
}

/// One ADTS header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdtsHeader {
    /// Audio object type: 2 is LC.
    pub object_type: u8,
    /// Samples per second.
    pub rate: u32,
    /// `channel_configuration`.
    pub channel_config: u8,
    /// Length of the header: 7, or 9 with CRC.
    pub header_len: usize,
    /// Length of header and access unit.
    pub frame_len: usize,
}

impl AdtsHeader {
    /// Reads the header at the start of `data`; `None` if there is none.
    pub fn parse(data: &[u8]) -> Option<Self> {
        Self::read(data).ok().flatten()
    }

    fn read(data: &[u8]) -> Result<Option<Self>> {
        let mut r = BitReader::new(data, "ADTS");
        if r.bits(12)? != 0xfff {
            return Ok(None);
        }
        r.skip(1)?;
        let layer = r.bits(2)?;
        let header_len = if r.bit()? { 7 } else { 9 };
        let object_type = r.byte(2)? + 1;
        let index = r.bits(4)? as usize;
        r.skip(1)?;
        let channel_config = r.byte(3)?;
        r.skip(4)?;
        let frame_len = r.bits(13)? as usize;
        r.skip(13)?;
        let Some(rate) = RATES.get(index).copied() else {
            return Ok(None);
        };
        if layer != 0 || frame_len < header_len {
            return Ok(None);
        }
        Ok(Some(Self {
            object_type,
            rate,
            channel_config,
            header_len,
            frame_len,
        }))
    }
}

/// Reads an AudioSpecificConfig into a track. Rates in words that have a number are given by it:
/// decoders know them by that alone.
///
/// # Errors
/// As [`AacConfig::parse`].
pub fn track(config: Bytes) -> Result<AudioTrack> {
    let config = numbered_rate(&config).map_or(config, Bytes::from);
    let aac = AacConfig::parse(&config)?;
    let object_type = match (aac.parametric_stereo, aac.sbr_rate) {
        (true, _) => OBJECT_PS,
        (false, Some(_)) => OBJECT_SBR,
        _ => aac.object_type,
    };
    Ok(AudioTrack {
        codec: AudioCodec::Aac,
        config,
        sample_rate: aac.sample_rate(),
        channels: aac.channels,
        rfc6381: format!("mp4a.40.{object_type}"),
    })
}

/// The config with the number of its core's rate in place of 24 bits, where there is a number; `None`
/// where nothing is to be done, or where what follows is aligned.
fn numbered_rate(config: &[u8]) -> Option<Vec<u8>> {
    let mut r = BitReader::new(config, "AudioSpecificConfig");
    let object_type = read_object_type(&mut r).ok()?;
    let is_in_words = r.bits(4).ok()? == RATE_IN_WORDS;
    let rate = r.bits(24).ok().filter(|_| is_in_words)?;
    let index = RATES.iter().position(|known| *known == rate)?;
    let channel_config = r.bits(4).ok()?;
    if object_type >= 31 || channel_config == 0 {
        return None;
    }
    let mut bits = BitWriter::default();
    bits.bits(object_type.into(), 5);
    bits.bits(index as u32, 4);
    bits.bits(channel_config, 4);
    while let Ok(bit) = r.bit() {
        bits.bits(bit.into(), 1);
    }
    Some(bits.finish())
}

fn read_object_type(r: &mut BitReader<'_>) -> Result<u8> {
    match r.byte(5)? {
        31 => Ok(32 + r.byte(6)?),
        0 => Err(MediaError::invalid(
            "AudioSpecificConfig",
            "the object type is 0",
        )),
        object_type => Ok(object_type),
    }
}

fn read_rate(r: &mut BitReader<'_>) -> Result<u32> {
    let rate = match r.bits(4)? {
        RATE_IN_WORDS => r.bits(24)?,
        index => RATES.get(index as usize).copied().unwrap_or(0),
    };
    if rate == 0 || rate > MAX_RATE {
        return Err(MediaError::invalid(
            "AudioSpecificConfig",
            "the sampling rate is not defined",
        ));
    }
    Ok(rate)
}

/// The index of the rate, or of the one nearest to it (§4.6.1's table of ranges comes close).
fn rate_index(rate: u32) -> u8 {
    let nearest = (0u8..)
        .zip(RATES)
        .min_by_key(|(_, known)| known.abs_diff(rate));
    nearest.map_or(4, |(index, _)| index)
}

const fn channels_of(channel_config: u8) -> u8 {
    match channel_config {
        1..=6 => channel_config,
        7 | 12 | 14 => 8,
        11 => 7,
        13 => 24,
        _ => 0,
    }
}

/// The track of an access unit behind its ADTS header: the layout is in the header, or in the element
/// that the unit begins with.
///
/// # Errors
/// Where neither tells it.
pub fn track_from_adts(frame: &[u8]) -> Result<AudioTrack> {
    let missing = |why| MediaError::invalid("AAC frame", why);
    let header = AdtsHeader::parse(frame).ok_or(missing("there is no ADTS header"))?;
    if header.channel_config != 0 {
        return track(AacConfig::from_adts(&header).build());
    }
    let unit = frame.get(header.header_len..).unwrap_or_default();
    let program =
        ProgramConfig::of_unit(unit).ok_or(missing("nothing tells the channel layout"))?;
    track(program.config(&AacConfig::from_adts(&header)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(config: &[u8]) -> AudioTrack {
        track(Bytes::copy_from_slice(config)).unwrap()
    }

    #[test]
    fn plain_lc_is_read() {
        let lc = parsed(&[0x12, 0x10]);
        assert_eq!(
            (lc.sample_rate, lc.channels, lc.rfc6381.as_str()),
            (44_100, 2, "mp4a.40.2")
        );
        assert_eq!(
            AacConfig::parse(&[0x12, 0x10]).unwrap().frame_samples(),
            1024
        );
        assert_eq!(
            AacConfig::parse(&[0x12, 0x14]).unwrap().frame_samples(),
            960
        );
    }

    #[test]
    fn an_explicit_rate_is_read() {
        let mut bits = BitWriter::default();
        for (value, count) in [(2, 5), (15, 4), (44_056, 24), (2, 4), (0, 3)] {
            bits.bits(value, count);
        }
        assert_eq!(parsed(&bits.finish()).sample_rate, 44_056);
        // FFmpeg's decoder takes a rate in words for damage, though it has a number.
        let mut bits = BitWriter::default();
        for (value, count) in [(2, 5), (15, 4), (48_000, 24), (2, 4), (0, 3)] {
            bits.bits(value, count);
        }
        let track = parsed(&bits.finish());
        assert_eq!(
            (track.sample_rate, &track.config[..2]),
            (48_000, &[0x11, 0x90][..])
        );
    }

    #[test]
    fn sbr_in_both_ways_gives_the_rate_that_comes_out_and_its_samples() {
        // Object type 5 in front: 24 kHz core, 48 kHz out, LC.
        let mut bits = BitWriter::default();
        for (value, count) in [(5, 5), (6, 4), (2, 4), (3, 4), (2, 5), (0, 3)] {
            bits.bits(value, count);
        }
        let front = bits.finish();
        // The same told behind the core, and with parametric stereo on one channel.
        let mut bits = BitWriter::default();
        let behind = [
            (2, 5),
            (6, 4),
            (1, 4),
            (0, 3),
            (0x2b7, 11),
            (5, 5),
            (1, 1),
            (3, 4),
        ];
        for (value, count) in behind.into_iter().chain([(0x548, 11), (1, 1)]) {
            bits.bits(value, count);
        }
        let behind = bits.finish();
        let (he, he2) = (parsed(&front), parsed(&behind));
        assert_eq!(
            (he.sample_rate, he.channels, he.rfc6381.as_str()),
            (48_000, 2, "mp4a.40.5")
        );
        assert_eq!(
            (he2.sample_rate, he2.channels, he2.rfc6381.as_str()),
            (48_000, 2, "mp4a.40.29")
        );
        assert_eq!(AacConfig::parse(&front).unwrap().frame_samples(), 2048);
        assert_eq!(AacConfig::parse(&front).unwrap().core_rate, 24_000);
    }

    #[test]
    fn a_program_config_element_tells_the_channels() {
        // What FFmpeg writes for a layout without a number: here front pair, centre and LFE.
        let mut bits = BitWriter::default();
        for (value, count) in [(2, 5), (3, 4), (0, 4), (0, 3), (0, 4), (1, 2), (3, 4)] {
            bits.bits(value, count);
        }
        for (value, count) in [(2, 4), (0, 4), (0, 4), (1, 2), (0, 3), (0, 4), (0, 3)] {
            bits.bits(value, count);
        }
        for (value, count) in [(0, 1), (0, 4), (1, 1), (0, 4), (0, 4), (0, 1), (0, 8)] {
            bits.bits(value, count);
        }
        let mut config = bits.finish();
        config.push(0);
        assert_eq!(parsed(&config).channels, 4);
    }

    #[test]
    fn adts_headers_read_back() {
        let aac = AacConfig::parse(&[0x11, 0x90]).unwrap();
        let header = AdtsHeader::parse(&aac.adts_header(100).unwrap()).unwrap();
        assert_eq!(
            (header.rate, header.channel_config, header.object_type),
            (48_000, 2, 2)
        );
        assert_eq!((header.header_len, header.frame_len), (7, 107));
        assert_eq!(AacConfig::from_adts(&header).build(), [0x11, 0x90][..]);
        assert_eq!(aac.adts_header(9000), None);
        assert_eq!(AdtsHeader::parse(&[0x21, 0, 0, 0, 0, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, len: usize) {
            let _ = track(data.clone().into());
            let _ = AdtsHeader::parse(&data);
            if let Ok(aac) = AacConfig::parse(&data) {
                let _ = (aac.adts_header(len), aac.frame_samples(), aac.build());
            }
        }
    }
}
