//! Lines to tags, tags to a playlist. Says what cannot be read; rules over values are elsewhere.

use super::{Findings, Parsed, ParsedPart, ParsedSegment, attribute};

/// Tags that hold for the next segment, gathered until its URI.
#[derive(Default)]
struct Pending {
    segment: ParsedSegment,
    has_duration: bool,
}

pub(super) fn media(text: &str, findings: &mut Findings) -> Parsed {
    let mut parsed = Parsed {
        version: 1,
        ..Parsed::default()
    };
    let mut pending = Pending::default();
    let mut seen: Vec<String> = Vec::new();
    findings.rule(text.starts_with("#EXTM3U\n"), "4.4.1.1", || {
        "EXTM3U is not the first line".into()
    });
    findings.rule(text.ends_with('\n'), "4.1", || {
        "the last line has no end".into()
    });
    findings.rule(!text.contains('\u{FEFF}'), "4.1", || {
        "there is a byte order mark".into()
    });
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        findings.rule(!line.chars().any(char::is_control), "4.1", || {
            format!("control: {line:?}")
        });
        findings.rule(line.trim() == line, "4.1", || {
            format!("white space around {line:?}")
        });
        if let Some(tag) = line.strip_prefix("#EXT") {
            let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
            let first = !seen.iter().any(|own| own == name);
            findings.rule(first || !is_single(name), "4.4", || {
                format!("#EXT{name} comes twice")
            });
            seen.push(name.to_owned());
            media_tag(name, value, &mut parsed, &mut pending, findings);
        } else if !line.starts_with('#') {
            findings.rule(pending.has_duration, "4.4.4.1", || {
                format!("{line} has no EXTINF")
            });
            let mut segment = std::mem::take(&mut pending.segment);
            pending.segment.map.clone_from(&segment.map);
            pending.segment.key.clone_from(&segment.key);
            pending.has_duration = false;
            segment.uri = line.to_owned();
            parsed.segments.push(segment);
        }
    }
    findings.rule(!pending.has_duration, "4.4.4.1", || {
        "an EXTINF without a URI".into()
    });
    let required = seen.iter().any(|name| name == "-X-TARGETDURATION");
    findings.rule(required, "4.4.3.1", || {
        "EXT-X-TARGETDURATION is missing".into()
    });
    parsed.open = pending.segment;
    let first = parsed.media_sequence + parsed.skipped;
    for (msn, segment) in (first..).zip(&mut parsed.segments) {
        segment.msn = msn;
    }
    parsed.open.msn = first + parsed.segments.len() as u64;
    parsed
}

/// Tags that apply to the whole playlist.
fn is_single(name: &str) -> bool {
    matches!(
        name,
        "-X-VERSION"
            | "-X-TARGETDURATION"
            | "-X-MEDIA-SEQUENCE"
            | "-X-DISCONTINUITY-SEQUENCE"
            | "-X-ENDLIST"
            | "-X-INDEPENDENT-SEGMENTS"
            | "-X-PART-INF"
            | "-X-SERVER-CONTROL"
            | "-X-SKIP"
            | "-X-START"
            | "-X-PLAYLIST-TYPE"
            | "-X-I-FRAMES-ONLY"
    )
}

fn media_tag(
    name: &str,
    value: &str,
    parsed: &mut Parsed,
    pending: &mut Pending,
    findings: &mut Findings,
) {
    let began = !parsed.segments.is_empty() || !pending.segment.parts.is_empty();
    match name {
        "-X-VERSION" => parsed.version = number(value, "4.4.1.2", findings),
        "-X-TARGETDURATION" => parsed.target_s = number(value, "4.4.3.1", findings),
        "-X-MEDIA-SEQUENCE" => {
            findings.rule(!began, "4.4.3.2", || {
                "EXT-X-MEDIA-SEQUENCE behind a segment".into()
            });
            parsed.media_sequence = number(value, "4.4.3.2", findings);
        }
        "-X-DISCONTINUITY-SEQUENCE" => {
            let late = began || pending.segment.discontinuity;
            findings.rule(!late, "4.4.3.3", || {
                "EXT-X-DISCONTINUITY-SEQUENCE comes late".into()
            });
            parsed.discontinuity_sequence = number(value, "4.4.3.3", findings);
        }
        "-X-ENDLIST" => parsed.ended = true,
        "-X-INDEPENDENT-SEGMENTS" => parsed.independent_segments = true,
        "-X-I-FRAMES-ONLY" => parsed.is_iframes = true,
        "-X-GAP" => pending.segment.gap = true,
        "-X-PLAYLIST-TYPE" => {
            let is_one = matches!(value, "EVENT" | "VOD");
            findings.rule(is_one, "4.4.3.5", || {
                format!("{value} is no type of a list")
            });
            parsed.kind = Some(value.to_owned());
        }
        "-X-START" => {
            let attributes = attributes(value, findings);
            parsed.start_s = Some(seconds(&attributes, "TIME-OFFSET", "4.4.2.2", findings));
        }
        "-X-PART-INF" => {
            let attributes = attributes(value, findings);
            parsed.part_target_s = Some(seconds(&attributes, "PART-TARGET", "4.4.3.7", findings));
        }
        "-X-SERVER-CONTROL" => parsed.server_control = Some(attributes(value, findings)),
        "-X-SKIP" => {
            findings.rule(!began, "4.4.5.2", || "EXT-X-SKIP behind a segment".into());
            let attributes = attributes(value, findings);
            let skipped = attribute(&attributes, "SKIPPED-SEGMENTS").unwrap_or_default();
            parsed.skipped = number(skipped, "4.4.5.2", findings);
        }
        other => segment_tag(other, value, parsed, pending, findings),
    }
}

