//! From messages to stream items: keeps what is known of the tracks and brings every payload into
//! the shape that [`crate::Frame`] promises. RTMP ingest, FLV files and SLSP all come through here.
//!
//! Times are only read, not judged: that is [`crate::timeline`]'s.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::tag::{AudioTag, Parsed, VideoTag, parse_audio_of, parse_video_of};
use super::{
    MESSAGE_AMF3_DATA, TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO, depacketize_video as video_rules,
};
use crate::amf::{self, Value};
use crate::codec;
use crate::codec::aac::{AacConfig, AdtsHeader, ProgramConfig};
use crate::codec::picture::PictureJudge;
use crate::{
    AudioCodec, AudioTrack, FrameKind, LeftOut, MediaError, Metadata, Result, TrackKind, Tracks,
    VideoCodec, VideoTrack,
};

/// Bytes of units that came without their picture and are kept for the next one.
const MAX_EARLY_BYTES: usize = 64 * 1024;
/// Messages they may come in: parameter sets, SEI and a delimiter each in its own.
const MAX_EARLY_MESSAGES: u32 = 4;
/// Largest `onMetaData` value kept, in bytes: every viewer is sent it. Real ones stay under 4 KiB;
/// only files with an index of their keyframes have more, and those are no use live.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;
/// Most ADTS frames taken out of one message: a second of audio has under 100.
const MAX_ADTS_FRAMES: usize = 128;

/// A frame with the publisher's own timestamp, before the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// The track it belongs to.
    pub track: TrackKind,
    /// The message's 32-bit milliseconds in microseconds, plus the nanosecond offset.
    pub ts_us: i64,
    /// Presentation time minus decode time, in microseconds.
    pub cts_us: i32,
    /// How it depends on others.
    pub kind: FrameKind,
    /// The codec data in the shape of [`crate::Frame::payload`].
    pub payload: Bytes,
}

/// What a message led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The tracks from here on: on first knowledge, and on each real change.
    Tracks(Arc<Tracks>),
    /// The publisher's `onMetaData`, when it is new.
    Metadata(Arc<Metadata>),
    /// A frame of a known track.
    Frame(RawFrame),
    /// The publisher says that nothing follows: on the end of video, or of audio without video.
    EndOfSequence,
    /// A track that the container announces is not carried; each once.
    LeftOut(LeftOut),
    /// Something was put right, or left out of a frame, that an operator may want to know; each text once.
    Note(&'static str),
}

/// Messages in, [`Event`]s out.
#[derive(Debug, Default)]
pub struct Depacketizer {
    tracks: Arc<Tracks>,
    video: VideoState,
    audio: AudioState,
    metadata: Option<Arc<Metadata>>,
    notes: Vec<&'static str>,
}

#[derive(Debug, Default)]
pub(super) struct VideoState {
    track_id: Option<u8>,
    /// The last record as it was sent, to tell a repetition.
    sent: Option<(VideoCodec, Bytes)>,
    /// A track that waits for a keyframe to tell its size.
    pub(super) waiting: Option<VideoTrack>,
    /// Width of NAL lengths in the payloads that come in, where not 4.
    length_bytes: Option<usize>,
    judge: PictureJudge,
    /// Units that came before their picture, in a message of their own.
    early: BytesMut,
    early_messages: u32,
}

#[derive(Debug, Default)]
struct AudioState {
    track_id: Option<u8>,
    sent: Option<(AudioCodec, Bytes)>,
    /// AAC whose units are to tell the channel layout.
    waiting: Option<AacConfig>,
}

impl VideoState {
    /// Keeps units for the picture that they belong to.
    fn keep(&mut self, units: &[u8]) -> Result<()> {
        self.early_messages += 1;
        if self.early_messages > MAX_EARLY_MESSAGES || units.len() > MAX_EARLY_BYTES {
            self.early_messages = 0;
            return Err(MediaError::invalid(
                "video frame",
                "there is no picture in it",
            ));
        }
        self.early = BytesMut::from(units);
        Ok(())
    }
}

