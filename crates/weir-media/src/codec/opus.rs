//! Opus: the identification header (RFC 7845 §5.1) and packet durations (RFC 6716 §3.1).

use bytes::{BufMut, Bytes, BytesMut};

use crate::{AudioCodec, AudioTrack, MediaError, Result};

/// Opus decodes to this rate whatever was recorded, in Hz.
pub const SAMPLE_RATE: u32 = 48_000;
/// What encoders put in front, in samples: the look-ahead of libopus at 48 kHz.
const DEFAULT_PRE_SKIP: u16 = 312;
/// Longest packet allowed, in samples: 120 ms.
const MAX_PACKET_SAMPLES: u32 = 5760;

const MAGIC: &[u8] = b"OpusHead";

/// Stream count, coupled count and channel mapping of 1 to 8 channels in the order of Vorbis, for
/// mapping family 1 (RFC 7845 §5.1.1.2).
pub const VORBIS_LAYOUTS: [&[u8]; 8] = [
    &[1, 0, 0],
    &[1, 1, 0, 1],
    &[2, 1, 0, 2, 1],
    &[2, 2, 0, 1, 2, 3],
    &[3, 2, 0, 4, 1, 2, 3],
    &[4, 2, 0, 4, 1, 2, 3, 5],
    &[4, 3, 0, 4, 1, 2, 3, 5, 6],
    &[5, 3, 0, 6, 1, 2, 3, 4, 5, 7],
];

/// An identification header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusHead {
    /// Number of channels.
    pub channels: u8,
    /// Samples at 48 kHz to throw away at the start.
    pub pre_skip: u16,
    /// Rate of the recording in Hz; only informative.
    pub input_rate: u32,
    /// Gain to apply, in 1/256 dB.
    pub gain: i16,
    /// Channel mapping family; 0 needs no table.
    pub family: u8,
    /// Stream count, coupled count and one byte per channel; empty for family 0.
    pub mapping: Bytes,
}

impl OpusHead {
    /// Reads a header with its magic.
    ///
    /// # Errors
    /// Truncated, of another major version, or without channels.
    pub fn parse(head: &Bytes) -> Result<Self> {
        let [version, channels, skip_0, skip_1, rest @ ..] = head
            .strip_prefix(MAGIC)
            .ok_or(MediaError::invalid("OpusHead", "the magic is missing"))?
        else {
            return Err(MediaError::Truncated("OpusHead"));
        };
        let [
            rate_0,
            rate_1,
            rate_2,
            rate_3,
            gain_0,
            gain_1,
            family,
            table @ ..,
        ] = rest
        else {
            return Err(MediaError::Truncated("OpusHead"));
        };
        if version & 0xf0 != 0 {
            return Err(MediaError::invalid(
                "OpusHead",
                "the major version is not 0",
            ));
        }
        if *channels == 0 || (*family == 0 && *channels > 2) {
            return Err(MediaError::invalid(
                "OpusHead",
                "the number of channels is impossible",
            ));
        }
        let table_len = if *family == 0 {
            0
        } else {
            2 + usize::from(*channels)
        };
        let mapping = table
            .get(..table_len)
            .ok_or(MediaError::Truncated("OpusHead"))?;
        Ok(Self {
            channels: *channels,
            pre_skip: u16::from_le_bytes([*skip_0, *skip_1]),
            input_rate: u32::from_le_bytes([*rate_0, *rate_1, *rate_2, *rate_3]),
            gain: i16::from_le_bytes([*gain_0, *gain_1]),
            family: *family,
            mapping: Bytes::copy_from_slice(mapping),
        })
    }

    /// The header with its magic.
    pub fn build(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(19 + self.mapping.len());
        out.put_slice(MAGIC);
        out.put_u8(1);
        out.put_u8(self.channels);
        out.put_u16_le(self.pre_skip);
        out.put_u32_le(self.input_rate);
        out.put_i16_le(self.gain);
        out.put_u8(self.family);
        out.put_slice(&self.mapping);
        out.freeze()
    }
}

/// Stereo with the usual look-ahead: for publishers that send no header.
impl Default for OpusHead {
    fn default() -> Self {
        Self {
            channels: 2,
            pre_skip: DEFAULT_PRE_SKIP,
            input_rate: SAMPLE_RATE,
            gain: 0,
            family: 0,
            mapping: Bytes::new(),
        }
    }
}

/// Reads an `OpusHead` into a track.
///
/// # Errors
/// As [`OpusHead::parse`].
pub fn track(config: Bytes) -> Result<AudioTrack> {
    let head = OpusHead::parse(&config)?;
    Ok(AudioTrack {
        codec: AudioCodec::Opus,
        config,
        sample_rate: SAMPLE_RATE,
        channels: head.channels,
        rfc6381: "opus".to_owned(),
    })
}

/// Samples at 48 kHz of one packet; `None` if it is empty or breaks the 120 ms limit.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (samples > 0 && samples <= MAX_PACKET_SAMPLES).then_some(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads_read_back_what_was_built() {
        let head = OpusHead::default();
        assert_eq!(OpusHead::parse(&head.build()).unwrap(), head);
        let surround = OpusHead {
            channels: 6,
            family: 1,
            mapping: Bytes::from_static(&[4, 2, 0, 4, 1, 2, 3, 5]),
            ..OpusHead::default()
        };
        assert_eq!(OpusHead::parse(&surround.build()).unwrap(), surround);
        assert_eq!(track(surround.build()).unwrap().channels, 6);
    }

    #[test]
    fn heads_that_cannot_be_are_refused() {
        let head = OpusHead::default().build();
        assert!(track(head.slice(..18)).is_err());
        assert!(track(head.slice(1..)).is_err());
        assert!(
            track(
                OpusHead {
                    channels: 3,
                    ..OpusHead::default()
                }
                .build()
            )
            .is_err()
        );
    }

    #[test]
    fn packet_durations_follow_the_toc() {
        assert_eq!(packet_samples(&[0xfc]), Some(960));
        assert_eq!(packet_samples(&[0x78]), Some(960));
        assert_eq!(packet_samples(&[0x18]), Some(2880));
        assert_eq!(packet_samples(&[0xe1]), Some(240));
        assert_eq!(packet_samples(&[0xfb, 3]), Some(2880));
        assert_eq!(packet_samples(&[0xfb, 48]), None);
        assert_eq!(packet_samples(&[0xfb]), None);
        assert_eq!(packet_samples(&[]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            let _ = packet_samples(&data);
            let _ = track([MAGIC, &data].concat().into());
            let _ = track(data.into());
        }
    }
}
