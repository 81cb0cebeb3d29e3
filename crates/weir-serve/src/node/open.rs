//! A viewer's stream: here, pulled, or named elsewhere.

use std::sync::Arc;
use std::time::Duration;

use weir_base::{Code, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::place::Purpose;
use weir_hub::Stream;

use super::{Node, Want};

/// How often somebody who waits for a stream has the others looked at again. A publisher here wakes
/// him at once.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

impl Node {
    /// The live stream of this name, pulled if it lives elsewhere.
    ///
    /// # Errors
    /// 3002 when it is live nowhere, 5004 with the place where this node does not pull, 5002 when who
    /// has it cannot be reached or the wish goes in a circle.
    pub async fn open(&self, name: &StreamName, want: &Want) -> Result<Arc<Stream>, Refusal> {
        if self.0.settings.is_alone {
            return self.core().hub.wait_live(name, want.wait).await;
        }
        let clock = self.core().hub.clock();
        let wait_us = i64::try_from(want.wait.as_micros()).unwrap_or(i64::MAX);
        let deadline_us = clock.now_us().saturating_add(wait_us);
        loop {
            let refused = match self.seek(name, want).await {
                Err(refused) if refused.code == Code::NotLive => refused,
                outcome => return outcome,
            };
            let left_us = deadline_us.saturating_sub(clock.now_us());
            let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
            if left.is_zero() {
                return Err(refused);
            }
            let waited = self.core().hub.wait_live(name, left.min(LOOK_AGAIN)).await;
            match waited {
                Err(refused) if refused.code == Code::NotLive => {}
                outcome => return outcome,
            }
        }
    }

    async fn seek(&self, name: &StreamName, want: &Want) -> Result<Arc<Stream>, Refusal> {
        if let Ok(stream) = self.core().hub.find_live(name) {
            return Ok(stream);
        }
        let key = LeaseKey::of(name)?;
        if !self.is_origin() && !self.is_edge() {
            Err(self.elsewhere_to(name, Purpose::Play, want.protocol))
        } else if self.is_edge() {
            self.pull(name, &key, &want.via).await
        } else {
            Err(self.elsewhere(name, &key, want).await)
        }
    }
}
