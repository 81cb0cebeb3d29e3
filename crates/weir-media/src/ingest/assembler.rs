//! What the WebM and fMP4 demuxers have in common behind their containers: samples of announced
//! tracks in, [`Event`]s out, with tracks told once they are all known.
//!
//! Payload shapes, in-band parameter sets and keyframes are judged by the [`Depacketizer`], so
//! that every way in judges alike; samples go to it as Enhanced RTMP bodies without a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::reorder::Reorder;
use super::waiting::{Waiting, Waits};
use crate::codec;
use crate::flv::{Depacketizer, Event, RawFrame, TAG_AUDIO, TAG_VIDEO, tag};
use crate::{AudioCodec, FrameKind, LeftOut, MediaError, Result, TrackKind, Tracks, VideoCodec};

/// Tracks told of as left out; a recorder that begins anew tells them again.
const MAX_LEFT_OUT: usize = 32;
/// Times beyond this are cut to it, in µs, so that sums of them stay in range: 36,000 years.
const LARGEST_US: i128 = 1 << 60;
/// `ExVideoTagHeader` and `ExAudioTagHeader` fields.
const EX_VIDEO: u8 = 0x80;
const EX_AUDIO: u8 = 0x90;
const PACKET_SEQUENCE_START: u8 = 0;
const PACKET_AUDIO_FRAME: u8 = 1;
const PACKET_VIDEO_FRAME: u8 = 3;
/// Bytes of a tag header without an offset of composition time.
const EX_HEADER_BYTES: usize = 5;

/// The codec of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Video(VideoCodec),
    Audio(AudioCodec),
}

impl Codec {
    pub(crate) const fn track(self) -> TrackKind {
        match self {
            Self::Video(_) => TrackKind::Video,
            Self::Audio(_) => TrackKind::Audio,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Video(codec) => codec.name(),
            Self::Audio(codec) => codec.name(),
        }
    }
}

/// The time a container gives a sample, in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Decode time, and presentation minus decode time.
    Decode { dts_us: i64, cts_us: i32 },
    /// Presentation time alone, as Matroska has it, and how long a frame of the track lasts where
    /// the container tells.
    Presentation { pts_us: i64, step_us: Option<i64> },
}

impl Time {
    /// Decode time, or what comes nearest.
    pub(crate) const fn first_us(self) -> i64 {
        match self {
            Self::Decode { dts_us, .. } => dts_us,
            Self::Presentation { pts_us, .. } => pts_us,
        }
    }
}

/// Makes events of samples.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    depacketizer: Depacketizer,
    reorder: Reorder,
    told: Arc<Tracks>,
    ready: VecDeque<Event>,
    scratch: Vec<Event>,
    notes: Vec<&'static str>,
    left_out: Vec<LeftOut>,
    failed_track: Option<TrackKind>,
    expects: Vec<TrackKind>,
    waiting: Waiting<RawFrame>,
}

impl Waits for RawFrame {
    fn at_us(&self) -> i64 {
        self.ts_us
    }

    fn bytes(&self) -> usize {
        self.payload.len()
    }
}

impl Assembler {
    /// New tracks from here on: codecs with their set-up, where the container has one, in the form
    /// of Enhanced RTMP sequence starts. At most one of each kind.
    pub(crate) fn begin(&mut self, tracks: Vec<(Codec, Option<Bytes>)>) -> Result<()> {
        self.settle();
        self.depacketizer = Depacketizer::default();
        self.reorder = Reorder::default();
        self.expects = tracks.iter().map(|(codec, _)| codec.track()).collect();
        self.waiting.begin();
        let mut result = Ok(());
        for (codec, config) in tracks {
            let Some(config) = config else { continue };
            if config.len() > codec::MAX_CONFIG_BYTES {
                return Err(MediaError::TooLarge {
                    what: "codec header",
                    size: config.len() as u64,
                    limit: codec::MAX_CONFIG_BYTES as u64,
                });
            }
            let body = ex_body(codec, PACKET_SEQUENCE_START, FrameKind::Key, &config);
            result = result.and(self.push(codec, body, None));
        }
        result
    }

    /// One sample, as the container holds it.
    pub(crate) fn sample(
        &mut self,
        codec: Codec,
        time: Time,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<()> {
        let packet = match codec {
            Codec::Video(_) => PACKET_VIDEO_FRAME,
            Codec::Audio(_) => PACKET_AUDIO_FRAME,
        };
        if payload.is_empty() {
            return Ok(());
        }
        self.push(codec, ex_body(codec, packet, kind, payload), Some(time))
    }

    /// What is ready to be told.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Bytes of the frames that wait for tracks to be known. What is ready to be told is not
    /// counted: whoever asks has taken it.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.waiting.bytes()
    }

