//! Formats: AMF, FLV, codec headers, MPEG-TS, fMP4, HLS, the timeline.

use std::sync::Arc;

use bytes::Bytes;
use weir_media::amf::{self, Decoder, Value};
use weir_media::codec::latm::{LatmReader, loas_frame_len};
use weir_media::codec::picture::PictureJudge;
use weir_media::codec::{self, aac, ac3, av1, avc, flac, hevc, mp3, nal, opus, units, vp9};
use weir_media::flv::{self, Depacketizer, Event, Reader, tag};
use weir_media::hls::{
    Container, EncryptionConfig, Packager, PackagerConfig, PlaylistOptions, Selection, parse_name,
};
use weir_media::timeline::{MIN_STEP_US, Timeline};
use weir_media::ts::{Muxer, TsDemuxer};
use weir_media::{
    AudioCodec, Frame, FrameKind, Item, Metadata, TrackKind, Tracks, VideoCodec, fmp4,
};

use super::Input;
use crate::synthetic;

const WRAP_US: i64 = (1 << 32) * 1000;
/// Messages and items of one input looked at: enough for any state, and quick.
const MAX_STEPS: usize = 4096;

pub(super) fn amf0(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let mut read = 0;
    while let Ok(Some(value)) = decoder.next() {
        // The byte-exact length that relays copy by is the decoder's own.
        if let Ok(size) = amf::check_one(&data[read..]) {
            assert_eq!(decoder.position(), read + size);
        }
        read = decoder.position();
        check_value(&value);
    }
}

pub(super) fn amf3(data: &[u8]) {
    let mut decoder = Decoder::new_amf3_message(data);
    while let Ok(Some(value)) = decoder.next() {
        check_value(&value);
    }
}

/// What is read can be written, and what is written reads back the same.
fn check_value(value: &Value) {
    let mut first = Vec::new();
    value.encode(&mut first);
    if let Ok(Some(again)) = Decoder::new(&first).next() {
        let mut second = Vec::new();
        again.encode(&mut second);
        assert!(first == second, "{value:?} changes when written twice");
    }
}

pub(super) fn flv_tag(data: &[u8]) {
    let mut input = Input(data);
    let is_video = input.u8() & 1 == 1;
    let body = Bytes::copy_from_slice(input.0);
    if is_video {
        let _ = tag::parse_video(body);
    } else {
        let _ = tag::parse_audio(body);
    }
}

pub(super) fn flv_reader(data: &[u8]) {
    let mut input = Input(data);
    let whole = {
        let mut reader = Reader::default();
        reader.push(data.get(4..).unwrap_or_default());
        drain_reader(&mut reader)
    };
    let mut reader = Reader::default();
    let mut pieces = Vec::new();
    let mut failed = false;
    for piece in input.pieces() {
        reader.push(piece);
        let (tags, error) = drain_reader(&mut reader);
        pieces.extend(tags);
        failed |= error;
        if failed {
            break;
        }
    }
    assert_eq!((pieces, failed), whole);
}

fn drain_reader(reader: &mut Reader) -> (Vec<flv::RawTag>, bool) {
    let mut tags = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(tag)) => tags.push(tag),
            Ok(None) => return (tags, false),
            Err(_) => return (tags, true),
        }
    }
}

/// Messages to frames to the clock to every container.
pub(super) fn depacketizer(data: &[u8]) {
    let mut input = Input(data);
    let mut line = Line::new(input.u8());
    let mut depacketizer = Depacketizer::default();
    let mut ts_ms = input.u32();
    let mut events = Vec::new();
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        let message_type = [
            flv::TAG_VIDEO,
            flv::TAG_AUDIO,
            flv::TAG_SCRIPT,
            flv::MESSAGE_AMF3_DATA,
            kind,
        ];
        let message_type = message_type[usize::from(kind >> 5) % message_type.len()];
        // Mostly small steps, sometimes anywhere.
        ts_ms = match kind & 0x1f {
            31 => input.u32(),
            step => ts_ms.wrapping_add(u32::from(step) * 8),
        };
        let body = Bytes::copy_from_slice(input.sized());
        let _ = depacketizer.push(message_type, ts_ms, body, &mut events);
        for event in events.drain(..) {
            line.put_event(event);
        }
    }
    line.end();
}

