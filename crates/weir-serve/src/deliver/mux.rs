//! Muxes a stream's items into one wire form. Made once per stream and format.

use std::sync::Arc;

use weir_base::Code;
use weir_media::amf::Value;
use weir_media::flv::{self, TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO};
use weir_media::{Frame, Item, Metadata, TrackKind, Tracks, ts};
use weir_proto::rtmp::wire as chunks;
use weir_proto::{relay, ws};

use super::format::{Format, Framing, RTMP_CHUNK_BYTES};

const CSID_DATA: u8 = 5;
const CSID_AUDIO: u8 = 4;
const CSID_VIDEO: u8 = 6;
/// Name of the data message that tells a viewer it was too slow and lost frames.
pub const SKIP_NOTICE: &str = "onWeirSkip";
/// An unmasked WebSocket header: two bytes and a length of eight.
const WEB_SOCKET_HEADER_BYTES: usize = 10;
/// Digits kept free for the size line of an HTTP chunk.
const CHUNK_LINE_BYTES: usize = 10;
/// Breaks of the clock told of one by one. Who missed more takes the clock for another when it comes
/// back, which costs it one break of its own.
const MAX_TOLD_BREAKS: u64 = 16;

/// Where a stream's times lie, for a form that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockName {
    /// [`weir_hub::Stream::clock_id`] at this place.
    pub timeline: u64,
    /// Unix microseconds at which time 0 lies.
    pub wall_at_zero_us: i64,
}

/// See the module's words.
pub struct Mux {
    format: Format,
    tracks: Arc<Tracks>,
    metadata: Option<Arc<Metadata>>,
    ts: Option<ts::Muxer>,
    head: Vec<u8>,
}

impl Mux {
    /// A muxer that starts with these tracks.
    pub fn new(format: Format, tracks: Arc<Tracks>, metadata: Option<Arc<Metadata>>) -> Self {
        let mut mux = Self {
            format,
            tracks: Arc::default(),
            metadata,
            ts: None,
            head: Vec::with_capacity(32),
        };
        mux.set_tracks(tracks);
        mux
    }

    /// Appends `item` to `out`, without framing.
    pub fn put(&mut self, item: &Item, dts_us: i64, out: &mut Vec<u8>) {
        if let Format::Relay { .. } = self.format {
            self.put_record(item, out);
            return;
        }
        match item {
            Item::Tracks(tracks) => {
                self.set_tracks(tracks.clone());
                self.put_headers(dts_us, out);
            }
            Item::Metadata(metadata) => {
                self.metadata = Some(metadata.clone());
                self.put_metadata(out);
            }
            Item::Frame(frame) => self.put_frame(frame, out),
            Item::Discontinuity => {}
        }
    }

    /// What a viewer that starts at `dts_us` needs first, without framing.
    pub fn put_start(&mut self, clock: ClockName, dts_us: i64, out: &mut Vec<u8>) {
        match self.format {
            Format::Flv { .. } => flv::write::put_file_header(
                out,
                self.tracks.video.is_some(),
                self.tracks.audio.is_some(),
            ),
            Format::Relay { .. } => {
                let begin = relay::Begin::new(clock.timeline, clock.wall_at_zero_us);
                relay::put_begin(out, &begin);
            }
            Format::Ts { .. } | Format::Rtmp { .. } => {}
        }
        self.put_resume(dts_us, out);
    }

    /// What stands at every place to join, for all viewers: the program tables of MPEG-TS.
    pub fn put_join(&mut self, out: &mut Vec<u8>) {
        if let Some(ts) = &mut self.ts {
            ts.put_tables(out);
        }
    }

    /// Whether this form has pictures now.
    pub fn has_video(&self) -> bool {
        self.tracks.video.is_some()
    }

    /// What a viewer that goes on at a later keyframe needs again, without framing.
    pub fn put_resume(&mut self, dts_us: i64, out: &mut Vec<u8>) {
        if let Format::Ts { .. } = self.format {
            // The tables stand in the shared bytes: a second set would break the continuity counters.
            return;
        }
        if let Format::Relay { .. } = self.format {
            relay::put_item(out, &Item::Tracks(self.tracks.clone()));
            if let Some(metadata) = &self.metadata {
                relay::put_item(out, &Item::Metadata(metadata.clone()));
            }
            return;
        }
        self.put_metadata(out);
        self.put_headers(dts_us, out);
    }

    /// Tells a viewer that it lost `frames`, and `breaks` of the clock among them, where the form has a
    /// way to say so. Without framing.
    pub fn put_skip_notice(
        format: Format,
        frames: u64,
        breaks: u64,
        dts_us: i64,
        out: &mut Vec<u8>,
    ) {
        match format {
            Format::Ts { .. } => return,
            // The times say the rest.
            Format::Relay { .. } => {
                for _ in 0..breaks.min(MAX_TOLD_BREAKS) {
                    relay::put_item(out, &Item::Discontinuity);
                }
                return;
            }
            Format::Flv { .. } | Format::Rtmp { .. } => {}
        }
        let mut body = Vec::new();
        Value::string(SKIP_NOTICE).encode(&mut body);
        let lost = u32::try_from(frames).unwrap_or(u32::MAX);
        Value::object([("lostFrames", Value::Number(lost.into()))]).encode(&mut body);
        match format {
            Format::Rtmp { msid } => put_rtmp(out, CSID_DATA, dts_us, TAG_SCRIPT, msid, &body, &[]),
            _ => flv::write::put_tag(out, TAG_SCRIPT, wire_ms(dts_us), &body, &[]),
        }
    }

