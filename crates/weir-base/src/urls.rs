//! What a URL of weir means, in one table: the first levels of a path that are weir's own, how a
//! stream's forms stand in a path, which files belong to its HLS. And the one way to split a URL.
//!
//! The router reads paths by this table, the dispatcher and the nodes write them; the player's tests
//! and `docs/ref/urls.md` are compared with it. Nothing here knows HTTP.

use sha2::{Digest as _, Sha256};

use crate::ids::hex;

/// First levels of a path that are weir's own pages and interfaces: no app has such a name.
pub const OWN_LEVELS: &[&str] = &[
    "api",
    "r",
    "assets",
    "watch",
    "embed",
    "studio",
    "console",
    "login",
    "slsp",
    "go",
    "metrics",
    "livez",
    "readyz",
    "docs",
    "cluster",
    "relay",
    "chat",
    "socket.io",
    "sdk",
];

/// The media playlist in fMP4, with parts.
pub const HLS_FMP4: &str = "hls.m3u8";
/// The media playlist in MPEG-TS.
pub const HLS_TS: &str = "ts.m3u8";
/// The media playlist of the video alone, in fMP4.
pub const HLS_VIDEO: &str = "video.m3u8";
/// The media playlist of the audio alone, in fMP4.
pub const HLS_AUDIO: &str = "audio.m3u8";
/// Files under `/{app}/{stream}/` that are media playlists.
pub const HLS_PLAYLISTS: [&str; 4] = [HLS_FMP4, HLS_TS, HLS_VIDEO, HLS_AUDIO];
/// How the other files there begin: init segments, segments, parts and keys.
pub const HLS_PIECES: [&str; 4] = ["init-", "seg-", "part-", "key-"];

/// Endings that say in which form a stream is wanted, ours and SRS's, and are no part of its name where a
/// name stands without a form: on RTMP, and between servers that ask each other for a stream.
const FORM_ENDINGS: [&str; 5] = [".flv", ".ts", ".m3u8", ".aac", ".mp3"];

/// A stream's name without the ending of a form, as SRS takes it off: an edge that serves `a.flv` asks its
/// origin for a stream of that name. What would leave nothing stays.
pub fn without_form(name: &str) -> &str {
    let bare = FORM_ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    bare.filter(|bare| !bare.is_empty()).unwrap_or(name)
}

/// How a stream stands in a path: `/{level}/{app}/{stream}{ending}`, without a level where it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamPath {
    /// What it is called in tests and documents.
    pub name: &'static str,
    /// The first level; empty for media, which have the app there.
    pub level: &'static str,
    /// What follows the stream's name.
    pub ending: &'static str,
}

impl StreamPath {
    /// RTMP, publishing and playing.
    pub const RTMP: Self = Self::new("rtmp", "", "");
    /// FLV over HTTP and WebSocket.
    pub const FLV: Self = Self::new("flv", "", ".flv");
    /// MPEG-TS without end.
    pub const TS: Self = Self::new("ts", "", ".ts");
    /// The multivariant playlist.
    pub const HLS: Self = Self::new("hls", "", ".m3u8");
    /// The media playlist in MPEG-TS.
    pub const HLS_TS: Self = Self::new("hls-ts", "", "/ts.m3u8");
    /// The form that one node pulls from another.
    pub const NODE: Self = Self::new("node", "", ".weir");
    /// Publishing over a WebSocket.
    pub const SLSP: Self = Self::new("slsp", "slsp", "");
    /// A stream that one node hands on to another.
    pub const RELAY: Self = Self::new("relay", "relay", "");
    /// The chat of a stream.
    pub const CHAT: Self = Self::new("chat", "chat", "");
    /// The page with the player.
    pub const WATCH: Self = Self::new("watch", "watch", "");
    /// The player alone, for frames.
    pub const EMBED: Self = Self::new("embed", "embed", "");

    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::RTMP,
        Self::FLV,
        Self::TS,
        Self::HLS,
        Self::HLS_TS,
        Self::NODE,
        Self::SLSP,
        Self::RELAY,
        Self::CHAT,
        Self::WATCH,
        Self::EMBED,
    ];

    const fn new(name: &'static str, level: &'static str, ending: &'static str) -> Self {
        Self {
            name,
            level,
            ending,
        }
    }

    /// The path of a stream, each level percent-encoded.
    pub fn of(self, app: &str, stream: &str) -> String {
        let mut path = String::new();
        let own = (!self.level.is_empty()).then_some(self.level);
        for level in own.into_iter().chain(app.split('/')).chain([stream]) {
            path.push('/');
            push_encoded(&mut path, level);
        }
        path.push_str(self.ending);
        path
    }

    /// App and stream of a decoded path, if it has this form. The app may be empty or impossible: what
    /// a name may be says [`crate::name`].
    pub fn read(self, path: &str) -> Option<(&str, &str)> {
        let path = path.trim_start_matches('/');
        let name = path.strip_suffix(self.ending)?;
        if self.level.is_empty() {
            return name.rsplit_once('/');
        }
        let below = name.strip_prefix(self.level)?.strip_prefix('/')?;
        let below = below.trim_start_matches('/');
        Some(below.rsplit_once('/').unwrap_or(("", below)))
    }
}

/// Path and query under which a body goes from node to node: the asker's proof is over them, so over the body too.
pub fn sealed(path: &str, body: &[u8]) -> String {
    format!("{path}?sha256={}", hex(&Sha256::digest(body)))
}

