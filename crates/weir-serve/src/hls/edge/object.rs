//! What of a stream's HLS can be asked of another node, and what the answers are.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use weir_base::urls::{HLS_AUDIO, HLS_FMP4, HLS_TS, HLS_VIDEO, StreamPath};
use weir_base::{Code, Refusal, StreamName};
use weir_media::hls::{Container, Name, Resource, Selection};

use super::super::cache::Weigh;
use super::super::text::Shape;
use crate::node::fetch::Fetched;
use crate::packaging::Page;
use crate::request::time_shift::TimeShift;

/// Microseconds a multivariant playlist is kept: its bandwidths change slowly.
const MULTIVARIANT_US: i64 = 1_000_000;
/// Playlists without parts are kept for this share of a target duration: players ask about once in one.
const SHARE_OF_TARGET: i64 = 6;
/// Microseconds a list of the past is kept: it grows by a segment in about two seconds.
const PAST_US: i64 = 500_000;
/// Bounds of how long a playlist of this very moment is kept, microseconds.
const PLAYLIST_US: std::ops::RangeInclusive<i64> = 50_000..=1_000_000;
/// The answer to one position is asked for by players that are a little behind each other; in target
/// durations, as its Cache-Control says.
const POSITION_TARGETS: i64 = 6;
/// Microseconds a piece is kept at least: a player that was stopped for a moment asks for it.
const PIECE_US: i64 = 60_000_000;
/// Microseconds a key is kept when its playlist is not known.
const KEY_US: i64 = 10_000_000;

/// One object of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hls) struct ObjectKey {
    pub(in crate::hls) stream: StreamName,
    pub(in crate::hls) what: What,
}

/// What it is. Two that have the same answer are equal, however they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hls) enum What {
    /// The multivariant playlist.
    Multivariant {
        video: bool,
        audio: bool,
        split: bool,
    },
    /// A media playlist: as it is now, or from a position on (RFC 8216bis §6.2.5).
    Playlist {
        container: Container,
        selection: Selection,
        position: Option<(u64, Option<u32>)>,
        skip: bool,
    },
    /// A list of the past.
    Past {
        /// The playlist that names it, and not the list itself.
        is_multivariant: bool,
        /// What of the past.
        shift: TimeShift,
    },
    /// An init segment, segment, part or key.
    Piece(Name),
}

/// Something that was fetched.
#[derive(Debug)]
pub(in crate::hls) enum Object {
    Playlist {
        page: Page,
        /// Its Cache-Control.
        caching: HeaderValue,
        shape: Option<Shape>,
    },
    Piece(Bytes),
}

impl Weigh for std::sync::Arc<Object> {
    fn bytes(&self) -> usize {
        match &**self {
            // It may be compressed once, to less than itself.
            Object::Playlist { page, .. } => page.plain.len().saturating_mul(2),
            Object::Piece(bytes) => bytes.len(),
        }
    }
}

impl What {
    /// What stands behind the stream's name in the path.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Multivariant { .. }
            | Self::Past {
                is_multivariant: true,
                ..
            } => StreamPath::HLS.ending.to_owned(),
            Self::Past { .. } => format!("/{HLS_FMP4}"),
            Self::Playlist {
                container,
                selection,
                ..
            } => {
                let file = match (container, selection) {
                    (Container::Ts, _) => HLS_TS,
                    (_, Selection::Both) => HLS_FMP4,
                    (_, Selection::VideoOnly) => HLS_VIDEO,
                    (_, Selection::AudioOnly) => HLS_AUDIO,
                };
                format!("/{file}")
            }
            Self::Piece(name) => format!("/{name}"),
        }
    }

    /// The query.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        match self {
            Self::Multivariant {
                video,
                audio,
                split,
            } => {
                let asked = [
                    ("video", !*video, "0"),
                    ("audio", !*audio, "0"),
                    ("split", *split, "1"),
                ];
                let asked = asked.into_iter().filter(|(_, is_asked, _)| *is_asked);
                pairs.extend(asked.map(|(name, _, value)| (name, value.to_owned())));
            }
            Self::Playlist { position, skip, .. } => {
                if let Some((msn, part)) = position {
                    pairs.push(("_HLS_msn", msn.to_string()));
                    pairs.extend(part.map(|part| ("_HLS_part", part.to_string())));
                }
                if *skip {
                    pairs.push(("_HLS_skip", "YES".to_owned()));
                }
            }
            Self::Past { shift, .. } => pairs = shift.pairs(),
            Self::Piece(_) => {}
        }
        pairs
    }

    /// Whether who has it may hold the request until there is something: playlists, and parts that
    /// are asked for before they are there (§6.2.6).
    pub(super) const fn is_held(&self) -> bool {
        match self {
            Self::Multivariant { .. } | Self::Playlist { .. } => true,
            Self::Past { .. } => false,
            Self::Piece(name) => matches!(name.resource, Resource::Part { .. }),
        }
    }

    /// Whether it tells what else there is.
    pub(super) const fn is_playlist(&self) -> bool {
        !matches!(self, Self::Piece(_))
    }

    /// The rendition it belongs to.
    pub(super) const fn rendition(&self) -> Option<(Container, Selection)> {
        match self {
            Self::Multivariant { .. } | Self::Past { .. } => None,
            Self::Playlist {
                container,
                selection,
                ..
            } => Some((*container, *selection)),
            Self::Piece(name) => Some((container_of(name), name.selection)),
        }
    }

    /// Reads what another node answered.
    pub(super) fn read(&self, fetched: Fetched) -> Result<Object, Refusal> {
        if let Self::Piece(_) = self {
            return Ok(Object::Piece(fetched.body));
        }
        let text = std::str::from_utf8(&fetched.body).ok();
        let text = text.filter(|text| text.starts_with("#EXTM3U"));
        let text = text.ok_or_else(|| {
            let words = format!("{} sent a playlist that is none", fetched.base);
            Refusal::new(Code::OriginUnreachable, words)
        })?;
        let shape = matches!(self, Self::Playlist { .. }).then(|| Shape::read(text));
        Ok(Object::Playlist {
            shape: shape.flatten(),
            page: Page::new(text.to_owned()),
            caching: caching_of(&fetched.headers),
        })
    }

    /// How long it may be kept, microseconds; `shape` is what the last playlist of its rendition said.
    pub(super) fn keep_us(&self, shape: Option<&Shape>) -> i64 {
        match self {
            Self::Multivariant { .. } => MULTIVARIANT_US,
            Self::Past { .. } => PAST_US,
            Self::Playlist { position, .. } => {
                let target_us = shape.map_or(0, |shape| shape.target_us);
                let now_us = shape.and_then(|shape| shape.part_us);
                match position {
                    Some(_) => target_us.saturating_mul(POSITION_TARGETS),
                    None => now_us
                        .unwrap_or(target_us / SHARE_OF_TARGET)
                        .clamp(*PLAYLIST_US.start(), *PLAYLIST_US.end()),
                }
            }
            Self::Piece(name) => {
                let window_us = shape.map(|shape| shape.window_us);
                match name.resource {
                    Resource::Key { .. } => window_us.unwrap_or(KEY_US),
                    _ => window_us.unwrap_or(0).saturating_mul(2).max(PIECE_US),
                }
            }
        }
    }
}

