//! MPEG-TS without an end. The program tables stand in the shared bytes, so a viewer needs nothing of
//! its own: a second set of tables would break the continuity counters.

use weir_base::urls::StreamPath;
use weir_hub::Protocol;
use weir_media::{Item, MediaError, Tracks, ts};

use super::{About, ClockName, Form, Here, Writer};
use crate::deliver::format::Format;

/// MPEG-TS over HTTP.
pub struct Ts;

static ABOUT: About = About {
    name: "ts",
    path: Some(StreamPath::TS),
    content_type: "video/mp2t",
    protocol: Protocol::HttpTs,
    has_choice: true,
    is_for_nodes: false,
    can_leave_out: true,
    can_put_in: false,
};

impl Form for Ts {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn refuses(&self, tracks: &Tracks) -> Option<String> {
        let why = ts::Muxer::new(tracks).err()?;
        Some(format!("{}: play .flv or .m3u8", words(&why)))
    }

    fn writer(&self, _: &Format, tracks: &Tracks) -> Box<dyn Writer> {
        Box::new(TsWriter {
            muxer: ts::Muxer::new(tracks).ok(),
            tracks: tracks.clone(),
        })
    }
}

fn words(why: &MediaError) -> String {
    match why {
        MediaError::Unsupported(what) => format!("{what} cannot be carried"),
        other => other.to_string(),
    }
}

/// Nothing comes of tracks that MPEG-TS does not carry.
struct TsWriter {
    muxer: Option<ts::Muxer>,
    /// Those of the tables.
    tracks: Tracks,
}

impl TsWriter {
    /// Tables get another version only where they say something else (ISO/IEC 13818-1 §2.4.4.9).
    fn change_tracks(&mut self, tracks: &Tracks) {
        if tracks.is_empty() || self.tracks == *tracks && self.muxer.is_some() {
            return;
        }
        self.tracks = tracks.clone();
        let is_changed = self
            .muxer
            .as_mut()
            .is_some_and(|muxer| muxer.change_tracks(tracks).is_ok());
        if !is_changed {
            self.muxer = ts::Muxer::new(tracks).ok();
        }
    }
}

impl Writer for TsWriter {
    fn start(&mut self, _: ClockName, _: &Here<'_>, _: &mut Vec<u8>) {}

    fn resume(&mut self, _: &Here<'_>, _: &mut Vec<u8>) {}

    fn put(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>) {
        match item {
            Item::Tracks(_) => {
                self.change_tracks(here.tracks);
                self.join(out);
            }
            Item::Frame(frame) => {
                if let Some(muxer) = &mut self.muxer {
                    muxer.put_frame(frame, out);
                }
            }
            Item::Metadata(_) | Item::Discontinuity => {}
        }
    }

    fn put_leading(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>) {
        match (item, &mut self.muxer) {
            (Item::Frame(frame), Some(muxer)) => muxer.put_leading(frame, out),
            _ => self.put(item, here, out),
        }
    }

    fn end_leading(&mut self, out: &mut Vec<u8>) {
        if let Some(muxer) = &mut self.muxer {
            muxer.end_leading(out);
        }
    }

    fn join(&mut self, out: &mut Vec<u8>) {
        if let Some(muxer) = &mut self.muxer {
            muxer.put_tables(out);
        }
    }
}
