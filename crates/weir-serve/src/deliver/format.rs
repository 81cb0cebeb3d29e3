//! What viewers share bytes by: a form, the tracks in it, and what stands around it.

use weir_hub::{Protocol, TrackFilter};
use weir_media::Tracks;

use super::forms::Form;
use super::framing::Framing;

/// A form with its settings. Viewers of one stream whose formats are equal share every byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// What the bytes look like.
    pub form: &'static dyn Form,
    /// Tracks wanted.
    pub tracks: TrackFilter,
    /// What is around the form's bytes.
    pub framing: Framing,
    /// The number by which the viewer's connection knows the stream, where the form writes one: the
    /// message stream id of RTMP.
    pub channel: u32,
}

impl Format {
    /// This form with nothing around it, and with all tracks.
    pub const fn new(form: &'static dyn Form) -> Self {
        Self {
            form,
            tracks: TrackFilter::ALL,
            framing: Framing::Raw,
            channel: 0,
        }
    }

    /// The same inside `framing`.
    pub const fn framed(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    /// The same with these tracks, where the form leaves a choice.
    pub fn select(self, tracks: TrackFilter) -> Self {
        if self.form.about().has_choice {
            Self { tracks, ..self }
        } else {
            self
        }
    }

    /// The same on this channel of the connection.
    pub const fn on_channel(self, channel: u32) -> Self {
        Self { channel, ..self }
    }

    /// How viewers of it are counted.
    pub fn protocol(&self) -> Protocol {
        self.form.protocol(self.framing)
    }

    /// Why these tracks cannot go out in this form, if they cannot.
    pub fn refuses(&self, tracks: &Tracks) -> Option<String> {
        self.form.refuses(&self.tracks.of(tracks))
    }
}
