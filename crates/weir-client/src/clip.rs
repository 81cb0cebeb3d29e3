//! An FLV file, standard input or bytes as an endless or ending row of tags whose times go on.

use std::path::PathBuf;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use weir_media::flv::tag::{AudioTag, VideoTag, parse_audio, parse_video};
use weir_media::flv::{RawTag, Reader, TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO};
use weir_media::{FrameKind, VideoCodec};

use super::adapt::{PictureShape, is_disposable};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Where an FLV comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file; read anew for each round of a loop.
    File(PathBuf),
    /// Standard input; cannot loop.
    Stdin,
    /// A whole FLV file in memory.
    Memory(Bytes),
}

impl From<Bytes> for Input {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes)
    }
}

impl From<&'static [u8]> for Input {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Memory(Bytes::from_static(bytes))
    }
}

impl Input {
    async fn open(&self) -> anyhow::Result<Box<dyn AsyncRead + Send + Sync + Unpin>> {
        Ok(match self {
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await;
                Box::new(file.with_context(|| format!("cannot read {}", path.display()))?)
            }
            Self::Stdin => Box::new(tokio::io::stdin()),
            Self::Memory(bytes) => Box::new(std::io::Cursor::new(bytes.clone())),
        })
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Memory(_) => "the clip".to_owned(),
        }
    }
}

/// What a tag is to a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `onMetaData`.
    Metadata,
    /// The video decoder's set-up.
    VideoConfig,
    /// The audio decoder's set-up.
    AudioConfig,
    /// A picture to start with.
    Key,
    /// Any other picture.
    Picture,
    /// A picture that no other refers to.
    Disposable,
    /// A packet of audio.
    Sound,
}

/// One tag to send.
#[derive(Debug, Clone)]
pub struct ClipTag {
    /// Tag and message type.
    pub kind: u8,
    /// Milliseconds since the first frame's own time, over all rounds.
    pub time_ms: i64,
    /// When it is shown or heard, on the same clock.
    pub pts_ms: i64,
    /// In the shape of an FLV tag's or RTMP message's body, headers included.
    pub body: Bytes,
    /// What it is.
    pub role: Role,
    /// Of a further track in a message of several: nothing weir carries, but others may.
    pub is_extra: bool,
}

/// What a tag says of itself.
#[derive(Debug, Clone, Copy)]
struct Look {
    role: Role,
    cts_ms: i64,
    is_extra: bool,
}

/// The row of tags. Headers that come again unchanged are left out.
pub struct Clip {
    input: Input,
    loops: bool,
    source: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    reader: Reader,
    buffer: Vec<u8>,
    offset_ms: i64,
    video: TrackTimes,
    audio: TrackTimes,
    /// Metadata, video and audio headers as sent last.
    headers: [Option<Bytes>; 3],
    video_codec: Option<VideoCodec>,
    shape: PictureShape,
    /// The first track of pictures, where a file has several.
    video_track: Option<u8>,
}

/// Times of one track in this round.
#[derive(Debug, Default)]
struct TrackTimes {
    first_ms: Option<i64>,
    last_ms: i64,
    frames: i64,
}

impl TrackTimes {
    fn add(&mut self, ms: i64) {
        self.first_ms.get_or_insert(ms);
        self.last_ms = self.last_ms.max(ms);
        self.frames += 1;
    }

    /// From the first frame to where the frame after the last one would be.
    fn length_ms(&self) -> i64 {
        let span_ms = self.first_ms.map_or(0, |first| self.last_ms - first);
        let steps = (self.frames - 1).max(1);
        span_ms + (span_ms + steps / 2) / steps
    }
}

impl Clip {
    /// The tags of `input`; `loops` begins again at its end, for ever.
    pub fn new(input: Input, loops: bool) -> anyhow::Result<Self> {
        if loops && matches!(input, Input::Stdin) {
            bail!("standard input cannot be looped: write it into a file first");
        }
        Ok(Self {
            input,
            loops,
            source: None,
            reader: Reader::default(),
            buffer: vec![0; READ_BYTES],
            offset_ms: 0,
            video: TrackTimes::default(),
            audio: TrackTimes::default(),
            headers: [None, None, None],
            video_codec: None,
            shape: PictureShape::default(),
            video_track: None,
        })
    }

