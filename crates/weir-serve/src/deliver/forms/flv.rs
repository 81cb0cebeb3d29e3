//! FLV: a file without an end.

use weir_base::urls::StreamPath;
use weir_hub::Protocol;
use weir_media::flv::write;
use weir_media::{Item, Tracks};

use super::tags::{self, TagSink, TagWriter};
use super::{About, ClockName, Form, Here, Lost, Writer};
use crate::deliver::format::Format;
use crate::deliver::framing::Framing;

/// FLV over HTTP and WebSocket.
pub struct Flv;

static ABOUT: About = About {
    name: "flv",
    path: Some(StreamPath::FLV),
    content_type: "video/x-flv",
    protocol: Protocol::HttpFlv,
    has_choice: true,
    is_for_nodes: false,
    can_leave_out: true,
    can_put_in: true,
};

impl Form for Flv {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn protocol(&self, framing: Framing) -> Protocol {
        match framing {
            Framing::WebSocket => Protocol::WsFlv,
            Framing::Raw | Framing::Chunked => ABOUT.protocol,
        }
    }

    fn writer(&self, _: &Format, tracks: &Tracks) -> Box<dyn Writer> {
        Box::new(FlvWriter {
            tags: TagWriter::new(tracks),
        })
    }

    fn skipped(&self, _: &Format, lost: &Lost, out: &mut Vec<u8>) {
        tags::put_skip_notice(lost.frames, lost.dts_us, &mut FlvTags(out));
    }
}

struct FlvWriter {
    tags: TagWriter,
}

impl Writer for FlvWriter {
    fn start(&mut self, _: ClockName, here: &Here<'_>, out: &mut Vec<u8>) {
        let tracks = here.tracks;
        write::put_file_header(out, tracks.video.is_some(), tracks.audio.is_some());
        self.resume(here, out);
    }

    fn resume(&mut self, here: &Here<'_>, out: &mut Vec<u8>) {
        self.tags.resume(here, &mut FlvTags(out));
    }

    fn put(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>) {
        self.tags.put(item, here, &mut FlvTags(out));
    }
}

struct FlvTags<'a>(&'a mut Vec<u8>);

impl TagSink for FlvTags<'_> {
    fn tag(&mut self, tag_type: u8, time_ms: u32, head: &[u8], payload: &[u8]) {
        write::put_tag(self.0, tag_type, time_ms, head, payload);
    }
}
