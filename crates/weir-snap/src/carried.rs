//! What nodes send each other of pictures: a keyframe to be decoded, what was made of it, a picture to be kept. A head
//! of JSON in front of the bytes, because nodes of two releases must read each other: a field that is not known is
//! passed over.
//!
//! ```text
//! length u32, big-endian; the head, JSON; then bytes as the head says
//! ```
//! Which picture an answer is goes by the id that its keyframe was sent with, and by nothing else.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weir_base::StreamName;
use weir_media::VideoTrack;

use crate::canvas::Canvas;
use crate::decoder::codec_of;
use crate::shot::{Caption, Picture, Reason, Shot, Spoilt};
use crate::smjpeg::{MAX_PICTURE_BYTES, size_of};

/// Where a node has a keyframe decoded.
pub const DEVELOP_PATH: &str = "/api/v1/nodes/shots";
/// Where a node has a picture kept.
pub const KEEP_PATH: &str = "/api/v1/nodes/snapshots";
/// Where a node is asked for a picture of a stream of its own.
pub const TAKE_PATH: &str = "/api/v1/nodes/snapshots/take";

/// Bytes of a keyframe that is sent: one of 4K has some 2 MiB at most.
const MAX_KEYFRAME_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a decoder's configuration: parameter sets have some hundred.
const MAX_CONFIG_BYTES: usize = 64 * 1024;
/// Bytes of a head.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Bytes of a keyframe with what stands in front of it.
pub const MAX_SHOT_BYTES: usize = 4 + MAX_HEAD_BYTES + MAX_CONFIG_BYTES + MAX_KEYFRAME_BYTES;
/// Bytes of a picture with what stands in front of it.
pub const MAX_CARRIED_BYTES: usize = 4 + MAX_HEAD_BYTES + MAX_PICTURE_BYTES;
/// Letters of the words about a keyframe that has no picture.
const MAX_WORDS_CHARS: usize = 200;
/// Letters of an id at most.
const MAX_ID_BYTES: usize = 64;