/// The tags that belong to one segment or stand at the end.
fn segment_tag(
    name: &str,
    value: &str,
    parsed: &mut Parsed,
    pending: &mut Pending,
    findings: &mut Findings,
) {
    match name {
        "INF" => {
            let (duration, _) = value.split_once(',').unwrap_or((value, ""));
            findings.rule(value.contains(','), "4.4.4.1", || {
                "EXTINF has no comma".into()
            });
            pending.segment.duration_s = number(duration, "4.4.4.1", findings);
            pending.has_duration = true;
        }
        "-X-DISCONTINUITY" => pending.segment.discontinuity = true,
        "-X-BYTERANGE" => pending.segment.range = byte_range(value, findings),
        "-X-PROGRAM-DATE-TIME" => {
            pending.segment.date_time_ms = date_time_ms(value);
            let reads = pending.segment.date_time_ms.is_some();
            findings.rule(reads, "4.4.4.6", || {
                format!("{value} is no date with time and zone")
            });
        }
        "-X-MAP" => {
            let attributes = attributes(value, findings);
            let uri = attribute(&attributes, "URI").map(str::to_owned);
            findings.rule(uri.is_some(), "4.4.4.5", || "EXT-X-MAP has no URI".into());
            pending.segment.map = uri;
        }
        "-X-KEY" => {
            let attributes = attributes(value, findings);
            let none = attribute(&attributes, "METHOD") == Some("NONE");
            pending.segment.key = (!none).then_some(attributes);
        }
        "-X-PART" => {
            let attributes = attributes(value, findings);
            let uri = attribute(&attributes, "URI").unwrap_or_default().to_owned();
            findings.rule(!uri.is_empty(), "4.4.4.9", || {
                "EXT-X-PART has no URI".into()
            });
            pending.segment.parts.push(ParsedPart {
                uri,
                duration_s: seconds(&attributes, "DURATION", "4.4.4.9", findings),
                independent: attribute(&attributes, "INDEPENDENT") == Some("YES"),
                gap: attribute(&attributes, "GAP") == Some("YES"),
            });
        }
        "-X-PRELOAD-HINT" => {
            let attributes = attributes(value, findings);
            if attribute(&attributes, "TYPE") == Some("PART") {
                parsed.hint = attribute(&attributes, "URI").map(str::to_owned);
            }
        }
        "-X-RENDITION-REPORT" => {
            let attributes = attributes(value, findings);
            let complete = attribute(&attributes, "LAST-MSN").is_some();
            findings.rule(complete, "4.4.5.4", || {
                "a rendition report without LAST-MSN".into()
            });
            parsed
                .reports
                .extend(attribute(&attributes, "URI").map(str::to_owned));
        }
        other => findings.rule(false, "4.4", || {
            format!("#EXT{other} is no tag of a media playlist")
        }),
    }
}

/// `bytes@first`: where the first is left out it depends on what stands before, which nobody here writes.
fn byte_range(value: &str, findings: &mut Findings) -> Option<(u64, u64)> {
    let range = value
        .split_once('@')
        .and_then(|(bytes, from)| Some((bytes.parse().ok()?, from.parse().ok()?)));
    findings.rule(range.is_some(), "4.4.4.2", || {
        format!("{value} is no range of bytes with a beginning")
    });
    range
}

/// `NAME=value,NAME="value"` with each name once (§4.2).
pub(super) fn attributes(list: &str, findings: &mut Findings) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = list;
    while let Some((name, tail)) = rest.split_once('=') {
        let (value, next) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => tail.split_at(tail.find(',').unwrap_or(tail.len())),
        };
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        findings.rule(name.chars().all(plain), "4.2", || {
            format!("{name} is no attribute name")
        });
        let twice = found.iter().any(|(own, _)| own == name);
        findings.rule(!twice, "4.2", || format!("{name} comes twice in {list}"));
        found.push((name.to_owned(), value.to_owned()));
        rest = next.strip_prefix(',').unwrap_or(next);
        let joined = next.is_empty() || next.starts_with(',');
        findings.rule(joined, "4.2", || {
            format!("no comma before {next} in {list}")
        });
        if !joined {
            return found;
        }
    }
    findings.rule(rest.is_empty(), "4.2", || format!("{rest} is no attribute"));
    found
}

pub(super) fn number<T: std::str::FromStr + Default>(
    text: &str,
    section: &'static str,
    findings: &mut Findings,
) -> T {
    let parsed = text.parse().ok();
    findings.rule(parsed.is_some(), section, || {
        format!("{text:?} is no number of its kind")
    });
    parsed.unwrap_or_default()
}

fn seconds(
    attributes: &[(String, String)],
    name: &str,
    section: &'static str,
    findings: &mut Findings,
) -> f64 {
    number(
        attribute(attributes, name).unwrap_or_default(),
        section,
        findings,
    )
}

/// `YYYY-MM-DDThh:mm:ss.sssZ` to Unix milliseconds.
fn date_time_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date: Vec<i64> = date
        .split('-')
        .map_while(|field| field.parse().ok())
        .collect();
    let time: Vec<f64> = time
        .split(':')
        .map_while(|field| field.parse().ok())
        .collect();
    let (&[year, month, day], &[hour, minute, second]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    let ranges = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0.0..24.0).contains(&hour)
        && (0.0..60.0).contains(&minute)
        && (0.0..61.0).contains(&second);
    let leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let months = [
        31,
        28 + i64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let days = (1970..year)
        .map(|year| 365 + i64::from(leap(year)))
        .sum::<i64>()
        + months.iter().take(month as usize - 1).sum::<i64>()
        + day
        - 1;
    let seconds = hour * 3600.0 + minute * 60.0 + second;
    ranges.then(|| days * 86_400_000 + (seconds * 1000.0).round() as i64)
}
