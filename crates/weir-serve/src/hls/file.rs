//! The files of a stream's HLS, by their names.

use weir_media::hls::{Container, Name, Selection, parse_name};

/// A file of a stream's HLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HlsFile {
    /// A media playlist: `hls.m3u8` (fMP4, with parts), `video.m3u8` and `audio.m3u8` (fMP4, one track
    /// alone), `ts.m3u8` (MPEG-TS).
    Playlist(Container, Selection),
    /// An init segment, segment, part or key.
    Piece(Name),
}

impl HlsFile {
    /// The file that has this name.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (container, selection) = match file {
            "hls.m3u8" => (Container::Fmp4, Selection::Both),
            "video.m3u8" => (Container::Fmp4, Selection::VideoOnly),
            "audio.m3u8" => (Container::Fmp4, Selection::AudioOnly),
            "ts.m3u8" => (Container::Ts, Selection::Both),
            _ => return parse_name(file).map(Self::Piece),
        };
        Some(Self::Playlist(container, selection))
    }
}
