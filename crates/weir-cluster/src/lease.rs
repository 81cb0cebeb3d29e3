//! The owner's half of a lease: a state machine for all streams that one node owns.
//!
//! Calls to the store come out ([`Keeper::poll`]) and answers go in ([`Keeper::answer`]); `now_us` is
//! this process's own monotonic clock. The states and the rules are told in `docs/design/cluster.md`.

mod gate;

use std::collections::{BTreeSet, HashMap, VecDeque};

use weir_base::{Code, Refusal};

pub use gate::{Gate, LeaseConfig, Outage};

use crate::limits::{
    BATCHES_IN_FLIGHT, OPS_PER_BATCH, OUTPUTS, PENDING_RELEASES, STREAMS_PER_NODE,
};
use crate::name::{LeaseKey, Name};
use crate::record::StreamRecord;
use crate::table::{Held, LeaseReply, Op};

/// Between two tries while frames are held back, microseconds: a tenth of a second is not seen.
const LAPSED_RETRY_US: i64 = 100_000;

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The store was asked and has not answered; nothing is served yet.
    Claiming,
    /// The store says it is ours.
    Owned,
    /// The store cannot be asked; served all the same.
    Unconfirmed,
    /// Nobody was asked for longer than the term: frames are held until somebody was.
    Lapsed,
}

/// What happened to a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The store confirmed it: first, again, or with another epoch.
    Owned(StreamRecord),
    /// Taken or kept without the store.
    Unconfirmed(StreamRecord),
    /// Frames are held back until the store answers or cannot.
    Lapsed(LeaseKey),
    /// The publisher that asked does not get it; the lease is gone from here.
    Refused {
        /// The stream.
        key: LeaseKey,
        /// Who has it.
        by: StreamRecord,
        /// 3004.
        refusal: Refusal,
    },
    /// It was served here and is no more: the publisher must go; the lease is gone from here.
    Lost {
        /// The stream.
        key: LeaseKey,
        /// Who has it.
        by: StreamRecord,
        /// 5004 when the publisher itself moved there, 3004 when another one has the name.
        refusal: Refusal,
    },
}

/// Operations for the store, to be done in one call and answered in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// To be given back with the answer.
    pub id: u64,
    /// At most 256.
    pub ops: Vec<Op>,
}

/// The store did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be reached")]
pub struct Unreachable;

/// All leases of one node.
#[derive(Debug)]
pub struct Keeper {
    config: LeaseConfig,
    me: Name,
    boot: u64,
    held: HashMap<LeaseKey, Lease>,
    due: BTreeSet<(i64, LeaseKey)>,
    releases: VecDeque<Held>,
    flights: VecDeque<Flight>,
    /// Given up, but heard out: that somebody else has the stream is true however late it is said.
    late: VecDeque<Flight>,
    events: VecDeque<Event>,
    next_id: u64,
    seen_epoch: u64,
    /// When the latest call was sent that failed, while the store is thought gone.
    failed_sent_us: Option<i64>,
    /// And the first of them.
    down_since_us: Option<i64>,
    bus_heard_us: i64,
}

#[derive(Debug)]
struct Lease {
    record: StreamRecord,
    phase: Phase,
    /// The store's word holds until then.
    confirmed_until_us: i64,
    gate: Gate,
    /// When it is next spoken of with the store; in `due` unless in flight.
    next_us: i64,
    in_flight: bool,
    /// The store does not know it: claim, where a renewal would be refused.
    must_claim: bool,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    sent_us: i64,
    /// What each operation is about; `None` for a release.
    about: Vec<Option<About>>,
}

#[derive(Debug)]
struct About {
    key: LeaseKey,
    claim: u64,
    /// A claim or a renewal, not a look.
    extends: bool,
}

impl About {
    /// The lease it is about, unless that has gone or is another claim's by now.
    fn lease<'a>(&self, held: &'a mut HashMap<LeaseKey, Lease>) -> Option<&'a mut Lease> {
        held.get_mut(&self.key)
            .filter(|lease| lease.record.claim == self.claim)
    }
}

impl Keeper {
    /// Leases of the node `me` in the life `boot`; none yet.
    pub fn new(config: LeaseConfig, me: Name, boot: u64, now_us: i64) -> Self {
        Self {
            config,
            me,
            boot,
            held: HashMap::new(),
            due: BTreeSet::new(),
            releases: VecDeque::new(),
            flights: VecDeque::new(),
            late: VecDeque::new(),
            events: VecDeque::new(),
            next_id: 0,
            seen_epoch: 0,
            failed_sent_us: None,
            down_since_us: None,
            bus_heard_us: now_us,
        }
    }

