//! WebM and Matroska as live publishers send them (RFC 8794 EBML, RFC 9559 Matroska): bytes cut
//! anywhere in, [`Event`]s out.
//!
//! Segments and clusters are entered and never left: whether their size is known makes no
//! difference, as the elements inside tell by their ids where they belong. Seeking, cues, chapters
//! and subtitles are passed over.

mod block;
mod ebml;
mod track;
pub mod write;

use bytes::Bytes;

use self::block::Block;
use self::track::TrackEntry;
use crate::flv::Event;
use crate::ingest::assembler::{Assembler, Codec, Time, ns_to_us};
use crate::ingest::incremental::{Incremental, Input, Parse, Step};
use crate::{FrameKind, MediaError, Result, TrackKind, VideoCodec, codec};

/// Largest block (and block group), in bytes: as large as an FLV tag can be. A 4K keyframe stays
/// under 4 MiB.
pub const MAX_BLOCK_BYTES: u64 = 16 << 20;
/// Largest `Tracks` element, in bytes: some codec headers and descriptions.
const MAX_TRACKS_BYTES: u64 = 1 << 20;
/// Largest header element (EBML, `Info`) or number, in bytes.
const MAX_HEAD_BYTES: u64 = 64 << 10;
/// Largest element passed over, in bytes: attachments and indexes. A size beyond it is a lie, and
/// believing it would swallow the stream without a word.
const MAX_SKIPPED_BYTES: u64 = 64 << 20;
/// Nanoseconds of a tick where `Info` does not tell.
const DEFAULT_TIMESTAMP_SCALE: u64 = 1_000_000;

const ID_EBML: u32 = 0x1A45_DFA3;
const ID_DOC_TYPE: u32 = 0x4282;
const ID_SEGMENT: u32 = 0x1853_8067;
const ID_INFO: u32 = 0x1549_A966;
const ID_TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const ID_TRACKS: u32 = 0x1654_AE6B;
const ID_CLUSTER: u32 = 0x1F43_B675;
const ID_TIMESTAMP: u32 = 0xE7;
const ID_SIMPLE_BLOCK: u32 = 0xA3;
const ID_BLOCK_GROUP: u32 = 0xA0;

/// Takes a live WebM or Matroska stream apart. Holds at most one unfinished element, the frames
/// that wait for a track to be known, and what was pushed beyond.
///
/// The first track of each kind that weir carries is used. A second stream may follow the first
/// one, as a recorder that was restarted sends it.
#[derive(Debug, Default)]
pub struct WebmDemuxer(Incremental<WebmParser>);

impl WebmDemuxer {
    /// A demuxer that waits for an EBML header.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes; follow with [`Self::next`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// The next event, or `None` until more bytes are pushed. Times are in µs on the clock of the
    /// file, with the codec delay taken off; decode times are derived where pictures are
    /// reordered.
    ///
    /// # Errors
    /// Broken structure or sizes over the limits, and codecs weir does not carry, are final: every
    /// further call says the same. Broken codec headers and frames are told once.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and not at its end on None"
    )]
    pub fn next(&mut self) -> Result<Option<Event>> {
        self.0.next()
    }

    /// Whether the structure is broken: nothing more will come.
    pub(crate) const fn has_failed(&self) -> bool {
        self.0.has_failed()
    }

    /// Whether frames wait until all announced tracks are known.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }

    /// Waits no longer.
    pub(crate) fn wait_no_longer(&mut self) {
        self.0.wait_no_longer();
    }

    /// The track whose frame the last error was about.
    pub(crate) const fn failed_track(&self) -> Option<TrackKind> {
        self.0.failed_track()
    }

    /// Bytes pushed, and not given out or passed over.
    pub(crate) fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }
}

/// Where in the file we are.
#[derive(Debug)]
struct WebmParser {
    started: bool,
    timestamp_scale: u64,
    cluster_ticks: Option<u64>,
    tracks: Option<Vec<TrackEntry>>,
}

impl Default for WebmParser {
    fn default() -> Self {
        Self {
            started: false,
            timestamp_scale: DEFAULT_TIMESTAMP_SCALE,
            cluster_ticks: None,
            tracks: None,
        }
    }
}

impl Parse for WebmParser {
    /// Enters, passes over or takes the element at hand.
    fn step(&mut self, input: &mut Input, out: &mut Assembler) -> Result<Step> {
        let Some(header) = ebml::Header::read(input.bytes())? else {
            return Ok(Step::NeedsMore);
        };
        if !self.started && header.id != ID_EBML {
            return Err(MediaError::invalid("WebM", "no EBML header"));
        }
        let limit = match header.id {
            ID_SEGMENT | ID_CLUSTER => {
                self.cluster_ticks = None;
                input.skip(header.bytes as u64);
                return Ok(Step::Done);
            }
            ID_EBML | ID_INFO | ID_TIMESTAMP => MAX_HEAD_BYTES,
            ID_TRACKS => MAX_TRACKS_BYTES,
            ID_SIMPLE_BLOCK | ID_BLOCK_GROUP => MAX_BLOCK_BYTES,
            _ => MAX_SKIPPED_BYTES,
        };
        let size = header.size.ok_or(MediaError::invalid(
            "WebM element",
            "its size is unknown, which only segments and clusters may have",
        ))?;
        if size > limit {
            return Err(MediaError::TooLarge {
                what: "WebM element",
                size,
                limit,
            });
        }
        if limit == MAX_SKIPPED_BYTES {
            input.skip(header.bytes as u64 + size);
            return Ok(Step::Done);
        }
        // Within the limit, so within `usize` too.
        match input.take(header.bytes, size as usize) {
            None => Ok(Step::NeedsMore),
            Some(body) => Ok(self.element(header.id, &body, out)?.into()),
        }
    }
}