impl Depacketizer {
    /// Takes one message and appends what it led to.
    ///
    /// `message_type`: 8 audio, 9 video, 18 AMF0 data or FLV script, 15 AMF3 data; others are
    /// noted and left out.
    ///
    /// # Errors
    /// Why the message led to nothing: a broken body or codec header, a frame that no decoder can use,
    /// a codec weir does not carry ([`MediaError::LeftOut`]), or a frame whose codec header did not come
    /// yet ([`MediaError::NoCodecHeader`], or [`MediaError::NoKeyframe`] where it may come with a keyframe).
    /// Odd metadata is never an error. The state stays usable, and how long that is borne with is for the
    /// caller to say.
    pub fn push(
        &mut self,
        message_type: u8,
        ts_ms: u32,
        body: Bytes,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        match message_type {
            TAG_AUDIO => self.push_audio(ts_ms, body, out),
            TAG_VIDEO => self.push_video(ts_ms, body, out),
            TAG_SCRIPT | MESSAGE_AMF3_DATA => {
                self.push_data(message_type, &body, out);
                Ok(())
            }
            _ => {
                self.note(
                    "a message that is no audio, video or data was left out",
                    out,
                );
                Ok(())
            }
        }
    }

    /// The tracks as known now.
    pub fn tracks(&self) -> &Arc<Tracks> {
        &self.tracks
    }

    fn push_video(&mut self, ts_ms: u32, body: Bytes, out: &mut Vec<Event>) -> Result<()> {
        let parsed = parse_video_of(body, self.video.track_id)?;
        self.note_extra_tracks("a second video track was left out", &parsed, out);
        if !matches!(parsed.tag, VideoTag::Ignored(_)) {
            self.video.track_id = Some(parsed.track_id);
        }
        match parsed.tag {
            VideoTag::Config { codec, config } => self.video_config(codec, config, out),
            VideoTag::Frame {
                codec,
                kind,
                cts_us,
                ts_offset_ns,
                payload,
            } => {
                let ts_us = raw_us(ts_ms, ts_offset_ns);
                let frame = RawFrame {
                    track: TrackKind::Video,
                    ts_us,
                    cts_us,
                    kind,
                    payload,
                };
                self.video_frame(codec, frame, out)
            }
            VideoTag::EndOfSequence => {
                out.push(Event::EndOfSequence);
                Ok(())
            }
            VideoTag::Ignored(what) => {
                self.note(what, out);
                Ok(())
            }
        }
    }

    fn push_audio(&mut self, ts_ms: u32, body: Bytes, out: &mut Vec<Event>) -> Result<()> {
        let parsed = parse_audio_of(body, self.audio.track_id)?;
        self.note_extra_tracks("a second audio track was left out", &parsed, out);
        if !matches!(parsed.tag, AudioTag::Ignored(_)) {
            self.audio.track_id = Some(parsed.track_id);
        }
        match parsed.tag {
            AudioTag::Config { codec, config } => self.audio_config(codec, config, out),
            AudioTag::Frame {
                codec,
                ts_offset_ns,
                payload,
            } => self.audio_frame(codec, raw_us(ts_ms, ts_offset_ns), payload, out),
            AudioTag::EndOfSequence => {
                if self.tracks.video.is_none() {
                    out.push(Event::EndOfSequence);
                }
                Ok(())
            }
            AudioTag::Ignored(what) => {
                self.note(what, out);
                Ok(())
            }
        }
    }

    fn video_config(
        &mut self,
        codec: VideoCodec,
        config: Bytes,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if self
            .video
            .sent
            .as_ref()
            .is_some_and(|sent| sent.0 == codec && sent.1 == config)
        {
            return Ok(());
        }
        if config.is_empty() {
            self.note("an empty video codec header was left out", out);
            return Ok(());
        }
        let sent = config.clone();
        let config = match video_rules::record_of_start_codes(codec, &config) {
            Some(record) => {
                self.note("start codes in the video codec header were replaced", out);
                record?
            }
            None => config,
        };
        let length_bytes = video_rules::length_bytes(codec, &config);
        if video_rules::lacks_parameter_sets(codec, &config) {
            self.video.length_bytes = length_bytes;
            self.note("the video codec header has no parameter sets", out);
            return Ok(());
        }
        let track = codec::video_track(codec, config)?;
        self.video.sent = Some((codec, sent));
        self.video.length_bytes = length_bytes;
        if track.width == 0 {
            self.video.waiting = Some(track);
        } else {
            self.video.waiting = None;
            self.set_video(track, out);
        }
        Ok(())
    }

