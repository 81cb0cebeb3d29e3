//! Rules over one media playlist.

use std::collections::HashSet;

use super::{Findings, Parsed, ParsedSegment, Violation, attribute, parse};

/// Durations are written with six decimals; sums of many may differ by that.
const SUM_SLACK_S: f64 = 0.001;
/// Of PART-TARGET, the least a part may last that is not the last of its segment (§4.4.4.9).
const MIN_PART_SHARE: f64 = 0.85;

/// Reads a media playlist and checks it by itself.
pub fn check_media(playlist: &str) -> Result<Parsed, Vec<Violation>> {
    let mut findings = Findings::default();
    let parsed = parse::media(playlist, &mut findings);
    segments(&parsed, &mut findings);
    versions(&parsed, playlist, &mut findings);
    names(&parsed, &mut findings);
    keys(&parsed, &mut findings);
    dates(&parsed, &mut findings);
    server_control(&parsed, &mut findings);
    kind(&parsed, &mut findings);
    parts(&parsed, &mut findings);
    findings.into_result(parsed)
}

fn segments(parsed: &Parsed, findings: &mut Findings) {
    for segment in &parsed.segments {
        let (msn, duration) = (segment.msn, segment.duration_s);
        findings.rule(
            duration.round() <= parsed.target_s as f64,
            "4.4.3.1",
            || {
                format!(
                    "segment {msn} lasts {duration} s, the target is {} s",
                    parsed.target_s
                )
            },
        );
        findings.rule(duration > 0.0, "4.4.4.1", || {
            format!("segment {msn} lasts {duration} s")
        });
        let fmp4 = segment.uri.contains(".m4s");
        // In a delta update, the tag may be among what is skipped.
        findings.rule(
            !fmp4 || segment.gap || segment.map.is_some() || parsed.skipped > 0,
            "3.1.2",
            || format!("segment {msn} is fMP4 and has no EXT-X-MAP"),
        );
    }
}

fn versions(parsed: &Parsed, playlist: &str, findings: &mut Findings) {
    let mut needs = |needed: bool, version: u32, what: &str| {
        findings.rule(!needed || parsed.version >= version, "8", || {
            format!(
                "{what} needs version {version}, the playlist says {}",
                parsed.version
            )
        });
    };
    let any_key = parsed
        .segments
        .iter()
        .filter_map(|segment| segment.key.as_deref());
    needs(
        any_key.clone().any(|key| attribute(key, "IV").is_some()),
        2,
        "an IV",
    );
    needs(
        playlist.contains("#EXTINF:") && playlist.contains('.'),
        3,
        "a fractional EXTINF",
    );
    needs(
        parsed.segments.iter().any(|segment| segment.map.is_some()),
        6,
        "EXT-X-MAP",
    );
    needs(parsed.skipped > 0, 9, "EXT-X-SKIP");
    needs(parsed.is_iframes, 4, "EXT-X-I-FRAMES-ONLY");
    let ranges = || parsed.segments.iter().map(|segment| segment.range);
    needs(ranges().any(|range| range.is_some()), 4, "EXT-X-BYTERANGE");
    let gaps = || parsed.segments.iter().map(|segment| segment.gap);
    needs(gaps().any(|gap| gap), 8, "EXT-X-GAP");
}

/// What a list that says what becomes of it may have (§4.4.3.5, §6.2.2).
fn kind(parsed: &Parsed, findings: &mut Findings) {
    let Some(kind) = parsed.kind.as_deref() else {
        return;
    };
    findings.rule(parsed.media_sequence == 0, "6.2.2", || {
        format!("of a list of type {kind} segments have gone")
    });
    findings.rule(parsed.discontinuity_sequence == 0, "6.2.2", || {
        format!("of a list of type {kind} discontinuities have gone")
    });
    findings.rule(kind != "VOD" || parsed.ended, "4.4.3.5", || {
        "a list of type VOD without an end".into()
    });
}

fn names(parsed: &Parsed, findings: &mut Findings) {
    let mut seen = HashSet::new();
    let parts = parsed
        .segments
        .iter()
        .chain([&parsed.open])
        .flat_map(|segment| &segment.parts);
    // Pieces of one thing have its name all of them.
    let whole = parsed.segments.iter();
    let whole = whole.filter(|segment| segment.range.is_none());
    let uris = whole.map(|segment| &segment.uri);
    for uri in uris.chain(parts.map(|part| &part.uri)).chain(&parsed.hint) {
        findings.rule(seen.insert(uri), "4.4.4", || {
            format!("{uri} is listed twice")
        });
    }
}

