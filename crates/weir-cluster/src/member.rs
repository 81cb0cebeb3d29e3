//! One node's part in the cluster, put together: its leases, what it tells, what it believes.
//!
//! Messages, answers and time go in; messages, calls and events come out. No IO, so that fifty of
//! them live in one test; `run` does the IO for one.

use std::collections::VecDeque;

use weir_base::{Code, Dice, Refusal};

use crate::announce::Announcer;
use crate::lease::{self, Batch, Event, Gate, Keeper, Phase, Unreachable};
use crate::limits::{ASKED_AT_ONCE, OUTPUTS, REPORTS};
use crate::message::{Body, Message};
use crate::name::{LeaseKey, Name};
use crate::record::{Load, NodeRecord, StreamRecord};
use crate::report::{Outbox, ReportError, StreamReport};
use crate::table::LeaseReply;
use crate::view::{self, Changes, View};

/// How a member behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberConfig {
    /// Leases.
    pub lease: lease::LeaseConfig,
    /// The view; its heartbeat is this node's own too.
    pub view: view::ViewConfig,
}

/// What a member wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message: to one node or to all.
    Send(Option<Name>, Message),
    /// Ask the store, and give the answer to [`Member::answer`].
    Call(Batch),
    /// Write this node's record to the store; it is forgotten there after some missed writes.
    Register(Box<NodeRecord>),
    /// Write these reports to the store; those it does not take go to [`Member::not_reported`].
    Report(Vec<StreamReport>),
    /// Something happened to a lease.
    Lease(Event),
}

/// How a node stands in the cluster, for `/readyz`, logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The store answers.
    pub store: bool,
    /// For how long it does not, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_down_ms: Option<i64>,
    /// This node's own messages come back.
    pub bus: bool,
    /// For how long they do not, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus_down_ms: Option<i64>,
    /// Streams held that the store has confirmed.
    pub owned: usize,
    /// Streams held that it has not, or no longer.
    pub unconfirmed: usize,
    /// Nodes in the view.
    pub nodes: usize,
    /// Half of the nodes have just fallen silent, which is not believed yet.
    pub doubting: bool,
}

/// One node of a cluster.
#[derive(Debug)]
pub struct Member {
    config: MemberConfig,
    me: Name,
    boot: u64,
    keeper: Keeper,
    announcer: Announcer,
    view: View,
    outputs: VecDeque<Output>,
    outbox: Outbox,
    /// Since when the store does not take this node's record.
    record_down_since_us: Option<i64>,
    next_beat_us: i64,
    heard_us: i64,
    left: bool,
}

impl Member {
    /// That joins now.
    ///
    /// # Errors
    /// When the record is out of bounds.
    pub fn new(
        config: MemberConfig,
        record: NodeRecord,
        now_us: i64,
    ) -> Result<Self, crate::record::RecordError> {
        record.check()?;
        let (me, boot) = (record.id.clone(), record.boot);
        let outbox = Outbox::new(Dice::named(me.as_str()));
        let mut member = Self {
            keeper: Keeper::new(config.lease.clone(), me.clone(), boot, now_us),
            view: View::new(config.view.clone(), me.clone()),
            announcer: Announcer::new(record),
            config,
            me,
            boot,
            outputs: VecDeque::new(),
            outbox,
            record_down_since_us: None,
            next_beat_us: now_us,
            heard_us: now_us,
            left: false,
        };
        let hello = member.announcer.hello();
        member.tell(hello, now_us);
        Ok(member)
    }

    /// A publisher has come: see [`Keeper::open`].
    ///
    /// # Errors
    /// 3004 when this node has the stream already, 2005 when it holds as many as it may.
    pub fn publish(
        &mut self,
        key: LeaseKey,
        over: u64,
        since_ms: i64,
        now_us: i64,
    ) -> Result<Gate, Refusal> {
        let gate = self.keeper.open(key, over, since_ms, now_us)?;
        self.advance(now_us);
        Ok(gate)
    }

    /// The publisher has gone.
    pub fn unpublish(&mut self, key: &LeaseKey, now_us: i64) {
        self.keeper.close(key);
        if let Some(ends) = self.announcer.ends(key) {
            self.tell(ends, now_us);
        }
        self.advance(now_us);
    }

    /// This node pulls a stream now and can serve it.
    pub fn carry(&mut self, key: &LeaseKey, now_us: i64) {
        if let Some(carries) = self.announcer.carries(key) {
            self.tell(carries, now_us);
        }
    }

