//! The multiplexer: frames to PES to packets.

use bytes::Bytes;

use super::annexb::{self, NalRole, START_CODE};
use super::packet::{
    Adaptation, put_break_packet, put_packets, put_pcr_packet, put_section, put_trailing_zero,
};
use super::psi::{pat_section, pmt_section};
use super::{CLOCK_MASK, PID_AUDIO, PID_PAT, PID_PMT, PID_VIDEO};
use crate::codec::aac::{AacConfig, ProgramConfig};
use crate::codec::nal::Nals;
use crate::{
    AudioCodec, AudioTrack, Frame, FrameKind, MediaError, Result, TrackKind, Tracks, VideoCodec,
};

/// Added to each DTS, in 90 kHz ticks (1.4 s): room for presentation before decode time zero and
/// for the PCR to run ahead of it.
const DTS_OFFSET: i64 = 126_000;
/// Added to the PCR: it stays 0.7 s behind the DTS, more than tracks are interleaved apart.
const PCR_OFFSET: i64 = 63_000;
/// A PCR at least this often, in ticks (40 ms): the standard allows 100 ms, DVB 40 ms.
const PCR_INTERVAL: i64 = 3_600;
/// Longest distance of two PCRs, in ticks (100 ms, §2.7.2); longer gaps are filled.
const MAX_PCR_GAP: i64 = 9_000;
/// Filling packets before one frame: 3 s of silence. A longer gap is a fault of its own.
const MAX_PCR_FILL: i64 = 30;

/// Bytes of parameter sets that are kept from a picture: real ones have some hundred.
const MAX_PARAMETER_SET_BYTES: usize = 16 << 10;

/// Stream ids (§2.4.3.7).
const STREAM_ID_VIDEO: u8 = 0xE0;
const STREAM_ID_AUDIO: u8 = 0xC0;
const STREAM_ID_PRIVATE_1: u8 = 0xBD;

/// Turns frames into transport packets. Keeps the continuity counters, so one muxer makes one
/// unbroken stream, whoever cuts it where.
#[derive(Debug)]
pub struct Muxer {
    tracks: Tracks,
    /// Those of the codec header, or of the last picture that brought some: for pictures that bring none
    /// and must not be without.
    parameter_sets: Vec<Bytes>,
    /// Tables came: whoever begins there needs the parameter sets with the next picture, keyframe or not.
    owes_parameter_sets: bool,
    aac: Option<Adts>,
    pcr_pid: u16,
    pmt: Vec<u8>,
    pmt_version: u8,
    counters: Counters,
    /// Time of the last PCR in ticks, without offset.
    last_pcr: Option<i64>,
    /// Nothing but tables since then: the next packet is to be the frame's.
    tables_just_put: bool,
    /// The counter of pictures where those begin that somebody may have to be without.
    lead: Option<u8>,
    /// PES under construction; kept for its memory.
    pes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Counters {
    pat: u8,
    pmt: u8,
    video: u8,
    audio: u8,
}

impl Muxer {
    /// A muxer for `tracks`. `Unsupported` for codecs TS does not carry here (AV1, VP9, FLAC), AAC
    /// that ADTS has no word for ([`AacConfig::adts_lacks`]), and Opus layouts of one's own.
    pub fn new(tracks: &Tracks) -> Result<Self> {
        let mut muxer = Self {
            tracks: Tracks::default(),
            parameter_sets: Vec::new(),
            owes_parameter_sets: false,
            aac: None,
            pmt: Vec::new(),
            pcr_pid: PID_VIDEO,
            pmt_version: 0x1F, // the first change makes it 0
            counters: Counters::default(),
            last_pcr: None,
            tables_just_put: false,
            lead: None,
            pes: Vec::new(),
        };
        muxer.change_tracks(tracks)?;
        Ok(muxer)
    }

