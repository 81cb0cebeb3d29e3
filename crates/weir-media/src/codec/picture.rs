//! What a picture is, by its bytes: whether a decoder may begin with it, whether others need it, whether
//! the parameter sets it refers to ever came. What the container says of it is a hint, and no more.
//!
//! | bytes | who sends it | what it is |
//! |---|---|---|
//! | IDR; HEVC's IDR, CRA, BLA; a shown AV1 or VP9 keyframe | everybody | a keyframe, marked or not |
//! | recovery point of 0 pictures (H.264 §D.2.8), intra slices | broadcasters' open GOPs | a keyframe |
//! | recovery point of some pictures | intra refresh | a keyframe: decoders begin there |
//! | intra slices alone, marked | encoders that write no SEI | a keyframe |
//! | intra slices alone, one after the other | mezzanine codecs, all intra | each a keyframe |
//! | intra slices alone, unmarked, and long nothing better | encoders that mark nothing | a keyframe |
//! | predicted slices, marked | encoders that mark everything | no keyframe |

use bytes::Bytes;

use super::avc::{self, AvcConfig};
use super::hevc::{self, HevcConfig};
use super::nal::{MAX_NALS_PER_FRAME, Nals};
use super::{av1, vp9};
use crate::bits::{BitReader, unescape};
use crate::{FrameKind, MediaError, Result, TrackKind, VideoCodec};

/// Bytes of a slice that are read: its header's first fields take under ten.
const MAX_SLICE_HEAD_BYTES: usize = 24;
/// Bytes of an SEI unit that are read: recovery points stand in front of what is long.
const MAX_SEI_BYTES: usize = 2048;
/// Messages of one SEI unit that are looked at.
const MAX_SEI_MESSAGES: usize = 32;
/// Bytes of a PPS that are read: what is wanted stands in front.
const MAX_PPS_HEAD_BYTES: usize = 16;
/// Intra pictures in a row after which each is a place to begin: no predicted picture ever comes.
const ALL_INTRA_RUN: u32 = 3;
/// Pictures without a keyframe after which an unmarked intra picture is one, at first: a second, so that
/// the stream is not given up meanwhile.
const UNMARKED_AFTER_NONE: u32 = 25;
/// The same once there was a keyframe: longer than encoders with a right mark leave between two.
const UNMARKED_AFTER_ONE: u32 = 300;

const SEI_RECOVERY_POINT: usize = 6;
/// H.264 slices: of a picture, of its first partition, of an IDR picture.
const AVC_SLICES: [u8; 3] = [1, 2, 5];
const AVC_IDR: u8 = 5;
const AVC_SEI: u8 = 6;
const AVC_PPS: u8 = 8;
const HEVC_PPS: u8 = 34;
const HEVC_PREFIX_SEI: u8 = 39;

/// One for each video track: fed with its records and its frames in decode order.
#[derive(Debug, Default)]
pub struct PictureJudge {
    sets: PpsTable,
    /// AV1's record says that every frame is a keyframe without a header of its own.
    reduced: bool,
    has_key: bool,
    since_key: u32,
    intra_run: u32,
}

/// What one payload shows of its picture.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    has_picture: bool,
    /// An IDR, or HEVC's like.
    exact: bool,
    /// `recovery_frame_cnt` or `recovery_poc_cnt`.
    recovery: Option<u32>,
    /// All slices of the first field are intra; `None` where they cannot be read.
    intra: Option<bool>,
    /// No picture refers to it.
    unreferenced: bool,
    /// It refers to a picture parameter set that never came.
    headless: bool,
    /// A slice's header makes no sense.
    is_broken: bool,
}

