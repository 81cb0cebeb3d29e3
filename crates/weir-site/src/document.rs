//! A page as it is sent: its bytes in three codings, each made once, with a tag for each.

use std::io::Write as _;

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Bytes of a digest that a tag has.
const TAG_BYTES: usize = 16;
/// Brotli's effort: a page that changes each second is made in about a millisecond, and is a sixth smaller than gzip.
const BROTLI_QUALITY: u32 = 5;
/// Binary logarithm of the bytes Brotli looks back.
const BROTLI_WINDOW: u32 = 19;
/// Bytes of Brotli's buffer.
const BROTLI_BUFFER: usize = 16 * 1024;

/// How bytes are coded (RFC 9110 §8.4.1, RFC 7932).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they were made.
    Plain,
    /// For whoever takes no Brotli.
    Gzip,
    /// The smallest, and slow to make: once.
    Brotli,
}

/// A rendered page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    media_type: &'static str,
    keys: String,
    tag: String,
    plain: Bytes,
    gzip: Bytes,
    brotli: Bytes,
}

impl Document {
    /// Of this text; `keys` say what it tells of, for caches in front that drop by key.
    pub(crate) fn new(media_type: &'static str, keys: String, text: String) -> Self {
        let plain = Bytes::from(text);
        let digest = Sha256::digest(&plain);
        let tag = digest.iter().take(TAG_BYTES);
        Self {
            media_type,
            keys,
            tag: tag.map(|byte| format!("{byte:02x}")).collect(),
            gzip: gzip(&plain).into(),
            brotli: brotli(&plain).into(),
            plain,
        }
    }

    /// For `Content-Type`.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// For `Surrogate-Key`: words with spaces between.
    pub fn keys(&self) -> &str {
        &self.keys
    }

    /// The bytes in a coding.
    pub fn bytes(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Plain => self.plain.clone(),
            Coding::Gzip => self.gzip.clone(),
            Coding::Brotli => self.brotli.clone(),
        }
    }

    /// The strong tag of that representation, with its quotes (RFC 9110 §8.8.3).
    pub fn tag(&self, coding: Coding) -> String {
        let ending = match coding {
            Coding::Plain => "",
            Coding::Gzip => "-gzip",
            Coding::Brotli => "-br",
        };
        format!("\"{}{ending}\"", self.tag)
    }

    /// Bytes that it holds in memory.
    pub(crate) fn size(&self) -> usize {
        self.plain.len() + self.gzip.len() + self.brotli.len() + self.keys.len()
    }
}

impl Coding {
    /// For `Content-Encoding`; none for bytes as they are.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

// Writing into memory does not fail.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder =
        CompressorWriter::new(&mut packed, BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
    let _ = encoder.write_all(plain);
    drop(encoder);
    packed
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn each_coding_says_the_same_under_its_own_tag() {
        let text = "<p>直播 live</p>".repeat(200);
        let document = Document::new("text/html", "home".into(), text.clone());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*document.bytes(Coding::Gzip))
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        let mut unpacked = Vec::new();
        let packed = document.bytes(Coding::Brotli);
        brotli::BrotliDecompress(&mut &*packed, &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        assert_eq!(document.bytes(Coding::Plain), text);
        let tags = [Coding::Plain, Coding::Gzip, Coding::Brotli].map(|c| document.tag(c));
        assert!(tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
        let other = Document::new("text/html", String::new(), "x".into());
        assert_ne!(other.tag(Coding::Plain), document.tag(Coding::Plain));
    }
}
