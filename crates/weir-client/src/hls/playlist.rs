//! Reads playlists (RFC 8216bis §4), as far as a player that starts at the live edge needs them.

use anyhow::{Context, bail};

/// Lines of a playlist looked at: a day of two-second segments.
const MAX_LINES: usize = 500_000;

/// A media playlist.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MediaPlaylist {
    /// Seconds.
    pub(crate) target_s: f64,
    /// Seconds; `None` without parts.
    pub(crate) part_target_s: Option<f64>,
    /// Seconds from the end where playing should begin, with parts.
    pub(crate) part_hold_back_s: Option<f64>,
    /// `_HLS_msn` is understood.
    pub(crate) can_block: bool,
    /// Segments, the last one perhaps in parts only.
    pub(crate) segments: Vec<Segment>,
    /// Nothing will follow.
    pub(crate) ended: bool,
}

/// One segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Segment {
    /// Media sequence number.
    pub(crate) msn: u64,
    /// Seconds; 0 while it is not complete.
    pub(crate) duration_s: f64,
    /// Empty while it is not complete.
    pub(crate) uri: String,
    /// The parts listed of it.
    pub(crate) parts: Vec<Part>,
    /// The init segment in force.
    pub(crate) init: Option<String>,
    /// AES-128: key and IV; `None` in the clear.
    pub(crate) key: Option<Key>,
    /// The times before and after do not join.
    pub(crate) discontinuity: bool,
}

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Address.
    pub(crate) uri: String,
    /// Seconds.
    pub(crate) duration_s: f64,
    /// A decoder may start here.
    pub(crate) independent: bool,
}

/// How a segment is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Where the 16 bytes are.
    pub(crate) uri: String,
    /// The initialisation vector.
    pub(crate) iv: [u8; 16],
}

/// What a URL led to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Playlist {
    /// The URI of the best variant, and whether its sound is elsewhere.
    Multivariant {
        /// Address of the media playlist.
        uri: String,
        /// The variant has an audio rendition with an address of its own.
        has_separate_audio: bool,
    },
    /// Segments.
    Media(MediaPlaylist),
}

impl Playlist {
    /// Reads a playlist.
    ///
    /// # Errors
    /// What is none, and features that are not read: byte ranges, SAMPLE-AES, delta updates (which
    /// are not asked for).
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text
            .lines()
            .map(str::trim)
            .take(MAX_LINES)
            .filter(|line| !line.is_empty());
        if lines
            .next()
            .is_none_or(|line| line.trim_start_matches('\u{feff}') != "#EXTM3U")
        {
            bail!("this is no playlist: it does not begin with #EXTM3U");
        }
        if text.contains("#EXT-X-STREAM-INF") {
            Self::multivariant(lines)
        } else {
            Reader::default().read(lines).map(Self::Media)
        }
    }

    fn multivariant<'a>(lines: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let mut best: Option<(u64, String, bool)> = None;
        let mut pending: Option<(u64, Option<String>)> = None;
        let mut groups: Vec<String> = Vec::new();
        for line in lines {
            if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                let bandwidth = attribute(list, "BANDWIDTH")
                    .and_then(|value| value.parse().ok())
                    .unwrap_or(0);
                pending = Some((bandwidth, attribute(list, "AUDIO").map(str::to_owned)));
            } else if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:") {
                if attribute(list, "TYPE") == Some("AUDIO") && attribute(list, "URI").is_some() {
                    groups.extend(attribute(list, "GROUP-ID").map(str::to_owned));
                }
            } else if !line.starts_with('#')
                && let Some((bandwidth, audio)) = pending.take()
                && best.as_ref().is_none_or(|(known, ..)| bandwidth > *known)
            {
                let has_separate_audio = audio.is_some_and(|audio| groups.contains(&audio));
                best = Some((bandwidth, line.to_owned(), has_separate_audio));
            }
        }
        let (_, uri, has_separate_audio) =
            best.context("the multivariant playlist names no variant")?;
        Ok(Self::Multivariant {
            uri,
            has_separate_audio,
        })
    }
}

#[derive(Debug, Default)]
struct Reader {
    playlist: MediaPlaylist,
    next: Segment,
    key: Option<(String, Option<[u8; 16]>)>,
    init: Option<String>,
}

