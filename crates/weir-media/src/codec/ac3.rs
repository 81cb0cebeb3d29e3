//! AC-3 and E-AC-3 frame headers (ETSI TS 102 366 §4.3, annex E) and their MP4 boxes (annex F).

use bytes::Bytes;

use crate::bits::{BitReader, BitWriter};
use crate::{AudioCodec, AudioTrack, MediaError, Result};

/// Sampling rates by `fscod`.
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Bitrates in kbit/s by `frmsizecod / 2`.
const KBPS: [u32; 19] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
];
/// Samples of one block.
const BLOCK_SAMPLES: u32 = 256;
/// Most syncframes counted in one payload: eight substreams of six single-block frames.
const MAX_FRAMES: usize = 48;

/// The header of one syncframe, of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ac3Header {
    /// Whether it is E-AC-3.
    pub enhanced: bool,
    /// An E-AC-3 dependent substream: it adds channels to the frame before it, not time.
    pub dependent: bool,
    /// `substreamid`, E-AC-3 only.
    pub substream: u8,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels with the low-frequency one.
    pub channels: u8,
    /// Samples of the frame: 1536, for E-AC-3 also 256, 512 or 768.
    pub samples: u32,
    /// Length of the frame in bytes.
    pub frame_len: usize,
    fscod: u8,
    bsid: u8,
    bsmod: u8,
    acmod: u8,
    lfe: bool,
    /// AC-3's `frmsizecod`.
    size_code: u8,
}

impl Ac3Header {
    /// Reads the header at the start of `data`. AC-3 or E-AC-3 is told by `bsid`.
    ///
    /// # Errors
    /// Truncated, without sync word, or with reserved values.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let mut r = BitReader::new(data, "AC-3 frame");
        if r.bits(16)? != 0x0b77 {
            return Err(MediaError::invalid(
                "AC-3 frame",
                "the sync word is missing",
            ));
        }
        // bsid lies at the same place in both kinds.
        match data.get(5).map(|byte| byte >> 3) {
            None => Err(MediaError::Truncated("AC-3 frame")),
            Some(0..=10) => Self::read_plain(r),
            Some(11..=16) => Self::read_enhanced(r),
            Some(_) => Err(MediaError::invalid(
                "AC-3 frame",
                "the bitstream id is not defined",
            )),
        }
    }

    fn read_plain(mut r: BitReader<'_>) -> Result<Self> {
        r.skip(16)?;
        let (fscod, size_code) = (r.byte(2)?, r.byte(6)?);
        let (bsid, bsmod, acmod) = (r.byte(5)?, r.byte(3)?, r.byte(3)?);
        if acmod & 1 != 0 && acmod != 1 {
            r.skip(2)?;
        }
        if acmod & 4 != 0 {
            r.skip(2)?;
        }
        if acmod == 2 {
            r.skip(2)?;
        }
        let lfe = r.bit()?;
        let reserved = MediaError::invalid("AC-3 frame", "rate or size are reserved");
        let Some(rate) = RATES.get(usize::from(fscod)) else {
            return Err(reserved);
        };
        let Some(kbps) = KBPS.get(usize::from(size_code / 2)) else {
            return Err(reserved);
        };
        // In 16-bit words; at 44.1 kHz frames alternate, and the low bit says which one this is.
        let words = kbps * 1000 * 96 / rate + u32::from(*rate == 44_100 && size_code & 1 == 1);
        Ok(Self {
            enhanced: false,
            dependent: false,
            substream: 0,
            // bsid 9 and 10 mean half and quarter rate.
            sample_rate: rate >> bsid.saturating_sub(8),
            channels: channels(acmod, lfe),
            samples: 6 * BLOCK_SAMPLES,
            frame_len: words as usize * 2,
            fscod,
            bsid,
            bsmod,
            acmod,
            lfe,
            size_code,
        })
    }

    fn read_enhanced(mut r: BitReader<'_>) -> Result<Self> {
        let (kind, substream, words) = (r.byte(2)?, r.byte(3)?, r.bits(11)? + 1);
        let fscod = r.byte(2)?;
        let second = r.byte(2)?;
        let (acmod, lfe, bsid) = (r.byte(3)?, r.bit()?, r.byte(5)?);
        let (rate, blocks) = if fscod == 3 {
            (RATES.get(usize::from(second)).map(|rate| rate / 2), 6)
        } else {
            (
                RATES.get(usize::from(fscod)).copied(),
                [1, 2, 3, 6][usize::from(second)],
            )
        };
        let (Some(sample_rate), 0..=2) = (rate, kind) else {
            return Err(MediaError::invalid(
                "E-AC-3 frame",
                "rate or stream type are reserved",
            ));
        };
        Ok(Self {
            enhanced: true,
            dependent: kind == 1,
            substream,
            sample_rate,
            channels: channels(acmod, lfe),
            samples: blocks * BLOCK_SAMPLES,
            frame_len: words as usize * 2,
            fscod,
            bsid,
            bsmod: 0,
            acmod,
            lfe,
            size_code: 0,
        })
    }
}

