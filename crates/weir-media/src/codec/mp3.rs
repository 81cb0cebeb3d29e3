//! MPEG-1/2/2.5 layer III frame headers (ISO/IEC 11172-3 §2.4.1.3, 13818-3 §2.4.1).

use bytes::Bytes;

use crate::{AudioCodec, AudioTrack, LeftOut, MediaError, Result, TrackKind};

/// Most frames counted in one payload: a second of audio has under 120.
const MAX_FRAMES: usize = 128;

const KBPS_MPEG1: [u32; 15] = [
    0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
const KBPS_MPEG2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// One frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mp3Header {
    /// Samples per second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Samples of the frame: 1152, or 576 below 32 kHz.
    pub samples: u32,
    /// Length of the frame with its header in bytes; `None` for free format.
    pub frame_len: Option<usize>,
}

impl Mp3Header {
    /// Reads the header at the start of `data`.
    ///
    /// # Errors
    /// Truncated, without sync word, or with reserved values; [`MediaError::LeftOut`] for layers I
    /// and II, which start alike.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let Some(&[sync, flags, rates, mode]) = data.first_chunk() else {
            return Err(MediaError::Truncated("MP3 frame"));
        };
        if sync != 0xff || flags & 0xe0 != 0xe0 {
            return Err(MediaError::invalid("MP3 frame", "the sync word is missing"));
        }
        let halvings = match flags >> 3 & 3 {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return Err(MediaError::invalid("MP3 frame", "the version is reserved")),
        };
        match flags >> 1 & 3 {
            1 => {}
            0 => return Err(MediaError::invalid("MP3 frame", "the layer is reserved")),
            2 => return other_layer("MPEG audio layer II"),
            _ => return other_layer("MPEG audio layer I"),
        }
        let reserved = MediaError::invalid("MP3 frame", "the bitrate or sampling rate is reserved");
        let table = if halvings == 0 {
            KBPS_MPEG1
        } else {
            KBPS_MPEG2
        };
        let Some(kbps) = table.get(usize::from(rates >> 4)) else {
            return Err(reserved);
        };
        let Some(rate) = [44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3)) else {
            return Err(reserved);
        };
        let sample_rate: u32 = rate >> halvings;
        let samples = if halvings == 0 { 1152 } else { 576 };
        let padding = u32::from(rates >> 1 & 1);
        let len = samples / 8 * kbps * 1000 / sample_rate + padding;
        Ok(Self {
            sample_rate,
            channels: if mode >> 6 == 3 { 1 } else { 2 },
            samples,
            frame_len: (*kbps > 0).then_some(len as usize),
        })
    }
}

fn other_layer<T>(what: &'static str) -> Result<T> {
    Err(MediaError::LeftOut(LeftOut::of(TrackKind::Audio, what)))
}

/// The track that a frame belongs to.
///
/// # Errors
/// As [`Mp3Header::parse`].
pub fn track_from_frame(frame: &[u8]) -> Result<AudioTrack> {
    let header = Mp3Header::parse(frame)?;
    Ok(AudioTrack {
        codec: AudioCodec::Mp3,
        config: Bytes::new(),
        sample_rate: header.sample_rate,
        channels: header.channels,
        rfc6381: "mp4a.6B".to_owned(),
    })
}

/// Samples of all frames in the payload.
pub fn payload_samples(mut payload: &[u8]) -> Option<u32> {
    let mut samples = 0;
    for _ in 0..MAX_FRAMES {
        let Ok(header) = Mp3Header::parse(payload) else {
            break;
        };
        samples += header.samples;
        let rest = header.frame_len.and_then(|len| payload.get(len..));
        let Some(rest) = rest else { break };
        payload = rest;
    }
    (samples > 0).then_some(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_tell_rate_channels_and_length() {
        let header = Mp3Header::parse(&[0xff, 0xfb, 0x90, 0x64]).unwrap();
        assert_eq!(
            (header.sample_rate, header.channels, header.samples),
            (44_100, 2, 1152)
        );
        assert_eq!(header.frame_len, Some(417));
        let low = Mp3Header::parse(&[0xff, 0xf3, 0x48, 0xc4]).unwrap();
        assert_eq!(
            (low.sample_rate, low.channels, low.samples),
            (16_000, 1, 576)
        );
        let lowest = Mp3Header::parse(&[0xff, 0xe3, 0x18, 0xc4]).unwrap();
        assert_eq!((lowest.sample_rate, lowest.frame_len), (8_000, Some(72)));
    }

    #[test]
    fn what_is_no_layer_three_frame_is_refused() {
        assert!(Mp3Header::parse(b"ID3\x04").is_err());
        assert!(matches!(
            Mp3Header::parse(&[0xff, 0xfd, 0x90, 0]),
            Err(MediaError::LeftOut(_))
        ));
        assert!(Mp3Header::parse(&[0xff, 0xfb, 0xf0, 0]).is_err());
    }

    #[test]
    fn all_frames_of_a_payload_count() {
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        assert_eq!(payload_samples(&frame), Some(1152));
        assert_eq!(payload_samples(&frame.repeat(2)), Some(2304));
        assert_eq!(payload_samples(&[1, 2, 3, 4]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, header: [u8; 3]) {
            let _ = payload_samples(&data);
            let _ = payload_samples(&[&[0xff], &header[..], &data].concat());
        }
    }
}
