//! From a demuxer's events to the hub, and what is forgiven on the way: the same for each protocol.

use weir_base::{Code, Refusal};
use weir_hub::Publisher;
use weir_media::MediaError;
use weir_media::flv::Event;

/// Malformed frames in a row after which a publisher is let go.
const MALFORMED_IN_A_ROW: u32 = 100;

/// See the module's words. One per container or connection.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    malformed: u32,
}

impl Intake {
    /// Publishes what came.
    pub(crate) fn take(&mut self, publisher: &mut Publisher, event: Event) {
        match event {
            Event::Tracks(tracks) => publisher.tracks(tracks),
            Event::Metadata(metadata) => publisher.metadata(metadata),
            Event::Frame(frame) => {
                self.malformed = 0;
                publisher.frame(frame);
            }
            Event::Note(note) => tracing::info!(stream = %publisher.stream().name, "{note}"),
            Event::EndOfSequence => {}
        }
    }

    /// Leaves out a frame that cannot be read.
    ///
    /// # Errors
    /// As [`Intake::check`].
    pub(crate) fn skip_malformed(
        &mut self,
        publisher: &Publisher,
        error: &MediaError,
    ) -> Result<(), Refusal> {
        self.check(error)?;
        publisher.dropped(1);
        Ok(())
    }

    /// The same before there is a publisher.
    ///
    /// # Errors
    /// What cannot be left out: a codec nobody carries, a track without its header, one too many.
    pub(crate) fn check(&mut self, error: &MediaError) -> Result<(), Refusal> {
        self.malformed += 1;
        match error {
            MediaError::Unsupported(_) | MediaError::NoCodecHeader(_) => Err(refusal_of(error)),
            _ if self.malformed >= MALFORMED_IN_A_ROW => Err(refusal_of(error)),
            _ => Ok(()),
        }
    }
}

/// What a publisher is told whose media cannot be read on.
pub(crate) fn refusal_of(error: &MediaError) -> Refusal {
    match error {
        MediaError::Unsupported(what) => Refusal::new(Code::CodecUnsupported, what.clone()),
        MediaError::NoCodecHeader(_) => Refusal::new(Code::NoCodecHeader, error.to_string()),
        MediaError::TooLarge { .. } => Refusal::new(Code::FrameTooLarge, error.to_string()),
        _ => Refusal::new(Code::ProtocolError, error.to_string()),
    }
}
