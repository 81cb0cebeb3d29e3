//! A form of the tests alone: pieces behind their length and a letter. That this file and its line in
//! [`super::FORMS`] are all it took is what it shows.

use weir_base::Code;
use weir_base::urls::StreamPath;
use weir_hub::Protocol;
use weir_media::{Item, Tracks};

use super::{About, ClockName, Form, Here, Lost, Writer};
use crate::deliver::format::Format;

/// Pieces behind their length.
pub struct Lengths;

static ABOUT: About = About {
    name: "lengths",
    path: Some(StreamPath {
        name: "lengths",
        level: "",
        ending: ".lengths",
    }),
    content_type: "application/x-lengths",
    protocol: Protocol::HttpFlv,
    has_choice: true,
    is_for_nodes: false,
    can_leave_out: true,
    can_put_in: true,
};

impl Form for Lengths {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn writer(&self, _: &Format, _: &Tracks) -> Box<dyn Writer> {
        Box::new(LengthsWriter)
    }

    fn skipped(&self, _: &Format, lost: &Lost, out: &mut Vec<u8>) {
        put(b'L', &lost.frames.to_be_bytes(), out);
    }

    fn end(&self, code: Code, out: &mut Vec<u8>) {
        put(b'E', &code.number().to_be_bytes(), out);
    }
}

struct LengthsWriter;

impl Writer for LengthsWriter {
    fn start(&mut self, _: ClockName, here: &Here<'_>, out: &mut Vec<u8>) {
        put(b'B', &[], out);
        self.resume(here, out);
    }

    fn resume(&mut self, _: &Here<'_>, out: &mut Vec<u8>) {
        put(b'R', &[], out);
    }

    fn put(&mut self, item: &Item, _: &Here<'_>, out: &mut Vec<u8>) {
        if let Item::Frame(frame) = item {
            put(b'F', &frame.payload, out);
        }
    }
}

fn put(letter: u8, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(letter);
    out.extend_from_slice(body);
}

/// The pieces in `bytes`, each a letter and a body; what is not whole is left out.
pub fn pieces(mut bytes: &[u8]) -> Vec<(char, &[u8])> {
    let mut pieces = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let [length @ .., letter] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let Some((body, rest)) = rest.split_at_checked(length) else {
            break;
        };
        pieces.push((char::from(letter), body));
        bytes = rest;
    }
    pieces
}