    /// A publisher has come: claims the stream. `over` is the epoch it may take over from, or 0;
    /// `since_ms` the time by the wall clock. The gate opens when the store confirms, or cannot.
    ///
    /// # Errors
    /// 3004 when this node has it already, 2005 when it holds as many as it may.
    pub fn open(
        &mut self,
        key: LeaseKey,
        over: u64,
        since_ms: i64,
        now_us: i64,
    ) -> Result<Gate, Refusal> {
        if self.held.contains_key(&key) {
            return Err(Code::AlreadyPublishing.into());
        }
        if self.held.len() >= STREAMS_PER_NODE {
            return Err(Code::QuotaStreams.into());
        }
        self.next_id += 1;
        let record = StreamRecord {
            key: key.clone(),
            node: self.me.clone(),
            boot: self.boot,
            claim: self.next_id,
            epoch: 0,
            since_ms,
            over,
        };
        let gate = Gate::new();
        let mut lease = Lease {
            record,
            phase: Phase::Claiming,
            confirmed_until_us: i64::MIN,
            gate: gate.clone(),
            next_us: now_us,
            in_flight: false,
            must_claim: true,
        };
        if let (Some(sent_us), Outage::Serve) = (self.failed_sent_us, self.config.outage) {
            lease
                .gate
                .open_until(sent_us.saturating_add(self.term_us()));
            if lease.gate.is_open(now_us) {
                lease.phase = Phase::Unconfirmed;
                push(&mut self.events, Event::Unconfirmed(lease.record.clone()));
            }
        }
        self.due.insert((now_us, key.clone()));
        self.held.insert(key, lease);
        Ok(gate)
    }

    /// The publisher has gone: shuts the gate and tells the store.
    pub fn close(&mut self, key: &LeaseKey) {
        let Some(lease) = self.remove(key) else {
            return;
        };
        if self.releases.len() >= PENDING_RELEASES {
            self.releases.pop_front();
        }
        self.releases.push_back(Held {
            key: key.clone(),
            boot: self.boot,
            claim: lease.record.claim,
            epoch: lease.record.epoch,
        });
    }

    /// This node's own message has come back through the bus. While none does, leases are looked at
    /// and not renewed: others cannot hear of them, and may take the name when the term is over.
    pub fn bus_heard(&mut self, now_us: i64) {
        self.bus_heard_us = self.bus_heard_us.max(now_us);
    }

    /// An epoch was heard of somewhere: a claim will be given a higher one.
    pub fn epoch_seen(&mut self, epoch: u64) {
        self.seen_epoch = self.seen_epoch.max(epoch);
    }

    /// The next call to make, if one is due.
    pub fn poll(&mut self, now_us: i64) -> Option<Batch> {
        self.expire_flights(now_us);
        if self.flights.len() >= BATCHES_IN_FLIGHT {
            return None;
        }
        let first_due = self.due.first().is_some_and(|(at, _)| *at <= now_us);
        if !first_due && self.releases.is_empty() {
            return None;
        }
        let (mut ops, mut about) = (Vec::new(), Vec::new());
        while ops.len() < OPS_PER_BATCH {
            let Some(held) = self.releases.pop_front() else {
                break;
            };
            ops.push(Op::Release(held));
            about.push(None);
        }
        // What is due soon goes along, so that renewals stay together.
        let soon_us = now_us.saturating_add(self.config.renew_ms * 1000 / 4);
        while first_due && ops.len() < OPS_PER_BATCH {
            let Some((_, key)) = self.due.first().filter(|(at, _)| *at <= soon_us) else {
                break;
            };
            let key = key.clone();
            self.due.pop_first();
            let bus_ok = self.bus_ok(now_us);
            let Some(lease) = self.held.get_mut(&key) else {
                continue;
            };
            lease.in_flight = true;
            let op = lease.op(bus_ok, self.seen_epoch);
            let (claim, extends) = (lease.record.claim, !matches!(op, Op::Look(_)));
            about.push(Some(About {
                key,
                claim,
                extends,
            }));
            ops.push(op);
        }
        self.next_id += 1;
        self.flights.push_back(Flight {
            id: self.next_id,
            sent_us: now_us,
            about,
        });
        Some(Batch {
            id: self.next_id,
            ops,
        })
    }

    /// The store's answer to a batch, or that there is none. Of answers that come after
    /// [`LeaseConfig::answer_ms`] only that somebody else has a stream is believed.
    pub fn answer(&mut self, id: u64, answer: Result<Vec<LeaseReply>, Unreachable>, now_us: i64) {
        self.expire_flights(now_us);
        let Some(at) = self.flights.iter().position(|flight| flight.id == id) else {
            self.late_answer(id, answer.unwrap_or_default());
            return;
        };
        let Some(flight) = self.flights.remove(at) else {
            return;
        };
        match answer {
            Ok(answers) if answers.len() == flight.about.len() => {
                (self.failed_sent_us, self.down_since_us) = (None, None);
                for (about, answer) in flight.about.into_iter().zip(answers) {
                    if let Some(about) = about {
                        self.answered(&about, answer, flight.sent_us, now_us);
                    }
                }
            }
            _ => self.failed(&flight, now_us),
        }
    }