/// The track that a frame belongs to.
///
/// # Errors
/// As [`Ac3Header::parse`], and when the frame is of the other kind.
pub fn track_from_frame(codec: AudioCodec, frame: &[u8]) -> Result<AudioTrack> {
    let header = Ac3Header::parse(frame)?;
    let (kind, rfc6381) = if header.enhanced {
        (AudioCodec::Eac3, "ec-3")
    } else {
        (AudioCodec::Ac3, "ac-3")
    };
    // A frame of plain AC-3 may stand in an E-AC-3 stream (annex E, §E.1.1), not the other way.
    if codec == AudioCodec::Ac3 && kind != codec {
        return Err(MediaError::invalid("AC-3 frame", "it is E-AC-3"));
    }
    Ok(AudioTrack {
        codec,
        config: Bytes::new(),
        sample_rate: header.sample_rate,
        channels: header.channels,
        rfc6381: if codec == AudioCodec::Eac3 {
            "ec-3"
        } else {
            rfc6381
        }
        .to_owned(),
    })
}

/// Samples of the first substream in the payload.
pub fn payload_samples(mut payload: &[u8]) -> Option<u32> {
    let mut samples = 0;
    for _ in 0..MAX_FRAMES {
        let Ok(header) = Ac3Header::parse(payload) else {
            break;
        };
        if !header.dependent && header.substream == 0 {
            samples += header.samples;
        }
        let Some(rest) = payload.get(header.frame_len.max(1)..) else {
            break;
        };
        payload = rest;
    }
    (samples > 0).then_some(samples)
}

/// The body of a `dac3` box for the stream that `frame` is of (annex F.4).
///
/// # Errors
/// As [`Ac3Header::parse`].
pub fn dac3(frame: &[u8]) -> Result<Vec<u8>> {
    let header = Ac3Header::parse(frame)?;
    let mut bits = BitWriter::default();
    bits.bits(u32::from(header.fscod), 2);
    bits.bits(u32::from(header.bsid), 5);
    bits.bits(u32::from(header.bsmod), 3);
    bits.bits(u32::from(header.acmod), 3);
    bits.bits(u32::from(header.lfe), 1);
    bits.bits(u32::from(header.size_code / 2), 5);
    bits.bits(0, 5);
    Ok(bits.finish())
}

/// The body of a `dec3` box for the stream whose access unit `frame` is (annex F.6): one
/// independent substream, and whether dependent ones add to it.
///
/// # Errors
/// As [`Ac3Header::parse`].
pub fn dec3(frame: &[u8]) -> Result<Vec<u8>> {
    let header = Ac3Header::parse(frame)?;
    let (mut len, mut dependents, mut rest) = (header.frame_len, 0u32, frame);
    while let Some(after) = rest.get(len..) {
        match Ac3Header::parse(after) {
            Ok(next) if next.dependent && dependents < 8 => {
                dependents += 1;
                (rest, len) = (after, next.frame_len);
            }
            _ => break,
        }
    }
    let kbps = header.frame_len as u64 * 8 * u64::from(header.sample_rate)
        / u64::from(header.samples)
        / 1000;
    let mut bits = BitWriter::default();
    bits.bits(kbps.min(0x1fff) as u32, 13);
    bits.bits(0, 3);
    bits.bits(u32::from(header.fscod), 2);
    bits.bits(u32::from(header.bsid), 5);
    bits.bits(0, 2);
    bits.bits(u32::from(header.bsmod), 3);
    bits.bits(u32::from(header.acmod), 3);
    bits.bits(u32::from(header.lfe), 1);
    bits.bits(0, 3);
    bits.bits(dependents, 4);
    // Where the extra channels are is in parts of the frame that weir does not read.
    bits.bits(0, if dependents > 0 { 9 } else { 1 });
    Ok(bits.finish())
}

fn channels(acmod: u8, lfe: bool) -> u8 {
    [2, 1, 2, 3, 3, 4, 4, 5][usize::from(acmod & 7)] + u8::from(lfe)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 192 kbit/s stereo at 48 kHz, made by FFmpeg.
    pub(crate) const AC3: &[u8] = &[0x0b, 0x77, 0xfe, 0x95, 0x14, 0x40, 0x43, 0xe1];
    pub(crate) const EAC3: &[u8] = &[0x0b, 0x77, 0x01, 0x7f, 0x34, 0x87, 0xc0, 0x00];

    #[test]
    fn an_ac3_frame_tells_its_track_and_its_box() {
        let track = track_from_frame(AudioCodec::Ac3, AC3).unwrap();
        assert_eq!((track.sample_rate, track.channels), (48_000, 2));
        assert_eq!(Ac3Header::parse(AC3).unwrap().frame_len, 768);
        assert_eq!(payload_samples(AC3), Some(1536));
        assert_eq!(dac3(AC3).unwrap(), [0x10, 0x11, 0x40]);
    }

    #[test]
    fn an_eac3_frame_tells_its_track_and_its_box() {
        let track = track_from_frame(AudioCodec::Eac3, EAC3).unwrap();
        assert_eq!(
            (track.sample_rate, track.channels, track.rfc6381.as_str()),
            (48_000, 2, "ec-3")
        );
        assert_eq!(Ac3Header::parse(EAC3).unwrap().frame_len, 768);
        assert_eq!(dec3(EAC3).unwrap(), [0x06, 0x00, 0x20, 0x04, 0x00]);
        assert!(track_from_frame(AudioCodec::Ac3, EAC3).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, head: [u8; 6]) {
            let framed = [&[0x0b, 0x77], &head[..], &data].concat();
            for bytes in [&data, &framed] {
                let _ = (dac3(bytes), dec3(bytes), payload_samples(bytes));
                let _ = track_from_frame(AudioCodec::Eac3, bytes);
            }
        }
    }
}
