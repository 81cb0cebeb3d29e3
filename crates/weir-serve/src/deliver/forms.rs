//! The forms a stream goes out in: one file each, and a line in [`FORMS`].
//!
//! A form is asked once for each stream and format ([`Writer`]), and at a viewer's few events (it was
//! too slow, it is let go): never for a viewer and frame. Sockets and framing are not known here.

pub mod flv;
#[cfg(test)]
pub mod lengths;
pub mod relay;
pub mod rtmp;
pub mod tags;
pub mod ts;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use weir_base::Code;
use weir_base::urls::StreamPath;
use weir_hub::Protocol;
use weir_media::{Item, LeftOut, Metadata, Tracks};

use super::format::Format;
use super::framing::Framing;

/// All forms. Over HTTP a form is found by its path.
pub static FORMS: &[&dyn Form] = &[
    &flv::Flv,
    &ts::Ts,
    &rtmp::Rtmp,
    &relay::Relay,
    #[cfg(test)]
    &lengths::Lengths,
];

/// The form that a decoded path asks for, with app and stream.
pub fn of_path(path: &str) -> Option<(&'static dyn Form, &str, &str)> {
    FORMS.iter().find_map(|form| {
        let (app, stream) = form.about().path?.read(path)?;
        Some((*form, app, stream))
    })
}

/// What is known of a form without a stream.
#[derive(Debug)]
pub struct About {
    /// Its name; no two forms have the same.
    pub name: &'static str,
    /// How a stream stands in its addresses over HTTP; none for a form that HTTP does not carry.
    pub path: Option<StreamPath>,
    /// Its media type over HTTP.
    pub content_type: &'static str,
    /// How its viewers are counted.
    pub protocol: Protocol,
    /// Whether viewers may leave tracks out.
    pub has_choice: bool,
    /// Whether it is for nodes of the cluster alone.
    pub is_for_nodes: bool,
    /// Whether frames may be left out for one viewer: each stands for itself, and nothing counts them but
    /// what [`Writer::end_leading`] puts right.
    pub can_leave_out: bool,
    /// Whether frames may be put in for one viewer.
    pub can_put_in: bool,
}

/// A play form.
pub trait Form: Sync {
    /// What is known of it without a stream.
    fn about(&self) -> &'static About;

    /// How its viewers are counted inside `framing`.
    fn protocol(&self, framing: Framing) -> Protocol {
        let _ = framing;
        self.about().protocol
    }

    /// Why it cannot carry these tracks, if it cannot.
    fn refuses(&self, tracks: &Tracks) -> Option<String> {
        let _ = tracks;
        None
    }

    /// Begins the bytes of one wire.
    fn writer(&self, format: &Format, tracks: &Tracks) -> Box<dyn Writer>;

    /// Tells a viewer what it lost, where the form has a way to.
    fn skipped(&self, format: &Format, lost: &Lost, out: &mut Vec<u8>) {
        let _ = (format, lost, out);
    }

    /// Tells a viewer of silence that all is well, where the form has a way to. `wall_us` in Unix
    /// microseconds.
    fn beat(&self, wall_us: i64, out: &mut Vec<u8>) {
        let _ = (wall_us, out);
    }

    /// Tells what is left out of the publisher's media or put right in it, where the form has a way to.
    fn remarks(&self, notes: Vec<String>, left_out: Vec<LeftOut>, out: &mut Vec<u8>) {
        let _ = (notes, left_out, out);
    }

    /// Says why the stream or the connection ends, where the form has a way to.
    fn end(&self, code: Code, out: &mut Vec<u8>) {
        let _ = (code, out);
    }
}

/// Writes one stream in one form. What it writes has no framing and is the same for all viewers.
pub trait Writer: Send {
    /// What a viewer that begins here needs before anything else.
    fn start(&mut self, clock: ClockName, here: &Here<'_>, out: &mut Vec<u8>);

    /// What a viewer that goes on here after a gap needs again.
    fn resume(&mut self, here: &Here<'_>, out: &mut Vec<u8>);

    /// Appends `item`. A frame is of a selected track; tracks and metadata are in `here` already.
    fn put(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>);

    /// Appends a picture that viewers are not sent who join at the keyframe it leads to.
    fn put_leading(&mut self, item: &Item, here: &Here<'_>, out: &mut Vec<u8>) {
        self.put(item, here, out);
    }

    /// Appends what they are not sent either, behind the last of those pictures.
    fn end_leading(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// What stands at every place to join, for all viewers.
    fn join(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// The stream at one place.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// The tracks wanted.
    pub tracks: &'a Arc<Tracks>,
    /// The publisher's properties.
    pub metadata: Option<&'a Arc<Metadata>>,
    /// Decode time of the last frame.
    pub dts_us: i64,
}

/// Where a stream's times lie, for a form that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockName {
    /// [`weir_hub::Stream::clock_id`] at this place.
    pub timeline: u64,
    /// Unix microseconds at which time 0 lies.
    pub wall_at_zero_us: i64,
}

/// What a viewer missed that was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Frames that were sent to others meanwhile.
    pub frames: u64,
    /// Breaks of the clock among them.
    pub breaks: u64,
    /// Decode time at which it goes on.
    pub dts_us: i64,
}

impl PartialEq for dyn Form {
    fn eq(&self, other: &Self) -> bool {
        self.about().name == other.about().name
    }
}

impl Eq for dyn Form {}

impl Hash for dyn Form {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.about().name.hash(state);
    }
}

impl fmt::Debug for dyn Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.about().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_forms_share_a_name_or_a_path() {
        for (index, form) in FORMS.iter().enumerate() {
            for other in &FORMS[index + 1..] {
                assert_ne!(form, other);
                let (path, others) = (form.about().path, other.about().path);
                assert!(path.is_none() || path != others, "{path:?}");
            }
        }
    }
}
