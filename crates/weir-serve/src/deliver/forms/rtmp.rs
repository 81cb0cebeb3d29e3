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
use crate::deliver::talk::{Ask, Detached, Over, Parting, Talk};

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
    can_leave_out: true,
    can_put_in: true,
};

impl Form for Rtmp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn writer(&self, format: &Format, tracks: &Tracks) -> Box<dyn Writer> {
        Box::new(RtmpWriter {
            tags: TagWriter::new(tracks),
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

/// Whoever goes on with a player's connection when it wants more than a loop can do: with the session, the
/// event that said so, and what the loop gives back.
pub type GoOn = Box<dyn FnOnce(RtmpServerSession, ServerEvent, Detached) + Send>;

/// The session of a player that was let in.
pub struct RtmpTalk {
    session: RtmpServerSession,
    msid: u32,
    /// What the loop cannot do.
    wants: Option<ServerEvent>,
    go_on: GoOn,
}

impl RtmpTalk {
    /// Goes on with a session that plays on this message stream.
    pub const fn new(session: RtmpServerSession, msid: u32, go_on: GoOn) -> Self {
        Self {
            session,
            msid,
            wants: None,
            go_on,
        }
    }
}

impl Talk for RtmpTalk {
    fn receive(
        &mut self,
        now_us: i64,
        said: &[u8],
        answers: &mut Vec<u8>,
        asked: &mut dyn FnMut(Ask),
    ) -> Option<Parting> {
        let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
        let mut received = self.session.receive(now_ms, said);
        let mut parting = None;
        while let Some(event) = self.session.poll_event() {
            match event {
                ServerEvent::Pause { paused: true, .. } => asked(Ask::Pause),
                ServerEvent::Pause { paused: false, .. } => asked(Ask::Resume),
                ServerEvent::StopPlay { .. }
                | ServerEvent::Play { .. }
                | ServerEvent::Publish { .. } => {
                    self.wants = Some(event);
                    parting = Some(Parting::Back);
                    break;
                }
                _ => {}
            }
        }
        received = received.and_then(|()| self.session.check());
        if received.is_err() {
            return Some(Parting::Over(Code::ProtocolError));
        }
        answers.extend_from_slice(&self.session.take_output());
        parting
    }

    fn take_back(self: Box<Self>, detached: Detached) {
        if let Some(event) = self.wants {
            (self.go_on)(self.session, event, detached);
        }
    }

    fn goodbye(&mut self, code: Code, over: Over, out: &mut Vec<u8>) {
        let description = format!("{code}: {}", code.entry().message);
        let status = status_of(over);
        self.session
            .end_play(self.msid, status, &description, code.number());
        out.extend_from_slice(&self.session.take_output());
    }
}

/// How a player is told what is over.
pub const fn status_of(over: Over) -> &'static str {
    match over {
        Over::Stream => "NetStream.Play.UnpublishNotify",
        Over::Connection => "NetConnection.Connect.Closed",
    }
}