impl PictureJudge {
    /// A decoder configuration record, as [`crate::VideoTrack::config`] has it. One that cannot be read
    /// tells nothing.
    pub fn record(&mut self, codec: VideoCodec, config: &Bytes) {
        match codec {
            VideoCodec::H264 => {
                let sets = AvcConfig::parse(config)
                    .map(|avc| avc.pps)
                    .unwrap_or_default();
                self.sets = PpsTable::default();
                sets.iter().for_each(|pps| self.sets.add_avc(pps));
            }
            VideoCodec::Hevc => {
                let sets = HevcConfig::parse(config).map(|hevc| hevc.pps);
                self.sets = PpsTable::default();
                let sets = sets.unwrap_or_default();
                sets.iter().for_each(|pps| self.sets.add_hevc(pps));
            }
            VideoCodec::Av1 => {
                let obus = config.get(4..).unwrap_or_default();
                self.reduced = av1::SequenceHeader::find(obus).is_some_and(|header| header.reduced);
            }
            VideoCodec::Vp9 => {}
        }
    }

    /// What `payload` is, in the shape of [`crate::Frame::payload`]; `claimed` is what its container
    /// says. `None`: there is no picture in it, only what belongs to the next one.
    ///
    /// # Errors
    /// No decoder can make a picture of it: it refers to a parameter set that never came
    /// ([`MediaError::NoCodecHeader`]), is no frame of this codec, or comes before all keyframes and cannot be
    /// read.
    pub fn judge(
        &mut self,
        codec: VideoCodec,
        claimed: FrameKind,
        payload: &[u8],
    ) -> Result<Option<FrameKind>> {
        let seen = match codec {
            VideoCodec::H264 => self.see_avc(payload),
            VideoCodec::Hevc => self.see_hevc(payload),
            VideoCodec::Av1 => self.see_av1(payload),
            VideoCodec::Vp9 => see_vp9(payload)?,
        };
        if !seen.has_picture {
            return Ok(None);
        }
        if seen.headless {
            return Err(MediaError::NoCodecHeader(TrackKind::Video));
        }
        // Before there is anything to show, what makes no sense is no reason to wait for more.
        if seen.is_broken && !seen.exact && !self.has_key {
            let why = "the header of a slice makes no sense";
            return Err(MediaError::invalid("video frame", why));
        }
        let has_slices = matches!(codec, VideoCodec::H264 | VideoCodec::Hevc);
        let is_key = if has_slices {
            self.is_key(&seen, claimed == FrameKind::Key)
        } else {
            seen.exact
        };
        self.has_key |= is_key;
        self.since_key = if is_key {
            0
        } else {
            self.since_key.saturating_add(1)
        };
        self.intra_run = match seen.intra {
            Some(true) => self.intra_run.saturating_add(1),
            _ => 0,
        };
        Ok(Some(match claimed {
            _ if is_key => FrameKind::Key,
            _ if seen.unreferenced => FrameKind::Disposable,
            // These say nothing of it that could be read here.
            FrameKind::Disposable if !has_slices => FrameKind::Disposable,
            _ => FrameKind::Inter,
        }))
    }

    fn is_key(&self, seen: &Seen, marked: bool) -> bool {
        let intra = seen.intra.unwrap_or(marked);
        let limit = if self.has_key {
            UNMARKED_AFTER_ONE
        } else {
            UNMARKED_AFTER_NONE
        };
        let unmarked = self.intra_run >= ALL_INTRA_RUN || self.since_key >= limit;
        seen.exact
            || seen.recovery.is_some_and(|pictures| pictures > 0 || intra)
            || intra && (marked || unmarked)
    }

    fn see_avc(&mut self, payload: &[u8]) -> Seen {
        let mut seen = Seen {
            unreferenced: true,
            ..Seen::default()
        };
        let mut is_second_field = false;
        for nal in Nals::new(payload).take(MAX_NALS_PER_FRAME) {
            match avc::nal_type(nal) {
                AVC_PPS => self.sets.add_avc(nal),
                AVC_SEI => seen.recovery = seen.recovery.or_else(|| recovery(nal, 1, false)),
                kind if AVC_SLICES.contains(&kind) => {
                    seen.exact |= kind == AVC_IDR;
                    seen.unreferenced &= nal.first().is_some_and(|byte| byte & 0x60 == 0);
                    let head = AvcSlice::read(nal);
                    seen.is_broken |= matches!(head, Err(MediaError::Invalid { .. }));
                    let head = head.ok();
                    // A second slice that begins at the top is of the second field, which may refer to
                    // the first one.
                    is_second_field |=
                        seen.has_picture && head.as_ref().is_some_and(|head| head.first == 0);
                    if !is_second_field {
                        seen.add_slice(head.as_ref().map(|head| head.is_intra()));
                    }
                    seen.headless |= head.is_some_and(|head| self.sets.lacks(head.pps));
                    seen.has_picture = true;
                }
                _ => {}
            }
        }
        seen.unreferenced &= seen.has_picture;
        seen
    }