    /// Other tracks from here on: the PMT gets the next version, the counters go on. On an error
    /// nothing changes.
    pub fn change_tracks(&mut self, tracks: &Tracks) -> Result<()> {
        let version = (self.pmt_version + 1) & 0x1F;
        let pcr_pid = if tracks.video.is_some() {
            PID_VIDEO
        } else {
            PID_AUDIO
        };
        let pmt = pmt_section(tracks, pcr_pid, version)?;
        let parameter_sets = match &tracks.video {
            Some(video) => annexb::parameter_sets(video.codec, &video.config)?,
            None => Vec::new(),
        };
        let aac = tracks
            .audio
            .as_ref()
            .filter(|audio| audio.codec == AudioCodec::Aac);
        self.aac = aac.map(Adts::new).transpose()?;
        self.parameter_sets = parameter_sets;
        self.pmt = pmt;
        self.tracks = tracks.clone();
        self.pcr_pid = pcr_pid;
        self.pmt_version = version;
        self.last_pcr = None;
        Ok(())
    }

    /// PAT and PMT, continuity counters going on.
    pub fn put_tables(&mut self, out: &mut Vec<u8>) {
        put_section(out, PID_PAT, &mut self.counters.pat, &pat_section());
        put_section(out, PID_PMT, &mut self.counters.pmt, &self.pmt);
        self.tables_just_put = true;
        self.owes_parameter_sets = true;
    }

    /// What comes is another muxer's: whoever had packets before is told so, and misses none.
    pub fn put_break(&self, out: &mut Vec<u8>) {
        put_break_packet(out, PID_PAT, self.counters.pat);
        put_break_packet(out, PID_PMT, self.counters.pmt);
        if self.tracks.video.is_some() {
            put_break_packet(out, PID_VIDEO, self.counters.video);
        }
        if self.tracks.audio.is_some() {
            put_break_packet(out, PID_AUDIO, self.counters.audio);
        }
    }

    /// One frame as a PES. Frames of a track the tables do not know are left out, and so is sound that
    /// no field has room for: an AAC unit of over 8,184 bytes, or 64 KiB of anything else.
    pub fn put_frame(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        let Some((pid, stream_id)) = self.route(frame.track) else {
            return;
        };
        let dts = ticks(frame.dts_us);
        // Decoded when it is shown at the latest (§2.4.3.6); the stream's clock sees to it already.
        let pts = ticks(frame.pts_us()).max(dts);
        let mut pes = std::mem::take(&mut self.pes);
        pes.clear();
        put_pes_header(&mut pes, stream_id, pts, dts);
        if self.put_elementary(frame, &mut pes) && set_pes_length(&mut pes, frame.track) {
            self.put_pes(frame, pid, &pes, dts, out);
        }
        self.pes = pes;
    }

    /// The same for a picture that may be taken out again, together with all such ones up to
    /// [`Muxer::end_leading`].
    pub fn put_leading(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        self.lead.get_or_insert(self.counters.video);
        self.put_frame(frame, out);
    }

    /// No more of those pictures come: what is appended belongs to them, and makes continuity counters go on
    /// for who has them and for who has not.
    pub fn end_leading(&mut self, out: &mut Vec<u8>) {
        let Some(begun) = self.lead.take() else {
            return;
        };
        while self.counters.video != begun {
            put_trailing_zero(out, PID_VIDEO, &mut self.counters.video);
        }
    }

    /// Whether a packet without payload would have another counter than some receivers expect.
    fn counts_differ(&self) -> bool {
        self.lead.is_some_and(|begun| begun != self.counters.video)
    }

    fn put_pes(&mut self, frame: &Frame, pid: u16, pes: &[u8], dts: i64, out: &mut Vec<u8>) {
        let pcr = self.pcr_before(dts, pid, out);
        let random_access = if self.tracks.video.is_some() {
            frame.is_video_key()
        } else {
            frame.kind == FrameKind::Key
        };
        let counter = match frame.track {
            TrackKind::Video => &mut self.counters.video,
            TrackKind::Audio => &mut self.counters.audio,
        };
        put_packets(out, pid, counter, Adaptation { pcr, random_access }, pes);
        self.tables_just_put = false;
        if frame.track == TrackKind::Video {
            self.owes_parameter_sets = false;
            self.learn_parameter_sets(frame);
        }
    }

