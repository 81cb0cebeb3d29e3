//! Rules between two versions of a media playlist (§6.2.1, §6.2.2, §6.2.5.1).

use super::{Findings, Parsed, ParsedSegment, Violation};

/// Checks that a client that saw `old` may be given `new`. `new` may be a delta update.
pub fn check_update(old: &Parsed, new: &Parsed) -> Result<(), Vec<Violation>> {
    let new = &reconstruct(old, new)?;
    let mut findings = Findings::default();
    findings.rule(new.target_s == old.target_s, "6.2.1", || {
        format!(
            "the target duration went from {} to {}",
            old.target_s, new.target_s
        )
    });
    let part_target_stays = old.part_target_s.is_none() || new.part_target_s == old.part_target_s;
    findings.rule(part_target_stays, "4.4.3.7", || {
        format!(
            "the part target went from {:?} to {:?}",
            old.part_target_s, new.part_target_s
        )
    });
    let promise_stays = !old.independent_segments || new.independent_segments;
    findings.rule(promise_stays, "4.4.2.1", || {
        "EXT-X-INDEPENDENT-SEGMENTS was taken back".into()
    });
    findings.rule(new.media_sequence >= old.media_sequence, "4.4.3.2", || {
        format!(
            "the media sequence went from {} to {}",
            old.media_sequence, new.media_sequence
        )
    });
    findings.rule(new.open.msn >= old.open.msn, "6.2.1", || {
        format!(
            "the end went from {} back to {}",
            old.open.msn, new.open.msn
        )
    });
    findings.rule(!old.ended || old == new, "4.4.3.4", || {
        "changed behind EXT-X-ENDLIST".into()
    });
    findings.rule(old.kind == new.kind, "6.2.1", || {
        format!("the type went from {:?} to {:?}", old.kind, new.kind)
    });
    let has_lost = new.media_sequence > old.media_sequence && old.kind.is_some();
    findings.rule(!has_lost, "4.4.3.5", || {
        "a list that loses nothing has lost segments".into()
    });
    for was in &old.segments {
        if let Some(is) = find(new, was.msn) {
            same_segment(was, is, &mut findings);
        }
    }
    removal(old, new, &mut findings);
    open_parts(old, new, &mut findings);
    findings.into_result(())
}

/// `new` as a whole: what a delta update skips is taken from `old` (§6.3.7).
pub fn reconstruct(old: &Parsed, new: &Parsed) -> Result<Parsed, Vec<Violation>> {
    let mut whole = new.clone();
    let mut findings = Findings::default();
    let skipped = new.media_sequence..new.media_sequence + new.skipped;
    let mut segments: Vec<ParsedSegment> = Vec::new();
    for msn in skipped {
        match find(old, msn) {
            // Parts that are skipped are far from the end: nobody lists them any more.
            Some(segment) => segments.push(ParsedSegment {
                parts: Vec::new(),
                ..segment.clone()
            }),
            None => findings.rule(false, "6.2.5.1", || {
                format!("segment {msn} is skipped, but the client never had it")
            }),
        }
    }
    // Tags in force at the end of what is skipped hold on.
    let (map, key) = match segments.last() {
        Some(last) => (last.map.clone(), last.key.clone()),
        None => (None, None),
    };
    for segment in whole.segments.iter_mut().chain([&mut whole.open]) {
        segment.map = segment.map.take().or_else(|| map.clone());
        segment.key = segment.key.take().or_else(|| key.clone());
    }
    segments.append(&mut whole.segments);
    whole.segments = segments;
    whole.skipped = 0;
    findings.into_result(whole)
}

fn find(parsed: &Parsed, msn: u64) -> Option<&ParsedSegment> {
    parsed.segments.iter().find(|segment| segment.msn == msn)
}

fn same_segment(was: &ParsedSegment, is: &ParsedSegment, findings: &mut Findings) {
    let same = was.uri == is.uri
        && was.duration_s == is.duration_s
        && was.discontinuity == is.discontinuity
        && was.date_time_ms == is.date_time_ms
        && was.map == is.map
        && was.key == is.key;
    findings.rule(same, "6.2.1", || {
        format!("segment {} changed: {was:?} {is:?}", was.msn)
    });
    let parts = was.parts == is.parts || is.parts.is_empty();
    findings.rule(parts, "6.2.2", || {
        format!("the parts of segment {} changed", was.msn)
    });
}

fn removal(old: &Parsed, new: &Parsed, findings: &mut Findings) {
    let removed = old
        .segments
        .iter()
        .filter(|segment| segment.msn < new.media_sequence);
    let discontinuities = removed
        .clone()
        .filter(|segment| segment.discontinuity)
        .count() as u64;
    let expected = old.discontinuity_sequence + discontinuities;
    // Segments that came and went between the two versions may have had discontinuities too.
    let overlap = new.media_sequence <= old.open.msn;
    let right =
        new.discontinuity_sequence == expected || !overlap && new.discontinuity_sequence > expected;
    findings.rule(right, "6.2.2", || {
        format!(
            "the discontinuity sequence is {}, not {expected}",
            new.discontinuity_sequence
        )
    });
    let left_s: f64 = new.segments.iter().map(|segment| segment.duration_s).sum();
    let enough = left_s + 0.001 >= 3.0 * new.target_s as f64;
    findings.rule(removed.count() == 0 || enough || new.ended, "6.2.2", || {
        format!("segments were removed and only {left_s} s are left")
    });
}

/// The parts of the open segment stay as they were when it grows and when it is complete; what
/// was hinted comes next.
fn open_parts(old: &Parsed, new: &Parsed, findings: &mut Findings) {
    let now = if new.open.msn == old.open.msn {
        Some(&new.open)
    } else {
        find(new, old.open.msn)
    };
    let Some(now) = now.filter(|now| !now.parts.is_empty()) else {
        return;
    };
    let kept = now.parts.starts_with(&old.open.parts);
    findings.rule(kept, "6.2.2", || {
        format!("the parts of segment {} changed", now.msn)
    });
    let next = now.parts.get(old.open.parts.len());
    let next = next.or_else(|| {
        new.segments
            .iter()
            .chain([&new.open])
            .find(|segment| segment.msn == now.msn + 1)
            .and_then(|segment| segment.parts.first().filter(|_| !segment.discontinuity))
    });
    if let (Some(hint), Some(next)) = (&old.hint, next) {
        findings.rule(*hint == next.uri, "4.4.5.3", || {
            format!("{hint} was hinted, {} came", next.uri)
        });
    }
}