/// Appends one level of a path: what is not unreserved (RFC 3986 §2.3) becomes `%XX`.
fn push_encoded(path: &mut String, level: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in level.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            for digit in [byte >> 4, byte & 15] {
                path.extend(HEX.get(usize::from(digit)).map(|hex| char::from(*hex)));
            }
        }
    }
}

/// A URL with an authority, split but not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitUrl<'a> {
    /// Before `://`, as written.
    pub scheme: &'a str,
    /// Between `://` and the path: `host`, `host:port`, `[v6]:port`.
    pub authority: &'a str,
    /// Path, query and fragment; empty, or begins with `/`, `?` or `#`.
    pub rest: &'a str,
    /// Scheme and authority.
    pub base: &'a str,
}

impl<'a> SplitUrl<'a> {
    /// Splits; `None` where there is no `://`.
    pub fn new(url: &'a str) -> Option<Self> {
        const MARK: &str = "://";
        let scheme_ends = url.find(MARK)?;
        let (scheme, after) = url.split_at_checked(scheme_ends)?;
        let after = after.strip_prefix(MARK)?;
        let ends = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(ends)?;
        let base = url.get(..scheme_ends + MARK.len() + ends)?;
        Some(Self {
            scheme,
            authority,
            rest,
            base,
        })
    }

    /// Host without brackets, and the port where it is said; `None` where the port is no number or
    /// the host is empty.
    pub fn host_and_port(&self) -> Option<(&'a str, Option<u16>)> {
        let (host, port) = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (self.authority, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some((host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_written_is_read_again() {
        for path in StreamPath::ALL {
            let written = path.of("a/b", "x-1");
            assert_eq!(path.read(&written), Some(("a/b", "x-1")), "{}", path.name);
        }
        assert_eq!(StreamPath::SLSP.read("/slsp/x"), Some(("", "x")));
        assert_eq!(StreamPath::SLSP.read("/slspx/a/x"), None);
        assert_eq!(StreamPath::FLV.read("x.flv"), None);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        let path = StreamPath::HLS.of("a b/直播", "x&y=z;@:1");
        assert_eq!(path, "/a%20b/%E7%9B%B4%E6%92%AD/x%26y%3Dz%3B%40%3A1.m3u8");
    }

    #[test]
    fn the_ending_of_a_form_is_no_part_of_a_name() {
        for (name, bare) in [
            ("a.flv", "a"),
            ("a.ts", "a"),
            ("a.m3u8", "a"),
            ("a.b.flv", "a.b"),
            ("a.flv.flv", "a.flv"),
            ("a.mp4", "a.mp4"),
            ("flv", "flv"),
            (".flv", ".flv"),
            ("a.flv2", "a.flv2"),
        ] {
            assert_eq!(without_form(name), bare, "{name}");
        }
    }

    #[test]
    fn levels_that_paths_use_are_no_apps() {
        let levels = StreamPath::ALL.iter().map(|path| path.level);
        for level in levels.filter(|level| !level.is_empty()) {
            assert!(OWN_LEVELS.contains(&level), "{level}");
        }
    }

    #[test]
    fn urls_are_split_where_their_parts_meet() {
        let split = |url| SplitUrl::new(url).map(|s| (s.scheme, s.authority, s.rest, s.base));
        assert_eq!(
            split("rtmp://[::1]:5/a/b?c"),
            Some(("rtmp", "[::1]:5", "/a/b?c", "rtmp://[::1]:5"))
        );
        assert_eq!(split("http://h"), Some(("http", "h", "", "http://h")));
        assert_eq!(split("http://h?x"), Some(("http", "h", "?x", "http://h")));
        assert_eq!(split("h:80/x"), None);
        let place = |url| SplitUrl::new(url).and_then(|split| split.host_and_port());
        assert_eq!(place("http://[::1]"), Some(("::1", None)));
        assert_eq!(place("http://[::1]:8/x"), Some(("::1", Some(8))));
        assert_eq!(place("http://h:99999"), None);
        assert_eq!(place("http://:80"), None);
    }

    /// Each form with a stream that needs encoding: what the player's tests compare themselves with.
    #[test]
    fn the_players_tests_have_the_table() {
        use std::fmt::Write as _;
        let mut rendered = String::from("{\n");
        for (n, path) in StreamPath::ALL.iter().enumerate() {
            let comma = if n + 1 < StreamPath::ALL.len() {
                ","
            } else {
                ""
            };
            let example = path.of("a/b c", "直播?");
            let _ = writeln!(rendered, "  \"{}\": \"{example}\"{comma}", path.name);
        }
        rendered.push_str("}\n");
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../web/packages/player/test/stream-paths.json"
        );
        if std::env::var_os("WEIR_BLESS").is_some() {
            std::fs::write(file, &rendered).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert_eq!(kept, rendered, "run again with WEIR_BLESS=1 to write it");
    }

    #[test]
    fn the_documents_name_each_form_and_each_level() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ref/urls.md");
        let page = std::fs::read_to_string(file).unwrap();
        for path in StreamPath::ALL.iter().filter(|p| **p != StreamPath::CHAT) {
            let level = match path.level {
                "" => String::new(),
                level => format!("/{level}"),
            };
            let form = format!("{level}/{{app}}/{{stream}}{}", path.ending);
            assert!(page.contains(&form), "docs/ref/urls.md lacks {form}");
        }
        for level in OWN_LEVELS {
            assert!(page.contains(&format!("`{level}`")), "{level}");
        }
    }
}
