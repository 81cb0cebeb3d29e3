//! What the values of HTTP's fields mean (RFC 9110 §5.6, §8.8.3, §12.4.2, §14): lists, tokens, quality
//! values, entity tags, byte ranges. Text in, meaning out: nothing here knows a request or an answer, so that
//! all who read requests read them alike.

use std::ops::Range;

/// Elements of one list field that are looked at; no client names more of anything.
const MAX_ELEMENTS: usize = 64;
/// Bytes of the fields that a preflight asks for, taken together. Browsers name a handful.
const MAX_ASKED_FIELDS_BYTES: usize = 2048;
/// Ranges of one request that are looked at.
const MAX_RANGES: usize = 16;
/// The weight that is meant where none is given, in thousandths (§12.4.2).
const FULL_WEIGHT: u16 = 1000;

/// The elements of a list field (§5.6.1), the field lines in their order: without the white space around
/// them, and without empty ones. Commas inside quoted strings part nothing.
pub fn list<'a>(lines: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let elements = lines.into_iter().flat_map(|line| {
        let mut quoted = false;
        let mut escaped = false;
        line.split(move |c| {
            let parts = c == ',' && !quoted;
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            parts
        })
    });
    elements
        .map(trimmed)
        .filter(|element| !element.is_empty())
        .take(MAX_ELEMENTS)
}

/// Without the optional white space of §5.6.3.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Whether a list of tokens has this one, in any case. What stands behind a `/` (the version of a protocol in
/// `Upgrade`) or a `;` is no part of the token.
pub fn has_token<'a>(lines: impl IntoIterator<Item = &'a str>, token: &str) -> bool {
    list(lines).any(|element| {
        let name = element.split(['/', ';']).next().unwrap_or_default();
        trimmed(name).eq_ignore_ascii_case(token)
    })
}

/// Whether `Accept-Encoding` (§12.5.3) wants this coding rather than the bytes as they are.
pub fn accepts_coding<'a>(lines: impl IntoIterator<Item = &'a str>, coding: &str) -> bool {
    let (mut wanted, mut any, mut plain) = (None, None, None);
    for element in list(lines) {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let name = trimmed(name);
        let name = name.strip_prefix("x-").unwrap_or(name);
        let weight = weight(parameters);
        if name.eq_ignore_ascii_case(coding) {
            wanted = wanted.or(Some(weight));
        } else if name == "*" {
            any = any.or(Some(weight));
        } else if name.eq_ignore_ascii_case("identity") {
            plain = plain.or(Some(weight));
        }
    }
    let wanted = wanted.or(any).unwrap_or(0);
    wanted > 0 && wanted >= plain.unwrap_or(0)
}

/// The weight among an element's parameters, in thousandths; none for one that is no weight.
pub(crate) fn weight(parameters: &str) -> u16 {
    let mut pairs = parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(name, _)| trimmed(name).eq_ignore_ascii_case("q")) else {
        return FULL_WEIGHT;
    };
    let value = trimmed(value);
    let is_number = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match value.parse::<f32>() {
        Ok(number) if is_number && number <= 1.0 => (number * f32::from(FULL_WEIGHT)) as u16,
        _ => 0,
    }
}

/// Whether a list of entity tags names `tag`, which is strong and has its quotes, or is `*`. By weak
/// comparison for `If-None-Match`, by strong for `If-Match` (§8.8.3.2).
pub fn names_tag<'a>(lines: impl IntoIterator<Item = &'a str>, tag: &str, weakly: bool) -> bool {
    list(lines).any(|element| {
        let bare = element.strip_prefix("W/").filter(|_| weakly);
        element == "*" || bare.unwrap_or(element) == tag
    })
}

/// What `Range` asks for (§14.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeAsked {
    /// All of it: nothing was asked, or what makes no sense, or several parts that do not touch.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

impl RangeAsked {
    /// Reads the field for a body of `length` bytes. Ranges that touch or overlap are one.
    pub fn read(field: &str, length: u64) -> Self {
        let Some((unit, ranges)) = field.split_once('=') else {
            return Self::Whole;
        };
        if !trimmed(unit).eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        let mut parts = Vec::new();
        for (place, range) in list([ranges]).enumerate() {
            match bytes_of(range, length) {
                Some(range) if place < MAX_RANGES => parts.push(range),
                _ => return Self::Whole,
            }
        }
        let was_asked = !parts.is_empty();
        parts.retain(|range| range.start < range.end);
        parts.sort_unstable_by_key(|range| range.start);
        let Some(first) = parts.first().cloned() else {
            return if was_asked {
                Self::Outside
            } else {
                Self::Whole
            };
        };
        let mut part = first;
        for next in parts {
            if next.start > part.end {
                return Self::Whole;
            }
            part.end = part.end.max(next.end);
        }
        Self::Part(part)
    }
}

/// One range, empty when it lies outside; `None` where it is none.
fn bytes_of(range: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    let (first, last) = (trimmed(first), trimmed(last));
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(length.saturating_sub(position(last)?)..length),
        (false, true) => Some(position(first)?.min(length)..length),
        (false, false) => {
            let (first, last) = (position(first)?, position(last)?);
            let end = last.saturating_add(1).min(length);
            (first <= last).then(|| first.min(length)..end)
        }
    }
}

/// Digits and nothing else; a number that is too large for us lies beyond everything.
fn position(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// What to answer `Access-Control-Request-Headers` with: the names that were asked for. `None` where nothing
/// was asked, or what is no list of names, or more than we say again.
pub fn granted_fields<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut granted = String::new();
    for name in list(lines) {
        if !is_token(name) || granted.len() + name.len() > MAX_ASKED_FIELDS_BYTES {
            return None;
        }
        if !granted.is_empty() {
            granted.push_str(", ");
        }
        granted.push_str(name);
    }
    (!granted.is_empty()).then_some(granted)
}