    /// This node pulls a stream no longer.
    pub fn drop_carried(&mut self, key: &LeaseKey, now_us: i64) {
        if let Some(drops) = self.announcer.drops(key) {
            self.tell(drops, now_us);
        }
    }

    /// The load that the next beat tells.
    pub fn set_load(&mut self, load: Load) {
        self.announcer.set_load(load);
    }

    /// Whether this node takes new work; told at once.
    pub fn set_draining(&mut self, draining: bool, now_us: i64) {
        self.announcer.set_draining(draining);
        self.next_beat_us = now_us;
        self.advance(now_us);
    }

    /// This node goes: leases are released, and the others told. Fetch the outputs once more after.
    pub fn leave(&mut self, now_us: i64) {
        let held: Vec<_> = self
            .keeper
            .held()
            .map(|(record, _)| record.key.clone())
            .collect();
        for key in held {
            self.unpublish(&key, now_us);
        }
        let bye = self.announcer.bye();
        self.output(Output::Send(None, bye));
        self.left = true;
    }

    /// A message came from the bus; this node's own come back too, and must.
    pub fn message(&mut self, message: &Message, now_us: i64) {
        if message.from == self.me {
            if message.boot == self.boot {
                self.heard_us = self.heard_us.max(now_us);
                self.keeper.bus_heard(now_us);
            }
            return;
        }
        match &message.body {
            Body::Ask { of } if of.contains(&self.me) => {
                self.announcer.asked(&message.from, now_us);
            }
            Body::Owns { stream } => self.keeper.epoch_seen(stream.epoch),
            _ => (),
        }
        self.view.apply(message, now_us);
    }

    /// A life of another node is known to be over: see [`View::believe_gone`].
    pub fn believe_gone(&mut self, id: &Name, boot: u64) {
        self.view.believe_gone(id, boot);
    }

    /// The store's answer to a call.
    pub fn answer(&mut self, id: u64, answer: Result<Vec<LeaseReply>, Unreachable>, now_us: i64) {
        self.keeper.answer(id, answer, now_us);
        self.advance(now_us);
    }

    /// Whether the store took the record of an [`Output::Register`], asked at `sent_us`: what an idle
    /// node knows of the store.
    pub fn registered(&mut self, done: Result<(), Unreachable>, sent_us: i64) {
        match done {
            Ok(()) => self.record_down_since_us = None,
            Err(Unreachable) => {
                self.record_down_since_us.get_or_insert(sent_us);
            }
        }
    }

    /// Somebody says where a stream is, on a server that is not weir: all nodes and the store get to
    /// know.
    ///
    /// # Errors
    /// 4004 when it cannot be, 2005 when as many streams are reported as may be.
    pub fn report(&mut self, report: StreamReport, now_us: i64) -> Result<(), Refusal> {
        let wrong = |error: ReportError| Refusal::new(Code::ProtocolError, error.to_string());
        report.check().map_err(wrong)?;
        if report.ttl_ms > 0 && !self.view.has_room_for_report(&report.key) {
            let words = format!("{REPORTS} streams are reported already");
            return Err(Refusal::new(Code::QuotaStreams, words));
        }
        self.view.believe(std::slice::from_ref(&report), now_us);
        self.outbox.put(report, now_us);
        Ok(())
    }

    /// The store took the reports of an [`Output::Report`].
    pub fn reports_taken(&mut self) {
        self.outbox.taken();
    }

    /// The store did not take these: they are told and written again.
    pub fn not_reported(&mut self, reports: Vec<StreamReport>, now_us: i64) {
        self.outbox.put_back(reports, now_us);
    }

    /// The store's reports: at the start, and when the bus lost the thread. What this node is still to
    /// tell is newer.
    pub fn seed_reports(&mut self, mut reports: Vec<StreamReport>, now_us: i64) {
        reports.retain(|report| !self.outbox.has(&report.key));
        self.view.believe(&reports, now_us);
    }

    /// What the store knows: at the start, and when the bus lost the thread.
    pub fn seed(&mut self, nodes: Vec<NodeRecord>, streams: Vec<StreamRecord>, now_us: i64) {
        let mut by_node = std::collections::HashMap::<Name, Vec<StreamRecord>>::new();
        for stream in streams.into_iter().filter(|stream| !stream.key.is_office()) {
            self.keeper.epoch_seen(stream.epoch);
            by_node.entry(stream.node.clone()).or_default().push(stream);
        }
        for node in nodes.into_iter().filter(|node| node.id != self.me) {
            let streams = by_node.remove(&node.id).unwrap_or_default();
            self.view.seed(node, streams, now_us);
        }
    }

