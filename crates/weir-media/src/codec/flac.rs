//! FLAC: the STREAMINFO block (RFC 9639 §8.2) and the block size in frame headers (§9.1).

use bytes::Bytes;

use crate::bits::BitReader;
use crate::{AudioCodec, AudioTrack, MediaError, Result};

/// Length of a STREAMINFO block without its header, in bytes.
pub const STREAMINFO_BYTES: usize = 34;
/// What stands in front of it in [`AudioTrack::config`]: the marker, and the header of a
/// STREAMINFO block that is the last one.
const PREFIX: &[u8; 8] = b"fLaC\x80\x00\x00\x22";

/// Reads FLAC's set-up into a track: the marker with its metadata blocks, the STREAMINFO block
/// with its header, or its 34 bytes alone as FFmpeg writes them into FLV. The track always gets
/// the marker and STREAMINFO, nothing else.
///
/// # Errors
/// Without a STREAMINFO block, or with a rate of 0.
pub fn track(config: Bytes) -> Result<AudioTrack> {
    let after_marker = config.strip_prefix(b"fLaC").unwrap_or(&config);
    let missing = MediaError::invalid("FLAC", "there is no STREAMINFO block");
    let block = match after_marker {
        [0 | 0x80, 0, 0, 0x22, block @ ..] => block,
        block if block.len() == STREAMINFO_BYTES => block,
        _ => return Err(missing),
    };
    let Some(info) = block.get(..STREAMINFO_BYTES) else {
        return Err(missing);
    };
    let mut r = BitReader::new(info, "STREAMINFO");
    r.skip(80)?;
    let (sample_rate, channels) = (r.bits(20)?, r.byte(3)? + 1);
    if sample_rate == 0 {
        return Err(MediaError::invalid("STREAMINFO", "the sampling rate is 0"));
    }
    Ok(AudioTrack {
        codec: AudioCodec::Flac,
        config: [&PREFIX[..], info].concat().into(),
        sample_rate,
        channels,
        rfc6381: "fLaC".to_owned(),
    })
}

/// The STREAMINFO block of a track's config, without marker and header.
pub fn streaminfo(config: &[u8]) -> Option<&[u8]> {
    config
        .strip_prefix(PREFIX)
        .filter(|info| info.len() == STREAMINFO_BYTES)
}

/// Samples of one frame.
pub fn frame_samples(frame: &[u8]) -> Option<u32> {
    let &[sync, flags, sizes, _, coded, ..] = frame else {
        return None;
    };
    if sync != 0xff || flags & 0xfe != 0xf8 {
        return None;
    }
    // The frame or sample number behind the header is coded like UTF-8.
    let number_len = match coded.leading_ones() {
        0 => 1,
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let extra = |at: usize| frame.get(4 + number_len + at).map(|byte| u32::from(*byte));
    match sizes >> 4 {
        0 => None,
        1 => Some(192),
        code @ 2..=5 => Some(576 << (code - 2)),
        6 => Some(extra(0)? + 1),
        7 => Some((extra(0)? << 8 | extra(1)?) + 1),
        code => Some(256 << (code - 8)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Blocks of 1024, 48 kHz, stereo, 16 bits, made by FFmpeg.
    pub(crate) fn info() -> Vec<u8> {
        let mut info = vec![
            4, 0, 4, 0, 0, 0, 0x10, 0, 0x09, 0x80, 0x0b, 0xb8, 0x02, 0xf0,
        ];
        info.resize(STREAMINFO_BYTES, 0);
        info
    }

    #[test]
    fn the_three_ways_to_carry_streaminfo_give_one_track() {
        let whole = [&PREFIX[..], &info()].concat();
        let with_more = [b"fLaC\x00\x00\x00\x22", &info()[..], &[0x84, 0, 0, 1, 9]].concat();
        for config in [whole.clone(), info(), whole[4..].to_vec(), with_more] {
            let track = track(config.into()).unwrap();
            assert_eq!((track.sample_rate, track.channels), (48_000, 2));
            assert_eq!(track.config, whole);
            assert_eq!(streaminfo(&track.config), Some(&info()[..]));
        }
        assert!(track(Bytes::from_static(b"fLaC")).is_err());
    }

    #[test]
    fn frames_tell_their_samples() {
        assert_eq!(
            frame_samples(&[0xff, 0xf8, 0xaa, 0x88, 0, 0x5b]),
            Some(1024)
        );
        assert_eq!(frame_samples(&[0xff, 0xf8, 0xc9, 0x18, 0, 0]), Some(4096));
        assert_eq!(
            frame_samples(&[0xff, 0xf8, 0x79, 0x18, 0xc2, 0x80, 1, 0]),
            Some(257)
        );
        assert_eq!(frame_samples(&[0xff, 0xf8, 0x69, 0x18, 5]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>, head: [u8; 3]) {
            let _ = frame_samples(&data);
            let _ = frame_samples(&[&[0xff, 0xf8], &head[..], &data].concat());
            let _ = track([b"fLaC", &data[..]].concat().into());
            let _ = track(data.into());
        }
    }
}