impl WebmParser {
    /// The outer error is the container's and final, the inner one a codec's.
    fn element(&mut self, id: u32, body: &Bytes, out: &mut Assembler) -> Result<Result<()>> {
        match id {
            ID_EBML => self.head(body)?,
            ID_INFO => self.info(body)?,
            ID_TRACKS => return self.tracks(body, out),
            ID_TIMESTAMP => self.cluster_ticks = Some(ebml::uint(body)?),
            ID_SIMPLE_BLOCK => return self.block(&Block::simple(body)?, out),
            _ => {
                if let Some(block) = Block::group(body)? {
                    return self.block(&block, out);
                }
            }
        }
        Ok(Ok(()))
    }

    fn head(&mut self, body: &[u8]) -> Result<()> {
        for child in ebml::children(body) {
            let (id, value) = child?;
            if id == ID_DOC_TYPE {
                let name = value.trim_ascii_end();
                let name = name.strip_suffix(&[0]).unwrap_or(name);
                if name != b"webm" && name != b"matroska" {
                    let name = name.get(..name.len().min(32)).unwrap_or_default();
                    let text = format!("EBML document type {}", name.escape_ascii());
                    return Err(MediaError::Unsupported(text));
                }
            }
        }
        self.started = true;
        self.timestamp_scale = DEFAULT_TIMESTAMP_SCALE;
        self.cluster_ticks = None;
        self.tracks = None;
        Ok(())
    }

    fn info(&mut self, body: &[u8]) -> Result<()> {
        for child in ebml::children(body) {
            let (id, value) = child?;
            if id == ID_TIMESTAMP_SCALE {
                self.timestamp_scale = ebml::uint(value)?;
                if self.timestamp_scale == 0 {
                    return Err(MediaError::invalid("WebM", "the timestamp scale is 0"));
                }
            }
        }
        Ok(())
    }

    fn tracks(&mut self, body: &Bytes, out: &mut Assembler) -> Result<Result<()>> {
        let chosen = track::read_all(body)?;
        for what in chosen.left_out {
            out.leave_out(what);
        }
        let announced = chosen
            .tracks
            .iter()
            .map(|track| (track.codec, track.config.clone()));
        let result = out.begin(announced.collect());
        self.tracks = Some(chosen.tracks);
        Ok(result)
    }

    fn block(&self, block: &Block<'_>, out: &mut Assembler) -> Result<Result<()>> {
        let Some(tracks) = &self.tracks else {
            return Err(MediaError::invalid("WebM", "a block before the tracks"));
        };
        let Some(cluster) = self.cluster_ticks else {
            return Err(MediaError::invalid(
                "WebM cluster",
                "a block before the timestamp",
            ));
        };
        let Some(track) = tracks.iter().find(|track| track.number == block.track) else {
            return Ok(Ok(())); // a track weir does not carry
        };
        let ticks = i128::from(cluster) + i128::from(block.ticks);
        let ns = ticks * i128::from(self.timestamp_scale) - i128::from(track.codec_delay_ns);
        let mut pts_us = ns_to_us(ns);
        let kind = match (track.codec, block.is_key, block.is_disposable) {
            (Codec::Audio(_), _, _) | (_, true, _) => FrameKind::Key,
            // Only these say so reliably; others are judged by their bytes or kept.
            (Codec::Video(VideoCodec::Vp9 | VideoCodec::Av1), _, true) => FrameKind::Disposable,
            _ => FrameKind::Inter,
        };
        let mut result = Ok(());
        for payload in block.frames()? {
            let time = Time::Presentation {
                pts_us,
                step_us: track.step_us(),
            };
            result = result.and(out.sample(track.codec, time, kind, payload));
            let step_us = track
                .step_us()
                .or_else(|| audio_us(out, track.codec, payload));
            pts_us = pts_us.saturating_add(step_us.unwrap_or(0));
        }
        Ok(result)
    }
}

/// How long an audio frame lasts by its codec.
fn audio_us(assembler: &Assembler, codec: Codec, payload: &[u8]) -> Option<i64> {
    let Codec::Audio(_) = codec else { return None };
    let track = assembler.tracks().audio.as_ref()?;
    let samples = codec::audio_frame_samples(track, payload)?;
    Some(i64::from(samples) * 1_000_000 / i64::from(track.sample_rate.max(1)))
}

#[cfg(test)]
pub(crate) mod tests;
