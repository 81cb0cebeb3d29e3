//! Codec headers: what a decoder configuration record or a frame says about its track.
//!
//! One file per codec. Nothing here decodes pictures or sound, and nothing knows of containers
//! beyond the configuration records that MP4 and FLV share.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod avc;
pub mod flac;
pub mod hevc;
pub mod latm;
pub mod mp3;
pub mod nal;
pub mod opus;
pub mod picture;
pub mod units;
pub mod vp9;

use bytes::Bytes;

use crate::{AudioCodec, AudioTrack, MediaError, Result, VideoCodec, VideoTrack};

/// Largest configuration record believed, in bytes: parameter sets with SEI stay under 10 KiB,
/// and every viewer who joins is sent it.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// Reads a decoder configuration record (see [`VideoTrack::config`]) into a track.
///
/// H.264 and HEVC records come out saying 4-byte lengths: payloads must be brought to that too
/// ([`nal::normalise`]). The size is 0 where only a keyframe tells it (VP9, some AV1).
///
/// # Errors
/// Truncated, over [`MAX_CONFIG_BYTES`], malformed, or without the parameter sets.
pub fn video_track(codec: VideoCodec, config: Bytes) -> Result<VideoTrack> {
    check_size(&config)?;
    match codec {
        VideoCodec::H264 => avc::track(config),
        VideoCodec::Hevc => hevc::track(config),
        VideoCodec::Av1 => av1::track(config),
        VideoCodec::Vp9 => vp9::track(config),
    }
}

/// Reads an audio set-up (see [`AudioTrack::config`]) into a track. MP3, AC-3 and E-AC-3 have
/// none: use [`audio_track_from_frame`].
///
/// # Errors
/// Truncated, over [`MAX_CONFIG_BYTES`] or malformed; `Unsupported` for a codec without one.
pub fn audio_track(codec: AudioCodec, config: Bytes) -> Result<AudioTrack> {
    check_size(&config)?;
    match codec {
        AudioCodec::Aac => aac::track(config),
        AudioCodec::Opus => opus::track(config),
        AudioCodec::Flac => flac::track(config),
        AudioCodec::Mp3 | AudioCodec::Ac3 | AudioCodec::Eac3 => Err(MediaError::Unsupported(
            format!("a codec header for {}", codec.name()),
        )),
    }
}

/// Derives a track from a frame: MP3, AC-3 and E-AC-3 always, AAC that still has ADTS headers;
/// Opus gets the usual stereo header.
///
/// # Errors
/// When the frame is broken; `Unsupported` for a codec whose frames do not tell.
pub fn audio_track_from_frame(codec: AudioCodec, frame: &[u8]) -> Result<AudioTrack> {
    match codec {
        AudioCodec::Mp3 => mp3::track_from_frame(frame),
        AudioCodec::Ac3 | AudioCodec::Eac3 => ac3::track_from_frame(codec, frame),
        AudioCodec::Opus => opus::track(opus::OpusHead::default().build()),
        AudioCodec::Aac => aac::track_from_adts(frame),
        AudioCodec::Flac => Err(MediaError::Unsupported(
            "FLAC without its header".to_owned(),
        )),
    }
}

/// Samples of one frame at [`AudioTrack::sample_rate`]; `None` where the payload is broken.
pub fn audio_frame_samples(track: &AudioTrack, payload: &[u8]) -> Option<u32> {
    match track.codec {
        AudioCodec::Aac => {
            Some(aac::AacConfig::parse(&track.config).map_or(1024, |aac| aac.frame_samples()))
        }
        AudioCodec::Opus => opus::packet_samples(payload),
        AudioCodec::Mp3 => mp3::payload_samples(payload),
        AudioCodec::Ac3 | AudioCodec::Eac3 => ac3::payload_samples(payload),
        AudioCodec::Flac => flac::frame_samples(payload),
    }
}

fn check_size(config: &Bytes) -> Result<()> {
    if config.len() > MAX_CONFIG_BYTES {
        return Err(MediaError::TooLarge {
            what: "codec header",
            size: config.len() as u64,
            limit: MAX_CONFIG_BYTES as u64,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_rate_of_a_track_belong_together() {
        // HE-AAC told explicitly: 24 kHz core, 48 kHz out.
        let he = audio_track(AudioCodec::Aac, Bytes::from_static(&[0x2b, 0x11, 0x88, 0])).unwrap();
        assert_eq!(
            (he.sample_rate, audio_frame_samples(&he, &[1])),
            (48_000, Some(2048))
        );
        let opus = audio_track_from_frame(AudioCodec::Opus, &[0xfc]).unwrap();
        assert_eq!(
            (opus.sample_rate, audio_frame_samples(&opus, &[0xfc])),
            (48_000, Some(960))
        );
    }

    #[test]
    fn a_header_over_the_limit_is_refused() {
        let huge = Bytes::from(vec![1; MAX_CONFIG_BYTES + 1]);
        let error = video_track(VideoCodec::H264, huge).unwrap_err();
        assert!(matches!(error, MediaError::TooLarge { .. }));
    }

    #[test]
    fn codecs_without_a_header_say_so() {
        assert!(audio_track(AudioCodec::Mp3, Bytes::new()).is_err());
    }
}