/// What came is not what nodes send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It ends too soon, or is longer than any.
    #[error("{0} has a wrong length")]
    Length(&'static str),
    /// It is said in a way that nobody knows.
    #[error("{0} cannot be that")]
    Senseless(&'static str),
    /// It is the answer to another keyframe.
    #[error("it is the answer to another keyframe")]
    Anothers,
}

#[derive(Debug, Serialize, Deserialize)]
struct CaptionHead {
    vhost: String,
    app: String,
    stream: String,
    reason: String,
    taken_ms: i64,
    #[serde(default)]
    is_told: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShotHead {
    id: String,
    #[serde(flatten)]
    caption: CaptionHead,
    codec: String,
    config_bytes: usize,
    width: u32,
    height: u32,
    rfc6381: String,
}

/// One of these is said.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OutcomeHead {
    /// The picture stands behind it, on this canvas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canvas: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undecodable: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    away: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AnswerHead {
    id: String,
    #[serde(flatten)]
    outcome: OutcomeHead,
}

#[derive(Debug, Serialize, Deserialize)]
struct PictureHead {
    #[serde(flatten)]
    caption: CaptionHead,
    #[serde(flatten)]
    outcome: OutcomeHead,
}

/// A keyframe under the id that its answer has to have; none where it is larger than any that is sent.
pub fn put_shot(id: &str, shot: &Shot) -> Option<Bytes> {
    let track = &shot.track;
    if shot.payload.len() > MAX_KEYFRAME_BYTES || track.config.len() > MAX_CONFIG_BYTES {
        return None;
    }
    let head = ShotHead {
        id: id.to_owned(),
        caption: CaptionHead::of(&shot.caption()),
        codec: track.codec.name().to_owned(),
        config_bytes: track.config.len(),
        width: track.width,
        height: track.height,
        rfc6381: track.rfc6381.clone(),
    };
    pack(&head, &[&track.config, &shot.payload])
}

/// A keyframe, and its id.
///
/// # Errors
/// For what is none.
pub fn read_shot(bytes: Bytes) -> Result<(String, Shot), Unread> {
    let (head, mut rest) = unpack::<ShotHead>(bytes)?;
    if head.id.is_empty() || head.id.len() > MAX_ID_BYTES {
        return Err(Unread::Senseless("the id"));
    }
    let codec = codec_of(&head.codec).ok_or(Unread::Senseless("the codec"))?;
    if head.config_bytes > MAX_CONFIG_BYTES || head.config_bytes > rest.len() {
        return Err(Unread::Length("the decoder's configuration"));
    }
    let config = rest.split_to(head.config_bytes);
    if rest.is_empty() || rest.len() > MAX_KEYFRAME_BYTES {
        return Err(Unread::Length("the keyframe"));
    }
    let Caption {
        name,
        reason,
        taken_ms,
        is_told,
    } = head.caption.read()?;
    let track = VideoTrack {
        codec,
        config,
        width: head.width,
        height: head.height,
        rfc6381: head.rfc6381,
    };
    let shot = Shot {
        name,
        reason,
        track,
        payload: rest,
        taken_ms,
        is_told,
    };
    Ok((head.id, shot))
}

/// What was made of the keyframe with this id.
pub fn put_answer(id: &str, developed: Result<&Picture, &Spoilt>) -> Option<Bytes> {
    let (id, outcome) = (id.to_owned(), OutcomeHead::of(developed));
    pack(&AnswerHead { id, outcome }, &jpeg_of(developed))
}

/// The picture of the keyframe that was sent with this id, or why there is none.
///
/// # Errors
/// For what is no answer, or another's.
pub fn read_answer(bytes: Bytes, id: &str) -> Result<Result<Picture, Spoilt>, Unread> {
    let (head, rest) = unpack::<AnswerHead>(bytes)?;
    if head.id != id {
        return Err(Unread::Anothers);
    }
    head.outcome.read(rest)
}

/// A picture to be kept, or why there is none.
pub fn put_picture(caption: &Caption, picture: Result<&Picture, &str>) -> Option<Bytes> {
    let spoilt = picture.map_err(|why| Spoilt::Undecodable(why.to_owned()));
    let picture = spoilt.as_ref().copied();
    let (caption, outcome) = (CaptionHead::of(caption), OutcomeHead::of(picture));
    pack(&PictureHead { caption, outcome }, &jpeg_of(picture))
}

/// A picture that is to be kept, or why there is none.
///
/// # Errors
/// For what is none.
pub fn read_picture(bytes: Bytes) -> Result<(Caption, Result<Picture, String>), Unread> {
    let (head, rest) = unpack::<PictureHead>(bytes)?;
    let caption = head.caption.read()?;
    let picture = match head.outcome.read(rest)? {
        Ok(picture) => Ok(picture),
        Err(Spoilt::Undecodable(why)) => Err(why),
        Err(Spoilt::Away(_)) => return Err(Unread::Senseless("the picture")),
    };
    Ok((caption, picture))
}

impl CaptionHead {
    fn of(caption: &Caption) -> Self {
        Self {
            vhost: caption.name.vhost().to_owned(),
            app: caption.name.app().to_owned(),
            stream: caption.name.stream().to_owned(),
            reason: caption.reason.name().to_owned(),
            taken_ms: caption.taken_ms,
            is_told: caption.is_told,
        }
    }

    fn read(self) -> Result<Caption, Unread> {
        let name = StreamName::new(&self.vhost, &self.app, &self.stream);
        Ok(Caption {
            name: name.map_err(|_| Unread::Senseless("the stream's name"))?,
            reason: Reason::from_name(&self.reason).ok_or(Unread::Senseless("the reason"))?,
            taken_ms: self.taken_ms,
            is_told: self.is_told,
        })
    }
}

impl OutcomeHead {
    fn of(developed: Result<&Picture, &Spoilt>) -> Self {
        let mut outcome = Self::default();
        match developed {
            Ok(picture) => outcome.canvas = Some(picture.canvas.name().to_owned()),
            Err(Spoilt::Undecodable(why)) => outcome.undecodable = Some(short(why)),
            Err(Spoilt::Away(why)) => outcome.away = Some(short(why)),
        }
        outcome
    }

    fn read(self, jpeg: Bytes) -> Result<Result<Picture, Spoilt>, Unread> {
        match (self.canvas, self.undecodable, self.away) {
            (Some(canvas), None, None) => {
                let canvas = Canvas::from_name(&canvas).ok_or(Unread::Senseless("the canvas"))?;
                let is_so = jpeg.len() <= MAX_PICTURE_BYTES
                    && size_of(&jpeg) == Some((canvas.width(), canvas.height()));
                match is_so {
                    true => Ok(Ok(Picture { jpeg, canvas })),
                    false => Err(Unread::Senseless("the picture")),
                }
            }
            (None, Some(why), None) => Ok(Err(Spoilt::Undecodable(short(&why)))),
            (None, None, Some(why)) => Ok(Err(Spoilt::Away(short(&why)))),
            _ => Err(Unread::Senseless("the outcome")),
        }
    }
}

/// What stands behind the head.
fn jpeg_of<'a>(developed: Result<&'a Picture, &Spoilt>) -> Vec<&'a Bytes> {
    developed.iter().map(|picture| &picture.jpeg).collect()
}