    fn see_hevc(&mut self, payload: &[u8]) -> Seen {
        let mut seen = Seen {
            unreferenced: true,
            ..Seen::default()
        };
        for nal in Nals::new(payload).take(MAX_NALS_PER_FRAME) {
            match hevc::nal_type(nal) {
                HEVC_PPS => self.sets.add_hevc(nal),
                HEVC_PREFIX_SEI => seen.recovery = seen.recovery.or_else(|| recovery(nal, 2, true)),
                kind @ 0..=31 => {
                    seen.has_picture = true;
                    seen.exact |= (16..=23).contains(&kind);
                    // The even numbers below 16 are sub-layer non-reference pictures (§7.4.2.2).
                    seen.unreferenced &= kind < 16 && kind % 2 == 0;
                    match HevcSlice::read(nal, &self.sets) {
                        Ok(Some(head)) => {
                            seen.headless |= self.sets.lacks(head.pps);
                            seen.add_slice(head.is_intra);
                        }
                        Ok(None) => {}
                        Err(error) => {
                            seen.is_broken |= matches!(error, MediaError::Invalid { .. });
                            seen.add_slice(None);
                        }
                    }
                }
                _ => {}
            }
        }
        seen.unreferenced &= seen.has_picture;
        seen
    }

    fn see_av1(&self, payload: &[u8]) -> Seen {
        Seen {
            has_picture: av1::has_frame(payload),
            exact: av1::is_keyframe(payload) || self.reduced,
            ..Seen::default()
        }
    }
}

impl Seen {
    fn add_slice(&mut self, intra: Option<bool>) {
        self.intra = match (self.has_picture, self.intra, intra) {
            // A picture is intra if all that can be read of it is.
            (_, Some(false), _) | (_, _, Some(false)) => Some(false),
            (_, Some(true), _) | (_, None, Some(true)) => Some(true),
            (_, None, None) => None,
        };
    }
}

fn see_vp9(payload: &[u8]) -> Result<Seen> {
    // frame_marker, §6.2.
    if payload.first().is_some_and(|first| first >> 6 != 2) {
        return Err(MediaError::invalid(
            "VP9 frame",
            "the frame marker is missing",
        ));
    }
    Ok(Seen {
        has_picture: !payload.is_empty(),
        exact: vp9::is_keyframe(payload),
        ..Seen::default()
    })
}

/// The first fields of `slice_header()`, H.264 §7.3.3.
struct AvcSlice {
    /// `first_mb_in_slice`.
    first: u32,
    kind: u32,
    pps: u32,
}

impl AvcSlice {
    fn read(nal: &[u8]) -> Result<Self> {
        let head = unescape(nal.get(1..).unwrap_or_default(), MAX_SLICE_HEAD_BYTES);
        let mut r = BitReader::new(&head, "slice header");
        let slice = Self {
            first: r.ue()?,
            kind: r.ue()?,
            pps: r.ue()?,
        };
        if slice.kind > 9 || slice.pps > 255 {
            return Err(MediaError::invalid("slice header", "no such slice"));
        }
        Ok(slice)
    }

    /// I and SI.
    const fn is_intra(&self) -> bool {
        matches!(self.kind % 5, 2 | 4)
    }
}

/// The first fields of the first `slice_segment_header()` of a picture, H.265 §7.3.6.1.
struct HevcSlice {
    pps: u32,
    /// `None` where the set is not known that says how long the header is.
    is_intra: Option<bool>,
}

