//! Evenings of a lease in virtual time, told one by one; the simulation mixes them all.

use weir_base::Code;
use weir_cluster::lease::{Batch, Event, Gate, Keeper, LeaseConfig, Outage, Phase, Unreachable};
use weir_cluster::table::{LeaseReply, LeaseTable, Op};
use weir_cluster::{LeaseKey, Name};

const S: i64 = 1_000_000;
const TTL_MS: i64 = 6_000;

/// Two nodes and one store, whose clocks agree, and whose calls take no time.
struct Stage {
    a: Keeper,
    b: Keeper,
    table: LeaseTable,
    now_us: i64,
    store_up: bool,
}

impl Stage {
    fn new(config: &LeaseConfig) -> Self {
        let keeper =
            |name: &str, boot| Keeper::new(config.clone(), Name::new(name).unwrap(), boot, 0);
        Self {
            a: keeper("a", 1),
            b: keeper("b", 2),
            table: LeaseTable::default(),
            now_us: 0,
            store_up: true,
        }
    }

    fn ask(&mut self, batch: &Batch) -> Result<Vec<LeaseReply>, Unreachable> {
        if !self.store_up {
            return Err(Unreachable);
        }
        let now_ms = self.now_us / 1000;
        Ok(batch
            .ops
            .iter()
            .map(|op| self.table.apply(op, now_ms, TTL_MS))
            .collect())
    }

    /// So long for these two; the other one stands still.
    fn pass(&mut self, us: i64, a: bool, b: bool) {
        for _ in 0..us / 100_000 {
            self.now_us += 100_000;
            if a {
                self.run_a();
            }
            if b {
                self.run_b();
            }
        }
    }

    fn run_a(&mut self) {
        self.a.bus_heard(self.now_us);
        self.a.tick(self.now_us);
        while let Some(batch) = self.a.poll(self.now_us) {
            let answer = self.ask(&batch);
            self.a.answer(batch.id, answer, self.now_us);
        }
    }

    fn run_b(&mut self) {
        self.b.bus_heard(self.now_us);
        self.b.tick(self.now_us);
        while let Some(batch) = self.b.poll(self.now_us) {
            let answer = self.ask(&batch);
            self.b.answer(batch.id, answer, self.now_us);
        }
    }

    fn a_publishes(&mut self) -> Gate {
        let gate = self.a.open(key(), 0, 0, self.now_us).unwrap();
        self.run_a();
        gate
    }

    fn b_publishes(&mut self, over: u64) -> Gate {
        let gate = self.b.open(key(), over, 0, self.now_us).unwrap();
        self.run_b();
        gate
    }
}

fn key() -> LeaseKey {
    LeaseKey::new(":live/demo").unwrap()
}

fn events(keeper: &mut Keeper) -> Vec<Event> {
    std::iter::from_fn(|| keeper.poll_event()).collect()
}

fn lost(keeper: &mut Keeper) -> Option<Code> {
    events(keeper).into_iter().find_map(|event| match event {
        Event::Lost { refusal, .. } => Some(refusal.code),
        _ => None,
    })
}

#[test]
fn a_second_publisher_is_refused_until_the_first_has_gone() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let first = stage.a_publishes();
    assert!(first.is_open(stage.now_us));
    assert!(!stage.b_publishes(0).is_open(stage.now_us));
    assert!(
        matches!(&events(&mut stage.b)[..], [Event::Refused { refusal, .. }] if refusal.code == Code::AlreadyPublishing)
    );
    stage.a.close(&key());
    assert!(!first.is_open(stage.now_us));
    stage.run_a();
    assert!(stage.b_publishes(0).is_open(stage.now_us));
}

#[test]
fn a_lease_is_renewed_for_as_long_as_its_owner_lives() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    stage.pass(60 * S, true, true);
    assert!(gate.is_open(stage.now_us));
    assert_eq!(events(&mut stage.a).len(), 1, "confirmed once");
}

#[test]
fn an_owner_that_was_paused_finds_its_gate_shut_before_the_next_frame() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    stage.pass(TTL_MS * 1000 + S, false, true);
    let other = stage.b_publishes(0);
    assert!(other.is_open(stage.now_us));
    // It wakes up: nothing has run yet but the look at the gate.
    assert!(!gate.is_open(stage.now_us));
    stage.run_a();
    assert!(!gate.is_open(stage.now_us));
    assert_eq!(lost(&mut stage.a), Some(Code::AlreadyPublishing));
    assert!(other.is_open(stage.now_us));
}

#[test]
fn a_paused_owner_whose_stream_nobody_took_goes_on() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    stage.pass(20 * S, false, true);
    assert!(!gate.is_open(stage.now_us));
    stage.pass(100_000, true, true);
    assert!(gate.is_open(stage.now_us));
    assert_eq!(stage.a.phase(&key()), Some(Phase::Owned));
}

#[test]
fn without_a_store_what_is_live_stays_live_and_what_is_new_is_taken() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let live = stage.a_publishes();
    stage.store_up = false;
    for _ in 0..300 {
        stage.pass(100_000, true, true);
        assert!(live.is_open(stage.now_us));
    }
    assert_eq!(stage.a.phase(&key()), Some(Phase::Unconfirmed));
    let new = stage.b_publishes(0);
    assert!(
        new.is_open(stage.now_us),
        "the store is asked first, and cannot be"
    );
    // Both have it now. The store is back and decides: who claims first keeps it.
    stage.store_up = true;
    stage.pass(3 * S, true, true);
    let codes = [lost(&mut stage.a), lost(&mut stage.b)];
    assert_eq!(
        codes.iter().flatten().collect::<Vec<_>>(),
        [&Code::AlreadyPublishing]
    );
    assert!(live.is_open(stage.now_us) != new.is_open(stage.now_us));
}