    /// Time passes: calls without an answer are given up, leases without a renewal lapse.
    pub fn tick(&mut self, now_us: i64) {
        self.expire_flights(now_us);
        for lease in self.held.values_mut() {
            lease.settle(now_us, &mut self.events);
        }
    }

    /// When something is due next.
    pub fn deadline_us(&self) -> Option<i64> {
        let due = self.due.first().map(|(at, _)| *at);
        let flight = self
            .flights
            .front()
            .map(|f| f.sent_us.saturating_add(self.config.answer_ms * 1000));
        let release = (!self.releases.is_empty()).then_some(i64::MIN);
        [due, flight, release].into_iter().flatten().min()
    }

    /// What has happened since last asked, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the store's word still covers a stream; exact between two ticks too.
    pub fn is_confirmed(&self, key: &LeaseKey, now_us: i64) -> bool {
        self.held
            .get(key)
            .is_some_and(|lease| now_us <= lease.confirmed_until_us)
    }

    /// Where a stream's lease stood at the last tick or answer.
    pub fn phase(&self, key: &LeaseKey) -> Option<Phase> {
        self.held.get(key).map(|lease| lease.phase)
    }

    /// The gate of a stream held here.
    pub fn gate(&self, key: &LeaseKey) -> Option<&Gate> {
        self.held.get(key).map(|lease| &lease.gate)
    }

    /// Streams held here and where they stand.
    pub fn held(&self) -> impl Iterator<Item = (&StreamRecord, Phase)> {
        self.held.values().map(|lease| (&lease.record, lease.phase))
    }

    /// Whether the last call to the store got an answer.
    pub fn store_answers(&self) -> bool {
        self.down_since_us.is_none()
    }

    /// When the first call was sent that failed, if none got an answer since. Who holds nothing and has
    /// nothing to release asks nothing, so that this may be old news.
    pub fn down_since_us(&self) -> Option<i64> {
        self.down_since_us
    }

    /// Whether there is anything to speak of with the store.
    pub fn is_busy(&self) -> bool {
        !(self.held.is_empty() && self.flights.is_empty() && self.releases.is_empty())
    }

    /// The term as this process may count it: a twentieth less, for clocks do not run alike.
    fn term_us(&self) -> i64 {
        (self.config.ttl_ms - self.config.ttl_ms / 20) * 1000
    }

    fn bus_ok(&self, now_us: i64) -> bool {
        now_us.saturating_sub(self.bus_heard_us) <= self.config.ttl_ms * 1000
    }

    fn expire_flights(&mut self, now_us: i64) {
        let patience_us = self.config.answer_ms * 1000;
        while let Some(flight) = self
            .flights
            .pop_front_if(|f| f.sent_us.saturating_add(patience_us) < now_us)
        {
            self.failed(&flight, now_us);
            if self.late.len() >= BATCHES_IN_FLIGHT {
                self.late.pop_front();
            }
            self.late.push_back(flight);
        }
    }

    fn late_answer(&mut self, id: u64, answers: Vec<LeaseReply>) {
        let Some(at) = self.late.iter().position(|flight| flight.id == id) else {
            return;
        };
        let Some(flight) = self.late.remove(at) else {
            return;
        };
        for (about, answer) in flight.about.into_iter().zip(answers) {
            let (Some(about), LeaseReply::Theirs(by)) = (about, answer) else {
                continue;
            };
            let Some(lease) = about.lease(&mut self.held) else {
                continue;
            };
            let ours = by.boot == self.boot && by.claim == about.claim;
            // An older epoch than ours: the store has given it to us since.
            if !ours && by.epoch > lease.record.epoch {
                self.theirs(&about.key, by);
            }
        }
    }

    fn failed(&mut self, flight: &Flight, now_us: i64) {
        let latest_us = self.failed_sent_us.unwrap_or(flight.sent_us);
        self.failed_sent_us = Some(latest_us.max(flight.sent_us));
        self.down_since_us.get_or_insert(flight.sent_us);
        // Soon again, so that there is always a fresh failure to stand on, or an answer.
        let again_us = flight
            .sent_us
            .saturating_add(self.config.renew_ms * 1000)
            .max(now_us);
        let open_until_us = flight.sent_us.saturating_add(self.term_us());
        for about in flight.about.iter().flatten() {
            let Some(lease) = about.lease(&mut self.held) else {
                continue;
            };
            if self.config.outage == Outage::Serve {
                lease.gate.open_until(open_until_us);
            }
            lease.settle(now_us, &mut self.events);
            // A lapsed one is asked for soon: viewers are waiting for the next frame.
            let soon_us = now_us.saturating_add(LAPSED_RETRY_US);
            let at = if lease.phase == Phase::Lapsed {
                soon_us
            } else {
                again_us
            };
            schedule(&mut self.due, lease, at);
        }
    }

