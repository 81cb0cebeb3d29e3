//! Nodes with a real store, bus and clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use weir_base::{Clock, Tasks};
use weir_cluster::lease::{Event, Gate};
use weir_cluster::member::{MemberConfig, Status};
use weir_cluster::redis::Redis;
use weir_cluster::report::StreamReport;
use weir_cluster::run::Cluster;
use weir_cluster::{LeaseKey, Member, NodeRecord, Role};

pub(crate) use crate::common::name;
use crate::common::node_record;

/// One node.
pub(crate) struct Running {
    pub(crate) cluster: Cluster,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) tasks: Tasks,
    pub(crate) stop: oneshot::Sender<()>,
}

pub(crate) fn stream(text: &str) -> LeaseKey {
    LeaseKey::new(text).unwrap()
}

pub(crate) fn record(id: &str, boot: u64) -> NodeRecord {
    node_record(id, boot, &[Role::Origin])
}

pub(crate) fn run(redis: Redis, id: &str, boot: u64) -> Running {
    let clock = Clock::real();
    let redis = Arc::new(redis);
    let member = Member::new(MemberConfig::default(), record(id, boot), clock.now_us()).unwrap();
    let (stop, stopped) = oneshot::channel();
    let tasks = Tasks::new();
    let until = async move { drop(stopped.await) };
    let (cluster, events) = Cluster::start(member, redis.clone(), redis, clock, &tasks, until);
    Running {
        cluster,
        events,
        tasks,
        stop,
    }
}

impl Running {
    pub(crate) fn publish(&self, key: &str) -> Gate {
        self.cluster
            .with(|member, now_us| member.publish(stream(key), 0, 0, now_us))
            .unwrap()
    }

    pub(crate) fn is_open(&self, gate: &Gate) -> bool {
        self.cluster.with(|_, now_us| gate.is_open(now_us))
    }

    pub(crate) async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await;
        event.unwrap().unwrap()
    }

    pub(crate) fn owner(&self, key: &str) -> Option<String> {
        self.cluster
            .with(|member, _| Some(member.view().owner(&stream(key))?.node.to_string()))
    }

    pub(crate) fn status(&self) -> Status {
        self.cluster.with(|member, now_us| member.status(now_us))
    }

    pub(crate) fn report(&self, key: &str, ip: &str, ttl_ms: i64) {
        let report = StreamReport {
            key: stream(key),
            ip: ip.into(),
            port: 1935,
            protocol: "rtmp".into(),
            ttl_ms,
        };
        self.cluster
            .with(|member, now_us| member.report(report, now_us))
            .unwrap();
    }

    pub(crate) fn reported(&self, key: &str) -> Option<String> {
        self.cluster
            .with(|member, _| Some(member.view().reported(&stream(key))?.ip.clone()))
    }

    /// Goes, and is gone.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        drop(self.events);
        tokio::time::timeout(Duration::from_secs(5), self.tasks.join())
            .await
            .unwrap();
    }
}

pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..400 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 20 s: {what}");
}