fn short(words: &str) -> String {
    words.chars().take(MAX_WORDS_CHARS).collect()
}

fn pack(head: &impl Serialize, rest: &[&Bytes]) -> Option<Bytes> {
    let head = serde_json::to_vec(head).ok()?;
    let length = u32::try_from(head.len()).ok()?;
    if head.len() > MAX_HEAD_BYTES {
        return None;
    }
    let bytes = rest.iter().map(|piece| piece.len()).sum::<usize>();
    let mut all = BytesMut::with_capacity(4 + head.len() + bytes);
    all.put_u32(length);
    all.put_slice(&head);
    rest.iter().for_each(|piece| all.put_slice(piece));
    Some(all.freeze())
}

fn unpack<T: DeserializeOwned>(mut bytes: Bytes) -> Result<(T, Bytes), Unread> {
    let length = bytes
        .try_get_u32()
        .map_err(|_| Unread::Length("the head"))?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_HEAD_BYTES || length > bytes.len() {
        return Err(Unread::Length("the head"));
    }
    let head = bytes.split_to(length);
    let head = serde_json::from_slice(&head).map_err(|_| Unread::Senseless("the head"))?;
    Ok((head, bytes))
}

#[cfg(test)]
mod tests {
    use weir_media::VideoCodec;

    use super::*;

    fn shot() -> Shot {
        Shot {
            name: StreamName::new("", "live", "a").unwrap(),
            reason: Reason::First,
            track: VideoTrack {
                codec: VideoCodec::H264,
                config: Bytes::from_static(b"config"),
                width: 640,
                height: 360,
                rfc6381: "avc1.64001f".to_owned(),
            },
            payload: Bytes::from_static(b"a keyframe"),
            taken_ms: 7,
            is_told: true,
        }
    }

    /// No picture, and of the right size.
    fn jpeg(canvas: Canvas) -> Bytes {
        let mut all = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 8, 8];
        all.extend(u16::try_from(canvas.height()).unwrap().to_be_bytes());
        all.extend(u16::try_from(canvas.width()).unwrap().to_be_bytes());
        all.extend([1, 0xFF, 0xD9]);
        all.into()
    }

    #[test]
    fn a_keyframe_comes_as_it_was_sent() {
        let sent = put_shot("id", &shot()).unwrap();
        let (id, came) = read_shot(sent).unwrap();
        assert_eq!(id, "id");
        assert_eq!(format!("{came:?}"), format!("{:?}", shot()));
        let large = Shot {
            payload: vec![0; MAX_KEYFRAME_BYTES + 1].into(),
            ..shot()
        };
        assert_eq!(put_shot("id", &large), None);
    }

    #[test]
    fn an_answer_is_that_of_the_keyframe_with_its_id_alone() {
        let picture = Picture {
            jpeg: jpeg(Canvas::Tall),
            canvas: Canvas::Tall,
        };
        let sent = put_answer("id", Ok(&picture)).unwrap();
        assert_eq!(read_answer(sent.clone(), "id"), Ok(Ok(picture.clone())));
        assert_eq!(read_answer(sent, "another"), Err(Unread::Anothers));
        let wrong = Picture {
            canvas: Canvas::Wide,
            ..picture
        };
        let sent = put_answer("id", Ok(&wrong)).unwrap();
        let odd = Err(Unread::Senseless("the picture"));
        assert_eq!(read_answer(sent, "id"), odd, "of another size than it says");
        for spoilt in [
            Spoilt::Undecodable("why".into()),
            Spoilt::Away("why".into()),
        ] {
            let sent = put_answer("id", Err(&spoilt)).unwrap();
            assert_eq!(read_answer(sent, "id"), Ok(Err(spoilt)));
        }
    }

    #[test]
    fn a_picture_is_kept_under_the_caption_that_it_came_with() {
        let (caption, picture) = (
            shot().caption(),
            Picture {
                jpeg: jpeg(Canvas::Wide),
                canvas: Canvas::Wide,
            },
        );
        let sent = put_picture(&caption, Ok(&picture)).unwrap();
        assert_eq!(read_picture(sent), Ok((caption.clone(), Ok(picture))));
        let sent = put_picture(&caption, Err("broken")).unwrap();
        assert_eq!(read_picture(sent), Ok((caption, Err("broken".to_owned()))));
    }
}
