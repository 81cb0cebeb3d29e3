//! Records for another node (`docs/ref/relay.md`): items as they are, the clock, beats and the end.

use weir_base::Code;
use weir_base::urls::StreamPath;
use weir_hub::Protocol;
use weir_media::{Item, LeftOut, Tracks};
use weir_proto::relay;

use super::{About, ClockName, Form, Here, Lost, Writer};
use crate::deliver::format::Format;

/// Breaks of the clock told of one by one. Who missed more takes the clock for another when it comes
/// back, which costs it one break of its own.
const MAX_TOLD_BREAKS: u64 = 16;

/// Records, for nodes alone.
pub struct Relay;

static ABOUT: About = About {
    name: "relay",
    path: Some(StreamPath::NODE),
    content_type: relay::CONTENT_TYPE,
    protocol: Protocol::Relay,
    has_choice: false,
    is_for_nodes: true,
    can_leave_out: false,
    can_put_in: true,
};

impl Form for Relay {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn writer(&self, _: &Format, _: &Tracks) -> Box<dyn Writer> {
        Box::new(RelayWriter)
    }

    /// The times say the rest.
    fn skipped(&self, _: &Format, lost: &Lost, out: &mut Vec<u8>) {
        for _ in 0..lost.breaks.min(MAX_TOLD_BREAKS) {
            relay::put_item(out, &Item::Discontinuity);
        }
    }

    fn beat(&self, wall_us: i64, out: &mut Vec<u8>) {
        relay::put_beat(out, wall_us);
    }

    fn remarks(&self, notes: Vec<String>, left_out: Vec<LeftOut>, out: &mut Vec<u8>) {
        relay::put_remarks(out, &relay::Remarks { notes, left_out });
    }

    fn end(&self, code: Code, out: &mut Vec<u8>) {
        relay::put_end(out, code.number(), code.entry().message, None);
    }
}

struct RelayWriter;

impl Writer for RelayWriter {
    fn start(&mut self, clock: ClockName, here: &Here<'_>, out: &mut Vec<u8>) {
        let begin = relay::Begin::new(clock.timeline, clock.wall_at_zero_us);
        relay::put_begin(out, &begin);
        self.resume(here, out);
    }

    fn resume(&mut self, here: &Here<'_>, out: &mut Vec<u8>) {
        relay::put_item(out, &Item::Tracks(here.tracks.clone()));
        if let Some(metadata) = here.metadata {
            relay::put_item(out, &Item::Metadata(metadata.clone()));
        }
    }

    fn put(&mut self, item: &Item, _: &Here<'_>, out: &mut Vec<u8>) {
        relay::put_item(out, item);
    }
}
