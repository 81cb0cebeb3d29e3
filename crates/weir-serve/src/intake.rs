//! From a demuxer's events to the hub, and what is forgiven on the way: the same for each protocol.

use weir_base::{Code, Refusal};
use weir_hub::{Publisher, TrackFilter, Unusable};
use weir_media::flv::{Announced, Event};
use weir_media::{LeftOut, LeftOutKind, MediaError, TrackKind};

/// Malformed frames in a row after which a publisher is let go at once: fewer are judged by the clock.
const MALFORMED_IN_A_ROW: u32 = 100;

/// Microseconds for which a track that was announced keeps viewers waiting who came before the stream:
/// what the first of them are told, their players believe for good.
const ANNOUNCED_HOLD_US: i64 = 1_000_000;
/// Microseconds for which a track does that nobody has spoken of: what comes in one go with the rest.
const UNSPOKEN_HOLD_US: i64 = 150_000;

/// See the module's words. One per container or connection.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    malformed: u32,
    /// The container does not tell its tracks before the first frame.
    tells_late: bool,
    has_begun: bool,
    /// Tracks that come and are not carried.
    without_video: bool,
    without_audio: bool,
}

impl Intake {
    /// For what is sent as messages, or as tags: each track tells of itself when it begins.
    pub(crate) fn of_messages() -> Self {
        Self {
            tells_late: true,
            ..Self::default()
        }
    }

    /// Has viewers wait until the tracks are known that are to come.
    fn announce(&mut self, publisher: &mut Publisher, announced: Announced) {
        if !self.tells_late {
            return;
        }
        let Announced { video, audio } = announced;
        let filter = TrackFilter {
            video: video.unwrap_or(true) && !self.without_video,
            audio: audio.unwrap_or(true) && !self.without_audio,
        };
        let tracks = publisher.stream().ring.tracks();
        let is_missing = |is_wanted, announced: Option<bool>, is_known: bool| {
            is_wanted && announced == Some(true) && !is_known
        };
        let hold_us = match is_missing(filter.video, video, tracks.video.is_some())
            || is_missing(filter.audio, audio, tracks.audio.is_some())
        {
            true => ANNOUNCED_HOLD_US,
            false => UNSPOKEN_HOLD_US,
        };
        publisher.await_tracks(filter, hold_us);
    }

    /// Publishes what came.
    pub(crate) fn take(&mut self, publisher: &mut Publisher, event: Event) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.announce(publisher, Announced::default());
        }
        match event {
            Event::Tracks(tracks) => publisher.tracks(tracks),
            Event::Metadata(metadata) => {
                let announced = Announced::of(&metadata);
                publisher.metadata(metadata);
                self.announce(publisher, announced);
            }
            Event::Frame(frame) => {
                self.malformed = 0;
                publisher.frame(frame);
            }
            Event::LeftOut(what) => self.leave_out(publisher, &what),
            Event::Note(note) => publisher.note(note),
            Event::EndOfSequence => {}
        }
    }

    /// Something is not carried: it is told of, and not waited for.
    fn leave_out(&mut self, publisher: &Publisher, what: &LeftOut) {
        publisher.left_out(what);
        let (track, is_without) = match what.kind {
            LeftOutKind::Video => (TrackKind::Video, &mut self.without_video),
            LeftOutKind::Audio => (TrackKind::Audio, &mut self.without_audio),
            LeftOutKind::Subtitles | LeftOutKind::Data => return,
        };
        if !std::mem::replace(is_without, true) {
            publisher.await_no_more(track);
        }
    }

    /// Goes on without a frame of `track`, where that is known, that cannot be used. The hub lets the
    /// publisher go if that is all there is.
    ///
    /// # Errors
    /// As [`Intake::check`].
    pub(crate) fn skip(
        &mut self,
        publisher: &Publisher,
        track: Option<TrackKind>,
        error: &MediaError,
    ) -> Result<(), Refusal> {
        self.check(error)?;
        let what = match (error, track) {
            (MediaError::LeftOut(what), _) => {
                self.leave_out(publisher, what);
                Unusable::Part(track)
            }
            (MediaError::NoKeyframe, _) => Unusable::BeforeKeyframe,
            (MediaError::NoParameterSets, _) => Unusable::Part(Some(TrackKind::Video)),
            (MediaError::NothingCarried(_) | MediaError::NoTables, _) => Unusable::Part(None),
            (_, Some(TrackKind::Video)) => Unusable::Pictures,
            (MediaError::NoCodecHeader(TrackKind::Audio), _) => {
                publisher.note("left out: sound without its codec header");
                Unusable::Part(Some(TrackKind::Audio))
            }
            _ => Unusable::Part(track),
        };
        if is_frame(error) {
            publisher.dropped(1);
        }
        publisher.unusable(what, refusal_of(error));
        Ok(())
    }

    /// The same before there is a publisher.
    ///
    /// # Errors
    /// What cannot be gone on without: a container nobody reads, a malformed frame too many.
    pub(crate) fn check(&mut self, error: &MediaError) -> Result<(), Refusal> {
        match error {
            MediaError::NoCodecHeader(_) | MediaError::NoParameterSets | MediaError::NoKeyframe => {
                return Ok(());
            }
            error if !is_frame(error) => return Ok(()),
            MediaError::Unsupported(_) => return Err(refusal_of(error)),
            _ => {}
        }
        self.malformed += 1;
        if self.malformed >= MALFORMED_IN_A_ROW {
            return Err(refusal_of(error));
        }
        Ok(())
    }
}

