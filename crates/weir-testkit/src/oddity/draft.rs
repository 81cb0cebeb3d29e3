//! A clip on its way into a container, with all that may be odd about it.

use weir_media::VideoCodec;

use super::clip::{Clip, Pictures, Sound, Unit};

/// A piece of a container, whole enough to be sent alone.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Media time of what is in it, in microseconds.
    pub at_us: i64,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// What is written, and how.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The media.
    pub clip: Clip,
    /// Name of the pictures of another shape that follow the first ones.
    pub second_name: Option<&'static str>,
    /// Those pictures.
    pub second: Option<Pictures>,
    /// Bytes of the length in front of NAL units.
    pub length_bytes: u8,
    /// Start codes where lengths belong.
    pub start_codes: bool,
    /// What containers say of every picture: a keyframe or none. As it is, where nothing is said.
    pub mark: Option<bool>,
    /// The sound is sent as a codec that nobody carries (G.711).
    pub is_foreign: bool,
    /// Whether the configuration record tells the parameter sets.
    pub sets_outside: bool,
    /// Whether each keyframe brings them.
    pub sets_inside: bool,
    /// Whether a changed configuration is told in a record too, not in the keyframe alone.
    pub change_outside: bool,
    /// FourCC headers where FLV has older ones.
    pub enhanced: bool,
    /// Messages that come between those of the media, over and over: type and body.
    pub chatter: &'static [Chatter],
    /// Where the sender's times begin, in microseconds.
    pub start_us: i64,
    /// MP4's own.
    pub mp4: Mp4Shape,
    /// Nanoseconds of a tick of Matroska.
    pub scale_ns: u64,
    /// MPEG-TS's own.
    pub ts: TsShape,
}

/// A message that is no media: its type, and what writes its body.
pub type Chatter = (u8, fn() -> Vec<u8>);

/// How MP4 is written.
#[derive(Debug, Clone, Copy)]
pub struct Mp4Shape {
    /// Ticks per second of pictures and of sound.
    pub timescales: (u32, u32),
    /// Version of `trun`: 1 has signed offsets.
    pub trun_version: u8,
    /// Offsets of data count from the start of the file.
    pub absolute: bool,
    /// `tfdt` in 32 bits.
    pub short_times: bool,
    /// Each sample in a run of its own.
    pub many_runs: bool,
    /// `avc3` and `hev1`.
    pub sets_in_samples: bool,
}

/// How MPEG-TS is written.
#[derive(Debug, Clone, Copy)]
pub struct TsShape {
    /// Access unit delimiters.
    pub delimiters: bool,
    /// PES of pictures say their length where it fits.
    pub bounded: bool,
    /// Packets of sound in a PES.
    pub sounds_per_pes: usize,
    /// Start codes of three bytes.
    pub short_codes: bool,
    /// A program config element in each ADTS frame, where the layout has no number.
    pub element: bool,
    /// Tables as DVB writes them, with streams beside pictures and sound.
    pub dvb: bool,
}

impl Draft {
    /// A clip as everybody would write it.
    pub fn new(clip: Clip) -> Self {
        Self {
            clip,
            second_name: None,
            second: None,
            length_bytes: 4,
            start_codes: false,
            mark: None,
            is_foreign: false,
            sets_outside: true,
            sets_inside: false,
            change_outside: true,
            enhanced: false,
            chatter: &[],
            start_us: 0,
            mp4: Mp4Shape {
                timescales: (90_000, 48_000),
                trun_version: 1,
                absolute: false,
                short_times: false,
                many_runs: false,
                sets_in_samples: false,
            },
            scale_ns: 1_000_000,
            ts: TsShape {
                delimiters: true,
                bounded: false,
                sounds_per_pes: 1,
                short_codes: false,
                element: true,
                dvb: false,
            },
        }
    }

    /// The pictures; an oddity of pictures needs some.
    ///
    /// # Panics
    /// Without any.
    pub fn pictures(&mut self) -> &mut Pictures {
        self.clip.pictures.as_mut().expect("pictures")
    }

    /// The sound; an oddity of sound needs some.
    ///
    /// # Panics
    /// Without any.
    pub fn sound(&mut self) -> &mut Sound {
        self.clip.sound.as_mut().expect("sound")
    }

    /// Units of both tracks in the order of decoding: media time, and whose unit it is.
    pub(super) fn interleaved<'a>(
        &'a self,
        mut each: impl FnMut(i64, &'a Unit, Option<&'a Pictures>, Option<&'a Sound>),
    ) {
        let pictures = self.clip.pictures.iter().chain(&self.second);
        let mut all: Vec<_> = pictures
            .flat_map(|pictures| {
                pictures
                    .units
                    .iter()
                    .map(move |unit| (unit, Some(pictures)))
            })
            .collect();
        let sound = self.clip.sound.as_ref();
        all.extend(
            sound
                .iter()
                .flat_map(|sound| &sound.units)
                .map(|unit| (unit, None)),
        );
        all.sort_by_key(|(unit, pictures)| (unit.dts_us, pictures.is_none()));
        for (unit, pictures) in all {
            each(
                unit.dts_us,
                unit,
                pictures,
                sound.filter(|_| pictures.is_none()),
            );
        }
    }

    /// The second pictures, at their first unit.
    pub(super) fn change_at(&self, unit: &Unit) -> Option<&Pictures> {
        let second = self.second.as_ref().filter(|_| self.change_outside)?;
        std::ptr::eq(second.units.first()?, unit).then_some(second)
    }

    /// Whether the unit brings its parameter sets.
    fn brings_sets(&self, pictures: &Pictures, unit: &Unit) -> bool {
        let is_second = self
            .second
            .as_ref()
            .is_some_and(|second| std::ptr::eq(second, pictures));
        pictures.has_nals() && unit.key && (self.sets_inside || is_second && !self.change_outside)
    }

    /// Whether a container calls the picture a keyframe.
    pub(super) fn is_marked(&self, unit: &Unit) -> bool {
        self.mark.unwrap_or(unit.key)
    }

    /// NAL units with their parameter sets, as the unit brings them.
    pub(super) fn nals<'a>(&self, pictures: &'a Pictures, unit: &'a Unit) -> Vec<&'a [u8]> {
        let sets = pictures
            .sets
            .iter()
            .filter(|_| self.brings_sets(pictures, unit));
        sets.chain(&unit.parts).map(Vec::as_slice).collect()
    }

    /// The unit as containers with lengths hold it.
    pub(super) fn payload(&self, pictures: &Pictures, unit: &Unit) -> Vec<u8> {
        if !matches!(pictures.codec, VideoCodec::H264 | VideoCodec::Hevc) {
            return unit.whole();
        }
        let width = usize::from(self.length_bytes);
        let mut out = Vec::new();
        for nal in self.nals(pictures, unit) {
            if self.start_codes {
                out.extend([&[0, 0, 0, 1], nal].concat());
                continue;
            }
            let length = (nal.len() as u32).to_be_bytes();
            assert!(
                width == 4 || nal.len() >> (8 * width) == 0,
                "a unit of {}",
                nal.len()
            );
            out.extend_from_slice(&length[4 - width..]);
            out.extend_from_slice(nal);
        }
        out
    }
}
