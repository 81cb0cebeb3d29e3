//! One member with a real store, bus and clock: the only part of this crate that waits for anything.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use weir_base::{Clock, Tasks};

use crate::lease::Event;
use crate::limits::BUS_INBOX;
use crate::member::{Member, Output};
use crate::message::Message;
use crate::name::{LeaseKey, Name};
use crate::store::{Bus, BusEvent, Store};
use crate::watch::{Watch, Watches};

/// The longest between two looks at the clock, microseconds: views age and leases lapse unasked.
const TICK_US: i64 = 250_000;
/// How long a leaving node's last messages may take, milliseconds.
const LEAVE_MS: u64 = 1_000;

/// A handle on the running member. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    member: Mutex<Member>,
    wake: Notify,
    watches: Watches,
    clock: Clock,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

impl Cluster {
    /// Starts what keeps `member` going on `tasks`, until `stop` ends; what happens to leases comes
    /// out of the receiver, which must be read.
    pub fn start(
        member: Member,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        clock: Clock,
        tasks: &Tasks,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> (Self, mpsc::Receiver<Event>) {
        let me = member.record().id.clone();
        let shared = Shared {
            member: Mutex::new(member),
            wake: Notify::new(),
            watches: Watches::default(),
            clock,
            store,
            bus,
        };
        let cluster = Self(Arc::new(shared));
        let (event_in, events) = mpsc::channel(BUS_INBOX);
        let (inbox, heard) = mpsc::channel(BUS_INBOX);
        let (outbox, to_send) = mpsc::channel(BUS_INBOX);
        let listener = cluster.clone();
        tasks.spawn("cluster-listen", async move {
            listener.0.bus.listen(me, inbox).await;
        });
        tasks.spawn("cluster-send", cluster.clone().send_all(to_send));
        let calls = tasks.clone();
        tasks.spawn(
            "cluster",
            cluster.clone().run(heard, outbox, event_in, calls, stop),
        );
        (cluster, events)
    }

    /// Looks at or changes the member; the time is the monotonic one in microseconds. Short: nobody
    /// else can meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&mut Member, i64) -> T) -> T {
        let mut member = self.0.member.lock();
        let done = act(&mut member, self.0.clock.now_us());
        let changes = member.take_changes();
        drop(member);
        if !changes.is_empty() {
            self.0.watches.wake(&changes);
        }
        self.0.wake.notify_one();
        done
    }

    /// For one who waits for a stream to come, to move or to go: woken when the view says something
    /// else of it. At most [`WATCHED_STREAMS`](crate::limits::WATCHED_STREAMS) have a place.
    pub fn watch(&self, key: &LeaseKey) -> Watch {
        self.0.watches.open(key)
    }

    async fn run(
        self,
        mut heard: mpsc::Receiver<BusEvent>,
        outbox: mpsc::Sender<(Option<Name>, Message)>,
        events: mpsc::Sender<Event>,
        tasks: Tasks,
        stop: impl Future<Output = ()>,
    ) {
        if let Ok((nodes, streams)) = self.0.store.everything().await {
            self.with(|member, now_us| member.seed(nodes, streams, now_us));
        }
        let mut stop = std::pin::pin!(stop);
        let mut tick_at_us = self.0.clock.now_us();
        loop {
            self.carry_out(&outbox, &events, &tasks);
            // By the clock and not by the sleep: a busy bus would put the sleep off for ever.
            let now_us = self.0.clock.now_us();
            let deadline_us = self.0.member.lock().deadline_us().min(tick_at_us);
            if deadline_us <= now_us {
                tick_at_us = now_us.saturating_add(TICK_US);
                self.with(Member::tick);
                self.carry_out(&outbox, &events, &tasks);
            }
            let wait_us = deadline_us.saturating_sub(now_us).clamp(1_000, TICK_US);
            let wait = Duration::from_micros(u64::try_from(wait_us).unwrap_or(1_000));
            tokio::select! {
                () = &mut stop => break,
                one = heard.recv() => match one {
                    Some(BusEvent::Message(message)) => self.with(|m, now_us| m.message(&message, now_us)),
                    Some(BusEvent::Connected) => {
                        self.with(Member::bus_gap);
                        self.read_reports(&tasks);
                    }
                    None => break,
                },
                () = self.0.wake.notified() => (),
                () = tokio::time::sleep(wait) => (),
            }
        }
        let id = self.with(|member, now_us| {
            member.leave(now_us);
            member.record().id.clone()
        });
        self.carry_out(&outbox, &events, &tasks);
        let last = self.0.store.unregister(id);
        let _ = tokio::time::timeout(Duration::from_millis(LEAVE_MS), last).await;
    }

    /// Reports are no node's own, so that no node can be asked for what was missed of them.
    fn read_reports(&self, tasks: &Tasks) {
        let cluster = self.clone();
        tasks.spawn("cluster-reports", async move {
            if let Ok(reports) = cluster.0.store.reports().await {
                cluster.with(|member, now_us| member.seed_reports(reports, now_us));
            }
        });
    }

    /// Nothing here waits: what cannot go out now is lost, and mended by later beats and calls.
    fn carry_out(
        &self,
        outbox: &mpsc::Sender<(Option<Name>, Message)>,
        events: &mpsc::Sender<Event>,
        tasks: &Tasks,
    ) {
        loop {
            let output = self.0.member.lock().poll();
            match output {
                None => return,
                Some(Output::Send(to, message)) => {
                    let _ = outbox.try_send((to, message));
                }
                Some(Output::Lease(event)) => {
                    if events.try_send(event).is_err() {
                        tracing::warn!("a lease event was not read in time");
                    }
                }
                Some(Output::Call(batch)) => {
                    let cluster = self.clone();
                    tasks.spawn("cluster-lease", async move {
                        let answer = cluster.0.store.leases(batch.ops).await;
                        cluster.with(|member, now_us| member.answer(batch.id, answer, now_us));
                    });
                }
                Some(Output::Register(record)) => {
                    let cluster = self.clone();
                    tasks.spawn("cluster-register", async move {
                        let sent_us = cluster.0.clock.now_us();
                        let done = cluster.0.store.register(*record).await;
                        cluster.with(|member, _| member.registered(done, sent_us));
                    });
                }
                Some(Output::Report(reports)) => {
                    let cluster = self.clone();
                    tasks.spawn("cluster-report", async move {
                        match cluster.0.store.report(reports.clone()).await {
                            Ok(()) => cluster.with(|member, _| member.reports_taken()),
                            Err(_) => {
                                cluster.with(|member, now_us| member.not_reported(reports, now_us));
                            }
                        }
                    });
                }
            }
        }
    }

    async fn send_all(self, mut to_send: mpsc::Receiver<(Option<Name>, Message)>) {
        while let Some((to, message)) = to_send.recv().await {
            // Lost then; the next beats tell the others what they miss.
            let _ = self.0.bus.send(to, message).await;
        }
    }
}
