//! The files of a stream's HLS, by their names.

use weir_base::urls::{HLS_AUDIO, HLS_FMP4, HLS_TS, HLS_VIDEO};
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
            HLS_FMP4 => (Container::Fmp4, Selection::Both),
            HLS_VIDEO => (Container::Fmp4, Selection::VideoOnly),
            HLS_AUDIO => (Container::Fmp4, Selection::AudioOnly),
            HLS_TS => (Container::Ts, Selection::Both),
            _ => return parse_name(file).map(Self::Piece),
        };
        Some(Self::Playlist(container, selection))
    }
}
