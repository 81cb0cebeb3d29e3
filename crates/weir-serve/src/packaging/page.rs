//! A rendered playlist: one text for everybody, compressed at most once.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use weir_media::hls::Head;

/// A playlist at one moment.
#[derive(Debug, Default)]
pub struct Page {
    /// The page as UTF-8, not compressed.
    pub plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Page {
    /// A page of this text.
    pub fn new(text: String) -> Self {
        Self {
            plain: text.into(),
            gzip: OnceLock::new(),
        }
    }

    /// The page as UTF-8, not compressed.
    pub fn text(&self) -> &str {
        // It was made of one.
        std::str::from_utf8(&self.plain).unwrap_or_default()
    }

    /// The text, gzipped.
    pub fn gzip(&self) -> Bytes {
        self.gzip
            .get_or_init(|| {
                let mut encoder = GzEncoder::new(
                    Vec::with_capacity(self.plain.len() / 4),
                    Compression::fast(),
                );
                // Writing to memory does not fail; if it did, the plain text would be served as is.
                encoder
                    .write_all(&self.plain)
                    .and_then(|()| encoder.finish())
                    .unwrap_or_default()
                    .into()
            })
            .clone()
    }
}

/// What a station shows at one moment.
#[derive(Debug, Default)]
pub struct Pages {
    /// How far it is.
    pub head: Head,
    /// Whether there is anything to list.
    pub has_content: bool,
    /// The stream is over: nothing will follow.
    pub ended: bool,
    /// The whole playlist.
    pub full: Page,
    /// The delta update.
    pub delta: Page,
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_gzipped_page_is_the_page() {
        let page = Page::new("#EXTM3U\n".repeat(50));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&page.gzip()[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.as_bytes(), &page.plain[..]);
    }
}