/// What stands behind the depacketizer in the server: the clock and the containers.
pub(super) struct Line {
    timeline: Timeline,
    now_us: i64,
    last_us: [i64; 2],
    tracks: Arc<Tracks>,
    packagers: [Packager; 2],
    ts: Option<Muxer>,
    flv: Vec<u8>,
    ts_bytes: Vec<u8>,
}

impl Line {
    pub(super) fn new(options: u8) -> Self {
        Self {
            timeline: Timeline::new(0, WRAP_US),
            now_us: 0,
            last_us: [i64::MIN; 2],
            tracks: Arc::default(),
            packagers: [Container::Fmp4, Container::Ts]
                .map(|container| packager(container, options)),
            ts: None,
            flv: Vec::new(),
            ts_bytes: Vec::new(),
        }
    }

    pub(super) fn put_event(&mut self, event: Event) {
        match event {
            Event::Tracks(tracks) => self.put(Item::Tracks(tracks)),
            Event::Metadata(metadata) => self.put(Item::Metadata(metadata)),
            Event::Frame(raw) => self.put_raw(raw),
            Event::EndOfSequence | Event::LeftOut(_) | Event::Note(_) => {}
        }
    }

    fn put_raw(&mut self, raw: flv::RawFrame) {
        let has_track = match raw.track {
            TrackKind::Video => self.tracks.video.is_some(),
            TrackKind::Audio => self.tracks.audio.is_some(),
        };
        assert!(has_track, "a frame before its track");
        self.now_us += 10_000;
        let placed = self.timeline.place(raw.track, raw.ts_us, self.now_us);
        let last_us = &mut self.last_us[raw.track as usize];
        assert!(placed.dts_us > *last_us, "a time that does not go on");
        *last_us = placed.dts_us;
        self.put(Item::Frame(Frame {
            track: raw.track,
            dts_us: placed.dts_us,
            cts_us: raw.cts_us,
            kind: raw.kind,
            payload: raw.payload,
        }));
    }

    pub(super) fn put(&mut self, item: Item) {
        self.flv.clear();
        self.ts_bytes.clear();
        match &item {
            Item::Tracks(tracks) => {
                self.tracks = tracks.clone();
                let changed = self
                    .ts
                    .as_mut()
                    .is_some_and(|ts| ts.change_tracks(tracks).is_ok());
                if !changed {
                    self.ts = Muxer::new(tracks).ok();
                }
                put_headers(tracks, &mut self.flv);
                let _ = fmp4::init_segment(tracks).map(|init| fmp4::read::movie(&init));
            }
            Item::Metadata(metadata) => {
                let _ = flv::write::on_metadata_body(&self.tracks, Some(metadata));
            }
            Item::Frame(frame) => {
                flv::write::put_frame_header(&mut self.flv, &self.tracks, frame);
                if let Some(ts) = &mut self.ts {
                    ts.put_frame(frame, &mut self.ts_bytes);
                }
            }
            Item::Discontinuity => {}
        }
        assert_eq!(self.ts_bytes.len() % weir_media::ts::PACKET_BYTES, 0);
        for packager in &mut self.packagers {
            push(packager, &item);
        }
    }

    pub(super) fn end(mut self) {
        for packager in &mut self.packagers {
            packager.end();
            look_at(packager);
        }
    }
}

fn put_headers(tracks: &Tracks, out: &mut Vec<u8>) {
    flv::write::put_file_header(out, tracks.video.is_some(), tracks.audio.is_some());
    if let Some(video) = &tracks.video {
        flv::write::put_video_config(out, video);
    }
    if let Some(audio) = &tracks.audio {
        flv::write::put_audio_config(out, audio);
    }
}

