//! What a wire muxes with: the form's writer, and what it has to know of the stream.

use std::sync::Arc;

use weir_hub::Stream;
use weir_media::{Item, Metadata, Tracks};

use super::format::Format;
use super::forms::{ClockName, Here, Writer};

/// One wire's muxer.
pub struct Mux {
    format: Format,
    tracks: Arc<Tracks>,
    metadata: Option<Arc<Metadata>>,
    writer: Box<dyn Writer>,
    /// Tracks behind a break are told, the same or not.
    is_broken: bool,
}

impl Mux {
    /// A muxer that starts with these tracks.
    pub fn new(format: Format, tracks: &Tracks, metadata: Option<Arc<Metadata>>) -> Self {
        let tracks = Arc::new(format.tracks.of(tracks));
        Self {
            writer: format.form.writer(&format, &tracks),
            format,
            tracks,
            metadata,
            is_broken: false,
        }
    }

    /// What shows the picture that stands still to a viewer who begins with sound at `dts_us`, framing included:
    /// made for it alone. Empty for a form that has no place for it.
    pub fn still(format: Format, stream: &Stream, dts_us: i64) -> Vec<u8> {
        let mut out = Vec::new();
        if format.form.about().can_put_in {
            let mut mux = Self::new(format, &stream.ring.tracks(), None);
            for frame in stream.ring.still_before(dts_us) {
                let dts_us = frame.dts_us;
                mux.put(&Item::Frame(frame), dts_us, &mut out);
            }
        }
        format.framing.wrap(&out)
    }

    /// Appends `item` to `out`, without framing. `dts_us` is the decode time of the last frame.
    pub fn put(&mut self, item: &Item, dts_us: i64, out: &mut Vec<u8>) {
        match item {
            Item::Tracks(tracks) => {
                let tracks = self.format.tracks.of(tracks);
                let is_due = std::mem::take(&mut self.is_broken);
                if !is_due && *self.tracks == tracks {
                    return; // Those who began here were told already.
                }
                self.tracks = Arc::new(tracks);
            }
            Item::Metadata(metadata) => self.metadata = Some(metadata.clone()),
            Item::Frame(frame) if !self.format.tracks.takes(frame.track) => return,
            Item::Frame(_) => {}
            Item::Discontinuity => self.is_broken = true,
        }
        let here = here(&self.tracks, self.metadata.as_ref(), dts_us);
        self.writer.put(item, &here, out);
    }

    /// The same for a picture that viewers are not sent who join at the keyframe it leads to.
    pub fn put_leading(&mut self, item: &Item, dts_us: i64, out: &mut Vec<u8>) {
        let here = here(&self.tracks, self.metadata.as_ref(), dts_us);
        self.writer.put_leading(item, &here, out);
    }

    /// What they are not sent either, behind the last of those pictures.
    pub fn end_leading(&mut self, out: &mut Vec<u8>) {
        self.writer.end_leading(out);
    }

    /// What a viewer that starts at `dts_us` needs first, without framing.
    pub fn put_start(&mut self, clock: ClockName, dts_us: i64, out: &mut Vec<u8>) {
        let here = here(&self.tracks, self.metadata.as_ref(), dts_us);
        self.writer.start(clock, &here, out);
    }

    /// What a viewer that goes on at a later keyframe needs again, without framing.
    pub fn put_resume(&mut self, dts_us: i64, out: &mut Vec<u8>) {
        let here = here(&self.tracks, self.metadata.as_ref(), dts_us);
        self.writer.resume(&here, out);
    }

    /// The tracks wanted, as they are now.
    pub const fn tracks(&self) -> &Arc<Tracks> {
        &self.tracks
    }

    /// What stands at every place to join, for all viewers.
    pub fn put_join(&mut self, out: &mut Vec<u8>) {
        self.writer.join(out);
    }
}

const fn here<'a>(
    tracks: &'a Arc<Tracks>,
    metadata: Option<&'a Arc<Metadata>>,
    dts_us: i64,
) -> Here<'a> {
    Here {
        tracks,
        metadata,
        dts_us,
    }
}
