//! One viewer after another: how fast is the first picture there?

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use weir_base::Clock;
use weir_media::Item;

use super::report::spread;
use crate::address::MediaUrl;
use crate::decode::Sink;
use crate::measure::Measure;
use crate::watch::{WatchOptions, watch};

/// For one join.
pub(super) const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Debug, Clone)]
pub struct JoinLoad {
    /// Anything that can be watched; a `{}` in it is the number of the viewer.
    pub url: String,
    /// How many viewers, one after the other.
    pub joins: usize,
}

/// What came of it, µs since each viewer began to connect.
#[derive(Debug, Clone, Default)]
pub struct JoinResult {
    /// First bytes.
    pub first_byte_us: Vec<i64>,
    /// First keyframes.
    pub first_key_us: Vec<i64>,
}

impl JoinResult {
    /// For people and machines.
    pub fn report(&self, plan: &JoinLoad) -> Value {
        json!({
            "protocol": MediaUrl::parse(&plan.url).ok().map(|url| url.protocol()),
            "joins": plan.joins,
            "first_byte_ms": spread(&self.first_byte_us),
            "first_keyframe_ms": spread(&self.first_key_us),
        })
    }
}

/// Runs it to the end.
///
/// # Errors
/// When a viewer is refused, or has no keyframe within 10 s.
pub async fn join_load(plan: &JoinLoad) -> anyhow::Result<JoinResult> {
    let mut result = JoinResult::default();
    for number in 0..plan.joins {
        let url = MediaUrl::parse(&numbered(&plan.url, number))?;
        let mut sink = UntilKey(Measure::new(Clock::real(), i64::MAX));
        let options = WatchOptions::default();
        match tokio::time::timeout(JOIN_TIMEOUT, watch(&url, &options, &mut sink)).await {
            Ok(outcome) => outcome?,
            Err(_) => bail!("no keyframe within {} s", JOIN_TIMEOUT.as_secs()),
        }
        result.first_byte_us.extend(sink.0.first_byte_us);
        result.first_key_us.extend(sink.0.first_key_us);
    }
    Ok(result)
}

/// Done at the first keyframe, or the first frame where there is no video.
pub(super) struct UntilKey(pub(super) Measure);

impl Sink for UntilKey {
    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0.bytes(bytes)
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        self.0.item(item)
    }

    fn note(&mut self, note: &str) {
        self.0.note(note);
    }

    fn is_done(&self) -> bool {
        self.0.first_key_us.is_some() || (self.0.tracks.video.is_none() && self.0.audio.frames > 0)
    }
}

/// The address with its `{}` replaced.
pub(super) fn numbered(url: &str, number: usize) -> String {
    url.replace("{}", &number.to_string())
}
