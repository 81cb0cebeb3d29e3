//! A generator of oddities: what encoders, recorders and gateways write that is legal in their container
//! or forgiven by everybody, each alone and in pairs, in each container that a publisher may send.
//!
//! A [`Draft`] is a clip that a row of the table ([`rows::ROWS`]) has bent; writers of containers that
//! share nothing with weir's make an [`OddInput`] of it; [`exchange`] publishes it to a server in this
//! process and takes what comes out in each form; [`judge`] has FFmpeg decode that.

mod bits;
mod choose;
pub mod clip;
pub mod draft;
pub mod exchange;
pub mod flv;
pub mod fmp4;
pub mod judge;
pub mod matroska;
mod rows;
mod sounds;
pub mod ts;

use clip::Clip;

pub use choose::{OddDice, inputs};
use draft::{Draft, Piece};
use flv::OddTag;
pub use rows::ROWS;

/// How a publisher sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// Messages of RTMP.
    Rtmp,
    /// FLV over SLSP.
    Flv,
    /// Fragmented MP4 over SLSP.
    Fmp4,
    /// Matroska over SLSP.
    WebM,
    /// MPEG-TS over SLSP.
    Ts,
}

impl Carrier {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Rtmp, Self::Flv, Self::Fmp4, Self::WebM, Self::Ts];
    /// Those with a length in front of NAL units.
    pub const LENGTHS: &'static [Self] = &[Self::Rtmp, Self::Flv, Self::Fmp4, Self::WebM];
    /// Those made of FLV tags.
    pub const TAGS: &'static [Self] = &[Self::Rtmp, Self::Flv];
}

/// What two oddities of one draft must not both be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Which pictures there are.
    Pictures,
    /// Which sound there is.
    Sound,
    /// What NAL units there are and how they are told apart.
    Units,
    /// Where parameter sets stand, and how many.
    Sets,
    /// When things are decoded and shown.
    Times,
    /// The container itself.
    Container,
}

/// What the pictures or the sound have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Anything.
    Nothing,
    /// H.264 or HEVC.
    Nals,
    /// Units as H.264 has them, not HEVC.
    H264,
    /// Sound whose set-up can be bent.
    Aac,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Oddity {
    /// A few words.
    pub name: &'static str,
    /// Not twice in one draft.
    pub about: About,
    /// Who may send it.
    pub carriers: &'static [Carrier],
    /// Pictures of its own.
    pub pictures: Option<&'static str>,
    /// Sound of its own.
    pub sound: Option<&'static str>,
    /// What the clip has to be.
    pub needs: Needs,
    /// What it does.
    pub bend: fn(&mut Draft),
    /// MPEG-TS cannot carry it and has to be refused.
    pub not_in_ts: bool,
    /// FFmpeg cannot decode the sound, whatever it is in.
    pub mute: bool,
    /// Times in it are not what the clip had.
    pub loose_times: bool,
    /// Media time that is sent before viewers come who begin with the first picture, in microseconds.
    pub head_us: i64,
}

/// One publish.
pub struct OddInput {
    /// Its number, which names its stream.
    pub number: usize,
    /// The names of its oddities.
    pub name: String,
    /// How it is sent.
    pub carrier: Carrier,
    /// What is sent.
    pub draft: Draft,
    /// The names of the pictures, in order, that are to come out.
    pub pictures: Vec<String>,
    /// MPEG-TS has to be refused.
    pub not_in_ts: bool,
    /// The sound cannot be decoded.
    pub mute: bool,
    /// Times are not compared.
    pub loose_times: bool,
    /// Media time that is sent before viewers come, in microseconds.
    pub head_us: i64,
}

impl OddInput {
    /// Number, carrier and names, for messages.
    pub fn title(&self) -> String {
        format!("{} over {:?} (#{})", self.name, self.carrier, self.number)
    }

    /// What is sent over SLSP.
    ///
    /// # Panics
    /// For RTMP, which has messages ([`OddInput::messages`]).
    pub fn pieces(&self) -> Vec<Piece> {
        match self.carrier {
            Carrier::Rtmp => panic!("RTMP has no container"),
            Carrier::Flv => flv::file(&self.draft),
            Carrier::Fmp4 => fmp4::file(&self.draft),
            Carrier::WebM => matroska::file(&self.draft),
            Carrier::Ts => ts::file(&self.draft),
        }
    }

    /// What is sent over RTMP, with the media time of each message.
    pub fn messages(&self) -> Vec<(i64, OddTag)> {
        flv::tags(&self.draft)
    }
}

/// A clip as everybody would write it, as an FLV file: what others are compared with.
pub fn plain(pictures: clip::Pictures) -> Vec<u8> {
    let draft = Draft::new(Clip {
        pictures: Some(pictures),
        sound: None,
    });
    flv::file(&draft)
        .into_iter()
        .flat_map(|piece| piece.bytes)
        .collect()
}