fn packager(container: Container, options: u8) -> Packager {
    Packager::new(PackagerConfig {
        container,
        segment_us: 1_000_000,
        part_us: (options & 1 == 0).then_some(200_000),
        window_segments: 4,
        encryption: (options & 2 != 0).then_some(EncryptionConfig {
            segments_per_key: 2,
        }),
        epoch: "e".into(),
        selection: match options >> 2 & 3 {
            1 => Selection::VideoOnly,
            2 => Selection::AudioOnly,
            _ => Selection::Both,
        },
    })
}

fn push(packager: &mut Packager, item: &Item) {
    if packager.wants_key() {
        packager.supply_key([7; 16]);
    }
    let before = packager.head();
    if packager.push(item, 1_700_000_000_000_000) == Ok(true) {
        look_at(packager);
    }
    assert!(packager.head() >= before, "the head went back");
}

fn look_at(packager: &Packager) {
    let head = packager.head();
    for skip in [false, true] {
        let options = PlaylistOptions {
            skip,
            ..PlaylistOptions::default()
        };
        let playlist = packager.media_playlist(&options);
        assert!(playlist.starts_with("#EXTM3U"), "{playlist}");
    }
    let _ = (
        packager.blocking(head.msn, Some(head.parts)),
        packager.blocking(u64::MAX, Some(u32::MAX)),
    );
    let _ = (packager.bandwidth(), packager.frame_rate(), packager.key(0));
    if let Some(last) = head
        .msn
        .checked_sub(1)
        .and_then(|msn| packager.segment(msn))
    {
        assert_eq!(last.parts.iter().map(Bytes::len).sum::<usize>(), last.len);
    }
}

pub(super) fn codec_config(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let config = Bytes::copy_from_slice(input.0);
    let video = [
        VideoCodec::H264,
        VideoCodec::Hevc,
        VideoCodec::Av1,
        VideoCodec::Vp9,
    ];
    let audio = [
        AudioCodec::Aac,
        AudioCodec::Opus,
        AudioCodec::Flac,
        AudioCodec::Mp3,
    ];
    let at = usize::from(which % 4);
    let tracks = if which & 4 == 0 {
        let Ok(track) = codec::video_track(video[at], config) else {
            return;
        };
        Tracks {
            video: Some(track),
            audio: None,
        }
    } else {
        let Ok(track) = codec::audio_track(audio[at], config) else {
            return;
        };
        Tracks {
            video: None,
            audio: Some(track),
        }
    };
    write_everywhere(&tracks);
}

/// A track that was taken must be one that every container can say something about.
fn write_everywhere(tracks: &Tracks) {
    put_headers(tracks, &mut Vec::new());
    let _ = flv::write::on_metadata_body(tracks, None);
    if let Ok(init) = fmp4::init_segment(tracks) {
        let movie = fmp4::read::movie(&init).expect("an init segment of ours");
        assert_eq!(movie.tracks.video.is_some(), tracks.video.is_some());
        assert_eq!(movie.tracks.audio.is_some(), tracks.audio.is_some());
    }
    if let Ok(mut muxer) = Muxer::new(tracks) {
        let mut out = Vec::new();
        muxer.put_tables(&mut out);
        muxer.put_frame(&synthetic::video_frame(0, 0, true, 100), &mut out);
        muxer.put_frame(&synthetic::audio_frame(0, 100), &mut out);
    }
}

/// However a payload separates its units; and as LATM.
fn pictures(payload: &Bytes) {
    for codec in [VideoCodec::H264, VideoCodec::Hevc] {
        for length_bytes in 1..=4 {
            if let Ok(found) = units::separate(codec, payload.clone(), length_bytes) {
                let found = found.payload;
                assert_eq!(nal::valid_len(&found, nal::LENGTH_BYTES), found.len());
                let mut judge = PictureJudge::default();
                judge.record(codec, &found);
                let _ = judge.judge(codec, FrameKind::Key, &found);
            }
        }
    }
    let _ = (
        LatmReader::default().units(payload),
        loas_frame_len(payload),
    );
}

