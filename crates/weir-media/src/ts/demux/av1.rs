//! AV1 of PES payloads ("Carriage of AV1 in MPEG-2 TS" by AOM): each PES is one access unit, whose OBUs stand
//! behind start codes and are escaped like NAL units. Frames that are not shown wait for the one that is.

use bytes::{Bytes, BytesMut};

use super::TsFrame;
use super::elementary::Unit;
use crate::bits::unescape;
use crate::codec::picture::PictureJudge;
use crate::codec::{self, av1};
use crate::{FrameKind, MediaError, Result, TrackKind, VideoCodec, VideoTrack};

const START_CODE: &[u8] = &[0, 0, 1];
/// OBUs of one access unit that are looked at: as many as there are tiles in one.
const MAX_OBUS: usize = 4200;
/// Bytes of frames that wait for one that is shown.
const MAX_HIDDEN_BYTES: usize = 8 << 20;

/// One track of pictures.
#[derive(Debug, Default)]
pub(super) struct Av1Pictures {
    track: Option<VideoTrack>,
    judge: PictureJudge,
    /// Frames of the temporal unit at hand, none of which is shown.
    hidden: BytesMut,
    last_90k: Option<i64>,
}

impl Av1Pictures {
    pub(super) const fn track(&self) -> Option<&VideoTrack> {
        self.track.as_ref()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.hidden.len()
    }

    /// Takes one access unit.
    pub(super) fn push(&mut self, unit: &Unit, out: &mut Vec<TsFrame>) -> Result<()> {
        let mut temporal_unit = std::mem::take(&mut self.hidden);
        for obu in units(&unit.payload) {
            av1::put_unit(&mut temporal_unit, &obu);
        }
        if temporal_unit.is_empty() {
            return Err(MediaError::invalid("video PES", "there is no OBU in it"));
        }
        if !av1::is_shown(&temporal_unit) {
            if temporal_unit.len() <= MAX_HIDDEN_BYTES {
                self.hidden = temporal_unit;
            }
            return Ok(());
        }
        let payload = temporal_unit.freeze();
        self.learn(&payload)?;
        let claimed = match unit.is_marked {
            true => FrameKind::Key,
            false => FrameKind::Inter,
        };
        let Some(kind) = self.judge.judge(VideoCodec::Av1, claimed, &payload)? else {
            return Ok(());
        };
        if self.track.is_none() {
            return Err(match kind {
                FrameKind::Key => MediaError::NoParameterSets,
                _ => MediaError::NoKeyframe,
            });
        }
        // Temporal units come in the order in which they are shown.
        let times = unit.times.map(|(pts, _)| pts);
        let pts = times.or(self.last_90k).unwrap_or(0);
        self.last_90k = Some(pts);
        out.push(TsFrame {
            track: TrackKind::Video,
            dts_90k: pts,
            cts_90k: 0,
            kind,
            payload,
        });
        Ok(())
    }

    /// The track as the sequence header says it is, where there is one.
    fn learn(&mut self, payload: &[u8]) -> Result<()> {
        let Some(config) = av1::config_from_payload(payload) else {
            return Ok(());
        };
        let known = self.track.as_ref().map(|track| &track.config);
        if known != Some(&config) {
            let track = codec::video_track(VideoCodec::Av1, config)?;
            self.judge.record(VideoCodec::Av1, &track.config);
            self.track = Some(track);
        }
        Ok(())
    }
}

/// The OBUs of an access unit, without start codes and escapes. Some senders write them one after the other, as
/// files have them.
fn units(payload: &Bytes) -> Vec<Bytes> {
    if !payload.starts_with(START_CODE) {
        let obus = av1::Obus::new(payload).take(MAX_OBUS);
        return obus.map(|obu| payload.slice_ref(obu.whole)).collect();
    }
    let mut units = Vec::new();
    let mut rest = payload.get(START_CODE.len()..).unwrap_or_default();
    while units.len() < MAX_OBUS {
        // The first byte of zero of several belongs to the unit before: its end is no padding.
        let next = rest
            .windows(START_CODE.len())
            .position(|at| at == START_CODE);
        let unit = rest.get(..next.unwrap_or(rest.len())).unwrap_or_default();
        units.push(unescape(unit, unit.len()).into());
        match next.and_then(|next| rest.get(next + START_CODE.len()..)) {
            Some(after) => rest = after,
            None => break,
        }
    }
    units
}
