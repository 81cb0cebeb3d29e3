//! Rules over a multivariant playlist (§4.4.6).

use super::{Findings, Violation, attribute, parse};

/// Checks a multivariant playlist; gives the URIs it leads to.
pub fn check_multivariant(playlist: &str) -> Result<Vec<String>, Vec<Violation>> {
    let mut findings = Findings::default();
    let first = playlist.starts_with("#EXTM3U\n");
    findings.rule(first, "4.4.1.1", || "EXTM3U is not the first line".into());
    let mut uris = Vec::new();
    let mut groups = Vec::new();
    let mut wanted = Vec::new();
    let mut variant = false;
    for line in playlist.lines().skip(1).filter(|line| !line.is_empty()) {
        if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            findings.rule(!variant, "4.4.6.2", || "a variant without a URI".into());
            wanted.extend(stream_inf(list, &mut findings));
            variant = true;
        } else if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:") {
            let attributes = parse::attributes(list, &mut findings);
            for name in ["TYPE", "GROUP-ID", "NAME"] {
                let there = attribute(&attributes, name).is_some();
                findings.rule(there, "4.4.6.1", || format!("EXT-X-MEDIA has no {name}"));
            }
            groups.extend(attribute(&attributes, "GROUP-ID").map(str::to_owned));
            uris.extend(attribute(&attributes, "URI").map(str::to_owned));
        } else if let Some(tag) = line.strip_prefix("#EXT") {
            let known = tag == "-X-INDEPENDENT-SEGMENTS" || tag.starts_with("-X-VERSION:");
            findings.rule(known, "4.4.6", || format!("#EXT{tag} does not belong here"));
        } else if !line.starts_with('#') {
            findings.rule(variant, "4.4.6.2", || {
                format!("{line} has no EXT-X-STREAM-INF")
            });
            variant = false;
            uris.push(line.to_owned());
        }
    }
    findings.rule(!variant, "4.4.6.2", || "a variant without a URI".into());
    for group in wanted {
        let there = groups.contains(&group);
        findings.rule(there, "4.4.6.2.1", || {
            format!("there is no audio group {group}")
        });
    }
    findings.rule(!uris.is_empty(), "4.4.6", || "no renditions".into());
    findings.into_result(uris)
}

/// Checks one variant; gives the audio group it names.
fn stream_inf(list: &str, findings: &mut Findings) -> Option<String> {
    let attributes = parse::attributes(list, findings);
    let bits =
        |name: &str| attribute(&attributes, name).and_then(|value| value.parse::<u64>().ok());
    let peak = bits("BANDWIDTH").filter(|&bits| bits > 0);
    findings.rule(peak.is_some(), "4.4.6.2", || {
        format!("BANDWIDTH is missing in {list}")
    });
    let average = bits("AVERAGE-BANDWIDTH");
    findings.rule(
        average.is_none_or(|average| Some(average) <= peak),
        "4.4.6.2",
        || format!("the average is over the peak in {list}"),
    );
    let codecs = attribute(&attributes, "CODECS");
    findings.rule(
        codecs.is_some_and(|codecs| !codecs.is_empty()),
        "4.4.6.2",
        || format!("CODECS is missing in {list}"),
    );
    if let Some(size) = attribute(&attributes, "RESOLUTION") {
        let fields: Vec<u32> = size
            .split('x')
            .map_while(|field| field.parse().ok())
            .collect();
        findings.rule(fields.len() == 2, "4.2", || {
            format!("{size} is no resolution")
        });
    }
    attribute(&attributes, "AUDIO").map(str::to_owned)
}