    /// A picture may bring others than the codec header has. They hold until the next that does.
    fn learn_parameter_sets(&mut self, frame: &Frame) {
        let Some(video) = self.tracks.video.as_ref() else {
            return;
        };
        if frame.kind != FrameKind::Key {
            return;
        }
        let role = |nal: &[u8]| annexb::role(video.codec, nal);
        let is_set = |nal: &&[u8]| matches!(role(nal), NalRole::Vps | NalRole::Sps | NalRole::Pps);
        let sets: Vec<&[u8]> = Nals::new(&frame.payload).filter(is_set).collect();
        let has = |wanted| sets.iter().any(|set| role(set) == wanted);
        let bytes: usize = sets.iter().map(|set| set.len()).sum();
        let is_complete = has(NalRole::Sps) && has(NalRole::Pps);
        if is_complete && bytes <= MAX_PARAMETER_SET_BYTES && self.parameter_sets != sets {
            self.parameter_sets = sets.into_iter().map(Bytes::copy_from_slice).collect();
        }
    }

    fn route(&self, track: TrackKind) -> Option<(u16, u8)> {
        match track {
            TrackKind::Video => self
                .tracks
                .video
                .as_ref()
                .map(|_| (PID_VIDEO, STREAM_ID_VIDEO)),
            TrackKind::Audio => self.tracks.audio.as_ref().map(|audio| {
                let id = match audio.codec {
                    AudioCodec::Aac | AudioCodec::Mp3 => STREAM_ID_AUDIO,
                    _ => STREAM_ID_PRIVATE_1,
                };
                (PID_AUDIO, id)
            }),
        }
    }

    /// Keeps PCRs coming. Returns the one to put into the first packet on `pid`, if any.
    fn pcr_before(&mut self, now: i64, pid: u16, out: &mut Vec<u8>) -> Option<u64> {
        let gap = self
            .last_pcr
            .map_or(i64::MAX, |last| now.saturating_sub(last));
        let begins = self.tables_just_put && !(pid != self.pcr_pid && self.counts_differ());
        if begins || pid == self.pcr_pid && gap >= PCR_INTERVAL {
            // A new segment begins with a PCR even when the frame is not on the PCR pid.
            self.last_pcr = Some(now);
            if pid == self.pcr_pid {
                self.fill_pcr(now, gap, out);
                return Some(pcr(now));
            }
            put_pcr_packet(out, self.pcr_pid, self.pcr_counter(), pcr(now));
        } else if gap >= MAX_PCR_GAP - PCR_INTERVAL && !self.counts_differ() {
            self.last_pcr = Some(now);
            self.fill_pcr(now, gap, out);
            put_pcr_packet(out, self.pcr_pid, self.pcr_counter(), pcr(now));
        }
        None
    }

    /// PCR packets for a gap nobody sent anything in, such as between slides.
    fn fill_pcr(&self, now: i64, gap: i64, out: &mut Vec<u8>) {
        let missing = (gap - 1) / MAX_PCR_GAP;
        if self.tables_just_put || !(1..=MAX_PCR_FILL).contains(&missing) {
            return;
        }
        for step in (1..=missing).rev() {
            let at = pcr(now - step * MAX_PCR_GAP);
            put_pcr_packet(out, self.pcr_pid, self.pcr_counter(), at);
        }
    }

    fn pcr_counter(&self) -> u8 {
        if self.pcr_pid == PID_VIDEO {
            self.counters.video
        } else {
            self.counters.audio
        }
    }

    /// False where the form has no room for the frame.
    fn put_elementary(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        if let (TrackKind::Video, Some(video)) = (frame.track, &self.tracks.video) {
            let is_owed = self.owes_parameter_sets || frame.kind == FrameKind::Key;
            let sets = is_owed.then_some(&*self.parameter_sets);
            put_annexb(video.codec, sets.unwrap_or_default(), frame, out);
            return true;
        }
        let is_opus = |audio: &AudioTrack| audio.codec == AudioCodec::Opus;
        if let Some(aac) = &self.aac {
            return aac.put(&frame.payload, out);
        }
        if self.tracks.audio.as_ref().is_some_and(is_opus) {
            put_opus_control(out, frame.payload.len());
        }
        out.extend_from_slice(&frame.payload);
        true
    }
}

/// AAC as ADTS carries it.
#[derive(Debug)]
struct Adts {
    aac: AacConfig,
    /// What each unit begins with where the header has no number for the layout; empty otherwise.
    element: Bytes,
}

impl Adts {
    fn new(audio: &AudioTrack) -> Result<Self> {
        let aac = AacConfig::parse(&audio.config)?;
        let program = ProgramConfig::of_config(&audio.config)?;
        if let Some(what) = aac.adts_lacks(program.as_ref()) {
            return Err(MediaError::Unsupported(format!("{what} in MPEG-TS")));
        }
        let element = program.map(|program| program.element()).unwrap_or_default();
        Ok(Self { aac, element })
    }

