//! What of a publisher's media never reaches a viewer, and how long that is borne with: notes for people,
//! and the one judge of "nothing of it can be decoded". Whoever reads the media says what was lost; the
//! sweep asks the judge.
//!
//! | what is lost | while | the publisher is let go |
//! |---|---|---|
//! | pictures that nobody can decode | whatever else plays | after [`BROKEN_TIMEOUT_US`] |
//! | a track that is not carried, broken sound | anything else has played | at the idle time, with these words |
//! | the same | nothing has ever played | after [`UNHEARD_TIMEOUT_US`] |
//! | pictures before a keyframe | anything else has played | at the idle time after [`KEYFRAME_TIMEOUT_US`] of them, unless sound goes on |
//! | the same | nothing has ever played | after [`KEYFRAME_TIMEOUT_US`] |
//!
//! While nothing has played the stream is not live yet, and viewers who come hear why.

use weir_base::{Code, Refusal};
use weir_media::{LeftOut, TrackKind};

/// Microseconds of pictures that nobody can decode after which their publisher is let go: the sweep's own
/// step is in the two seconds that a sender may be left in the dark.
pub(crate) const BROKEN_TIMEOUT_US: i64 = 1_500_000;
/// The same where nothing has played yet, and what is missing may be on its way: tables and headers are
/// repeated each second or so.
pub(crate) const UNHEARD_TIMEOUT_US: i64 = 2_000_000;
/// Microseconds of whole pictures without a keyframe after which their publisher is let go: who came in the
/// middle of a group of pictures has its next one by then. Encoders that nobody has set up make one in
/// 250 pictures, which are ten seconds of 25 a second.
pub(crate) const KEYFRAME_TIMEOUT_US: i64 = 12_000_000;
/// Notes kept of one publisher; what comes then is the same again, or somebody who makes them up.
const MAX_NOTES: usize = 16;
/// Characters of one note.
const MAX_NOTE_CHARS: usize = 200;

/// How bad it is when frames cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Pictures that nobody can decode: the publisher is let go whatever else plays.
    Pictures,
    /// Pictures that are whole, and no keyframe before them: one may be on its way.
    BeforeKeyframe,
    /// Something of this track, or of all where none is named: others may play on without it.
    Part(Option<TrackKind>),
}

/// What is said of the current publisher.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    notes: Vec<String>,
    left_out: Vec<LeftOut>,
    pictures: Option<Trouble>,
    before_key: Option<Trouble>,
    parts: Option<Trouble>,
}

/// Frames that are lost one after the other.
#[derive(Debug)]
struct Trouble {
    since_us: i64,
    last_us: i64,
    refusal: Refusal,
    /// The track whose next usable frame is the end of it; any where none is named.
    track: Option<TrackKind>,
}

impl Remarks {
    /// Keeps a note, unless it is known or there are too many; whether it is new.
    pub(crate) fn note(&mut self, note: &str) -> bool {
        let note: String = note.chars().take(MAX_NOTE_CHARS).collect();
        let is_new = self.notes.len() < MAX_NOTES && !self.notes.contains(&note);
        if is_new {
            self.notes.push(note);
        }
        is_new
    }

    /// The same of what is left out, in words and by kind.
    pub(crate) fn leave_out(&mut self, what: &LeftOut) -> bool {
        let is_new = self.note(&format!("left out: {what}"));
        if is_new {
            self.left_out.push(what.clone());
        }
        is_new
    }