pub(super) fn codec_frame(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let (bytes, payload) = (input.0, Bytes::copy_from_slice(input.0));
    for length_bytes in 1..=4 {
        let valid = nal::valid_len(bytes, length_bytes);
        assert!(valid <= bytes.len());
        let normal = nal::normalise(payload.clone(), length_bytes);
        assert_eq!(nal::valid_len(&normal, nal::LENGTH_BYTES), normal.len());
    }
    for found in nal::Nals::new(bytes) {
        let _ = (avc::AvcSps::parse(found), hevc::HevcSps::parse(found));
    }
    super::live::keyframe_alone(&payload);
    let _ = (
        avc::is_keyframe(bytes),
        avc::has_slice(bytes),
        avc::is_disposable(bytes),
    );
    let _ = (hevc::is_keyframe(bytes), hevc::has_slice(bytes));
    pictures(&payload);
    let _ = avc::AvcConfig::from_payload(bytes).map(|config| config.build());
    let _ = hevc::HevcConfig::from_payload(bytes).map(|config| config.build());
    let _ = (
        av1::is_keyframe(bytes),
        av1::config_from_payload(bytes),
        av1::SequenceHeader::find(bytes),
    );
    let normal = av1::normalise(payload);
    assert_eq!(
        av1::normalise(normal.clone()),
        normal,
        "normal is not normal yet"
    );
    let _ = (
        vp9::is_keyframe(bytes),
        vp9::KeyHeader::parse(bytes).map(|key| key.build_config()),
    );
    let _ = (
        opus::packet_samples(bytes),
        flac::frame_samples(bytes),
        aac::AdtsHeader::parse(bytes),
    );
    let _ = (
        mp3::payload_samples(bytes),
        ac3::payload_samples(bytes),
        ac3::dac3(bytes),
        ac3::dec3(bytes),
    );
    let audio = [
        AudioCodec::Aac,
        AudioCodec::Opus,
        AudioCodec::Mp3,
        AudioCodec::Ac3,
        AudioCodec::Eac3,
        AudioCodec::Flac,
    ];
    let codec = audio[usize::from(which) % audio.len()];
    if let Ok(track) = codec::audio_track_from_frame(codec, bytes) {
        let _ = codec::audio_frame_samples(&track, bytes);
        let tracks = Tracks {
            video: None,
            audio: Some(track),
        };
        let _ = fmp4::init_segment_with(&tracks, Some(bytes)).map(|init| fmp4::read::movie(&init));
        write_everywhere(&tracks);
    }
}

pub(super) fn ts_demux(data: &[u8]) {
    let mut input = Input(data);
    let mut demuxer = TsDemuxer::new();
    let mut tracks: Arc<Tracks> = Arc::default();
    for piece in input.pieces() {
        demuxer.push(piece);
        drain_demuxer(&mut demuxer, &mut tracks);
    }
    let _ = demuxer.finish();
    drain_demuxer(&mut demuxer, &mut tracks);
}

fn drain_demuxer(demuxer: &mut TsDemuxer, tracks: &mut Arc<Tracks>) {
    loop {
        match demuxer.next() {
            Ok(Some(weir_media::ts::demux::TsEvent::Tracks(now))) => {
                write_everywhere(&now);
                *tracks = now;
            }
            Ok(Some(weir_media::ts::demux::TsEvent::Frame(frame))) => match frame.track {
                TrackKind::Video => assert!(tracks.video.is_some(), "a frame before its track"),
                TrackKind::Audio => assert!(tracks.audio.is_some(), "a frame before its track"),
            },
            // An error is one packet's: the demuxer goes on behind it.
            Ok(Some(weir_media::ts::demux::TsEvent::LeftOut(_))) | Err(_) => {}
            Ok(None) => return,
        }
    }
}

