//! `moov`: the tracks of a live stream, with their codec headers as they are (§8.2 to §8.6).
//!
//! Unlike [`super::super::read::movie`] it takes headers without parameter sets (`avc3`, `hev1`),
//! and says why a track cannot be carried.

use bytes::Bytes;

use super::super::read::{self, Mp4Box, boxes};
use super::times::Times;
use crate::ingest::assembler::Codec;
use crate::left_out::check_carried;
use crate::{AudioCodec, LeftOut, LeftOutKind, MediaError, Result, TrackKind, VideoCodec};

/// Tracks looked at.
const MAX_TRACKS: usize = 16;
/// Bytes of a visual sample entry before the boxes inside.
const VISUAL_BYTES: usize = 78;

/// A track weir carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CarriedTrack {
    pub(super) id: u32,
    pub(super) codec: Codec,
    /// Its clock.
    pub(super) times: Times,
    /// The set-up as Enhanced RTMP has it.
    pub(super) config: Option<Bytes>,
    pub(super) defaults: Defaults,
    /// Where the next sample begins in time, should the fragment not tell.
    pub(super) next_dts: u64,
}

/// What holds for samples that do not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// The first track of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenTracks {
    pub(super) tracks: Vec<CarriedTrack>,
    /// What is not carried, and what is of a kind that is taken.
    pub(super) left_out: Vec<LeftOut>,
    /// One has an edit list that does more than to move where it starts.
    pub(super) has_edits: bool,
}

/// Reads the body of `moov`.
///
/// # Errors
/// Broken structure; `Unsupported` where there are no fragments to come, where there is video and none is
/// carried, and where nothing is.
pub(super) fn read(moov: &Bytes) -> Result<ChosenTracks> {
    let mut chosen = ChosenTracks::default();
    let children = boxes(moov)?;
    let mvex = child(&children, b"mvex").ok_or_else(not_fragmented)?;
    let movie_timescale = child(&children, b"mvhd").and_then(|mvhd| timescale(&mvhd));
    let has =
        |tracks: &[CarriedTrack], kind| tracks.iter().any(|track| track.codec.track() == kind);
    for trak in children.iter().filter(|found| found.kind == *b"trak") {
        if chosen.tracks.len() + chosen.left_out.len() >= MAX_TRACKS {
            break;
        }
        match read_track(&trak.body)? {
            Ok(track) if has(&chosen.tracks, track.codec.track()) => {
                let kind = track.codec.track();
                let what = format!("a further {} track", track.codec.name());
                chosen.left_out.push(LeftOut::of(kind, what));
            }
            Ok(mut track) => {
                if let Some(edts) = child(&boxes(&trak.body)?, b"edts") {
                    chosen.has_edits |= !track.times.follow(&edts, movie_timescale);
                }
                chosen.tracks.push(track);
            }
            Err(what) => chosen.left_out.push(what),
        }
    }
    let carried = chosen.tracks.iter().map(|track| track.codec.track());
    check_carried("MP4", carried, &chosen.left_out)?;
    for trex in boxes(&mvex)?.iter().filter(|found| found.kind == *b"trex") {
        let id = read_u32(&trex.body, 4);
        if let Some(track) = chosen.tracks.iter_mut().find(|track| Some(track.id) == id) {
            track.defaults = Defaults {
                duration: read_u32(&trex.body, 12).unwrap_or(0),
                size: read_u32(&trex.body, 16).unwrap_or(0),
                flags: read_u32(&trex.body, 20).unwrap_or(0),
            };
        }
    }
    Ok(chosen)
}

/// What a publisher is told whose file cannot be taken before its end.
pub(super) fn not_fragmented() -> MediaError {
    MediaError::Unsupported(
        "MP4 without fragments; write it with \
         -movflags frag_keyframe+empty_moov+default_base_moof"
            .to_owned(),
    )
}

/// The inner error: a track that is not carried.
fn read_track(trak: &Bytes) -> Result<Result<CarriedTrack, LeftOut>> {
    let truncated = || MediaError::Truncated("MP4 track");
    let find = |boxes: &[Mp4Box], kind| child(boxes, kind).ok_or_else(truncated);
    let children = boxes(trak)?;
    let tkhd = find(&children, b"tkhd")?;
    let mdia = boxes(&find(&children, b"mdia")?)?;
    let kind = match find(&mdia, b"hdlr")?.get(8..12) {
        Some(b"vide") => TrackKind::Video,
        Some(b"soun") => TrackKind::Audio,
        other => return Ok(Err(other_track(other.unwrap_or_default()))),
    };
    let mdhd = find(&mdia, b"mdhd")?;
    let minf = boxes(&find(&mdia, b"minf")?)?;
    let stbl = boxes(&find(&minf, b"stbl")?)?;
    let stsd = find(&stbl, b"stsd")?;
    stsd.get(8..).ok_or_else(truncated)?;
    let entry = boxes(&stsd.slice(8..))?
        .into_iter()
        .next()
        .ok_or_else(truncated)?;
    let id_at = if tkhd.first() == Some(&1) { 20 } else { 12 };
    let id = read_u32(&tkhd, id_at).ok_or_else(truncated)?;
    let timescale = timescale(&mdhd).ok_or_else(truncated)?;
    let codec = match kind {
        TrackKind::Video => video(&entry)?,
        TrackKind::Audio => audio(trak, &entry)?,
    };
    let Some((codec, config)) = codec else {
        return Ok(Err(not_carried(kind, &entry)));
    };
    let track = CarriedTrack {
        id,
        codec,
        times: Times::new(timescale),
        config,
        defaults: Defaults::default(),
        next_dts: 0,
    };
    Ok(Ok(track))
}

