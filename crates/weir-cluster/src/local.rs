//! Store and bus in one process: the default where there is one node, and for tests of several.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc};
use weir_base::Clock;

use crate::lease::Unreachable;
use crate::limits::{BUS_INBOX, RECORDING_TERM_MS, REPORTS};
use crate::message::Message;
use crate::name::{LeaseKey, Name};
use crate::record::{NodeRecord, StreamRecord};
use crate::recorded::{RecordingOp, RecordingSaid, RecordingTable};
use crate::report::StreamReport;
use crate::store::{Bus, BusEvent, Everything, Store, Waiting};
use crate::table::{LeaseReply, LeaseTable, Op};

/// Leases and records in memory.
#[derive(Debug)]
pub struct LocalStore {
    clock: Clock,
    ttl_ms: i64,
    node_ttl_ms: i64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    table: LeaseTable,
    nodes: HashMap<Name, (NodeRecord, i64)>,
    reports: HashMap<LeaseKey, (StreamReport, i64)>,
    recorded: RecordingTable,
}

impl LocalStore {
    /// Empty; `ttl_ms` is the term of a lease, `node_ttl_ms` that of a node's record.
    pub fn new(clock: Clock, ttl_ms: i64, node_ttl_ms: i64) -> Self {
        Self {
            clock,
            ttl_ms,
            node_ttl_ms,
            inner: Mutex::default(),
        }
    }

    /// Monotonic, so that leases do not end when somebody sets the clock.
    fn now_ms(&self) -> i64 {
        self.clock.now_us() / 1000
    }
}

impl Store for LocalStore {
    fn leases(&self, ops: Vec<Op>) -> Waiting<'_, Result<Vec<LeaseReply>, Unreachable>> {
        let now_ms = self.now_ms();
        let table = &mut self.inner.lock().table;
        table.sweep(now_ms);
        let answers = ops
            .iter()
            .map(|op| table.apply(op, now_ms, self.ttl_ms))
            .collect();
        Box::pin(std::future::ready(Ok(answers)))
    }

    fn find(&self, key: LeaseKey) -> Waiting<'_, Result<Option<StreamRecord>, Unreachable>> {
        let found = self.inner.lock().table.find(&key, self.now_ms()).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn register(&self, record: NodeRecord) -> Waiting<'_, Result<(), Unreachable>> {
        let now_ms = self.now_ms();
        let nodes = &mut self.inner.lock().nodes;
        nodes.retain(|_, (_, until_ms)| *until_ms > now_ms);
        nodes.insert(record.id.clone(), (record, now_ms + self.node_ttl_ms));
        Box::pin(std::future::ready(Ok(())))
    }

    fn unregister(&self, id: Name) -> Waiting<'_, Result<(), Unreachable>> {
        self.inner.lock().nodes.remove(&id);
        Box::pin(std::future::ready(Ok(())))
    }

    fn everything(&self) -> Waiting<'_, Result<Everything, Unreachable>> {
        let now_ms = self.now_ms();
        let inner = self.inner.lock();
        let live = inner
            .nodes
            .values()
            .filter(|(_, until_ms)| *until_ms > now_ms);
        let nodes = live.map(|(record, _)| record.clone()).collect();
        let streams = inner.table.all(now_ms).cloned().collect();
        Box::pin(std::future::ready(Ok((nodes, streams))))
    }

    fn report(&self, reports: Vec<StreamReport>) -> Waiting<'_, Result<(), Unreachable>> {
        let now_ms = self.now_ms();
        let kept = &mut self.inner.lock().reports;
        for report in reports {
            if report.ttl_ms <= 0 {
                let said = kept.get(&report.key).map(|(said, _)| said.place());
                if said == Some(report.place()) {
                    kept.remove(&report.key);
                }
                continue;
            }
            if kept.len() >= REPORTS {
                kept.retain(|_, (_, until_ms)| *until_ms > now_ms);
            }
            if kept.len() < REPORTS || kept.contains_key(&report.key) {
                let until_ms = now_ms.saturating_add(report.ttl_ms);
                kept.insert(report.key.clone(), (report, until_ms));
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn reports(&self) -> Waiting<'_, Result<Vec<StreamReport>, Unreachable>> {
        let now_ms = self.now_ms();
        let inner = self.inner.lock();
        let left = |(report, until_ms): &(StreamReport, i64)| {
            let ttl_ms = until_ms.saturating_sub(now_ms);
            (ttl_ms > 0).then(|| StreamReport {
                ttl_ms,
                ..report.clone()
            })
        };
        let reports = inner.reports.values().filter_map(left).collect();
        Box::pin(std::future::ready(Ok(reports)))
    }

    fn recorded(
        &self,
        ops: Vec<RecordingOp>,
    ) -> Waiting<'_, Result<Vec<RecordingSaid>, Unreachable>> {
        // By the wall clock: what is said outlives the process.
        let now_ms = self.clock.wall_ms();
        let table = &mut self.inner.lock().recorded;
        let said = table.apply(&ops, now_ms, RECORDING_TERM_MS);
        Box::pin(std::future::ready(Ok(said)))
    }
}

/// Messages within the process.
#[derive(Debug)]
pub struct LocalBus(broadcast::Sender<(Option<Name>, Message)>);

impl Default for LocalBus {
    fn default() -> Self {
        Self(broadcast::Sender::new(BUS_INBOX))
    }
}

impl Bus for LocalBus {
    fn send(&self, to: Option<Name>, message: Message) -> Waiting<'_, Result<(), Unreachable>> {
        // An error says that nobody listens, which is nobody's fault.
        let _ = self.0.send((to, message));
        Box::pin(std::future::ready(Ok(())))
    }

    fn listen(&self, me: Name, inbox: mpsc::Sender<BusEvent>) -> Waiting<'_, ()> {
        let mut messages = self.0.subscribe();
        Box::pin(async move {
            let mut heard = Some(BusEvent::Connected);
            loop {
                if let Some(heard) = heard.take()
                    && inbox.send(heard).await.is_err()
                {
                    return;
                }
                heard = tokio::select! {
                    () = inbox.closed() => return,
                    received = messages.recv() => match received {
                        Ok((to, message)) if to.is_none() || to.as_ref() == Some(&me) => {
                            Some(BusEvent::Message(Box::new(message)))
                        }
                        Ok(_) => None,
                        Err(broadcast::error::RecvError::Lagged(_)) => Some(BusEvent::Connected),
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                };
            }
        })
    }
}