impl Reader {
    fn read<'a>(mut self, lines: impl Iterator<Item = &'a str>) -> anyhow::Result<MediaPlaylist> {
        for line in lines {
            match line.strip_prefix('#') {
                Some(tag) => self.tag(tag)?,
                None => {
                    self.next.uri = line.to_owned();
                    self.complete();
                }
            }
        }
        if !self.next.parts.is_empty() {
            self.complete();
        }
        Ok(self.playlist)
    }

    fn complete(&mut self) {
        let mut segment = std::mem::take(&mut self.next);
        self.next.msn = segment.msn.saturating_add(1);
        segment.init = self.init.clone();
        segment.key = self.key.as_ref().map(|(uri, iv)| Key {
            uri: uri.clone(),
            // §5.2: without one it is the media sequence number.
            iv: iv.unwrap_or_else(|| u128::from(segment.msn).to_be_bytes()),
        });
        self.playlist.segments.push(segment);
    }

    fn tag(&mut self, tag: &str) -> anyhow::Result<()> {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        match name {
            "EXT-X-TARGETDURATION" => {
                self.playlist.target_s = value.parse().context("EXT-X-TARGETDURATION")?;
            }
            "EXT-X-MEDIA-SEQUENCE" => {
                self.next.msn = value.parse().context("EXT-X-MEDIA-SEQUENCE")?;
            }
            "EXTINF" => {
                self.next.duration_s = value
                    .split(',')
                    .next()
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(0.0);
            }
            "EXT-X-DISCONTINUITY" => self.next.discontinuity = true,
            "EXT-X-ENDLIST" => self.playlist.ended = true,
            "EXT-X-PART-INF" => self.playlist.part_target_s = number(value, "PART-TARGET"),
            "EXT-X-SERVER-CONTROL" => {
                self.playlist.can_block = attribute(value, "CAN-BLOCK-RELOAD") == Some("YES");
                self.playlist.part_hold_back_s = number(value, "PART-HOLD-BACK");
            }
            "EXT-X-MAP" => {
                self.no_ranges(value)?;
                self.init = attribute(value, "URI").map(str::to_owned);
            }
            "EXT-X-PART" => {
                self.no_ranges(value)?;
                self.next.parts.push(Part {
                    uri: attribute(value, "URI")
                        .context("EXT-X-PART without URI")?
                        .to_owned(),
                    duration_s: number(value, "DURATION").unwrap_or(0.0),
                    independent: attribute(value, "INDEPENDENT") == Some("YES"),
                });
            }
            "EXT-X-KEY" => self.set_key(value)?,
            "EXT-X-BYTERANGE" => bail!("segments that are byte ranges of a file are not read here"),
            "EXT-X-SKIP" => bail!("a delta update came that was not asked for"),
            _ => {}
        }
        Ok(())
    }

    fn no_ranges(&self, list: &str) -> anyhow::Result<()> {
        if attribute(list, "BYTERANGE").is_some() {
            bail!("segments that are byte ranges of a file are not read here");
        }
        Ok(())
    }

    fn set_key(&mut self, list: &str) -> anyhow::Result<()> {
        self.key = match attribute(list, "METHOD") {
            Some("NONE") => None,
            Some("AES-128") => {
                let uri = attribute(list, "URI").context("EXT-X-KEY without URI")?;
                let digits = attribute(list, "IV")
                    .map(|iv| iv.trim_start_matches("0x").trim_start_matches("0X"));
                let iv = digits
                    .map(|digits| u128::from_str_radix(digits, 16))
                    .transpose()
                    .context("EXT-X-KEY: IV")?;
                Some((uri.to_owned(), iv.map(u128::to_be_bytes)))
            }
            method => bail!(
                "encryption {} is not read here, only AES-128",
                method.unwrap_or("without METHOD")
            ),
        };
        Ok(())
    }
}

/// An attribute's value, without its quotes (§4.2).
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after
                .split_once(',')
                .map_or((after, ""), |(value, _)| after.split_at(value.len())),
        };
        if key.trim() == name {
            return Some(value.trim());
        }
        rest = after.trim_start_matches(',');
    }
    None
}

fn number(list: &str, name: &str) -> Option<f64> {
    attribute(list, name)?
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOW_LATENCY: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=12.0\n\
        #EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init.mp4\"\n\
        #EXTINF:2.0,\nseg-7.m4s\n#EXT-X-PART:DURATION=0.2,URI=\"p-8-0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PART:DURATION=0.2,URI=\"p-8-1.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p-8-2.m4s\"\n";

    fn media(text: &str) -> MediaPlaylist {
        match Playlist::parse(text).unwrap() {
            Playlist::Media(playlist) => playlist,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_open_segment_is_listed_with_its_parts() {
        let playlist = media(LOW_LATENCY);
        assert!(playlist.can_block && !playlist.ended);
        assert_eq!(
            (playlist.part_target_s, playlist.part_hold_back_s),
            (Some(0.2), Some(0.6))
        );
        let [whole, open] = &playlist.segments[..] else {
            panic!()
        };
        assert_eq!(
            (whole.msn, whole.uri.as_str(), whole.init.as_deref()),
            (7, "seg-7.m4s", Some("init.mp4"))
        );
        assert_eq!((open.msn, open.uri.as_str(), open.parts.len()), (8, "", 2));
        assert!(open.parts[0].independent && !open.parts[1].independent);
    }

    #[test]
    fn a_key_holds_until_the_next_and_its_iv_defaults_to_the_number() {
        let playlist = media(
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-KEY:METHOD=AES-128,URI=\"a.key\"\n#EXTINF:1,\n3.ts\n\
             #EXT-X-KEY:METHOD=AES-128,URI=\"a,b=c.key\",IV=0x10\n#EXTINF:1,\n4.ts\n#EXT-X-KEY:METHOD=NONE\n5.ts\n",
        );
        let keys: Vec<_> = playlist
            .segments
            .iter()
            .map(|segment| segment.key.clone())
            .collect();
        let key = |uri: &str, iv: u128| {
            Some(Key {
                uri: uri.into(),
                iv: iv.to_be_bytes(),
            })
        };
        assert_eq!(keys, [key("a.key", 3), key("a,b=c.key", 16), None]);
    }

    #[test]
    fn the_widest_variant_is_chosen() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"s\",URI=\"s.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=10,CODECS=\"a,b\"\nlow.m3u8\n\
            #EXT-X-STREAM-INF:CODECS=\"a,b\",AUDIO=\"s\",BANDWIDTH=20\nhigh.m3u8\n";
        let expected = Playlist::Multivariant {
            uri: "high.m3u8".into(),
            has_separate_audio: true,
        };
        assert_eq!(Playlist::parse(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_playlist_or_cannot_be_read_is_refused() {
        for text in [
            "",
            "<html>",
            "#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\na.ts\n",
            "#EXTM3U\n#EXT-X-BYTERANGE:5@0\na\n",
        ] {
            assert!(Playlist::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(lines in prop::collection::vec("#EXT(INF|-X-(KEY|PART|MAP|SKIP|STREAM-INF|MEDIA-SEQUENCE)):.*|.*", 0..9)) {
            let _ = Playlist::parse(&format!("#EXTM3U\n{}", lines.join("\n")));
        }
    }
}