    /// Messages may have been lost, such as when the connection was: the others hear who this is, and
    /// their next beats tell what is missing here.
    pub fn bus_gap(&mut self, now_us: i64) {
        let hello = self.announcer.hello();
        self.tell(hello, now_us);
        self.next_beat_us = now_us;
        self.advance(now_us);
    }

    /// Time passes; some times a second, and at [`Member::deadline_us`].
    pub fn tick(&mut self, now_us: i64) {
        self.keeper.tick(now_us);
        self.view.tick(self.hears_itself(now_us), now_us);
        self.advance(now_us);
        let ask = self.view.to_ask(now_us);
        for of in ask.chunks(ASKED_AT_ONCE) {
            let ask = self.announcer.ask(of.to_vec());
            self.output(Output::Send(None, ask));
        }
        let gather_us = self.config.view.heartbeat_ms * 1000 / 16;
        for (to, snapshot) in self.announcer.answers(gather_us, now_us) {
            self.output(Output::Send(to, snapshot));
        }
    }

    /// When something is due next.
    pub fn deadline_us(&self) -> i64 {
        let others = [self.keeper.deadline_us(), self.outbox.due_us()];
        let others = others.into_iter().flatten();
        others.fold(self.next_beat_us, i64::min)
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What this node believes.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Streams whose whereabouts have changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        self.view.take_changes()
    }

    /// This node's leases.
    pub fn leases(&self) -> &Keeper {
        &self.keeper
    }

    /// How this node describes itself.
    pub fn record(&self) -> &NodeRecord {
        self.announcer.record()
    }

    /// How it stands.
    pub fn status(&self, now_us: i64) -> Status {
        let owned = self
            .keeper
            .held()
            .filter(|(_, phase)| *phase == Phase::Owned)
            .count();
        let down_ms = |since_us: i64| now_us.saturating_sub(since_us) / 1000;
        let store_down_ms = self.store_down_since_us().map(down_ms);
        let bus = self.hears_itself(now_us);
        Status {
            store: store_down_ms.is_none(),
            store_down_ms,
            bus,
            bus_down_ms: (!bus).then(|| down_ms(self.heard_us)),
            owned,
            unconfirmed: self.keeper.held().count() - owned,
            nodes: self.view.len(),
            doubting: self.view.is_doubting(),
        }
    }

    /// Since when the store cannot be asked or does not take this node's record. A failure of leases
    /// is old news once there are none to speak of: then the record alone tells.
    fn store_down_since_us(&self) -> Option<i64> {
        let leases = self
            .keeper
            .down_since_us()
            .filter(|_| self.keeper.is_busy());
        [leases, self.record_down_since_us]
            .into_iter()
            .flatten()
            .min()
    }

    fn hears_itself(&self, now_us: i64) -> bool {
        now_us.saturating_sub(self.heard_us) <= self.config.view.late_ms * 1000
    }

    /// Brings out what is due.
    fn advance(&mut self, now_us: i64) {
        while let Some(batch) = self.keeper.poll(now_us) {
            self.output(Output::Call(batch));
        }
        while let Some(event) = self.keeper.poll_event() {
            self.lease_event(&event, now_us);
            self.output(Output::Lease(event));
        }
        for batch in self.outbox.take(now_us) {
            let message = self.announcer.reports(batch.clone());
            self.output(Output::Send(None, message));
            self.output(Output::Report(batch));
        }
        if now_us >= self.next_beat_us && !self.left {
            self.next_beat_us = now_us.saturating_add(self.config.view.heartbeat_ms * 1000);
            let beat = self.announcer.beat();
            self.tell(beat, now_us);
            self.output(Output::Register(Box::new(self.announcer.record().clone())));
        }
    }

    /// Others hear of what is served; offices are nobody's to watch.
    fn lease_event(&mut self, event: &Event, now_us: i64) {
        let message = match event {
            Event::Owned(stream) | Event::Unconfirmed(stream) if !stream.key.is_office() => {
                let held = self.keeper.phase(&stream.key).is_some();
                held.then(|| self.announcer.owns(stream.clone()))
            }
            Event::Refused { key, .. } | Event::Lost { key, .. } => self.announcer.ends(key),
            _ => None,
        };
        if let Some(message) = message {
            self.tell(message, now_us);
        }
    }

    /// To everybody and to this node's own view.
    fn tell(&mut self, message: Message, now_us: i64) {
        self.view.apply(&message, now_us);
        self.output(Output::Send(None, message));
    }

    fn output(&mut self, output: Output) {
        // Whoever does not fetch for so long loses the oldest; beats mend what messages carried.
        if self.outputs.len() >= OUTPUTS {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }
}
