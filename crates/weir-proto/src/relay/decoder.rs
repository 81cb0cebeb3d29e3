//! Records in, cut anywhere.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use weir_media::{
    AudioCodec, AudioTrack, Frame, FrameKind, Item, LeftOut, LeftOutKind, Metadata, TrackKind,
    Tracks, VideoCodec, VideoTrack, amf,
};

use super::{
    Begin, HEAD_BYTES, Kind, MAX_DETAIL_BYTES, MAX_LEFT_OUT_BYTES, MAX_LOCATION_BYTES,
    MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_REMARKS, MAX_TIME_US, MAX_VIA, NO_PID, Record, RelayError,
    RelayLimits, Remarks, VERSION, is_codec_char,
};

/// Bytes an unfinished record is given room for at first.
const FIRST_ROOM_BYTES: usize = 4 * 1024;

/// Reads one peer's records. Memory grows with what arrives, not with what is announced.
///
/// A payload that came in one piece is a slice of what was pushed, and keeps that alive.
#[derive(Debug)]
pub struct RelayDecoder {
    limits: RelayLimits,
    input: VecDeque<Bytes>,
    /// A record cut in two, with its head.
    partial: Vec<u8>,
    /// Bytes of a record nobody here knows, still to come.
    skip_bytes: usize,
    has_begun: bool,
    is_over: bool,
    has_video: bool,
    has_audio: bool,
}

impl RelayDecoder {
    /// A decoder for a stream that has not begun.
    pub const fn new(limits: RelayLimits) -> Self {
        Self {
            limits,
            input: VecDeque::new(),
            partial: Vec::new(),
            skip_bytes: 0,
            has_begun: false,
            is_over: false,
            has_video: false,
            has_audio: false,
        }
    }

    /// Takes what came; [`RelayDecoder::poll`] it to the end before the next.
    pub fn push(&mut self, bytes: Bytes) {
        if !self.is_over && !bytes.is_empty() {
            self.input.push_back(bytes);
        }
    }

    /// The next record that is whole. Nothing comes after an end or an error.
    ///
    /// # Errors
    /// When the peer broke the form or a limit: the connection is over.
    pub fn poll(&mut self) -> Result<Option<Record>, RelayError> {
        let polled = self.next_known();
        if matches!(polled, Err(_) | Ok(Some(Record::End { .. }))) {
            self.is_over = true;
            self.input.clear();
            self.partial = Vec::new();
        }
        polled
    }

    /// Bytes of an unfinished record held now.
    pub const fn held_bytes(&self) -> usize {
        self.partial.capacity()
    }