#[test]
fn who_would_rather_stop_than_be_two_stops_when_the_lease_ends() {
    let mut stage = Stage::new(&LeaseConfig {
        outage: Outage::Stop,
        ..LeaseConfig::default()
    });
    let gate = stage.a_publishes();
    stage.store_up = false;
    stage.pass(TTL_MS * 1000, true, true);
    assert!(!gate.is_open(stage.now_us));
    assert_eq!(stage.a.phase(&key()), Some(Phase::Lapsed));
    assert!(!stage.b_publishes(0).is_open(stage.now_us));
    stage.store_up = true;
    stage.pass(S, true, true);
    assert!(gate.is_open(stage.now_us));
}

#[test]
fn a_publish_that_moved_names_the_epoch_it_had_and_the_old_owner_says_where_to() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let old = stage.a_publishes();
    let Some(Event::Owned(record)) = stage.a.poll_event() else {
        panic!("not owned")
    };
    let new = stage.b_publishes(record.epoch);
    assert!(new.is_open(stage.now_us), "at once, not after the term");
    stage.pass(3 * S, true, true);
    assert_eq!(lost(&mut stage.a), Some(Code::Moved));
    assert!(!old.is_open(stage.now_us) && new.is_open(stage.now_us));
}

#[test]
fn a_store_that_comes_back_empty_is_told_again_with_a_higher_epoch() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    let Some(Event::Owned(before)) = stage.a.poll_event() else {
        panic!("not owned")
    };
    stage.table = LeaseTable::default();
    stage.pass(3 * S, true, true);
    let Some(Event::Owned(after)) = stage.a.poll_event() else {
        panic!("not owned")
    };
    assert!(after.epoch > before.epoch);
    assert!(gate.is_open(stage.now_us));
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again_and_is_the_same() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a.open(key(), 0, 0, 0).unwrap();
    let batch = stage.a.poll(0).unwrap();
    // The store did it, and the answer never came.
    let Ok(lost) = stage.ask(&batch) else {
        panic!("the store is up")
    };
    stage.pass(4 * S, true, false);
    assert_eq!(stage.a.phase(&key()), Some(Phase::Owned));
    let Some(Event::Owned(record)) = events(&mut stage.a).pop() else {
        panic!("not owned")
    };
    assert_eq!(lost, [LeaseReply::Yours(record.epoch)]);
    assert!(gate.is_open(stage.now_us));
}

#[test]
fn a_node_that_does_not_hear_itself_does_not_renew_and_still_never_shares_a_name() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    // Deaf, both of them: the store answers, the bus does not.
    stage.now_us += 10 * S;
    let other = stage.b.open(key(), 0, 0, stage.now_us).unwrap();
    let mut renewed = false;
    for _ in 0..400 {
        stage.now_us += 100_000;
        stage.a.tick(stage.now_us);
        while let Some(batch) = stage.a.poll(stage.now_us) {
            renewed |= batch.ops.iter().any(|op| matches!(op, Op::Renew(_)));
            let answer = stage.ask(&batch);
            stage.a.answer(batch.id, answer, stage.now_us);
        }
        while let Some(batch) = stage.b.poll(stage.now_us) {
            renewed |= batch.ops.iter().any(|op| matches!(op, Op::Renew(_)));
            let answer = stage.ask(&batch);
            stage.b.answer(batch.id, answer, stage.now_us);
        }
        assert!(gate.is_open(stage.now_us), "nobody else has it");
    }
    assert!(!renewed);
    assert!(!other.is_open(stage.now_us));
    assert_eq!(stage.b.phase(&key()), None, "refused");
}

#[test]
fn renewals_of_many_streams_share_a_call() {
    let mut stage = Stage::new(&LeaseConfig::default());
    for n in 0..1000 {
        stage
            .a
            .open(
                LeaseKey::new(&format!("live/{n}")).unwrap(),
                0,
                0,
                stage.now_us,
            )
            .unwrap();
        stage.now_us += 1_000;
        stage.run_a();
    }
    let mut calls = 0;
    for _ in 0..100 {
        stage.now_us += 100_000;
        stage.a.bus_heard(stage.now_us);
        while let Some(batch) = stage.a.poll(stage.now_us) {
            calls += 1;
            let answer = stage.ask(&batch);
            stage.a.answer(batch.id, answer, stage.now_us);
        }
    }
    assert!(
        calls <= 60,
        "{calls} calls in ten seconds for a thousand streams"
    );
}

#[test]
fn a_look_does_not_lengthen_what_the_store_confirmed() {
    let mut stage = Stage::new(&LeaseConfig::default());
    let gate = stage.a_publishes();
    // Deaf from now on: renewed until 6 s, looked at after, until its term ends at 11.7 s.
    while stage.now_us < 11_800_000 {
        assert!(stage.now_us > 11_700_000 || stage.a.is_confirmed(&key(), stage.now_us));
        stage.now_us += 100_000;
        stage.a.tick(stage.now_us);
        while let Some(batch) = stage.a.poll(stage.now_us) {
            let answer = stage.ask(&batch);
            stage.a.answer(batch.id, answer, stage.now_us);
        }
    }
    assert!(!stage.a.is_confirmed(&key(), stage.now_us));
    assert!(gate.is_open(stage.now_us));
}
