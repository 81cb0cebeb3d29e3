//! A playlist's text, as far as a node that did not write it has to understand it.

use weir_media::hls::parse_name;

/// Length of a name in a playlist, for the first guess of a longer text's size.
const ENTRIES_GUESS: usize = 64;

/// The same playlist with `query`, which begins with `?`, behind each URI, or behind the query that it has.
pub(super) fn with_query(text: &str, query: &str) -> String {
    let mut out = String::with_capacity(text.len() + ENTRIES_GUESS * query.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        if line.starts_with('#') {
            tag_with_query(&mut out, line, query);
        } else {
            out.push_str(line);
            if !line.is_empty() {
                push_query(&mut out, line, query);
            }
        }
        out.push_str(end);
    }
    out
}

/// A tag's `URI="…"`, of which there is at most one.
fn tag_with_query(out: &mut String, line: &str, query: &str) {
    const ATTRIBUTE: &str = "URI=\"";
    let begin = line.find(ATTRIBUTE).map(|at| at + ATTRIBUTE.len());
    let uri = begin.and_then(|begin| line.get(begin..));
    let end = uri.and_then(|uri| uri.find('"'));
    match (begin, end) {
        (Some(begin), Some(length)) => {
            let (head, tail) = line.split_at(begin + length);
            out.push_str(head);
            push_query(
                out,
                uri.unwrap_or_default().get(..length).unwrap_or_default(),
                query,
            );
            out.push_str(tail);
        }
        _ => out.push_str(line),
    }
}

fn push_query(out: &mut String, uri: &str, query: &str) {
    match query.strip_prefix('?').filter(|_| uri.contains('?')) {
        Some(more) => {
            out.push('&');
            out.push_str(more);
        }
        None => out.push_str(query),
    }
}

/// What a media playlist says of its stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// The life of the stream that its names carry.
    pub(super) epoch: String,
    /// Target duration, microseconds.
    pub(super) target_us: i64,
    /// Longest part, microseconds, where there are parts.
    pub(super) part_us: Option<i64>,
    /// All segments together, microseconds.
    pub(super) window_us: i64,
}

impl Shape {
    /// Reads it; `None` for a playlist that names nothing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut shape = Self::default();
        for line in text.lines() {
            if let Some(seconds) = line.strip_prefix("#EXTINF:") {
                shape.window_us = shape.window_us.saturating_add(us(seconds));
            } else if let Some(seconds) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
                shape.target_us = us(seconds);
            } else if let Some(seconds) = line.strip_prefix("#EXT-X-PART-INF:PART-TARGET=") {
                shape.part_us = Some(us(seconds));
            } else if let Some(skipped) = line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS=") {
                let skipped: i64 = skipped.parse().unwrap_or(0);
                let skipped_us = skipped.saturating_mul(shape.target_us);
                shape.window_us = shape.window_us.saturating_add(skipped_us);
            }
            if let Some(name) = uri_of(line).and_then(parse_name) {
                shape.epoch = name.epoch;
            }
        }
        (!shape.epoch.is_empty()).then_some(shape)
    }
}

fn uri_of(line: &str) -> Option<&str> {
    if line.starts_with('#') {
        let (_, uri) = line.split_once("URI=\"")?;
        return uri.split_once('"').map(|(uri, _)| uri);
    }
    Some(line)
}

/// Seconds as they stand at the beginning of a value, as microseconds.
fn us(seconds: &str) -> i64 {
    /// A day: no length in a live playlist is longer.
    const MAX_S: f64 = 86_400.0;
    let number = seconds.split(',').next().unwrap_or_default();
    let seconds: f64 = number.parse().unwrap_or(0.0);
    (seconds.clamp(0.0, MAX_S) * 1e6) as i64
}

#[cfg(test)]
mod tests;