    fn video_frame(
        &mut self,
        codec: VideoCodec,
        mut frame: RawFrame,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if frame.payload.is_empty() {
            return Ok(());
        }
        let length_bytes = self.video.length_bytes.unwrap_or(codec::nal::LENGTH_BYTES);
        let separated = video_rules::separate(codec, frame.payload, length_bytes)?;
        frame.payload = separated.payload;
        if let Some(how) = separated.mended {
            self.note(how, out);
        }
        if frame.payload.is_empty() {
            return Ok(());
        }
        if !self.video.early.is_empty() {
            self.video.early.extend_from_slice(&frame.payload);
            frame.payload = self.video.early.split().freeze();
        }
        let of_codec = |track: &&VideoTrack| track.codec == codec;
        let current = self.tracks.video.as_ref().filter(of_codec);
        if let Some(track) = video_rules::learn(codec, current, &mut self.video, &frame.payload) {
            self.set_video(track, out);
        }
        let has_track = self
            .tracks
            .video
            .as_ref()
            .is_some_and(|track| of_codec(&track));
        let judged = self.video.judge.judge(codec, frame.kind, &frame.payload);
        // What cannot be read has what is missing for a reason.
        let judged = judged.map_err(|error| match error {
            MediaError::Invalid { .. } if !has_track => MediaError::NoCodecHeader(TrackKind::Video),
            error => error,
        });
        match judged? {
            None => self.video.keep(&frame.payload),
            // A keyframe has to bring its sets, or come behind them; others may wait for it.
            Some(FrameKind::Key) if !has_track => Err(MediaError::NoCodecHeader(TrackKind::Video)),
            Some(_) if !has_track => Err(MediaError::NoKeyframe),
            Some(kind) => {
                self.video.early_messages = 0;
                frame.kind = kind;
                out.push(Event::Frame(frame));
                Ok(())
            }
        }
    }

    fn audio_config(
        &mut self,
        codec: AudioCodec,
        config: Bytes,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if matches!(codec, AudioCodec::Mp3 | AudioCodec::Ac3 | AudioCodec::Eac3) {
            // These tell all in each frame; some publishers announce them all the same.
            return Ok(());
        }
        if self
            .audio
            .sent
            .as_ref()
            .is_some_and(|sent| sent.0 == codec && sent.1 == config)
        {
            return Ok(());
        }
        if config.is_empty() {
            self.note("an empty audio codec header was left out", out);
            return Ok(());
        }
        let track = codec::audio_track(codec, config.clone())?;
        let aac = AacConfig::parse(&config).ok();
        self.audio.waiting = aac.filter(|aac| codec == AudioCodec::Aac && aac.lacks_layout());
        if self.audio.waiting.is_some() {
            self.note("the channel layout of the sound is looked for in it", out);
            return Ok(());
        }
        self.audio.sent = Some((codec, config));
        self.set_audio(track, out);
        Ok(())
    }

    fn audio_frame(
        &mut self,
        codec: AudioCodec,
        ts_us: i64,
        payload: Bytes,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if payload.is_empty() {
            return Ok(());
        }
        let known = self
            .tracks
            .audio
            .as_ref()
            .is_some_and(|track| track.codec == codec);
        if let Some(program) = ProgramConfig::of_unit(&payload)
            && let Some(aac) = self.audio.waiting.take_if(|_| codec == AudioCodec::Aac)
            && let Ok(track) = codec::audio_track(codec, program.config(&aac))
        {
            self.set_audio(track, out);
            out.push(audio_event(ts_us, payload));
            return Ok(());
        }
        let tells_all = matches!(codec, AudioCodec::Mp3 | AudioCodec::Ac3 | AudioCodec::Eac3);
        if !known || tells_all {
            match codec::audio_track_from_frame(codec, &payload) {
                Ok(track) => self.set_audio(track, out),
                Err(error @ MediaError::LeftOut(_)) => return Err(error),
                Err(_) if !known => return Err(MediaError::NoCodecHeader(TrackKind::Audio)),
                Err(_) => {}
            }
        }
        if codec == AudioCodec::Aac && AdtsHeader::parse(&payload).is_some() {
            self.adts_frames(ts_us, payload, out);
        } else {
            out.push(audio_event(ts_us, payload));
        }
        Ok(())
    }

