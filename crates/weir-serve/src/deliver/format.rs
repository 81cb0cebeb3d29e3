//! What viewers share bytes by: a form, the tracks in it, and what stands around it.

use weir_hub::Protocol;
use weir_media::{TrackKind, Tracks};

use super::forms::Form;
use super::framing::Framing;

/// Which tracks a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Pictures.
    pub video: bool,
    /// Sound.
    pub audio: bool,
}

impl Selection {
    /// Everything.
    pub const ALL: Self = Self {
        video: true,
        audio: true,
    };

    /// Whether frames of this kind are wanted.
    pub const fn takes(self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }

    /// The tracks that are left.
    pub fn of(self, tracks: &Tracks) -> Tracks {
        Tracks {
            video: tracks.video.clone().filter(|_| self.video),
            audio: tracks.audio.clone().filter(|_| self.audio),
        }
    }
}

/// A form with its settings. Viewers of one stream whose formats are equal share every byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// What the bytes look like.
    pub form: &'static dyn Form,
    /// Tracks wanted.
    pub selection: Selection,
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
            selection: Selection::ALL,
            framing: Framing::Raw,
            channel: 0,
        }
    }

    /// The same inside `framing`.
    pub const fn framed(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    /// The same with these tracks, where the form leaves a choice.
    pub fn select(self, selection: Selection) -> Self {
        if self.form.about().has_choice {
            Self { selection, ..self }
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
        self.form.refuses(&self.selection.of(tracks))
    }
}