    /// The next tag; `None` at the end. May be dropped and asked again.
    ///
    /// # Errors
    /// What cannot be read, and what is no FLV.
    pub async fn next(&mut self) -> anyhow::Result<Option<ClipTag>> {
        loop {
            let tag = self.reader.next().with_context(|| not_flv(&self.input))?;
            if let Some(tag) = tag {
                match self.place(tag) {
                    Some(tag) => return Ok(Some(tag)),
                    None => continue,
                }
            }
            let source = match &mut self.source {
                Some(source) => source,
                None => self.source.insert(self.input.open().await?),
            };
            let read = source
                .read(&mut self.buffer)
                .await
                .with_context(|| self.input.name())?;
            if read > 0 {
                self.reader
                    .push(self.buffer.get(..read).unwrap_or_default());
            } else if !self.begin_again()? {
                return Ok(None);
            }
        }
    }

    /// Headers as sent so far: metadata, video, audio. For a new connection.
    pub const fn headers(&self) -> &[Option<Bytes>; 3] {
        &self.headers
    }

    /// The codec of the pictures, once known, and the width of its NAL lengths if it is H.264.
    pub fn video(&self) -> (Option<VideoCodec>, Option<usize>) {
        let is_avc = self.video_codec == Some(VideoCodec::H264);
        (self.video_codec, is_avc.then(|| self.shape.length_bytes()))
    }

    /// The end of a round: true if there is another one.
    fn begin_again(&mut self) -> anyhow::Result<bool> {
        if self.video.frames + self.audio.frames == 0 && self.offset_ms == 0 {
            bail!("{}: {}", self.input.name(), "there is not one frame in it");
        }
        if !self.loops {
            return Ok(false);
        }
        // One offset for both, so that they stay together.
        self.offset_ms += self.video.length_ms().max(self.audio.length_ms()).max(1);
        (self.video, self.audio) = Default::default();
        self.reader = Reader::default();
        self.source = None;
        Ok(true)
    }

    fn place(&mut self, tag: RawTag) -> Option<ClipTag> {
        let look = self.look(&tag)?;
        let header = match look.role {
            _ if look.is_extra => None,
            Role::Metadata => self.headers.get_mut(0),
            Role::VideoConfig => self.headers.get_mut(1),
            Role::AudioConfig => self.headers.get_mut(2),
            _ => None,
        };
        if let Some(known) = header {
            if known.as_ref() == Some(&tag.body) {
                return None;
            }
            *known = Some(tag.body.clone());
        }
        let ms = i64::from(tag.ts_ms);
        match look.role {
            Role::Key | Role::Picture | Role::Disposable => self.video.add(ms),
            Role::Sound => self.audio.add(ms),
            _ => {}
        }
        let time_ms = ms + self.offset_ms;
        Some(ClipTag {
            kind: tag.tag_type,
            time_ms,
            pts_ms: time_ms + look.cts_ms,
            body: tag.body,
            role: look.role,
            is_extra: look.is_extra,
        })
    }

    /// What a tag is; `None` for what is not sent on: unknown kinds, and ends that are none.
    fn look(&mut self, tag: &RawTag) -> Option<Look> {
        match tag.tag_type {
            TAG_SCRIPT => tag
                .body
                .starts_with(b"\x02\x00\x0aonMetaData")
                .then(|| plain(Role::Metadata)),
            TAG_VIDEO => self.look_at_video(&tag.body),
            TAG_AUDIO => match parse_audio(tag.body.clone()).ok()?.tag {
                AudioTag::Config { .. } => Some(plain(Role::AudioConfig)),
                AudioTag::Frame { .. } => Some(plain(Role::Sound)),
                AudioTag::EndOfSequence | AudioTag::Ignored(_) => None,
            },
            _ => None,
        }
    }

