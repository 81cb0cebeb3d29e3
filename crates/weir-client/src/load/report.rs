//! What came of a load, as one JSON object for people and machines alike.

use serde_json::{Value, json};

use super::engine::{FanOut, FanOutResult};
use super::hls::{HlsLoad, HlsResult};
use crate::measure::percentile;

impl FanOutResult {
    /// For people and machines.
    pub fn report(&self, plan: &FanOut) -> Value {
        let gb = self.bytes as f64 / 1e9;
        let rss = self.server_before.zip(self.server_after);
        json!({
            "protocol": plan.url.protocol(),
            "viewers": plan.viewers,
            "stalled": plan.stalled,
            "opened": self.opened,
            "alive": self.alive,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "mbit_per_s": self.bytes as f64 * 8.0 / self.seconds.max(1e-9) / 1e6,
            "frames": self.frames,
            "keyframes": self.keyframes,
            "gaps": self.gaps,
            "backward": self.backward,
            "stalls": self.stalls,
            "longest_step_ms": self.longest_step_ms,
            "longest_wait_ms": spread(&self.longest_waits_us),
            "first_byte_ms": spread(&self.first_byte_us),
            "first_keyframe_ms": spread(&self.first_key_us),
            "latency_ms": spread(&self.latencies_us),
            "own_cpu_s": self.own_cpu_s,
            "server_cpu_s": self.server_cpu_s,
            "server_cpu_s_per_gb": self.server_cpu_s.filter(|_| gb > 0.0).map(|cpu_s| cpu_s / gb),
            "server_rss_before": rss.map(|(before, _)| before.rss_bytes),
            "server_rss_after": rss.map(|(_, after)| after.rss_bytes),
            "server_rss_per_viewer": rss.filter(|_| plan.viewers > 0).map(|(before, after)| {
                (after.rss_bytes as f64 - before.rss_bytes as f64) / plan.viewers as f64
            }),
            "ends": self.ends.iter().map(|(why, count)| json!({ "why": why, "count": count })).collect::<Vec<_>>(),
        })
    }
}

impl HlsResult {
    /// For people and machines.
    pub fn report(&self, plan: &HlsLoad) -> Value {
        let cpu_s = self.server_cpu_s.filter(|cpu_s| *cpu_s > 0.0);
        json!({
            "clients": plan.clients,
            "seconds": self.seconds,
            "requests": self.requests,
            "failures": self.failures,
            "requests_per_s": self.requests as f64 / self.seconds.max(1e-9),
            "bytes": self.bytes,
            "own_cpu_s": self.own_cpu_s,
            "server_cpu_s": cpu_s,
            "requests_per_server_cpu_s": cpu_s.map(|cpu_s| self.requests as f64 / cpu_s),
            "server_cpu_s_per_gb": cpu_s.map(|cpu_s| cpu_s / (self.bytes as f64 / 1e9).max(1e-9)),
        })
    }
}

/// Milliseconds; null of nothing.
pub(super) fn spread(values_us: &[i64]) -> Option<Value> {
    let ms = |share| percentile(values_us, share).map(|us| us as f64 / 1e3);
    ms(0.5)
        .map(|p50| json!({ "min": ms(0.0), "p50": p50, "p99": ms(0.99), "max": ms(1.0), "count": values_us.len() }))
}
