//! How it stands with recordings on a node's disk and on their way to the store, as its metrics say.

use super::Verdict;

/// A block that waits so long means a store that does not keep up, seconds.
const LONG_WAIT_S: f64 = 600.0;
/// Of what recordings may take of the disk; above it there will be holes soon, percent.
const NEARLY_FULL_PERCENT: f64 = 80.0;

/// What is said of recordings; nothing where the node has none.
pub(super) fn uploads(metrics: &str) -> Option<(Verdict, String)> {
    let here = number(metrics, "weir_recording_disk_bytes")?;
    let most = number(metrics, "weir_recording_disk_most_bytes").unwrap_or(0.0);
    let waiting = number(metrics, "weir_recording_blocks_waiting").unwrap_or(0.0);
    let oldest_s = number(metrics, "weir_recording_oldest_seconds").unwrap_or(0.0);
    let is_full = number(metrics, "weir_recording_disk_full").unwrap_or(0.0) > 0.0;
    if here == 0.0 && waiting == 0.0 {
        return None;
    }
    let mut words = format!(
        "recordings: {:.0} MiB on the disk",
        here / f64::from(1 << 20)
    );
    let percent = if most > 0.0 { here * 100.0 / most } else { 0.0 };
    if most > 0.0 {
        words.push_str(&format!(", {percent:.0} % of record.spool_mb"));
    }
    if waiting > 0.0 {
        words.push_str(&format!(
            "; {waiting:.0} blocks wait for the store, the first for {oldest_s:.0} s"
        ));
    }
    let (verdict, advice) = if is_full {
        (
            Verdict::Bad,
            ": recordings have holes; give record.spool_mb more, or see to the store",
        )
    } else if oldest_s > LONG_WAIT_S {
        (
            Verdict::Warning,
            ": look at the store, and at record.upload_kbps",
        )
    } else if percent > NEARLY_FULL_PERCENT {
        (
            Verdict::Warning,
            ": soon recordings will have holes; see to the store, or lower record.keep_local_s",
        )
    } else {
        (Verdict::Good, "")
    };
    words.push_str(advice);
    Some((verdict, words))
}

/// The value of a gauge without its labels.
fn number(metrics: &str, name: &str) -> Option<f64> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let mut own = lines.filter_map(|line| line.strip_prefix(name));
    own.find_map(|rest| {
        let is_whole = rest.starts_with('{') || rest.starts_with(' ');
        let value = rest.rsplit(' ').next()?;
        is_whole.then(|| value.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(here: u64, most: u64, waiting: u64, oldest_s: u64, is_full: u64) -> String {
        format!(
            "# TYPE weir_recording_disk_bytes gauge\n\
             weir_recording_disk_bytes{{node=\"a b\"}} {here}\n\
             weir_recording_disk_most_bytes{{node=\"a b\"}} {most}\n\
             weir_recording_disk_full{{node=\"a b\"}} {is_full}\n\
             weir_recording_blocks_waiting{{node=\"a b\"}} {waiting}\n\
             weir_recording_oldest_seconds{{node=\"a b\"}} {oldest_s}\n"
        )
    }

    #[test]
    fn what_waits_for_the_store_and_how_full_the_disk_is_are_said() {
        assert_eq!(uploads(""), None);
        assert_eq!(uploads(&metrics(0, 9, 0, 0, 0)), None);
        let (verdict, words) = uploads(&metrics(50 << 20, 100 << 20, 2, 30, 0)).unwrap();
        assert_eq!(verdict, Verdict::Good);
        assert_eq!(
            words,
            "recordings: 50 MiB on the disk, 50 % of record.spool_mb; 2 blocks wait for the store, the first for 30 s"
        );
        for (text, verdict) in [
            (metrics(50 << 20, 0, 2, 601, 0), Verdict::Warning),
            (metrics(90 << 20, 100 << 20, 0, 0, 0), Verdict::Warning),
            (metrics(90 << 20, 100 << 20, 0, 0, 1), Verdict::Bad),
        ] {
            assert_eq!(uploads(&text).unwrap().0, verdict, "{text}");
        }
    }
}