    fn answered(&mut self, about: &About, answer: LeaseReply, sent_us: i64, now_us: i64) {
        let until_us = sent_us.saturating_add(self.term_us());
        let again_us = sent_us.saturating_add(self.config.renew_ms * 1000);
        let boot = self.boot;
        let Some(lease) = about.lease(&mut self.held) else {
            return;
        };
        match answer {
            LeaseReply::Yours(epoch) => {
                self.seen_epoch = self.seen_epoch.max(epoch);
                let news = lease.record.epoch != epoch || lease.phase != Phase::Owned;
                lease.record.epoch = epoch;
                lease.gate.open_until(until_us);
                if about.extends {
                    lease.must_claim = false;
                    lease.confirmed_until_us = until_us;
                    lease.phase = Phase::Owned;
                    if news {
                        push(&mut self.events, Event::Owned(lease.record.clone()));
                    }
                }
                lease.settle(now_us, &mut self.events);
                schedule(&mut self.due, lease, again_us.max(now_us));
            }
            // Ended or forgotten; or our own by an epoch whose answer was lost. Claiming tells.
            LeaseReply::Nobody => {
                lease.must_claim = true;
                schedule(&mut self.due, lease, now_us);
            }
            LeaseReply::Theirs(by) if by.boot == boot && by.claim == about.claim => {
                lease.must_claim = true;
                schedule(&mut self.due, lease, now_us);
            }
            LeaseReply::Theirs(by) => self.theirs(&about.key, by),
        }
    }

    fn theirs(&mut self, key: &LeaseKey, by: StreamRecord) {
        self.seen_epoch = self.seen_epoch.max(by.epoch);
        let Some(lease) = self.remove(key) else {
            return;
        };
        let key = key.clone();
        if lease.phase == Phase::Claiming {
            let refusal = Refusal::new(
                Code::AlreadyPublishing,
                format!("it is published on {}", by.node),
            );
            push(&mut self.events, Event::Refused { key, by, refusal });
            return;
        }
        let moved = lease.record.epoch != 0 && by.over == lease.record.epoch;
        let (code, what) = if moved {
            (Code::Moved, "the publisher moved to")
        } else {
            (Code::AlreadyPublishing, "the name was claimed first on")
        };
        let refusal = Refusal::new(code, format!("{what} {}", by.node));
        push(&mut self.events, Event::Lost { key, by, refusal });
    }

    fn remove(&mut self, key: &LeaseKey) -> Option<Lease> {
        let lease = self.held.remove(key)?;
        lease.gate.shut();
        self.due.remove(&(lease.next_us, key.clone()));
        Some(lease)
    }
}

impl Lease {
    /// A deaf node's lease is let run out, so that others can have the name; what nobody has then is
    /// claimed again, for the store alone keeps two deaf nodes from both having it.
    fn op(&self, bus_ok: bool, seen: u64) -> Op {
        if self.must_claim {
            return Op::Claim {
                record: self.record.clone(),
                over: self.record.over,
                seen,
            };
        }
        let held = Held {
            key: self.record.key.clone(),
            boot: self.record.boot,
            claim: self.record.claim,
            epoch: self.record.epoch,
        };
        if bus_ok {
            Op::Renew(held)
        } else {
            Op::Look(held)
        }
    }

    /// Brings the phase up to date with the clock.
    fn settle(&mut self, now_us: i64, events: &mut VecDeque<Event>) {
        if now_us <= self.confirmed_until_us {
            return;
        }
        let phase = match (self.phase, now_us <= self.gate.until_us()) {
            (_, true) => Phase::Unconfirmed,
            (Phase::Claiming, false) => Phase::Claiming,
            (_, false) => Phase::Lapsed,
        };
        if phase == self.phase {
            return;
        }
        self.phase = phase;
        push(
            events,
            match phase {
                Phase::Unconfirmed => Event::Unconfirmed(self.record.clone()),
                _ => Event::Lapsed(self.record.key.clone()),
            },
        );
    }
}

fn schedule(due: &mut BTreeSet<(i64, LeaseKey)>, lease: &mut Lease, at_us: i64) {
    due.remove(&(lease.next_us, lease.record.key.clone()));
    lease.next_us = at_us;
    lease.in_flight = false;
    due.insert((at_us, lease.record.key.clone()));
}

/// Whoever does not fetch events for so long loses the oldest.
fn push(events: &mut VecDeque<Event>, event: Event) {
    if events.len() >= OUTPUTS {
        events.pop_front();
    }
    events.push_back(event);
}