    /// Says goodbye, where the form has a way to. Without framing.
    pub fn put_end(format: Format, code: Code, out: &mut Vec<u8>) {
        if let Format::Relay { .. } = format {
            relay::put_end(out, code.number(), code.entry().message, None);
        }
    }

    fn put_record(&mut self, item: &Item, out: &mut Vec<u8>) {
        match item {
            Item::Tracks(tracks) => self.set_tracks(tracks.clone()),
            Item::Metadata(metadata) => self.metadata = Some(metadata.clone()),
            Item::Frame(_) | Item::Discontinuity => {}
        }
        relay::put_item(out, item);
    }

    fn set_tracks(&mut self, tracks: Arc<Tracks>) {
        self.tracks = Arc::new(self.format.selection().of(&tracks));
        if let Format::Ts { .. } = self.format {
            let changed = self
                .ts
                .as_mut()
                .is_some_and(|ts| ts.change_tracks(&self.tracks).is_ok());
            if !changed {
                self.ts = ts::Muxer::new(&self.tracks).ok();
            }
        }
    }

    /// At time 0 wherever it stands: ffmpeg takes metadata with a time for a text track.
    fn put_metadata(&mut self, out: &mut Vec<u8>) {
        let body = match self.format {
            Format::Ts { .. } | Format::Relay { .. } => return,
            Format::Flv { .. } | Format::Rtmp { .. } => {
                flv::write::on_metadata_body(&self.tracks, self.metadata.as_deref())
            }
        };
        self.put_tag(CSID_DATA, 0, TAG_SCRIPT, &body, &[], out);
    }

    fn put_headers(&mut self, dts_us: i64, out: &mut Vec<u8>) {
        if let Some(ts) = &mut self.ts {
            ts.put_tables(out);
            return;
        }
        let tracks = self.tracks.clone();
        let mut body = Vec::new();
        if let Some(video) = &tracks.video {
            flv::write::put_video_config(&mut body, video);
            self.put_tag(CSID_VIDEO, dts_us, TAG_VIDEO, &body, &[], out);
        }
        body.clear();
        if let Some(audio) = &tracks.audio
            && flv::write::put_audio_config(&mut body, audio)
        {
            self.put_tag(CSID_AUDIO, dts_us, TAG_AUDIO, &body, &[], out);
        }
    }

    fn put_frame(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        if !self.format.selection().takes(frame.track) {
            return;
        }
        if let Format::Ts { .. } = self.format {
            if let Some(ts) = &mut self.ts {
                ts.put_frame(frame, out);
            }
            return;
        }
        let (csid, tag_type) = match frame.track {
            TrackKind::Video => (CSID_VIDEO, TAG_VIDEO),
            TrackKind::Audio => (CSID_AUDIO, TAG_AUDIO),
        };
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        flv::write::put_frame_header(&mut head, &self.tracks, frame);
        self.put_tag(csid, frame.dts_us, tag_type, &head, &frame.payload, out);
        self.head = head;
    }

    fn put_tag(
        &self,
        csid: u8,
        dts_us: i64,
        tag_type: u8,
        head: &[u8],
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        match self.format {
            Format::Rtmp { msid } => put_rtmp(out, csid, dts_us, tag_type, msid, head, payload),
            Format::Flv { .. } | Format::Ts { .. } | Format::Relay { .. } => {
                flv::write::put_tag(out, tag_type, wire_ms(dts_us), head, payload);
            }
        }
    }
}

fn put_rtmp(
    out: &mut Vec<u8>,
    csid: u8,
    dts_us: i64,
    message_type: u8,
    msid: u32,
    head: &[u8],
    payload: &[u8],
) {
    chunks::put_message(
        out,
        csid,
        wire_ms(dts_us),
        message_type,
        msid,
        RTMP_CHUNK_BYTES,
        head,
        payload,
    );
}

/// 32-bit milliseconds as RTMP and FLV carry them; they wrap after 49.7 days.
fn wire_ms(dts_us: i64) -> u32 {
    (dts_us.div_euclid(1000) & 0xFFFF_FFFF) as u32
}

/// Leaves room at the front of an empty batch for what [`close_frame`] puts there.
pub fn open_frame(framing: Framing, out: &mut Vec<u8>) -> usize {
    let room = match framing {
        Framing::Raw => 0,
        Framing::Chunked => CHUNK_LINE_BYTES,
        Framing::WebSocket => WEB_SOCKET_HEADER_BYTES,
    };
    out.resize(out.len() + room, 0);
    room
}

/// Completes a batch opened by [`open_frame`]: returns how many bytes at the front are unused.
pub fn close_frame(framing: Framing, room: usize, out: &mut Vec<u8>) -> usize {
    let body_bytes = out.len() - room;
    let mut header = Vec::with_capacity(room);
    match framing {
        Framing::Raw => {}
        Framing::Chunked => header.extend_from_slice(format!("{body_bytes:x}\r\n").as_bytes()),
        Framing::WebSocket => {
            ws::put_frame_header(&mut header, ws::Opcode::Binary, true, body_bytes);
        }
    }
    let unused = room - header.len().min(room);
    out[unused..room].copy_from_slice(&header[..room - unused]);
    if framing == Framing::Chunked {
        out.extend_from_slice(b"\r\n");
    }
    unused
}

/// Frames a few bytes of a viewer's own; nothing stays nothing.
pub fn framed(framing: Framing, body: &[u8]) -> Vec<u8> {
    if body.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(body.len() + CHUNK_LINE_BYTES + 8);
    let room = open_frame(framing, &mut out);
    out.extend_from_slice(body);
    let unused = close_frame(framing, room, &mut out);
    out.drain(..unused);
    out
}