/// Whether the error is the loss of a frame that was to be carried.
const fn is_frame(error: &MediaError) -> bool {
    !matches!(
        error,
        MediaError::LeftOut(_) | MediaError::NothingCarried(_) | MediaError::NoTables
    )
}

/// What a publisher is told whose media cannot be read on.
pub(crate) fn refusal_of(error: &MediaError) -> Refusal {
    match error {
        MediaError::Unsupported(what) => Refusal::new(Code::CodecUnsupported, what.clone()),
        MediaError::NothingCarried(_) => Refusal::new(Code::CodecUnsupported, error.to_string()),
        MediaError::LeftOut(what) => {
            let words = format!("{what} is not carried, and nothing else comes");
            Refusal::new(Code::CodecUnsupported, words)
        }
        MediaError::NoCodecHeader(_) | MediaError::NoParameterSets | MediaError::NoKeyframe => {
            Refusal::new(Code::NoCodecHeader, error.to_string())
        }
        MediaError::TooLarge { .. } => Refusal::new(Code::FrameTooLarge, error.to_string()),
        _ => Refusal::new(Code::ProtocolError, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_base::{Clock, StreamName};
    use weir_hub::hub::PublishRequest;
    use weir_hub::{Grant, Hub, Protocol};
    use weir_media::amf::Value;
    use weir_media::flv::RawFrame;
    use weir_media::{FrameKind, Metadata, Tracks};
    use weir_testkit::builders::hub_config;
    use weir_testkit::synthetic;

    use super::*;

    fn begin(hub: &Hub) -> Publisher {
        let request = PublishRequest {
            name: StreamName::new("", "live", "s").unwrap(),
            protocol: Protocol::Rtmp,
            addr: "127.0.0.1:1".parse().unwrap(),
            grant: Grant::default(),
        };
        hub.publish(request).unwrap()
    }

    fn picture(ms: i64) -> Event {
        let number = u64::try_from(ms).unwrap();
        Event::Frame(RawFrame {
            track: TrackKind::Video,
            ts_us: ms * 1_000,
            cts_us: 0,
            kind: match ms {
                0 => FrameKind::Key,
                _ => FrameKind::Inter,
            },
            payload: synthetic::picture(number, ms == 0, 60).into(),
        })
    }

    /// Milliseconds of pictures alone until a viewer is let in.
    fn held_ms(mut intake: Intake, properties: &[(&'static str, Value)]) -> i64 {
        let hub = Hub::new(hub_config(), Clock::manual(1_800_000_000_000_000));
        let mut publisher = begin(&hub);
        if !properties.is_empty() {
            let mut amf0 = Vec::new();
            Value::object(properties.iter().cloned()).encode(&mut amf0);
            let metadata = Arc::new(Metadata { amf0: amf0.into() });
            intake.take(&mut publisher, Event::Metadata(metadata));
        }
        let tracks = Tracks {
            audio: None,
            ..synthetic::tracks()
        };
        intake.take(&mut publisher, Event::Tracks(Arc::new(tracks)));
        let mut steps = (0..).map(|step| step * 10);
        let first = steps.find(|ms| {
            intake.take(&mut publisher, picture(*ms));
            publisher.stream().newest_join().is_some()
        });
        first.unwrap()
    }

    #[test]
    fn sound_is_waited_for_as_its_announcement_says() {
        let yes = || Value::Boolean(true);
        let announced = [("hasAudio", yes()), ("videocodecid", Value::Number(7.0))];
        let held = |properties: &[_]| held_ms(Intake::of_messages(), properties);
        assert_eq!(held(&announced), ANNOUNCED_HOLD_US / 1_000);
        assert_eq!(held(&[("audiocodecid", Value::Number(10.0))]), 1_000);
        let unspoken = UNSPOKEN_HOLD_US / 1_000;
        assert_eq!(
            (held(&[]), held(&[("width", Value::Number(320.0))])),
            (unspoken, unspoken)
        );
        assert_eq!(held(&[("hasAudio", Value::Boolean(false))]), 0);
        // A container that knows its tracks has told them all.
        assert_eq!(held_ms(Intake::default(), &[]), 0);
    }

    #[test]
    fn a_sound_that_is_not_carried_is_not_waited_for() {
        let hub = Hub::new(hub_config(), Clock::manual(1_800_000_000_000_000));
        let mut publisher = begin(&hub);
        let mut intake = Intake::of_messages();
        let announce = |intake: &mut Intake, publisher: &mut Publisher| {
            let mut amf0 = Vec::new();
            Value::object([("hasAudio", Value::Boolean(true))]).encode(&mut amf0);
            let metadata = Arc::new(Metadata { amf0: amf0.into() });
            intake.take(publisher, Event::Metadata(metadata));
        };
        announce(&mut intake, &mut publisher);
        let tracks = Tracks {
            audio: None,
            ..synthetic::tracks()
        };
        intake.take(&mut publisher, Event::Tracks(Arc::new(tracks)));
        intake.take(&mut publisher, picture(0));
        assert!(
            publisher.stream().newest_join().is_none(),
            "it is announced"
        );
        let speex = MediaError::LeftOut(LeftOut::of(TrackKind::Audio, "Speex audio"));
        let audio = Some(TrackKind::Audio);
        intake.skip(&publisher, audio, &speex).unwrap();
        assert!(publisher.stream().newest_join().is_some());
        // Who says so once more is believed no more.
        publisher.restart();
        announce(&mut intake, &mut publisher);
        intake.take(&mut publisher, picture(0));
        assert!(publisher.stream().newest_join().is_some());
    }
}