    fn put(&self, unit: &[u8], out: &mut Vec<u8>) -> bool {
        // Some encoders say it in the config and in the units too.
        let tells_itself = !self.element.is_empty() && ProgramConfig::of_unit(unit).is_some();
        let element: &[u8] = if tells_itself { &[] } else { &self.element };
        let Some(header) = self.aac.adts_header(element.len() + unit.len()) else {
            return false;
        };
        out.extend_from_slice(&header);
        out.extend_from_slice(element);
        out.extend_from_slice(unit);
        true
    }
}

/// Microseconds to 90 kHz.
fn ticks(us: i64) -> i64 {
    (i128::from(us) * 9).div_euclid(100) as i64
}

fn pcr(now: i64) -> u64 {
    now.wrapping_add(PCR_OFFSET) as u64 & CLOCK_MASK
}

/// PES header (§2.4.3.6) with PTS, and DTS where it differs. The length is patched later.
fn put_pes_header(out: &mut Vec<u8>, stream_id: u8, pts: i64, dts: i64) {
    out.extend_from_slice(&[0, 0, 1, stream_id, 0, 0]);
    // data_alignment_indicator: an access unit begins right behind the header.
    if pts == dts {
        out.extend_from_slice(&[0x84, 0x80, 5]);
        put_timestamp(out, 0x2, pts);
    } else {
        out.extend_from_slice(&[0x84, 0xC0, 10]);
        put_timestamp(out, 0x3, pts);
        put_timestamp(out, 0x1, dts);
    }
}

fn put_timestamp(out: &mut Vec<u8>, mark: u8, time: i64) {
    let time = time.wrapping_add(DTS_OFFSET) as u64 & CLOCK_MASK;
    out.push(mark << 4 | (time >> 29) as u8 & 0x0E | 1);
    out.extend_from_slice(&((time >> 14) as u16 | 1).to_be_bytes());
    out.extend_from_slice(&((time << 1) as u16 | 1).to_be_bytes());
}

/// Video may leave the length open (0); audio has to say it. False where it does not fit.
fn set_pes_length(pes: &mut [u8], track: TrackKind) -> bool {
    if track == TrackKind::Video {
        return true;
    }
    let length = u16::try_from(pes.len().saturating_sub(6));
    let (Ok(length), Some(field)) = (length, pes.get_mut(4..6)) else {
        return false;
    };
    field.copy_from_slice(&length.to_be_bytes());
    true
}

/// Access unit delimiter, the parameter sets before a picture that has none of its own, NAL units.
fn put_annexb(codec: VideoCodec, sets: &[Bytes], frame: &Frame, out: &mut Vec<u8>) {
    out.extend_from_slice(&START_CODE);
    match codec {
        VideoCodec::Hevc => out.extend_from_slice(&[0x46, 0x01, 0x50]),
        _ => out.extend_from_slice(&[0x09, 0xF0]),
    }
    let nals = || Nals::new(&frame.payload);
    let own_sets = nals().any(|nal| annexb::role(codec, nal) == NalRole::Sps);
    if !own_sets {
        for set in sets {
            out.extend_from_slice(&START_CODE);
            out.extend_from_slice(set);
        }
    }
    for nal in nals().filter(|nal| annexb::role(codec, nal) != NalRole::Delimiter) {
        out.extend_from_slice(&START_CODE);
        out.extend_from_slice(nal);
    }
}

/// `opus_control_header`: prefix 0x3FF, no trims, then the size in bytes of 255 and a rest.
fn put_opus_control(out: &mut Vec<u8>, packet_bytes: usize) {
    out.extend_from_slice(&[0x7F, 0xE0]);
    out.resize(out.len() + packet_bytes / 255, 0xFF);
    out.push((packet_bytes % 255) as u8);
}