    /// Whether frames wait for tracks to be known.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.waiting.is_on()
    }

    /// The container is broken: what waited for its tracks is dropped.
    pub(crate) fn give_up(&mut self) {
        self.waiting.end();
    }

    /// The tracks as known now, told or not.
    pub(crate) fn tracks(&self) -> &Tracks {
        self.depacketizer.tracks()
    }

    /// How long before it is shown a picture may have to be decoded, in µs, where its parameter sets
    /// tell; else 0. `step_us`: how long a picture lasts, where the container tells.
    pub(crate) fn reorder_us(&self, step_us: Option<i64>) -> i64 {
        let track = self.tracks().video.as_ref();
        Reorder::default()
            .dts_us(track, 0, step_us)
            .saturating_neg()
    }

    /// Tells `text` once. Texts are literals, so that the list cannot grow without bound.
    pub(crate) fn note(&mut self, text: &'static str) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
            self.ready.push_back(Event::Note(text));
        }
    }

    /// Tells of a track that is not carried, once.
    pub(crate) fn leave_out(&mut self, what: LeftOut) {
        if self.left_out.len() < MAX_LEFT_OUT && !self.left_out.contains(&what) {
            self.left_out.push(what.clone());
            self.ready.push_back(Event::LeftOut(what));
        }
    }

    /// The track of the last frame or codec header that was an error.
    pub(crate) const fn failed_track(&self) -> Option<TrackKind> {
        self.failed_track
    }

    fn push(&mut self, codec: Codec, body: Bytes, time: Option<Time>) -> Result<()> {
        let message_type = match codec {
            Codec::Video(_) => TAG_VIDEO,
            Codec::Audio(_) => TAG_AUDIO,
        };
        let mut events = std::mem::take(&mut self.scratch);
        let result = self.depacketizer.push(message_type, 0, body, &mut events);
        for event in events.drain(..) {
            match event {
                Event::Frame(frame) => {
                    if let Some(time) = time {
                        self.frame(codec, frame, time);
                    }
                }
                Event::Note(text) => self.note(text),
                // Tracks are told before the next frame; the rest has no place in a container.
                Event::Tracks(_)
                | Event::Metadata(_)
                | Event::LeftOut(_)
                | Event::EndOfSequence => {}
            }
        }
        self.scratch = events;
        if result.is_err() {
            self.failed_track = Some(codec.track());
        }
        result
    }

    fn frame(&mut self, codec: Codec, mut frame: RawFrame, time: Time) {
        let (dts_us, cts_us) = match (time, codec) {
            (Time::Decode { dts_us, cts_us }, _) => (dts_us, cts_us),
            (
                Time::Presentation { pts_us, step_us },
                Codec::Video(VideoCodec::H264 | VideoCodec::Hevc),
            ) => {
                let track = self.depacketizer.tracks().video.as_ref();
                let dts_us = self.reorder.dts_us(track, pts_us, step_us);
                (dts_us, clamp_i32(pts_us.saturating_sub(dts_us)))
            }
            (Time::Presentation { .. }, _) => (time.first_us(), 0),
        };
        // Audio may have been taken apart into several frames, whose times count from 0.
        frame.ts_us = frame.ts_us.saturating_add(dts_us);
        if frame.track == TrackKind::Video {
            frame.cts_us = cts_us;
        }
        if self.waiting.is_over() {
            self.tell_tracks();
            self.ready.push_back(Event::Frame(frame));
            return;
        }
        let tracks = self.depacketizer.tracks();
        let all_known = self.expects.iter().all(|kind| match kind {
            TrackKind::Video => tracks.video.is_some(),
            TrackKind::Audio => tracks.audio.is_some(),
        });
        if self.waiting.push(frame, all_known) {
            self.settle();
        }
    }

    /// Waits no longer for tracks that are not known yet.
    pub(crate) fn settle(&mut self) {
        let held = self.waiting.end();
        if !held.is_empty() {
            self.tell_tracks();
            self.ready.extend(held.into_iter().map(Event::Frame));
        }
    }

    fn tell_tracks(&mut self) {
        let now = self.depacketizer.tracks();
        if *now != self.told {
            self.told = Arc::clone(now);
            self.ready.push_back(Event::Tracks(Arc::clone(now)));
        }
    }
}

