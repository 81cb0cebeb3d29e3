//! RTMP: messages as chunks, and the commands a player may give while it watches.

use weir_base::Code;
use weir_hub::Protocol;
use weir_media::flv::{TAG_AUDIO, TAG_VIDEO};
use weir_media::{Item, Tracks};
use weir_proto::rtmp::wire::{self, CSID_AUDIO, CSID_DATA, CSID_VIDEO};
use weir_proto::rtmp::{RtmpServerSession, ServerEvent};

use super::tags::{self, TagSink, TagWriter};
use super::{About, ClockName, Form, Here, Lost, Writer};
use crate::deliver::format::Format;
use crate::deliver::talk::{Ask, Over, Talk};

/// Chunk size we announce and mux with: most messages are one chunk, and a 16-bit reader still copes.
pub const RTMP_CHUNK_BYTES: u32 = 60_000;

/// Chunks of the size that the session announced.
pub struct Rtmp;

static ABOUT: About = About {
    name: "rtmp",
    path: None,
    content_type: "",
    protocol: Protocol::Rtmp,
    has_choice: false,
    is_for_nodes: false,
};

impl Form for Rtmp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn writer(&self, format: &Format, _: &Tracks) -> Box<dyn Writer> {
        Box::new(RtmpWriter {
            tags: TagWriter::default(),
            msid: format.channel,
        })
    }

    fn skipped(&self, format: &Format, lost: &Lost, out: &mut Vec<u8>) {
        let msid = format.channel;
        tags::put_skip_notice(lost.frames, lost.dts_us, &mut Chunks { out, msid });
    }
}

struct RtmpWriter {
    tags: TagWriter,
    msid: u32,
}

impl Writer for RtmpWriter {
    fn start(&mut self, _: ClockName, here: &Here<'_>, out: &mut Vec<u8>) {
        self.resume(here, out);
    }

    fn resume(&mut self, here: &Here<'_>, out: &mut Vec<u8>) {
        let msid = self.msid;
        self.tags.resume(here, &mut Chunks { out, msid });
    }

    fn put(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>) {
        let msid = self.msid;
        self.tags.put(item, here, &mut Chunks { out, msid });
    }
}

struct Chunks<'a> {
    out: &'a mut Vec<u8>,
    msid: u32,
}

impl TagSink for Chunks<'_> {
    fn tag(&mut self, tag_type: u8, time_ms: u32, head: &[u8], payload: &[u8]) {
        let csid = match tag_type {
            TAG_AUDIO => CSID_AUDIO,
            TAG_VIDEO => CSID_VIDEO,
            _ => CSID_DATA,
        };
        let (out, msid) = (&mut *self.out, self.msid);
        wire::put_message(
            out,
            csid,
            time_ms,
            tag_type,
            msid,
            RTMP_CHUNK_BYTES,
            head,
            payload,
        );
    }
}

/// The session of a player that was let in.
pub struct RtmpTalk {
    session: RtmpServerSession,
    msid: u32,
}

impl RtmpTalk {
    /// Goes on with a session that plays on this message stream.
    pub const fn new(session: RtmpServerSession, msid: u32) -> Self {
        Self { session, msid }
    }
}

impl Talk for RtmpTalk {
    fn receive(
        &mut self,
        now_us: i64,
        said: &[u8],
        answers: &mut Vec<u8>,
        asked: &mut dyn FnMut(Ask),
    ) -> Option<Code> {
        let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
        if self.session.receive(now_ms, said).is_err() {
            return Some(Code::ProtocolError);
        }
        let mut over = None;
        while let Some(event) = self.session.poll_event() {
            match event {
                ServerEvent::StopPlay { .. } => over = Some(Code::ClientStopped),
                ServerEvent::Pause { paused: true, .. } => asked(Ask::Pause),
                ServerEvent::Pause { paused: false, .. } => asked(Ask::Resume),
                _ => {}
            }
        }
        answers.extend_from_slice(&self.session.take_output());
        over
    }

    fn goodbye(&mut self, code: Code, over: Over, out: &mut Vec<u8>) {
        let status = match over {
            Over::Stream => "NetStream.Play.UnpublishNotify",
            Over::Connection => "NetConnection.Connect.Closed",
        };
        let description = format!("{code}: {}", code.entry().message);
        self.session
            .end_play(self.msid, status, &description, code.number());
        out.extend_from_slice(&self.session.take_output());
    }
}
