//! A recording as MPEG-TS, for players that know nothing else: each segment is made anew when it is asked for, and
//! each by itself. A clock of TS has 33 bits, and players lose their way at half of that: it begins anew after
//! twelve hours.

use std::fmt::Write as _;
use std::io;

use bytes::{Bytes, BytesMut};
use weir_media::fmp4::read::{Movie, ReadSample, movie, runs, samples};
use weir_media::hls::{DateTime, Name, Resource, Seconds, Selection};
use weir_media::ts::Muxer;
use weir_media::{Frame, MediaError};

use crate::block::Segment;
use crate::playlist::{Stretch, is_seam, target_s};
use crate::recording::{Block, Recording, View};

/// Microseconds after which the clock begins anew.
const TURN_US: i64 = 12 * 3_600_000_000;

/// Why there is no such segment.
#[derive(Debug, thiserror::Error)]
pub enum NoSegment {
    /// The recording does not have it.
    #[error("it is not in this recording")]
    Empty,
    /// MPEG-TS does not carry it.
    #[error("{0}")]
    Media(#[from] MediaError),
    /// The disk's.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A segment with what it follows without a seam.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    block: &'a Block,
    segment: &'a Segment,
    /// The first that was before it without a seam.
    first: (&'a Block, &'a Segment),
    /// The one before it is of another clock.
    breaks: bool,
}

impl Placed<'_> {
    /// How often the clock has begun anew since the last seam.
    fn turn(&self) -> i64 {
        self.segment.wall_us.saturating_sub(self.first.1.wall_us) / TURN_US
    }
}

fn placed(view: &View) -> impl Iterator<Item = Placed<'_>> {
    let mut before: Option<Placed<'_>> = None;
    view.segments().map(move |(block, segment)| {
        let own = (block, segment);
        let follows = before.filter(|one| !is_seam((one.block, one.segment), own));
        let mut placed = Placed {
            block,
            segment,
            first: follows.map_or(own, |one| one.first),
            breaks: false,
        };
        placed.breaks = match follows {
            Some(one) => one.turn() != placed.turn(),
            None => before.is_some(),
        };
        before = Some(placed);
        placed
    })
}

/// The playlist of a stretch.
pub fn ts_playlist(view: &View, stretch: Stretch) -> String {
    let inside = || placed(view).filter(|one| stretch.has(one.segment));
    let is_over =
        view.facts.ended_ms.is_some() || inside().next().is_some() && view.end_us() > stretch.to_us;
    let longest_us = inside().map(|one| i64::from(one.segment.duration_us)).max();
    let target_s = target_s(longest_us.unwrap_or(0)).max(i64::from(view.facts.target_s));
    let kind = if is_over { "VOD" } else { "EVENT" };
    let mut out = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n"
    );
    let mut before: Option<&Block> = None;
    for one in inside() {
        let breaks = one.breaks && before.is_some();
        // Writing to a string cannot fail.
        if breaks {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if breaks || before.is_none_or(|block| block.name != one.block.name) {
            let time = DateTime(one.segment.wall_us);
            let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{time}");
        }
        let name = Name {
            epoch: one.block.name.epoch.to_string(),
            selection: Selection::Both,
            resource: Resource::TsSegment {
                msn: one.segment.msn,
            },
        };
        let duration = Seconds(i64::from(one.segment.duration_us));
        let _ = write!(out, "#EXTINF:{duration},\n{name}\n");
        before = Some(one.block);
    }
    if is_over {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// A segment as MPEG-TS. Reads the disk: not for the media path.
///
/// # Errors
/// Why there is none.
pub fn ts_segment(recording: &Recording, epoch: &str, msn: u64) -> Result<Bytes, NoSegment> {
    let view = recording.view()?;
    let is_it = |one: &Placed<'_>| one.segment.msn == msn && one.block.name.epoch.as_str() == epoch;
    let one = placed(&view).find(is_it).ok_or(NoSegment::Empty)?;
    let init = view.init(epoch, one.segment.init_id);
    let (block, place) = init.ok_or(NoSegment::Empty)?;
    let movie = movie(&recording.read(block, place)?)?;
    let (first_block, first) = one.first;
    let zero_us = begin_us(&movie, &media_of(recording, first_block, first)?)?;
    let zero_us = zero_us.saturating_add(one.turn() * TURN_US);
    let media = media_of(recording, one.block, one.segment)?;
    let mut all = samples(&movie, &media)?;
    all.sort_by_key(ReadSample::dts_us);
    let mut muxer = Muxer::new(&movie.tracks)?;
    let mut out = Vec::with_capacity(media.len() + media.len() / 8);
    muxer.put_break(&mut out);
    muxer.put_tables(&mut out);
    for sample in all {
        let frame = Frame {
            track: sample.track,
            dts_us: sample.dts_us().saturating_sub(zero_us),
            cts_us: sample.cts_us(),
            kind: sample.kind,
            payload: sample.payload,
        };
        muxer.put_frame(&frame, &mut out);
    }
    Ok(out.into())
}

fn media_of(recording: &Recording, block: &Block, segment: &Segment) -> io::Result<Bytes> {
    let mut media = BytesMut::with_capacity(segment.bytes as usize);
    for part in recording.media(block, segment)? {
        media.extend_from_slice(&part);
    }
    Ok(media.freeze())
}

/// Decode time at which some media begin, microseconds.
fn begin_us(movie: &Movie, media: &Bytes) -> Result<i64, NoSegment> {
    let us = |run: &weir_media::fmp4::read::SampleRun| movie.us(run.track, run.dts);
    Ok(runs(media)?.iter().map(us).min().unwrap_or(0))
}