type CodecAndConfig = (Codec, Option<Bytes>);

fn video(entry: &Mp4Box) -> Result<Option<CodecAndConfig>> {
    let (codec, config) = match &entry.kind {
        b"avc1" | b"avc3" => (VideoCodec::H264, b"avcC"),
        b"hvc1" | b"hev1" => (VideoCodec::Hevc, b"hvcC"),
        b"av01" => (VideoCodec::Av1, b"av1C"),
        b"vp09" => (VideoCodec::Vp9, b"vpcC"),
        _ => return Ok(None),
    };
    entry
        .body
        .get(VISUAL_BYTES..)
        .ok_or(MediaError::Truncated("MP4 sample entry"))?;
    let inside = boxes(&entry.body.slice(VISUAL_BYTES..))?;
    // Copied, so as not to keep the whole header box.
    let config = child(&inside, config).map(|config| Bytes::copy_from_slice(&config));
    Ok(Some((Codec::Video(codec), config)))
}

/// The file reader knows audio entries; it is given a movie of this track alone.
fn audio(trak: &Bytes, entry: &Mp4Box) -> Result<Option<CodecAndConfig>> {
    if !matches!(&entry.kind, b"mp4a" | b"Opus" | b"fLaC" | b"ac-3" | b"ec-3") {
        return Ok(None);
    }
    let size = |more: usize| ((trak.len() + more) as u32).to_be_bytes();
    let movie = [&size(16)[..], b"moov", &size(8), b"trak", trak].concat();
    let Some(track) = read::movie(&movie.into())?.tracks.audio else {
        return Ok(None);
    };
    let tells_all = matches!(
        track.codec,
        AudioCodec::Mp3 | AudioCodec::Ac3 | AudioCodec::Eac3
    );
    let config = (!tells_all).then(|| Bytes::copy_from_slice(&track.config));
    Ok(Some((Codec::Audio(track.codec), config)))
}

/// A track of another kind, by its handler.
fn other_track(handler: &[u8]) -> LeftOut {
    let (kind, what) = match handler {
        b"text" | b"subt" | b"sbtl" | b"clcp" => (LeftOutKind::Subtitles, "MP4 subtitles"),
        b"meta" => (LeftOutKind::Data, "MP4 timed metadata"),
        b"tmcd" => (LeftOutKind::Data, "MP4 time code"),
        b"hint" => (LeftOutKind::Data, "an MP4 hint track"),
        _ => (
            LeftOutKind::Data,
            "an MP4 track that is neither video nor audio",
        ),
    };
    LeftOut {
        kind,
        what: what.into(),
        pid: None,
    }
}

fn not_carried(track: TrackKind, entry: &Mp4Box) -> LeftOut {
    let name = entry.kind.escape_ascii();
    let what = match (track, &entry.kind) {
        (TrackKind::Video, b"encv") => "encrypted MP4 video".to_owned(),
        (TrackKind::Audio, b"enca") => "encrypted MP4 audio".to_owned(),
        (TrackKind::Video, b"vp08") => "VP8 video; send H.264, VP9 or AV1".to_owned(),
        (TrackKind::Video, b"mp4v") => "MPEG-4 part 2 video; send H.264".to_owned(),
        (TrackKind::Video, b"vvc1" | b"vvi1") => "VVC video; send HEVC or AV1".to_owned(),
        (TrackKind::Video, b"jpeg" | b"mjpa" | b"mjpb") => "JPEG video; send H.264".to_owned(),
        (TrackKind::Audio, b"alaw") => "G.711 A-law audio; send AAC or Opus".to_owned(),
        (TrackKind::Audio, b"ulaw") => "G.711 µ-law audio; send AAC or Opus".to_owned(),
        (
            TrackKind::Audio,
            b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"fpcm" | b"in24" | b"in32" | b"fl32" | b"raw ",
        ) => "PCM audio; send AAC or Opus".to_owned(),
        (TrackKind::Audio, b"samr" | b"sawb") => "AMR audio; send AAC or Opus".to_owned(),
        (TrackKind::Audio, b"ac-4") => "AC-4 audio; send AAC or Opus".to_owned(),
        (TrackKind::Audio, b"alac") => "ALAC audio; send FLAC, AAC or Opus".to_owned(),
        (TrackKind::Audio, b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" | b"dtsx") => {
            "DTS audio; send AAC or AC-3".to_owned()
        }
        (TrackKind::Video, _) => format!("MP4 video {name}; send H.264, HEVC, VP9 or AV1"),
        (TrackKind::Audio, _) => format!("MP4 audio {name}; send AAC or Opus"),
    };
    LeftOut::of(track, what)
}

fn child(boxes: &[Mp4Box], kind: &[u8; 4]) -> Option<Bytes> {
    let found = boxes.iter().find(|found| found.kind == *kind)?;
    Some(found.body.clone())
}

/// Ticks per second, from the body of `mdhd` or `mvhd`.
fn timescale(header: &[u8]) -> Option<u32> {
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    read_u32(header, at).filter(|&scale| scale > 0)
}

pub(super) fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

pub(super) fn read_u64(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*data.get(at..)?.first_chunk()?))
}
