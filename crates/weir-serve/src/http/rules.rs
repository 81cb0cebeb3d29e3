//! What a request must be to be answered at all, the same whichever head was read: sizes, target, host,
//! framing, expectations (RFC 9110, RFC 9112).

use http::{HeaderMap, Method, StatusCode, Uri, Version, header};
use weir_base::http_field::{is_host, list};
use weir_base::{Code, Refusal, limits};

use crate::request::lines;

/// Header lines of one request. Browsers behind several proxies send thirty.
pub const MAX_HEADERS: usize = 100;
/// Bytes of path and query: the longest that browsers and caches agree on.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Beside name and value of a header line: colon, blank, line end.
const LINE_BYTES: usize = 4;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// What HTTP calls it.
    pub status: StatusCode,
    /// Words for people.
    pub words: &'static str,
}

impl Misfit {
    pub(super) const MALFORMED: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "the request is no HTTP that can be read",
    );
    pub(super) const TARGET_TOO_LONG: Self = Self::new(
        StatusCode::URI_TOO_LONG,
        "the address is longer than is read here",
    );
    pub(super) const HEAD_TOO_LARGE: Self = Self::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the request has more or longer headers than are read here",
    );
    pub(super) const VERSION: Self = Self::new(
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        "this version of HTTP is not spoken here: 1.0, 1.1 and 2 are",
    );

    const fn new(status: StatusCode, words: &'static str) -> Self {
        Self { status, words }
    }

    const fn bad(words: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, words)
    }

    /// As the code table has it.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(Code::ProtocolError, self.words)
    }
}

/// Whether a request may be answered.
///
/// # Errors
/// The rule that it breaks.
pub fn check(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), Misfit> {
    check_target(method, uri)?;
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES);
    if headers.len() > MAX_HEADERS || sizes.sum::<usize>() > limits::HTTP_HEAD_BYTES {
        return Err(Misfit::HEAD_TOO_LARGE);
    }
    if version <= Version::HTTP_11 {
        check_host(uri, version, headers)?;
        check_framing(version, headers)?;
    }
    let mut expected = list(lines(headers, header::EXPECT));
    if expected.any(|what| !what.eq_ignore_ascii_case("100-continue")) {
        let words = "what is expected of the answer cannot be promised";
        return Err(Misfit::new(StatusCode::EXPECTATION_FAILED, words));
    }
    Ok(())
}

/// The four forms of RFC 9112 §3.2: a path, a whole URL, an authority for `CONNECT`, `*` for `OPTIONS`.
fn check_target(method: &Method, uri: &Uri) -> Result<(), Misfit> {
    if *method == Method::CONNECT {
        let words = "this is no proxy: it connects nobody to others";
        return Err(Misfit::new(StatusCode::METHOD_NOT_ALLOWED, words));
    }
    let Some(target) = uri.path_and_query() else {
        return Err(Misfit::bad("the request names no path"));
    };
    if target.as_str().len() > MAX_TARGET_BYTES {
        return Err(Misfit::TARGET_TOO_LONG);
    }
    if target.path() == "*" && *method != Method::OPTIONS {
        return Err(Misfit::bad("only OPTIONS asks about the whole server"));
    }
    Ok(())
}

/// RFC 9112 §3.2: one `Host` that is one, in HTTP/1.1 always. Where the target names an authority that counts.
fn check_host(uri: &Uri, version: Version, headers: &HeaderMap) -> Result<(), Misfit> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => {
            Err(Misfit::bad("HTTP/1.1 wants a Host header"))
        }
        (Some(_), Some(_)) => Err(Misfit::bad("there is more than one Host header")),
        (Some(host), None) if !host.to_str().is_ok_and(is_host) => {
            Err(Misfit::bad("the Host header names no host"))
        }
        _ => match uri.authority() {
            Some(authority) if authority.host().is_empty() => {
                Err(Misfit::bad("the address names no host"))
            }
            _ => Ok(()),
        },
    }
}

/// RFC 9112 §6.3: a body has one length. Whatever could be read in two ways is read by nobody, for a proxy in
/// front may have read it the other way.
fn check_framing(version: Version, headers: &HeaderMap) -> Result<(), Misfit> {
    let is_coded = headers.contains_key(header::TRANSFER_ENCODING);
    let is_measured = headers.contains_key(header::CONTENT_LENGTH);
    if is_coded && is_measured {
        return Err(Misfit::bad("both Content-Length and Transfer-Encoding"));
    }
    if is_coded {
        if version < Version::HTTP_11 {
            return Err(Misfit::bad("HTTP/1.0 knows no Transfer-Encoding"));
        }
        let mut codings = list(lines(headers, header::TRANSFER_ENCODING));
        let is_chunked = |coding: &str| coding.eq_ignore_ascii_case("chunked");
        if !codings.next().is_some_and(is_chunked) || codings.next().is_some() {
            let words = "this Transfer-Encoding is not read here: chunked is";
            return Err(Misfit::new(StatusCode::NOT_IMPLEMENTED, words));
        }
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    let is_number = !first.is_empty() && first.as_bytes().iter().all(u8::is_ascii_digit);
    if !is_number || lengths.any(|length| length != first) {
        return Err(Misfit::bad("Content-Length is no number, or several"));
    }
    Ok(())
}
