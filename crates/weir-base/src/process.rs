//! What a process costs, from `/proc`: processor seconds and memory.

use std::fs;

/// `/proc/PID/stat` counts in these (`USER_HZ`, fixed at 100 on Linux).
const TICKS_PER_S: f64 = 100.0;

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Processor time of all its threads, seconds.
    pub cpu_s: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
}

/// Looks at process `pid`; `None` where there is none, or no `/proc`.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let cpu_s = precise_cpu_s(pid).or_else(|| coarse_cpu_s(pid))?;
    Some(Usage {
        cpu_s,
        rss_bytes: field_bytes(&status, "VmRSS:")?,
    })
}

/// Processor seconds of this process, threads that have ended among them; 0 where there is no `/proc`.
pub fn own_cpu_s() -> f64 {
    coarse_cpu_s(std::process::id()).unwrap_or(0.0)
}

/// Bytes of this process in memory; 0 where there is no `/proc`.
pub fn own_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status");
    status
        .ok()
        .and_then(|status| field_bytes(&status, "VmRSS:"))
        .unwrap_or(0)
}

/// Nanoseconds on the processor of every living thread (`schedstat`), where the kernel counts them.
fn precise_cpu_s(pid: u32) -> Option<f64> {
    let mut total_ns = 0u64;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread may end while we look.
        let Ok(line) = fs::read_to_string(thread.path().join("schedstat")) else {
            continue;
        };
        total_ns += line.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    (total_ns > 0).then_some(total_ns as f64 / 1e9)
}

fn coarse_cpu_s(pid: u32) -> Option<f64> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        .map(|ticks| ticks as f64 / TICKS_PER_S)
}

/// `utime` and `stime`, fields 14 and 15; the name in field 2 may hold anything, even blanks.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A size out of a table such as `/proc/PID/status` or `/proc/meminfo` (proc(5)), in bytes; `field` is the
/// line's name with its colon. The kernel writes such sizes in KiB.
pub fn field_bytes(table: &str, field: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_and_brackets_do_not_shift_the_fields() {
        assert_eq!(
            ticks("1 (a b) c) S 0 1 1 0 -1 4 5 6 7 8 120 34 0 0"),
            Some(154)
        );
    }

    #[test]
    fn this_process_has_memory() {
        assert!(usage(std::process::id()).unwrap().rss_bytes > 100_000);
        assert!(own_rss_bytes() > 100_000);
        assert_eq!(usage(u32::MAX), None);
    }
}
