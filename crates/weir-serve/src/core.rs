//! What every part of a server shares: streams, delivery loops, tasks, the end, and the settings. It
//! has five fields and gets no sixth: what only some parts need, those are handed.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use weir_base::{Refusal, Shutdown, Tasks};
use weir_hub::{Hub, Protocol};

use crate::config::Config;
use crate::deliver::{DeliveryConfig, Pool};

/// See the module's words. Clones share all of it.
#[derive(Clone)]
pub struct Core {
    /// The streams.
    pub hub: Hub,
    /// The delivery loops.
    pub pool: Pool,
    /// Tasks of this process.
    pub tasks: Tasks,
    /// The two stages of the end.
    pub shutdown: Shutdown,
    /// The settings now in force.
    pub config: Arc<ArcSwap<Config>>,
}

impl Core {
    /// Starts the delivery loops for the streams of `hub`. A form of a stream holds as many bytes as its
    /// ring.
    ///
    /// # Errors
    /// When the system has no epoll or no thread to give.
    pub fn start(hub: Hub, delivery: DeliveryConfig, config: Config) -> std::io::Result<Self> {
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let pool = Pool::start(delivery, &hub, &tasks, &shutdown)?;
        Ok(Self {
            hub,
            pool,
            tasks,
            shutdown,
            config: Arc::new(ArcSwap::from_pointee(config)),
        })
    }

    /// Counts and logs a refusal, once, where it is answered.
    /// A flood of one code is counted and not written line by line.
    pub fn refused(&self, refusal: &Refusal, protocol: Protocol, what: &str, ip: IpAddr) {
        self.hub.counters().code(refusal.code, protocol);
        let now_us = self.hub.clock().now_us();
        let Some(left_out) = self.hub.counters().may_log(refusal.code, now_us) else {
            return;
        };
        if left_out > 0 {
            tracing::info!(
                code = refusal.code.number(),
                left_out,
                "refusals of this code were not logged one by one"
            );
        }
        tracing::info!(code = refusal.code.number(), protocol = protocol.name(), %ip, "refused {what}: {}", refusal.detail);
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}