pub(super) fn fmp4_read(data: &[u8]) {
    let mut input = Input(data);
    let init = Bytes::copy_from_slice(input.sized());
    let rest = Bytes::copy_from_slice(input.0);
    let _ = fmp4::read::next_box_bytes(&rest);
    let _ = fmp4::read::boxes(&rest);
    let Ok(movie) = fmp4::read::movie(&init) else {
        return;
    };
    let Ok(samples) = fmp4::read::samples(&movie, &rest) else {
        return;
    };
    let bytes: usize = samples.iter().map(|sample| sample.payload.len()).sum();
    // Samples are slices: a lying table may name bytes twice, but not invent them.
    assert!(
        samples
            .iter()
            .all(|sample| sample.payload.len() <= rest.len()),
        "{bytes}"
    );
    for sample in &samples {
        let _ = (sample.dts_us(), sample.cts_us());
    }
}

pub(super) fn hls_name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(name) = parse_name(&text) {
        assert_eq!(name.to_string(), text, "a name has one spelling");
    }
}

pub(super) fn hls_packager(data: &[u8]) {
    let mut input = Input(data);
    let options = input.u8();
    let container = if options & 0x10 == 0 {
        Container::Fmp4
    } else {
        Container::Ts
    };
    let mut packager = packager(container, options);
    let mut at_us = [0_i64; 2];
    for number in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        let what = input.u8();
        let track = if what & 1 == 0 {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let step_us = match what >> 4 {
            15 => i64::from(input.u32()) * 1000,
            step => i64::from(step) * 20_000 + MIN_STEP_US,
        };
        at_us[track as usize] += step_us;
        let dts_us = at_us[track as usize];
        let size = usize::from(what >> 1 & 7) * 50;
        let item = match (what & 0x0e, track) {
            (0x0e, TrackKind::Video) => Item::Tracks(Arc::new(synthetic::tracks())),
            (0x0e, TrackKind::Audio) => Item::Discontinuity,
            (0x0c, TrackKind::Video) => Item::Tracks(Arc::new(Tracks {
                audio: None,
                ..synthetic::tracks()
            })),
            (0x0c, TrackKind::Audio) => Item::Metadata(Arc::new(Metadata::default())),
            (0x0a, TrackKind::Video) => {
                let mut frame = synthetic::video_frame(dts_us, number as u64, false, size);
                frame.kind = FrameKind::Disposable;
                frame.cts_us = i32::from(input.u16()) * 1000 - 16_000_000;
                Item::Frame(frame)
            }
            (bits, TrackKind::Video) => Item::Frame(synthetic::video_frame(
                dts_us,
                number as u64,
                bits == 0,
                size,
            )),
            (_, TrackKind::Audio) => Item::Frame(synthetic::audio_frame(dts_us, size)),
        };
        push(&mut packager, &item);
    }
    packager.end();
    look_at(&packager);
}

pub(super) fn timeline(data: &[u8]) {
    let mut input = Input(data);
    let base_us = i64::from(input.u32()) * 1000;
    let wrap_us = if input.u8() & 1 == 0 { WRAP_US } else { 0 };
    let mut timeline = Timeline::new(base_us, wrap_us);
    let (mut raw_us, mut now_us) = ([0_i64; 2], 0_i64);
    let mut last_us: [Option<i64>; 2] = [None; 2];
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        let what = input.u8();
        let track = if what & 1 == 0 {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let raw = &mut raw_us[track as usize];
        *raw = match what >> 1 & 7 {
            7 => i64::from_be_bytes(input.array()),
            6 => i64::from(input.u32()) * 1000,
            5 => raw.wrapping_sub(i64::from(input.u16()) * 1000),
            4 => raw.wrapping_add(i64::from(input.u16()) * 1000),
            step => raw.wrapping_add(i64::from(step) * 20_000),
        };
        now_us += i64::from(what >> 4) * 10_000;
        let placed = timeline.place(track, *raw, now_us);
        assert!(
            placed.dts_us >= base_us,
            "{} is before the base {base_us}",
            placed.dts_us
        );
        if let Some(last_us) = last_us[track as usize] {
            assert!(
                placed.dts_us - last_us >= MIN_STEP_US,
                "{last_us} then {}",
                placed.dts_us
            );
        }
        last_us[track as usize] = Some(placed.dts_us);
        assert_eq!(
            Some(timeline.last_us()),
            last_us.into_iter().flatten().max()
        );
    }
}
