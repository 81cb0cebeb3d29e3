//! Files embedded in the binary, and how they are answered: their types, gzip, their tags. Which path leads
//! to which of them is not decided here.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use weir_base::http_field::{accepts_coding, names_tag};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Assets;

/// Bytes of a file's hash that its tag has: enough that no two files share one.
const TAG_BYTES: usize = 16;

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Its path is never given to other bytes.
    Forever,
    /// The server is asked each time whether it is still the same.
    Asked,
}

/// Bytes with a name that says what they are.
pub(crate) struct EmbeddedFile {
    path: String,
    bytes: Bytes,
    /// Hexadecimal; none where the bytes were made for this answer.
    hash: Option<String>,
}

impl EmbeddedFile {
    /// A file of the front-end build.
    pub(crate) fn embedded(path: &str) -> Option<Self> {
        let file = Assets::get(path)?;
        let hash = file.metadata.sha256_hash();
        let hash = hash.iter().take(TAG_BYTES);
        Some(Self {
            path: path.to_owned(),
            hash: Some(hash.map(|byte| format!("{byte:02x}")).collect()),
            bytes: file.data.into_owned().into(),
        })
    }

    /// Something that is no file; the ending of `path` says its type.
    pub(crate) fn made(path: &str, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            bytes: text.into().into(),
            hash: None,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The answer to somebody who sent these headers.
    pub(crate) fn answer(self, caching: Caching, asked: &HeaderMap) -> Response {
        let kind = content_type(&self.path);
        let compresses = kind.starts_with("text/") || kind.contains("json") || kind.contains("svg");
        let gzip = compresses && accepts_coding(lines(asked, header::ACCEPT_ENCODING), "gzip");
        let tag = self.tag(gzip);
        let is_known = tag
            .as_deref()
            .is_some_and(|tag| names_tag(lines(asked, header::IF_NONE_MATCH), tag, true));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else if gzip {
            Body::from(compressed(&self.path, &self.bytes)).into_response()
        } else {
            Body::from(self.bytes).into_response()
        };
        let headers = response.headers_mut();
        let fixed = HeaderValue::from_static;
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
            headers.insert(header::ETAG, tag);
        }
        let caching = match caching {
            Caching::Forever => "public, max-age=31536000, immutable",
            Caching::Asked => "no-cache",
        };
        headers.insert(header::CACHE_CONTROL, fixed(caching));
        if compresses {
            headers.insert(header::VARY, fixed("Accept-Encoding"));
        }
        if is_known {
            return response;
        }
        headers.insert(header::CONTENT_TYPE, fixed(kind));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
        headers.insert(header::REFERRER_POLICY, fixed("same-origin"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, fixed("gzip"));
        }
        response
    }

    /// The two codings are two representations, each with a strong tag of its own (RFC 9110 §8.8.3).
    fn tag(&self, gzip: bool) -> Option<String> {
        let coding = if gzip { "-gzip" } else { "" };
        let hash = self.hash.as_deref()?;
        Some(format!("\"{hash}{coding}\""))
    }
}

fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter();
    lines.filter_map(|value| value.to_str().ok())
}

/// Compresses each embedded file once. In a debug build files may change, so it is done each time.
fn compressed(path: &str, bytes: &Bytes) -> Bytes {
    static DONE: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    let done = DONE.get_or_init(Mutex::default);
    if !cfg!(debug_assertions)
        && let Some(bytes) = done.lock().get(path)
    {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed: Bytes = encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
        .into();
    done.lock().insert(path.to_owned(), packed.clone());
    packed
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