    fn next_known(&mut self) -> Result<Option<Record>, RelayError> {
        while let Some((kind, body)) = self.next_body()? {
            let record = self.read(kind, body)?;
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    /// The next whole body of a known kind.
    fn next_body(&mut self) -> Result<Option<(Kind, Bytes)>, RelayError> {
        while let Some(front) = self.input.front_mut() {
            if self.skip_bytes > 0 {
                let skipped = self.skip_bytes.min(front.len());
                front.advance(skipped);
                self.skip_bytes -= skipped;
            } else if self.partial.is_empty()
                && let Some(head) = front.first_chunk()
            {
                let head = self.limits.admit(*head)?;
                match head.kind {
                    None => self.skip_bytes = HEAD_BYTES + head.size,
                    Some(kind) if front.len() - HEAD_BYTES >= head.size => {
                        front.advance(HEAD_BYTES);
                        let body = front.split_to(head.size);
                        self.drop_empty();
                        return Ok(Some((kind, body)));
                    }
                    Some(_) => self.gather(HEAD_BYTES + head.size),
                }
            } else if let Some(whole) = self.gather_record()? {
                self.drop_empty();
                return Ok(Some(whole));
            }
            self.drop_empty();
        }
        Ok(None)
    }

    /// Goes on with a record that is cut in two.
    fn gather_record(&mut self) -> Result<Option<(Kind, Bytes)>, RelayError> {
        if self.partial.len() < HEAD_BYTES {
            self.gather(HEAD_BYTES);
        }
        let Some(head) = self.partial.first_chunk() else {
            return Ok(None);
        };
        let head = self.limits.admit(*head)?;
        let Some(kind) = head.kind else {
            self.partial = Vec::new();
            self.skip_bytes = head.size;
            return Ok(None);
        };
        let whole_bytes = HEAD_BYTES + head.size;
        self.gather(whole_bytes);
        if self.partial.len() < whole_bytes {
            return Ok(None);
        }
        let mut body = Bytes::from(std::mem::take(&mut self.partial));
        body.advance(HEAD_BYTES);
        Ok(Some((kind, body)))
    }

    /// Takes from the front piece until `whole_bytes` are held. Room is never more than that, nor
    /// more than twice what came.
    fn gather(&mut self, whole_bytes: usize) {
        let Some(front) = self.input.front_mut() else {
            return;
        };
        let missing = whole_bytes.saturating_sub(self.partial.len());
        let taken = front.split_to(missing.min(front.len()));
        let needed = self.partial.len() + taken.len();
        if self.partial.capacity() < needed {
            let room = needed.max(self.partial.capacity().saturating_mul(2));
            let room = room.max(FIRST_ROOM_BYTES).min(whole_bytes);
            self.partial.reserve_exact(room - self.partial.len());
        }
        self.partial.extend_from_slice(&taken);
    }

    fn drop_empty(&mut self) {
        if self.input.front().is_some_and(Bytes::is_empty) {
            self.input.pop_front();
        }
    }

    fn read(&mut self, kind: Kind, payload: Bytes) -> Result<Option<Record>, RelayError> {
        let mut body = Body {
            record: kind.name(),
            rest: &payload,
        };
        if kind.is_item() != self.has_begun && (kind.is_item() || kind == Kind::Begin) {
            return Err(body.wrong("out of order: begin comes once, before all items"));
        }
        Ok(Some(match kind {
            Kind::Begin => {
                self.has_begun = true;
                Record::Begin(read_begin(&mut body)?)
            }
            Kind::Tracks => {
                let tracks = read_tracks(&mut body)?;
                self.has_video = tracks.video.is_some();
                self.has_audio = tracks.audio.is_some();
                Record::Item(Item::Tracks(Arc::new(tracks)))
            }
            Kind::Metadata => Record::Item(Item::Metadata(Arc::new(read_metadata(&body)?))),
            Kind::Frame => {
                let frame = read_frame(&mut body, &payload)?;
                let is_announced = match frame.track {
                    TrackKind::Video => self.has_video,
                    TrackKind::Audio => self.has_audio,
                };
                // No muxer could place it.
                if !is_announced {
                    return Ok(None);
                }
                Record::Item(Item::Frame(frame))
            }
            Kind::Discontinuity => Record::Item(Item::Discontinuity),
            Kind::Beat => Record::Beat {
                wall_us: body.time()?,
            },
            Kind::End => read_end(&mut body)?,
            Kind::Remarks => Record::Remarks(read_remarks(&mut body)?),
        }))
    }
}

impl Kind {
    const fn is_item(self) -> bool {
        !matches!(self, Self::Begin | Self::Beat | Self::End | Self::Remarks)
    }
}

/// What stands in front of a body; no kind for one that is not known here.
struct Head {
    kind: Option<Kind>,
    size: usize,
}

impl RelayLimits {
    fn admit(&self, head: [u8; HEAD_BYTES]) -> Result<Head, RelayError> {
        let [number, length @ ..] = head;
        let kind = Kind::from_number(number);
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let limit_bytes = match kind {
            Some(kind) if !kind.is_media() => self.max_words_bytes,
            _ => self.max_record_bytes,
        };
        if size > limit_bytes {
            return Err(RelayError::TooLarge {
                size_bytes: size,
                limit_bytes,
            });
        }
        Ok(Head { kind, size })
    }
}

/// Reads from the front of one body.
struct Body<'a> {
    record: &'static str,
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    const fn wrong(&self, why: &'static str) -> RelayError {
        RelayError::Invalid {
            record: self.record,
            why,
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RelayError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(self.wrong("it ends too early"));
        };
        self.rest = rest;
        Ok(*array)
    }

    fn u8(&mut self) -> Result<u8, RelayError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, RelayError> {
        self.array().map(u32::from_be_bytes)
    }

    fn time(&mut self) -> Result<i64, RelayError> {
        let time_us = self.array().map(i64::from_be_bytes)?;
        if time_us.unsigned_abs() > MAX_TIME_US.unsigned_abs() {
            return Err(self.wrong("a time out of range"));
        }
        Ok(time_us)
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], RelayError> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            return Err(self.wrong("it ends too early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn text(
        &mut self,
        bytes: usize,
        max_bytes: usize,
        allowed: impl Fn(char) -> bool,
    ) -> Result<String, RelayError> {
        if bytes > max_bytes {
            return Err(self.wrong("a text over its limit"));
        }
        let Ok(text) = std::str::from_utf8(self.take(bytes)?) else {
            return Err(self.wrong("a text that is not UTF-8"));
        };
        if !text.chars().all(allowed) {
            return Err(self.wrong("a character that has no place in its text"));
        }
        Ok(text.to_owned())
    }

    fn text8(&mut self, allowed: impl Fn(char) -> bool) -> Result<String, RelayError> {
        let bytes = self.u8()?.into();
        self.text(bytes, MAX_NAME_BYTES, allowed)
    }

    fn text16(&mut self, max_bytes: usize) -> Result<String, RelayError> {
        let bytes = self.array().map(u16::from_be_bytes)?.into();
        self.text(bytes, max_bytes, |c| !c.is_control())
    }

    /// How many remarks follow.
    fn remark_count(&mut self) -> Result<u8, RelayError> {
        let count = self.u8()?;
        if usize::from(count) > MAX_REMARKS {
            return Err(self.wrong("more remarks than anybody has"));
        }
        Ok(count)
    }

    /// The RFC 6381 string and the decoder's configuration. Both live as long as the stream: copied,
    /// so that they keep no read buffer alive.
    fn codec(&mut self) -> Result<(String, Bytes), RelayError> {
        let rfc6381 = self.text8(is_codec_char)?;
        let bytes = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        Ok((rfc6381, Bytes::copy_from_slice(self.take(bytes)?)))
    }
}

fn read_begin(body: &mut Body<'_>) -> Result<Begin, RelayError> {
    let version = body.u8()?;
    if version != VERSION {
        return Err(RelayError::Version(version));
    }
    let timeline = body.array().map(u64::from_be_bytes)?;
    let wall_at_zero_us = body.time()?;
    let epoch = body.array().map(u64::from_be_bytes)?;
    let count = usize::from(body.u8()?);
    if count > MAX_VIA {
        return Err(body.wrong("it came through too many nodes"));
    }
    let mut via = Vec::with_capacity(count);
    for _ in 0..count {
        via.push(body.text8(|c| c.is_ascii_graphic())?);
    }
    Ok(Begin {
        version,
        timeline,
        wall_at_zero_us,
        epoch,
        via,
    })
}

fn read_tracks(body: &mut Body<'_>) -> Result<Tracks, RelayError> {
    let video = read_video(body)?;
    let audio = read_audio(body)?;
    Ok(Tracks { video, audio })
}

fn read_video(body: &mut Body<'_>) -> Result<Option<VideoTrack>, RelayError> {
    let codec = match body.u8()? {
        0 => return Ok(None),
        1 => VideoCodec::H264,
        2 => VideoCodec::Hevc,
        3 => VideoCodec::Av1,
        4 => VideoCodec::Vp9,
        _ => return Err(body.wrong("a video codec that is not known here")),
    };
    let (width, height) = (body.u32()?, body.u32()?);
    let (rfc6381, config) = body.codec()?;
    Ok(Some(VideoTrack {
        codec,
        config,
        width,
        height,
        rfc6381,
    }))
}

fn read_audio(body: &mut Body<'_>) -> Result<Option<AudioTrack>, RelayError> {
    let codec = match body.u8()? {
        0 => return Ok(None),
        1 => AudioCodec::Aac,
        2 => AudioCodec::Opus,
        3 => AudioCodec::Mp3,
        4 => AudioCodec::Ac3,
        5 => AudioCodec::Eac3,
        6 => AudioCodec::Flac,
        _ => return Err(body.wrong("an audio codec that is not known here")),
    };
    let (sample_rate, channels) = (body.u32()?, body.u8()?);
    let (rfc6381, config) = body.codec()?;
    Ok(Some(AudioTrack {
        codec,
        config,
        sample_rate,
        channels,
        rfc6381,
    }))
}

fn read_metadata(body: &Body<'_>) -> Result<Metadata, RelayError> {
    if amf::check_one(body.rest).ok() != Some(body.rest.len()) {
        return Err(body.wrong("not one AMF0 value"));
    }
    let amf0 = Bytes::copy_from_slice(body.rest);
    Ok(Metadata { amf0 })
}

fn read_frame(body: &mut Body<'_>, whole: &Bytes) -> Result<Frame, RelayError> {
    let track = match body.u8()? {
        0 => TrackKind::Video,
        1 => TrackKind::Audio,
        _ => return Err(body.wrong("a track that is neither video nor audio")),
    };
    let kind = match body.u8()? {
        0 => FrameKind::Key,
        1 => FrameKind::Inter,
        2 => FrameKind::Disposable,
        _ => return Err(body.wrong("a dependency that is not known here")),
    };
    let dts_us = body.time()?;
    let cts_us = body.array().map(i32::from_be_bytes)?;
    Ok(Frame {
        track,
        dts_us,
        cts_us,
        kind,
        payload: whole.slice_ref(body.rest),
    })
}

fn read_end(body: &mut Body<'_>) -> Result<Record, RelayError> {
    let code = body.array().map(u16::from_be_bytes)?;
    let detail = body.text16(MAX_DETAIL_BYTES)?;
    let location = body.text16(MAX_LOCATION_BYTES)?;
    Ok(Record::End {
        code,
        detail,
        location: Some(location).filter(|location| !location.is_empty()),
    })
}

fn read_remarks(body: &mut Body<'_>) -> Result<Remarks, RelayError> {
    let mut remarks = Remarks::default();
    for _ in 0..body.remark_count()? {
        remarks.notes.push(body.text16(MAX_NOTE_BYTES)?);
    }
    for _ in 0..body.remark_count()? {
        let kind = match body.u8()? {
            0 => LeftOutKind::Video,
            1 => LeftOutKind::Audio,
            2 => LeftOutKind::Subtitles,
            3 => LeftOutKind::Data,
            _ => return Err(body.wrong("a kind of what is left out that is not known here")),
        };
        let pid = body.array().map(u16::from_be_bytes)?;
        let what = body.text16(MAX_LEFT_OUT_BYTES)?;
        remarks.left_out.push(LeftOut {
            kind,
            what: what.into(),
            pid: Some(pid).filter(|pid| *pid != NO_PID),
        });
    }
    Ok(remarks)
}