fn keys(parsed: &Parsed, findings: &mut Findings) {
    let mut used = HashSet::new();
    for segment in &parsed.segments {
        let Some(key) = &segment.key else { continue };
        let method = attribute(key, "METHOD");
        let uri = attribute(key, "URI");
        findings.rule(
            method == Some("AES-128") && uri.is_some(),
            "4.4.4.4",
            || {
                format!(
                    "segment {}: an EXT-X-KEY without method or URI",
                    segment.msn
                )
            },
        );
        let implicit = format!("0x{:032X}", segment.msn);
        let iv = attribute(key, "IV").map_or(implicit, str::to_uppercase);
        findings.rule(iv.len() == 34, "4.4.4.4", || {
            format!("{iv} is no IV of 128 bits")
        });
        findings.rule(used.insert((uri, iv)), "5.2", || {
            format!(
                "segment {} uses key and IV of another one again",
                segment.msn
            )
        });
    }
}

fn dates(parsed: &Parsed, findings: &mut Findings) {
    for pair in parsed.segments.windows(2) {
        let [a, b] = pair else { continue };
        let (Some(from), Some(to)) = (a.date_time_ms, b.date_time_ms) else {
            continue;
        };
        let expected = from as f64 + a.duration_s * 1000.0;
        // Without a discontinuity, dates and durations tell the same story.
        findings.rule(
            b.discontinuity || (to as f64 - expected).abs() <= 2.0,
            "4.4.4.6",
            || {
                format!(
                    "segment {} begins {} ms off its date",
                    b.msn,
                    to as f64 - expected
                )
            },
        );
        findings.rule(to >= from, "4.4.4.6", || {
            format!("the date of segment {} goes back", b.msn)
        });
    }
}

fn server_control(parsed: &Parsed, findings: &mut Findings) {
    let target_s = parsed.target_s as f64;
    let at_least = |name: &str, least_s: f64, findings: &mut Findings| {
        if let Some(value) = parsed.server_control_s(name) {
            findings.rule(value + SUM_SLACK_S >= least_s, "4.4.3.8", || {
                format!("{name} is {value}, at least {least_s} is needed")
            });
        }
    };
    at_least("HOLD-BACK", 3.0 * target_s, findings);
    at_least("CAN-SKIP-UNTIL", 6.0 * target_s, findings);
    let Some(part_target_s) = parsed.part_target_s else {
        return;
    };
    at_least("PART-HOLD-BACK", 3.0 * part_target_s, findings);
    let held = parsed.server_control_s("PART-HOLD-BACK").is_some();
    findings.rule(held, "4.4.3.8", || "PART-INF without PART-HOLD-BACK".into());
    let control = parsed.server_control.as_deref().unwrap_or_default();
    let blocks = attribute(control, "CAN-BLOCK-RELOAD") == Some("YES");
    findings.rule(blocks, "B.1", || {
        "parts without CAN-BLOCK-RELOAD=YES".into()
    });
    findings.rule(parsed.ended || parsed.hint.is_some(), "B.1", || {
        "no EXT-X-PRELOAD-HINT".into()
    });
    findings.rule(!parsed.ended || parsed.hint.is_none(), "4.4.5.3", || {
        "EXT-X-PRELOAD-HINT in a playlist that has ended".into()
    });
    let dated = parsed
        .segments
        .iter()
        .any(|segment| segment.date_time_ms.is_some());
    findings.rule(dated || parsed.segments.is_empty(), "B.1", || {
        "no date".into()
    });
}

fn parts(parsed: &Parsed, findings: &mut Findings) {
    let mut behind_s: f64 = parsed.open.parts.iter().map(|part| part.duration_s).sum();
    segment_parts(parsed, &parsed.open, findings);
    for segment in parsed.segments.iter().rev() {
        segment_parts(parsed, segment, findings);
        let sum_s: f64 = segment.parts.iter().map(|part| part.duration_s).sum();
        let complete = segment.parts.is_empty() || (sum_s - segment.duration_s).abs() < SUM_SLACK_S;
        findings.rule(complete, "4.4.4.9", || {
            format!(
                "parts of {} last {sum_s} s, it lasts {}",
                segment.msn, segment.duration_s
            )
        });
        let far = behind_s > 3.0 * parsed.target_s as f64 + SUM_SLACK_S;
        findings.rule(!far || segment.parts.is_empty(), "6.2.2", || {
            format!(
                "parts of segment {} are listed {behind_s} s from the end",
                segment.msn
            )
        });
        behind_s += segment.duration_s;
    }
}

fn segment_parts(parsed: &Parsed, segment: &ParsedSegment, findings: &mut Findings) {
    let Some(target_s) = parsed.part_target_s else {
        findings.rule(segment.parts.is_empty(), "4.4.3.7", || {
            "parts without PART-INF".into()
        });
        return;
    };
    for (at, part) in segment.parts.iter().enumerate() {
        let duration_s = part.duration_s;
        findings.rule(duration_s <= target_s + 1e-9, "4.4.4.9", || {
            format!(
                "{} lasts {duration_s} s, the part target is {target_s} s",
                part.uri
            )
        });
        let last = at + 1 == segment.parts.len();
        findings.rule(
            last || part.gap || duration_s >= MIN_PART_SHARE * target_s,
            "4.4.4.9",
            || {
                format!(
                    "{} lasts {duration_s} s, under 85 % of {target_s} s",
                    part.uri
                )
            },
        );
    }
}