/// `ticks` of a clock of `hz` in µs, rounded down.
pub(crate) fn ticks_to_us(ticks: i128, hz: u32) -> i64 {
    let us = ticks
        .saturating_mul(1_000_000)
        .div_euclid(i128::from(hz.max(1)));
    us.clamp(-LARGEST_US, LARGEST_US) as i64
}

/// Nanoseconds in µs, rounded down.
pub(crate) fn ns_to_us(ns: i128) -> i64 {
    ns.div_euclid(1000).clamp(-LARGEST_US, LARGEST_US) as i64
}

/// The nearest 32-bit number.
pub(crate) fn clamp_i32(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// A message body as Enhanced RTMP has it.
fn ex_body(codec: Codec, packet: u8, kind: FrameKind, payload: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(EX_HEADER_BYTES + payload.len());
    match codec {
        Codec::Video(video) => {
            let frame_type = match kind {
                FrameKind::Key => 1,
                FrameKind::Inter => 2,
                FrameKind::Disposable => 3,
            };
            body.put_u8(EX_VIDEO | frame_type << 4 | packet);
            body.put_slice(&tag::video_fourcc(video));
        }
        Codec::Audio(audio) => {
            body.put_u8(EX_AUDIO | packet);
            body.put_slice(&tag::audio_fourcc(audio));
        }
    }
    body.put_slice(payload);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{avc, vp9};

    #[test]
    fn frames_wait_for_all_announced_tracks_and_not_for_ever() {
        let mut assembler = Assembler::default();
        let opus = Codec::Audio(AudioCodec::Opus);
        let vp9 = Codec::Video(VideoCodec::Vp9);
        assembler.begin(vec![(vp9, None), (opus, None)]).unwrap();
        let at = |us| Time::Decode {
            dts_us: us,
            cts_us: 0,
        };
        assembler
            .sample(opus, at(0), FrameKind::Key, &[0xfc])
            .unwrap();
        assert_eq!(assembler.next_event(), None);
        assembler
            .sample(vp9, at(10), FrameKind::Key, vp9::tests::KEY)
            .unwrap();
        let Some(Event::Tracks(tracks)) = assembler.next_event() else {
            panic!("no tracks");
        };
        assert!(tracks.video.is_some() && tracks.audio.is_some());

        let mut assembler = Assembler::default();
        assembler.begin(vec![(vp9, None), (opus, None)]).unwrap();
        for us in [0, 1_000_000, 1_500_000] {
            assembler
                .sample(opus, at(us), FrameKind::Key, &[0xfc])
                .unwrap();
        }
        assert!(
            matches!(assembler.next_event(), Some(Event::Tracks(tracks)) if tracks.video.is_none())
        );
    }

    #[test]
    fn a_vp9_keyframe_is_known_by_its_bytes() {
        let mut assembler = Assembler::default();
        let vp9 = Codec::Video(VideoCodec::Vp9);
        assembler.begin(vec![(vp9, None)]).unwrap();
        let at = Time::Decode {
            dts_us: 0,
            cts_us: 0,
        };
        assembler
            .sample(vp9, at, FrameKind::Inter, vp9::tests::KEY)
            .unwrap();
        assembler
            .sample(vp9, at, FrameKind::Key, &[0x86, 0, 0x40])
            .unwrap();
        let kinds: Vec<_> = std::iter::from_fn(|| assembler.next_event())
            .filter_map(|event| match event {
                Event::Frame(frame) => Some(frame.kind),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, [FrameKind::Key, FrameKind::Inter]);
    }

    #[test]
    fn parameter_sets_in_the_samples_make_the_track() {
        let mut assembler = Assembler::default();
        let h264 = Codec::Video(VideoCodec::H264);
        assembler.begin(vec![(h264, None)]).unwrap();
        let mut payload = Vec::new();
        for nal in [avc::tests::SPS_1080P, avc::tests::PPS, &[0x65, 0x88]] {
            payload.extend((nal.len() as u32).to_be_bytes());
            payload.extend(nal);
        }
        let at = Time::Presentation {
            pts_us: 5,
            step_us: None,
        };
        assembler
            .sample(h264, at, FrameKind::Inter, &payload)
            .unwrap();
        let Some(Event::Tracks(tracks)) = assembler.next_event() else {
            panic!("no tracks");
        };
        assert_eq!(tracks.video.as_ref().unwrap().width, 1920);
        let Some(Event::Frame(frame)) = assembler.next_event() else {
            panic!("no frame");
        };
        assert_eq!(frame.kind, FrameKind::Key);
    }
}