    /// AAC that still has ADTS headers, maybe several access units in one message.
    fn adts_frames(&mut self, ts_us: i64, mut payload: Bytes, out: &mut Vec<Event>) {
        self.note("ADTS headers were taken off AAC frames", out);
        let mut samples = 0;
        for _ in 0..MAX_ADTS_FRAMES {
            let Some(header) = AdtsHeader::parse(&payload) else {
                break;
            };
            let mut unit = payload.split_to(header.frame_len.min(payload.len()));
            if unit.len() > header.header_len {
                let offset_us = samples * 1_000_000 / i64::from(header.rate);
                out.push(audio_event(
                    ts_us + offset_us,
                    unit.split_off(header.header_len),
                ));
            }
            samples += 1024;
        }
    }

    fn push_data(&mut self, message_type: u8, body: &Bytes, out: &mut Vec<Event>) {
        let value = match message_type {
            MESSAGE_AMF3_DATA => amf3_metadata(body),
            _ => amf0_metadata(body),
        };
        match value {
            Some(amf0) if amf0.len() <= MAX_METADATA_BYTES => {
                let metadata = Arc::new(Metadata { amf0 });
                if self.metadata.as_ref() != Some(&metadata) {
                    self.metadata = Some(Arc::clone(&metadata));
                    out.push(Event::Metadata(metadata));
                }
            }
            Some(_) => self.note("onMetaData over the size limit was left out", out),
            None => self.note("script data other than onMetaData was left out", out),
        }
    }

    fn set_video(&mut self, track: VideoTrack, out: &mut Vec<Event>) {
        if self.tracks.video.as_ref() != Some(&track) {
            self.video.judge.record(track.codec, &track.config);
            Arc::make_mut(&mut self.tracks).video = Some(track);
            out.push(Event::Tracks(Arc::clone(&self.tracks)));
        }
    }

    fn set_audio(&mut self, track: AudioTrack, out: &mut Vec<Event>) {
        if self.tracks.audio.as_ref() != Some(&track) {
            Arc::make_mut(&mut self.tracks).audio = Some(track);
            out.push(Event::Tracks(Arc::clone(&self.tracks)));
        }
    }

    fn note_extra_tracks<T>(
        &mut self,
        text: &'static str,
        parsed: &Parsed<T>,
        out: &mut Vec<Event>,
    ) {
        if parsed.extra_tracks > 0 {
            self.note(text, out);
        }
    }

    /// All texts are literals of this module, so the list cannot grow without bound.
    fn note(&mut self, text: &'static str, out: &mut Vec<Event>) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
            out.push(Event::Note(text));
        }
    }
}

fn raw_us(ts_ms: u32, offset_ns: u32) -> i64 {
    i64::from(ts_ms) * 1000 + i64::from(offset_ns / 1000)
}

fn audio_event(ts_us: i64, payload: Bytes) -> Event {
    Event::Frame(RawFrame {
        track: TrackKind::Audio,
        ts_us,
        cts_us: 0,
        kind: FrameKind::Key,
        payload,
    })
}

/// The value behind `[@setDataFrame] onMetaData`, as sent.
fn amf0_metadata(body: &Bytes) -> Option<Bytes> {
    let (mut name, mut rest) = amf0_string(body)?;
    if name == b"@setDataFrame" {
        (name, rest) = amf0_string(rest)?;
    }
    if name != b"onMetaData" || !matches!(rest.first(), Some(3 | 8)) {
        return None;
    }
    // Over the limit nothing is decoded: the caller says why it was left out.
    let len = if rest.len() > MAX_METADATA_BYTES {
        rest.len()
    } else {
        amf::check_one(rest).ok()?
    };
    let start = body.len() - rest.len();
    Some(body.slice(start..start + len.min(rest.len())))
}

/// The same in an AMF3 data message; the value comes out as AMF0.
fn amf3_metadata(body: &Bytes) -> Option<Bytes> {
    if body.len() > MAX_METADATA_BYTES {
        return Some(body.clone());
    }
    let mut decoder = amf::Decoder::new_amf3_message(body);
    let mut next = || decoder.next().ok().flatten();
    let mut name = next()?;
    if name.as_str() == Some("@setDataFrame") {
        name = next()?;
    }
    let value = next().filter(|value| name.as_str() == Some("onMetaData") && is_object(value))?;
    let mut amf0 = Vec::new();
    value.encode(&mut amf0);
    matches!(amf0.first(), Some(3 | 8)).then(|| amf0.into())
}

fn is_object(value: &Value) -> bool {
    value.properties().is_some()
}

fn amf0_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [2, high, low, rest @ ..] = bytes else {
        return None;
    };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
#[path = "depacketize_tests.rs"]
mod tests;