    /// What another node says of the publisher there, in place of all that was said.
    pub(crate) fn replace(&mut self, notes: Vec<String>, mut left_out: Vec<LeftOut>) {
        self.notes.clear();
        for note in notes {
            self.note(&note);
        }
        left_out.truncate(MAX_NOTES);
        self.left_out = left_out;
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// A frame at `now_us` could not be used, and why. The first reason stays.
    pub(crate) fn unusable(&mut self, what: Unusable, refusal: Refusal, now_us: i64) {
        let (slot, track) = match what {
            Unusable::Pictures => (&mut self.pictures, Some(TrackKind::Video)),
            Unusable::BeforeKeyframe => (&mut self.before_key, Some(TrackKind::Video)),
            Unusable::Part(track) => (&mut self.parts, track),
        };
        let trouble = slot.get_or_insert(Trouble {
            since_us: now_us,
            last_us: now_us,
            refusal,
            track,
        });
        trouble.last_us = now_us;
    }

    /// Whether pictures at `now_us` may still become something: then they are no silence.
    pub(crate) fn awaits_keyframe(&self, now_us: i64) -> bool {
        let since_us = self.before_key.as_ref().map(|trouble| trouble.since_us);
        since_us.is_some_and(|since_us| now_us - since_us < KEYFRAME_TIMEOUT_US)
    }

    /// A frame of the track is fine; whether nothing is wrong any more.
    pub(crate) fn usable(&mut self, track: TrackKind) -> bool {
        let slots = [&mut self.pictures, &mut self.before_key, &mut self.parts];
        let mut is_well = true;
        for slot in slots {
            slot.take_if(|trouble| trouble.track.is_none_or(|of| of == track));
            is_well &= slot.is_none();
        }
        is_well
    }

    /// Why the publisher has to go at `now_us`, if it has. `has_played`: any frame of it was fine.
    pub(crate) fn verdict(&self, has_played: bool, now_us: i64) -> Option<Refusal> {
        let lasts = |trouble: &&Trouble, limit_us| now_us - trouble.since_us >= limit_us;
        let pictures = self.pictures.as_ref();
        let pictures = pictures.filter(|trouble| lasts(trouble, BROKEN_TIMEOUT_US));
        let before_key = self.before_key.as_ref().filter(|_| !has_played);
        let before_key = before_key.filter(|trouble| lasts(trouble, KEYFRAME_TIMEOUT_US));
        let before_key = before_key.map(|trouble| no_keyframe(trouble.refusal.code));
        // What is missing beside pictures that may begin is not all there is.
        let limit_us = match self.before_key {
            Some(_) => KEYFRAME_TIMEOUT_US,
            None => UNHEARD_TIMEOUT_US,
        };
        let parts = self.parts.as_ref().filter(|_| !has_played);
        let parts = parts.filter(|trouble| lasts(trouble, limit_us));
        let told = |trouble: &Trouble| trouble.refusal.clone();
        let pictures = pictures.map(told);
        pictures.or(before_key).or_else(|| parts.map(told))
    }

    /// What is wrong now, the worst first.
    pub(crate) fn trouble(&self) -> Option<&Refusal> {
        let mut troubles = [&self.pictures, &self.before_key, &self.parts].into_iter();
        troubles
            .find_map(Option::as_ref)
            .map(|trouble| &trouble.refusal)
    }

    /// What the silence of a publisher is about whose media arrives all the same: something of it did
    /// within the last `idle_us`.
    pub(crate) fn reason_of_silence(&self, idle_us: i64, now_us: i64) -> Option<&Refusal> {
        let troubles = [&self.pictures, &self.before_key, &self.parts];
        let mut troubles = troubles.into_iter().flatten();
        let recent = troubles.find(|trouble| now_us - trouble.last_us < idle_us);
        recent.map(|trouble| &trouble.refusal)
    }
}

/// What a publisher is told who never sent a keyframe.
fn no_keyframe(code: Code) -> Refusal {
    let seconds = KEYFRAME_TIMEOUT_US / 1_000_000;
    let words = format!(
        "no keyframe in {seconds} s of pictures: set the encoder's keyframe interval to 2 s"
    );
    Refusal::new(code, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: Unusable = Unusable::Part(Some(TrackKind::Video));
    const AUDIO: Unusable = Unusable::Part(Some(TrackKind::Audio));

    fn refusal(code: Code) -> Refusal {
        Refusal::new(code, "words")
    }

    fn code(refusal: Option<&Refusal>) -> Option<Code> {
        refusal.map(|refusal| refusal.code)
    }

    #[test]
    fn pictures_that_nobody_can_decode_end_it_whatever_else_plays() {
        let mut remarks = Remarks::default();
        for at in 0..=15 {
            remarks.unusable(
                Unusable::Pictures,
                refusal(Code::NoCodecHeader),
                at * 100_000,
            );
            remarks.usable(TrackKind::Audio);
            let verdict = code(remarks.verdict(true, at * 100_000).as_ref());
            assert_eq!(verdict, (at == 15).then_some(Code::NoCodecHeader), "{at}");
        }
        assert!(remarks.usable(TrackKind::Video));
        assert_eq!(remarks.verdict(true, 9_000_000), None);
    }

    #[test]
    fn a_part_that_is_left_out_ends_it_only_where_nothing_ever_played() {
        for (what, has_played, expected) in [
            (AUDIO, true, None),
            (VIDEO, true, None),
            (AUDIO, false, Some(Code::CodecUnsupported)),
            (Unusable::Part(None), false, Some(Code::CodecUnsupported)),
        ] {
            let mut remarks = Remarks::default();
            remarks.unusable(what, refusal(Code::CodecUnsupported), 0);
            assert_eq!(remarks.verdict(has_played, UNHEARD_TIMEOUT_US - 1), None);
            assert_eq!(
                code(remarks.verdict(has_played, UNHEARD_TIMEOUT_US).as_ref()),
                expected
            );
        }
    }

    #[test]
    fn whole_pictures_are_given_time_for_a_keyframe_where_nothing_else_plays() {
        let mut remarks = Remarks::default();
        for at in 0..=120 {
            let now_us = at * 100_000;
            remarks.unusable(
                Unusable::BeforeKeyframe,
                refusal(Code::NoCodecHeader),
                now_us,
            );
            // What is left out beside them is no reason to hurry.
            remarks.unusable(AUDIO, refusal(Code::CodecUnsupported), now_us);
            assert_eq!(remarks.verdict(true, now_us), None);
            let verdict = remarks.verdict(false, now_us);
            assert_eq!(verdict.is_some(), now_us >= KEYFRAME_TIMEOUT_US, "{now_us}");
            assert_eq!(code(remarks.trouble()), Some(Code::NoCodecHeader));
            assert!(verdict.is_none_or(|verdict| verdict.detail.contains("12 s")));
        }
        remarks.usable(TrackKind::Video);
        assert_eq!(code(remarks.trouble()), Some(Code::CodecUnsupported));
        assert!(remarks.usable(TrackKind::Audio));
        assert_eq!(remarks.trouble(), None);
    }

    #[test]
    fn silence_has_the_reason_of_what_still_arrives() {
        let mut remarks = Remarks::default();
        remarks.unusable(AUDIO, refusal(Code::CodecUnsupported), 0);
        let why = |remarks: &Remarks, now_us| code(remarks.reason_of_silence(5_000_000, now_us));
        assert_eq!(why(&remarks, 4_000_000), Some(Code::CodecUnsupported));
        assert_eq!(why(&remarks, 5_000_000), None, "nothing arrives");
        remarks.unusable(AUDIO, refusal(Code::ProtocolError), 4_000_000);
        assert_eq!(
            why(&remarks, 8_000_000),
            Some(Code::CodecUnsupported),
            "the first stays"
        );
    }

    #[test]
    fn notes_are_kept_once_each_and_few() {
        let mut remarks = Remarks::default();
        let sound = LeftOut::of(TrackKind::Audio, "Speex audio");
        assert!(remarks.leave_out(&sound) && !remarks.leave_out(&sound));
        assert_eq!(remarks.notes(), ["left out: Speex audio"]);
        assert_eq!(remarks.left_out(), [sound]);
        for at in 0..100 {
            remarks.note(&format!("{at}{}", "x".repeat(1000)));
        }
        assert_eq!(remarks.notes().len(), MAX_NOTES);
        assert!(
            remarks
                .notes()
                .iter()
                .all(|note| note.len() <= MAX_NOTE_CHARS)
        );
    }
}