    fn look_at_video(&mut self, body: &Bytes) -> Option<Look> {
        let parsed = parse_video(body.clone()).ok()?;
        let is_extra = parsed.track_id != *self.video_track.get_or_insert(parsed.track_id);
        let (role, cts_us) = match parsed.tag {
            VideoTag::Config { codec, config } => {
                if !is_extra {
                    self.video_codec = Some(codec);
                    self.shape = PictureShape::of(codec, &config);
                }
                (Role::VideoConfig, 0)
            }
            VideoTag::Frame {
                codec,
                kind,
                cts_us,
                payload,
                ..
            } => {
                // Where a message has several tracks, all of them would have to say it.
                let alone = parsed.extra_tracks == 0 && !is_extra;
                let role = match kind {
                    FrameKind::Key => Role::Key,
                    _ if alone && is_disposable(codec, self.shape, kind, &payload) => {
                        Role::Disposable
                    }
                    _ => Role::Picture,
                };
                (role, cts_us)
            }
            VideoTag::EndOfSequence | VideoTag::Ignored(_) => return None,
        };
        let cts_ms = i64::from(cts_us) / 1000;
        Some(Look {
            role,
            cts_ms,
            is_extra,
        })
    }
}

/// A time as RTMP and FLV have it: the low 32 bits.
pub fn low_32(ms: i64) -> u32 {
    u32::try_from(ms.rem_euclid(1 << 32)).unwrap_or_default()
}

const fn plain(role: Role) -> Look {
    Look {
        role,
        cts_ms: 0,
        is_extra: false,
    }
}

fn not_flv(input: &Input) -> String {
    let from = match input {
        Input::File(path) => path.display().to_string(),
        _ => "INPUT".to_owned(),
    };
    format!(
        "{} is no FLV that can be read; anything else can be sent as: ffmpeg -re -i {from} -c copy -f flv - | weir publish - URL",
        input.name()
    )
}

#[cfg(test)]
mod tests {
    use weir_media::flv::write::{put_file_header, put_tag};

    use super::*;

    fn clip(loops: bool) -> Clip {
        let mut file = Vec::new();
        put_file_header(&mut file, true, true);
        put_tag(
            &mut file,
            TAG_SCRIPT,
            0,
            b"\x02\x00\x0aonMetaData",
            b"\x03\x00\x00\x09",
        );
        put_tag(&mut file, TAG_VIDEO, 0, &[0x1c, 0, 0, 0, 0], b"header");
        put_tag(&mut file, TAG_AUDIO, 0, &[0xaf, 0], &[0x12, 0x10]);
        for ms in [0u32, 40, 80] {
            put_tag(
                &mut file,
                TAG_VIDEO,
                ms,
                &[if ms == 0 { 0x1c } else { 0x2c }, 1, 0, 0, 0],
                b"picture",
            );
        }
        for ms in [10u32, 60] {
            put_tag(&mut file, TAG_AUDIO, ms, &[0xaf, 1], b"sound");
        }
        Clip::new(Bytes::from(file).into(), loops).unwrap()
    }

    async fn times(clip: &mut Clip, count: usize) -> Vec<(Role, i64)> {
        let mut times = Vec::new();
        while times.len() < count
            && let Some(tag) = clip.next().await.unwrap()
        {
            times.push((tag.role, tag.time_ms));
        }
        times
    }

    #[tokio::test]
    async fn the_next_round_goes_on_one_step_after_the_last_frame_without_headers() {
        let all = times(&mut clip(true), 13).await;
        let frames: Vec<_> = all
            .iter()
            .filter(|(role, _)| matches!(role, Role::Key | Role::Picture))
            .map(|at| at.1)
            .collect();
        assert_eq!(frames, [0, 40, 80, 120, 160, 200]);
        let sound: Vec<_> = all
            .iter()
            .filter(|(role, _)| *role == Role::Sound)
            .map(|at| at.1)
            .collect();
        assert_eq!(sound, [10, 60, 130, 180]);
        assert_eq!(
            all.iter()
                .filter(|(role, _)| matches!(role, Role::VideoConfig | Role::Metadata))
                .count(),
            2
        );
    }

    #[test]
    fn time_wraps_at_32_bits() {
        assert_eq!(low_32((1 << 32) + 5), 5);
    }

    #[tokio::test]
    async fn without_a_loop_the_file_ends() {
        assert_eq!(times(&mut clip(false), 99).await.len(), 8);
    }

    #[tokio::test]
    async fn what_is_no_flv_is_refused_with_the_way_to_convert_it() {
        let mut clip = Clip::new(Input::from(&b"\0\0\0\x20ftypisom"[..]), false).unwrap();
        let error = format!("{:#}", clip.next().await.unwrap_err());
        assert!(
            error.contains("ffmpeg") && error.contains("weir publish -"),
            "{error}"
        );
        assert!(Clip::new(Input::Stdin, true).is_err());
    }
}