/// What a name's segments are made of; keys are of MPEG-TS alone.
pub(in crate::hls) const fn container_of(name: &Name) -> Container {
    match name.resource {
        Resource::TsSegment { .. } | Resource::Key { .. } => Container::Ts,
        Resource::Init { .. }
        | Resource::Segment { .. }
        | Resource::Segments { .. }
        | Resource::Part { .. } => Container::Fmp4,
    }
}

fn caching_of(headers: &HeaderMap) -> HeaderValue {
    let caching = headers.get(header::CACHE_CONTROL).cloned();
    caching.unwrap_or(HeaderValue::from_static("no-cache"))
}

#[cfg(test)]
mod tests {
    use weir_media::hls::parse_name;

    use super::*;

    fn playlist(position: Option<(u64, Option<u32>)>, skip: bool) -> What {
        What::Playlist {
            container: Container::Fmp4,
            selection: Selection::VideoOnly,
            position,
            skip,
        }
    }

    fn fetched(body: &'static [u8]) -> Fetched {
        Fetched {
            base: "http://o1:8080".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn an_object_is_asked_for_as_players_do() {
        let asked = |what: What| {
            let pairs = what.pairs().into_iter();
            let pairs: Vec<_> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{}?{}", what.suffix(), pairs.join("&"))
        };
        assert_eq!(asked(playlist(None, false)), "/video.m3u8?");
        assert_eq!(
            asked(playlist(Some((7, Some(2))), true)),
            "/video.m3u8?_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"
        );
        let name = parse_name("part-e1-4-2.m4s").unwrap();
        assert_eq!(asked(What::Piece(name)), "/part-e1-4-2.m4s?");
        let multivariant = |video, audio, split| What::Multivariant {
            video,
            audio,
            split,
        };
        assert_eq!(asked(multivariant(true, true, false)), ".m3u8?");
        assert_eq!(
            asked(multivariant(true, false, true)),
            ".m3u8?audio=0&split=1"
        );
    }

    #[test]
    fn each_thing_is_kept_as_long_as_it_is_of_use() {
        let shape = Shape {
            epoch: "e1".into(),
            target_us: 2_000_000,
            part_us: Some(200_000),
            window_us: 20_000_000,
        };
        let plain = Shape {
            part_us: None,
            ..shape.clone()
        };
        let kept = |what: &What, shape| what.keep_us(shape) / 1000;
        let (now, later) = (playlist(None, false), playlist(Some((7, None)), false));
        assert_eq!(kept(&now, Some(&shape)), 200);
        assert_eq!(kept(&now, Some(&plain)), 333);
        assert_eq!(kept(&now, None), 50);
        assert_eq!(kept(&later, Some(&shape)), 12_000);
        assert_eq!(kept(&later, None), 0);
        let piece = |name| What::Piece(parse_name(name).unwrap());
        assert_eq!(kept(&piece("seg-e1-4.m4s"), Some(&shape)), 60_000);
        assert_eq!(kept(&piece("key-e1-4.key"), Some(&shape)), 20_000);
        assert_eq!(kept(&piece("key-e1-4.key"), None), 10_000);
    }

    #[test]
    fn what_is_no_playlist_is_not_passed_on_as_one() {
        let refused = playlist(None, false).read(fetched(b"<html>")).unwrap_err();
        assert_eq!(refused.code, Code::OriginUnreachable);
        let read = playlist(None, false).read(fetched(b"#EXTM3U\nseg-e1-4-v.m4s\n"));
        let Ok(Object::Playlist { shape, caching, .. }) = read else {
            panic!("not read");
        };
        assert_eq!(shape.unwrap().epoch, "e1");
        assert_eq!(caching, "no-cache");
    }
}