impl HevcSlice {
    /// `None` for what is not a picture's first segment.
    fn read(nal: &[u8], sets: &PpsTable) -> Result<Option<Self>> {
        let head = unescape(nal.get(2..).unwrap_or_default(), MAX_SLICE_HEAD_BYTES);
        let mut r = BitReader::new(&head, "slice header");
        if !r.bit()? {
            return Ok(None);
        }
        if (16..=23).contains(&hevc::nal_type(nal)) {
            r.skip(1)?;
        }
        let pps = r.ue()?;
        if pps > 63 {
            return Err(MediaError::invalid("slice header", "no such parameter set"));
        }
        let is_intra = match sets.extra_bits(pps) {
            Some(extra) => {
                r.skip(extra.into())?;
                Some(r.ue()? == 2)
            }
            None => None,
        };
        Ok(Some(Self { pps, is_intra }))
    }
}

/// Which picture parameter sets came, by their number.
#[derive(Debug, Default)]
struct PpsTable {
    /// A bit for each of H.264's 256, the first 64 of which are HEVC's too.
    known: [u64; 4],
    /// `num_slice_header_extra_bits` of HEVC's.
    extra: Vec<(u32, u8)>,
    /// One came that could not be read: then none is known to be missing.
    is_uncertain: bool,
}

impl PpsTable {
    fn add_avc(&mut self, nal: &[u8]) {
        let head = unescape(nal.get(1..).unwrap_or_default(), MAX_PPS_HEAD_BYTES);
        let id = BitReader::new(&head, "PPS").ue();
        self.add(id.ok());
    }

    fn add_hevc(&mut self, nal: &[u8]) {
        let read = || {
            let head = unescape(nal.get(2..).unwrap_or_default(), MAX_PPS_HEAD_BYTES);
            let mut r = BitReader::new(&head, "PPS");
            let id = r.ue()?;
            r.ue()?;
            r.skip(2)?;
            Ok::<_, MediaError>((id, r.byte(3)?))
        };
        let read = read().ok().filter(|(id, _)| *id < 64);
        if let Some((id, extra)) = read {
            self.extra.retain(|(known, _)| *known != id);
            self.extra.push((id, extra));
        }
        self.add(read.map(|(id, _)| id));
    }

    fn add(&mut self, id: Option<u32>) {
        let word = id.and_then(|id| Some((self.known.get_mut(id as usize / 64)?, id % 64)));
        match word {
            Some((word, bit)) => *word |= 1 << bit,
            None => self.is_uncertain = true,
        }
    }

    /// Whether it is known that the set of this number never came.
    fn lacks(&self, id: u32) -> bool {
        let any = self.known.iter().any(|word| *word != 0);
        let word = self.known.get(id as usize / 64).copied().unwrap_or(0);
        any && !self.is_uncertain && word >> (id % 64) & 1 == 0
    }

    fn extra_bits(&self, id: u32) -> Option<u8> {
        let found = self.extra.iter().find(|(known, _)| *known == id);
        found.map(|(_, extra)| *extra)
    }
}

/// How many pictures it takes to recover, where the SEI unit has such a message: H.264 §D.1.8, H.265
/// §D.2.8, whose count is signed.
fn recovery(nal: &[u8], header_bytes: usize, signed: bool) -> Option<u32> {
    let rbsp = unescape(nal.get(header_bytes..).unwrap_or_default(), MAX_SEI_BYTES);
    let mut rest = rbsp.as_slice();
    for _ in 0..MAX_SEI_MESSAGES {
        let (kind, after) = sei_number(rest)?;
        let (size, after) = sei_number(after)?;
        if kind == SEI_RECOVERY_POINT {
            let mut r = BitReader::new(after, "SEI");
            return match signed {
                // A picture before the keyframe in output order is as good as the keyframe.
                true => r.se().ok().map(|count| count.max(0).unsigned_abs()),
                false => r.ue().ok(),
            };
        }
        rest = after.get(size..)?;
    }
    None
}

/// `payloadType` or `payloadSize`: so many times 255, and the rest.
fn sei_number(data: &[u8]) -> Option<(usize, &[u8])> {
    let full = data.iter().take_while(|&&byte| byte == 0xFF).count();
    let last = data.get(full)?;
    Some((full * 255 + usize::from(*last), data.get(full + 1..)?))
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