/// Whether it is a token (§5.6.2): the name of a field, a method, a coding.
pub fn is_token(text: &str) -> bool {
    let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
}

/// Whether it can stand in `Host` (RFC 9110 §7.2): a host with or without port, or nothing where the target
/// has none.
pub fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%".contains(&byte)),
    };
    is_port && is_host
}

/// The host of `Host`, without port and brackets, and without the dot that ends a whole name.
pub fn host_name(text: &str) -> &str {
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => text.split(':').next().unwrap_or_default(),
    };
    host.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(line: &str) -> Vec<&str> {
        list([line]).collect()
    }

    #[test]
    fn lists_are_parted_at_commas_outside_of_quotes() {
        assert_eq!(elements("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(elements(" , a,,\tb\t, "), ["a", "b"]);
        assert_eq!(
            elements(r#""a,b", "c\"," , d"#),
            [r#""a,b""#, r#""c\",""#, "d"]
        );
        assert_eq!(list(["a", "b, c"]).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(elements(&"a,".repeat(1000)).len(), MAX_ELEMENTS);
    }

    #[test]
    fn a_token_is_found_in_any_case_and_place() {
        for line in ["Upgrade", "keep-alive, Upgrade", "UPGRADE ,x", "upgrade/13"] {
            assert!(has_token([line], "upgrade"), "{line}");
        }
        for line in ["", "upgraded", "x upgrade", "not-upgrade"] {
            assert!(!has_token([line], "upgrade"), "{line}");
        }
    }

    #[test]
    fn a_coding_is_taken_as_its_weight_says() {
        for line in [
            "gzip",
            "GZIP",
            "br, gzip",
            "x-gzip",
            "gzip;q=0.001",
            "gzip; q=1.000",
            "*",
            "*;q=0.5",
            "identity;q=0.5, gzip;q=0.5",
            "gzip ; Q=0.2",
            "br;q=1.0, *;q=0.1",
            "deflate\t,\tgzip",
        ] {
            assert!(accepts_coding([line], "gzip"), "{line}");
        }
        for line in [
            "",
            "br",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=0, *",
            "identity",
            "gzipped",
            "gzip;q=2",
            "gzip;q=-1",
            "gzip;q=nan",
            "gzip;q=inf",
            "identity, gzip;q=0.5",
        ] {
            assert!(!accepts_coding([line], "gzip"), "{line}");
        }
    }

    #[test]
    fn entity_tags_are_compared_as_their_field_wants() {
        for line in [
            "\"a\"",
            "W/\"a\"",
            "*",
            "\"x\", \"a\"",
            "\"x,\\\"\",W/\"a\"",
        ] {
            assert!(names_tag([line], "\"a\"", true), "{line}");
        }
        for line in ["", "a", "\"b\"", "w/\"a\"", "\"x, \\\"a\\\"\""] {
            assert!(!names_tag([line], "\"a\"", true), "{line}");
        }
        assert!(names_tag(["*"], "\"a\"", false) && names_tag(["\"a\""], "\"a\"", false));
        assert!(!names_tag(["W/\"a\""], "\"a\"", false));
    }

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        use RangeAsked::{Outside, Part, Whole};
        for (field, asked) in [
            ("bytes=0-9", Part(0..10)),
            ("BYTES=0-9", Part(0..10)),
            ("bytes= 0-9 ", Part(0..10)),
            ("bytes=90-", Part(90..100)),
            ("bytes=-5", Part(95..100)),
            ("bytes=-500", Part(0..100)),
            ("bytes=50-1000", Part(50..100)),
            ("bytes=99-99", Part(99..100)),
            ("bytes=0-99999999999999999999999", Part(0..100)),
            ("bytes=0-4,5-9", Part(0..10)),
            ("bytes=5-9,0-6", Part(0..10)),
            ("bytes=0-4, 200-", Part(0..5)),
            ("bytes=100-", Outside),
            ("bytes=100-200,300-", Outside),
            ("bytes=99999999999999999999999-", Outside),
            ("bytes=-0", Outside),
            ("bytes=0-1,5-6", Whole),
            ("bytes=9-0", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=-", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("items=0-1", Whole),
            ("bytes=0-1,x", Whole),
        ] {
            assert_eq!(RangeAsked::read(field, 100), asked, "{field}");
        }
        let many = format!("bytes={}", "0-0,".repeat(MAX_RANGES + 1));
        assert_eq!(RangeAsked::read(&many, 100), Whole);
        assert_eq!(RangeAsked::read("bytes=0-", 0), Outside);
    }

    #[test]
    fn fields_that_a_preflight_asks_for_are_granted_within_bounds() {
        let granted = granted_fields(["authorization,cache-control", "x-a "]);
        assert_eq!(
            granted.as_deref(),
            Some("authorization, cache-control, x-a")
        );
        assert_eq!(granted_fields(["", " , "]), None);
        for bad in ["a b", "a\r\nb", "a:b", "é", "\"a\""] {
            assert_eq!(granted_fields([bad]), None, "{bad}");
        }
        let long = "x".repeat(MAX_ASKED_FIELDS_BYTES + 1);
        assert_eq!(granted_fields([&*long]), None);
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_port() {
        for (host, name) in [
            ("example.com", "example.com"),
            ("example.com.:80", "example.com"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]:8080", "::1"),
            ("[::1]", "::1"),
            ("", ""),
        ] {
            assert!(is_host(host), "{host}");
            assert_eq!(host_name(host), name, "{host}");
        }
        for bad in [
            "a b", "a/b", "a@b", "a,b", "a:b", "a:123456", "[::1", "[x]", "::1", "a\\b", "é", "a#b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
