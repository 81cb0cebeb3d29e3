//! What people look at, in rows: leases in virtual time, with many reviewers and seeds; second looks and appeals; what
//! is kept of it and what goes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weir_store::Id;
use weir_store::objects::{Class, Key};
use weir_store::review::{
    Claiming, Deciding, Growth, ItemFilter, MAX_PICTURES, NewPicture, NewReport, Opinion,
    ReviewItem,
};

use crate::common::{Kit, kits};

/// Milliseconds that a claim is good for.
const GOOD_MS: i64 = 60_000;
/// Milliseconds within which a verdict is taken back.
const UNDO_MS: i64 = 10_000;
/// Steps of one seed.
const STEPS: u32 = 160;

/// Numbers that look as if by chance, the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % most
    }
}

fn growth<'a>(kit: &Kit, stream: &'a str, head_ms: i64) -> Growth<'a> {
    Growth {
        stream,
        app: "live",
        channel_id: "",
        user_id: "",
        session: "",
        at_ms: kit.store.now_ms(),
        head_ms,
        hold_ms: 0,
        marks: 0,
    }
}

fn picture<'a>(growth: Growth<'a>, id: &'a str, hash: &'a str) -> NewPicture<'a> {
    NewPicture {
        growth,
        id,
        object: "",
        sha256: "",
        bytes: 4,
        width: 640,
        height: 360,
        hash,
        quality: 90,
        fault: "",
        known_as: "",
    }
}

pub(crate) async fn took(kit: &Kit, stream: &str, head_ms: i64) -> (String, String) {
    let id = kit.store.next_id().unwrap().to_string();
    let new = picture(growth(kit, stream, head_ms), &id, "");
    (kit.store.review().take(&new).await.unwrap(), id)
}

pub(crate) fn claiming<'a>(reviewer: &'a str, claim: &'a str, count: u32) -> Claiming<'a> {
    Claiming {
        reviewer,
        claim,
        good_for_ms: GOOD_MS,
        is_lead: false,
        count,
        most_held: 60,
        apps: None,
    }
}

pub(crate) fn deciding<'a>(reviewer: &'a str, claim: &'a str, verdict: &'a str) -> Deciding<'a> {
    Deciding {
        reviewer,
        claim,
        verdict,
        reason: "",
        least_quality: 50,
    }
}

async fn claim(kit: &Kit, reviewer: &str, name: &str, count: u32) -> Vec<ReviewItem> {
    let asked = claiming(reviewer, name, count);
    kit.store.review().claim(&asked).await.unwrap()
}

/// What a model of leases believes.
#[derive(Default)]
struct Model {
    /// By item: whose it is, by which claim, until when.
    leases: BTreeMap<String, (String, String, i64)>,
    /// Decided items, by whom and when.
    decided: BTreeMap<String, (String, i64)>,
    taken: BTreeSet<String>,
    claims: u32,
}

impl Model {
    fn holds(&self, item: &str, now_ms: i64) -> Option<&str> {
        let (who, _, until_ms) = self.leases.get(item)?;
        (*until_ms > now_ms).then_some(who.as_str())
    }

    async fn step(&mut self, kit: &Kit, dice: &mut Dice) {
        let reviewer = format!("r{}", dice.below(3));
        let review = kit.store.review();
        let now_ms = kit.store.now_ms();
        match dice.below(10) {
            0..=3 => {
                let stream = format!("live/{}", dice.below(6));
                let head_ms = [0, 60_000, 3_600_000][usize::try_from(dice.below(3)).unwrap()];
                self.taken.insert(took(kit, &stream, head_ms).await.1);
            }
            4..=5 => {
                self.claims += 1;
                let name = format!("c{}", self.claims);
                let count = u32::try_from(1 + dice.below(3)).unwrap();
                for item in claim(kit, &reviewer, &name, count).await {
                    assert_eq!(self.holds(&item.id, now_ms), None, "{item:?} is another's");
                    assert!(!self.decided.contains_key(&item.id), "{item:?} is decided");
                    let lease = (reviewer.clone(), name.clone(), now_ms + GOOD_MS);
                    self.leases.insert(item.id, lease);
                }
            }
            6 => {
                let mine = self.leases.iter_mut();
                for (id, (who, name, until_ms)) in mine.filter(|(_, lease)| lease.0 == reviewer) {
                    let kept = review.renew(who, name, GOOD_MS).await.unwrap();
                    let is_mine = *until_ms > now_ms;
                    assert_eq!(kept.contains(id), is_mine && !self.decided.contains_key(id));
                    if is_mine {
                        *until_ms = now_ms + GOOD_MS;
                    }
                }
            }
            7 => self.decide(kit, dice, &reviewer).await,
            8 => self.undo(kit, &reviewer).await,
            _ => kit
                .clock
                .advance_us(i64::try_from(dice.below(40_000_000)).unwrap()),
        }
    }

    /// Decides whatever this reviewer ever had: what is theirs no more refuses.
    async fn decide(&mut self, kit: &Kit, dice: &mut Dice, reviewer: &str) {
        let now_ms = kit.store.now_ms();
        let all: Vec<_> = self.leases.clone().into_iter().collect();
        for (id, (who, name, _)) in all {
            if who != reviewer || dice.below(2) == 0 {
                continue;
            }
            let may = self.holds(&id, now_ms) == Some(reviewer) && !self.decided.contains_key(&id);
            let by = deciding(reviewer, &name, "ok");
            let done = kit.store.review().decide(&id, &by).await.unwrap();
            assert_eq!(done.is_some(), may, "{id} of {reviewer}");
            if may {
                self.decided.insert(id, (reviewer.to_owned(), now_ms));
            }
        }
    }

    async fn undo(&mut self, kit: &Kit, reviewer: &str) {
        let now_ms = kit.store.now_ms();
        let all: Vec<_> = self.decided.clone().into_iter().collect();
        for (id, (who, at_ms)) in all {
            let name = format!("u{id}");
            let by = claiming(reviewer, &name, 1);
            let undone = kit.store.review().undo(&id, &by, UNDO_MS).await.unwrap();
            let may = who == reviewer && now_ms - at_ms < UNDO_MS;
            assert_eq!(undone.is_some(), may, "{id} of {who} by {reviewer}");
            if may {
                self.decided.remove(&id);
                let lease = (reviewer.to_owned(), name, now_ms + GOOD_MS);
                self.leases.insert(id, lease);
            }
        }
    }

    /// In the end all of it is decided, each picture in one item.
    async fn drain(&mut self, kit: &Kit) {
        kit.clock.advance_us(10 * GOOD_MS * 1000);
        let mut last: Option<ReviewItem> = None;
        loop {
            let items = claim(kit, "last", "last", 5).await;
            if items.is_empty() {
                break;
            }
            for item in items {
                let by = deciding("last", "last", "ok");
                assert!(
                    kit.store
                        .review()
                        .decide(&item.id, &by)
                        .await
                        .unwrap()
                        .is_some()
                );
                self.decided.insert(item.id.clone(), ("last".to_owned(), 0));
                last = Some(item);
            }
        }
        assert!(last.is_none_or(|last| last.is_waiting == 1));
        let mut seen = BTreeSet::new();
        for id in self.decided.keys() {
            for shot in kit.store.review().pictures(id).await.unwrap() {
                assert!(seen.insert(shot.id), "a picture is in two items");
            }
        }
        assert_eq!(seen, self.taken, "a picture was lost, or made up");
    }
}

#[tokio::test]
async fn nothing_is_lost_and_no_two_have_the_same_whatever_reviewers_do() {
    for kit in kits().await {
        for seed in 0..6 {
            println!("seed {seed}");
            let (mut dice, mut model) = (Dice(seed), Model::default());
            for _ in 0..STEPS {
                model.step(&kit, &mut dice).await;
            }
            model.drain(&kit).await;
        }
    }
}

#[tokio::test]
async fn two_who_ask_at_the_same_moment_share_nothing() {
    for kit in kits().await {
        for number in 0..20 {
            took(&kit, &format!("live/{number}"), 0).await;
        }
        let both = tokio::join!(claim(&kit, "one", "one", 10), claim(&kit, "two", "two", 10));
        let mut ids = BTreeSet::new();
        for item in both.0.into_iter().chain(both.1) {
            assert!(ids.insert(item.id));
        }
        // Who lost too many of them to the other has fewer than it asked for: nothing is kept from who asks next.
        for reviewer in ["one", "two"] {
            for item in claim(&kit, reviewer, reviewer, 10).await {
                assert!(ids.insert(item.id));
            }
        }
        assert_eq!(ids.len(), 20);
    }
}

#[tokio::test]
async fn what_is_least_urgent_is_seen_all_the_same() {
    let kit = Kit::sqlite().await;
    let (plain, _) = took(&kit, "live/plain", 0).await;
    let hour_ms = 3_600_000;
    for minute in 0..=61 {
        // Each minute something of the highest risk comes, and one thing is looked at.
        took(&kit, &format!("live/risky{minute}"), hour_ms).await;
        let items = claim(&kit, "one", "one", 1).await;
        if items[0].id == plain {
            assert!(minute >= 59, "what is riskier was first until then");
            return;
        }
        let by = deciding("one", "one", "ok");
        kit.store.review().decide(&items[0].id, &by).await.unwrap();
        kit.clock.advance_us(60_000_000);
    }
    panic!("it waits for ever");
}

#[tokio::test]
async fn a_claim_that_is_lost_comes_back_as_old_as_it_was_and_takes_no_more_pictures() {
    for kit in kits().await {
        let (first, _) = took(&kit, "live/a", 0).await;
        kit.clock.advance_us(1_000_000);
        let (same, _) = took(&kit, "live/a", 0).await;
        let (other, _) = took(&kit, "live/b", 0).await;
        assert_eq!((&same, first == other), (&first, false));
        let items = claim(&kit, "one", "one", 1).await;
        assert_eq!((&items[0].id, items[0].pictures), (&first, 2));
        // What comes while somebody looks is no part of the verdict.
        let (next, _) = took(&kit, "live/a", 0).await;
        assert_ne!(next, first);
        kit.clock.advance_us(GOOD_MS * 1000);
        let by = deciding("one", "one", "ok");
        let review = kit.store.review();
        assert_eq!(
            review.decide(&first, &by).await.unwrap(),
            None,
            "it ran out"
        );
        let items = claim(&kit, "two", "two", 9).await;
        let ids: Vec<_> = items.iter().map(|item| &item.id).collect();
        assert_eq!(ids, [&first, &other, &next]);
        assert_eq!(review.release("one", "two").await.unwrap(), 0);
        assert_eq!(review.release("two", "two").await.unwrap(), 3);
        assert_eq!(claim(&kit, "one", "again", 9).await.len(), 3);
    }
}

#[tokio::test]
async fn pictures_near_to_what_was_approved_are_folded_until_it_is_taken_back() {
    for kit in kits().await {
        let review = kit.store.review();
        let id = kit.store.next_id().unwrap().to_string();
        let new = picture(growth(&kit, "live/a", 0), &id, "aa");
        let item = review.take(&new).await.unwrap();
        assert_eq!(review.approved("live/a").await.unwrap().hash, "");
        claim(&kit, "one", "one", 1).await;
        let by = deciding("one", "one", "ok");
        review.decide(&item, &by).await.unwrap().unwrap();
        let approved = review.approved("live/a").await.unwrap();
        assert_eq!((approved.hash.as_str(), approved.looks), ("aa", 1));

        let more = kit.store.next_id().unwrap().to_string();
        let near = picture(growth(&kit, "live/a", 0), &more, "aa");
        assert!(review.fold(&near, &approved.item_id).await.unwrap());
        assert!(claim(&kit, "one", "two", 1).await.is_empty());
        let undone = review
            .undo(&item, &claiming("one", "back", 1), UNDO_MS)
            .await;
        assert_eq!(undone.unwrap().unwrap().verdict, "ok");
        let again = review.by_id(&item).await.unwrap();
        assert_eq!((again.pictures, again.folded, again.is_waiting), (2, 0, 1));
        assert_eq!(review.approved("live/a").await.unwrap().hash, "");
        assert!(
            !review.fold(&near, &item).await.unwrap(),
            "nothing is approved"
        );
    }
}

#[tokio::test]
async fn a_full_stretch_waits_as_it_is_and_reports_put_a_stream_forward() {
    let kit = Kit::sqlite().await;
    let mut items = BTreeSet::new();
    for _ in 0..=MAX_PICTURES {
        items.insert(took(&kit, "live/a", 0).await.0);
    }
    assert_eq!(items.len(), 2);
    let review = kit.store.review();
    let report = |reporter| NewReport {
        growth: growth(&kit, "live/b", 600_000),
        reporter,
        reason: "spam",
        viewers: 7,
    };
    assert!(review.report(&report("x")).await.unwrap());
    assert!(
        !review.report(&report("x")).await.unwrap(),
        "said a moment ago"
    );
    assert!(review.report(&report("y")).await.unwrap());
    assert_eq!(review.reports_of("live/b").await.unwrap(), 2);
    let first = claim(&kit, "one", "one", 1).await.remove(0);
    assert_eq!(
        (first.stream.as_str(), first.reports, first.viewers),
        ("live/b", 2, 7)
    );
    let waits = review.numbers(None).await.unwrap();
    assert_eq!((waits.waiting, waits.claimed, waits.pictures), (3, 1, 61));
}

#[tokio::test]
async fn a_second_look_and_an_appeal_go_to_somebody_else_with_the_same_pictures() {
    for kit in kits().await {
        let review = kit.store.review();
        let (item, _) = took(&kit, "live/a", 0).await;
        claim(&kit, "one", "one", 1).await;
        let by = deciding("one", "one", "ban");
        let decided = review.decide(&item, &by).await.unwrap().unwrap();
        let second = review.second_look(&decided).await.unwrap();
        let ban: Id = kit.store.next_id().unwrap();
        assert_eq!(review.appeal(ban, ban, "It is mine").await.unwrap(), None);
        review.led_to_ban(&item, ban).await.unwrap();
        let appeal = review
            .appeal(ban, ban, "It is mine")
            .await
            .unwrap()
            .unwrap();
        assert!(claim(&kit, "one", "own", 9).await.is_empty(), "one's own");
        let ids: Vec<_> = claim(&kit, "two", "two", 9).await;
        let ids: Vec<_> = ids.iter().map(|one| (one.kind.as_str(), &one.id)).collect();
        assert_eq!(ids, [("second", &second), ("appeal", &appeal)]);
        let same = |mut all: Vec<weir_store::review::ReviewPicture>| all.pop().unwrap().id;
        let own = same(review.pictures(&item).await.unwrap());
        for other in [&second, &appeal] {
            assert_eq!(same(review.pictures(other).await.unwrap()), own);
        }
        review
            .decide(&second, &deciding("two", "two", "ok"))
            .await
            .unwrap();
        review.compared(&second, false).await.unwrap();
        assert_eq!(review.disagreement(0).await.unwrap(), (1, 1));
        let by_two = review.by_reviewer(0).await.unwrap();
        assert_eq!((by_two.len(), by_two[0].acted, by_two[1].items), (2, 1, 1));

        // Handed on, it is for those who lead, and not for who handed it on.
        assert!(
            review
                .escalate(&appeal, &deciding("two", "two", "escalate"), 16)
                .await
                .unwrap()
        );
        assert!(claim(&kit, "three", "three", 9).await.is_empty());
        let lead = |who| Claiming {
            is_lead: true,
            ..claiming(who, "lead", 9)
        };
        assert!(review.claim(&lead("two")).await.unwrap().is_empty());
        assert_eq!(review.claim(&lead("boss")).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn proofs_outlive_the_pictures_and_go_with_their_item() {
    let kit = Kit::sqlite().await;
    let (review, assets) = (kit.store.review(), kit.store.objects(Class::Assets));
    let from = Key::new("s/aa/one.jpg").unwrap();
    assets
        .put(&from, Bytes::from_static(b"jpeg"))
        .await
        .unwrap();
    let id = kit.store.next_id().unwrap().to_string();
    let new = NewPicture {
        object: "s/aa/one.jpg",
        ..picture(growth(&kit, "live/a", 0), &id, "")
    };
    let item = review.take(&new).await.unwrap();
    claim(&kit, "one", "one", 1).await;
    review
        .decide(&item, &deciding("one", "one", "ban"))
        .await
        .unwrap();
    review.keep_proofs(&item).await.unwrap();
    assets.delete(&from).await.unwrap();
    let kept = review.picture(&item, &id).await.unwrap();
    let key = Key::new(&kept.object).unwrap();
    assert_eq!(assets.whole(&key, 9).await.unwrap(), "jpeg");
    let now_ms = kit.store.now_ms();
    kit.clock.advance_us(1_000_000);
    let (plain, _) = took(&kit, "live/b", 0).await;
    claim(&kit, "one", "two", 1).await;
    review
        .decide(&plain, &deciding("one", "two", "ok"))
        .await
        .unwrap();
    let (unseen, _) = took(&kit, "live/c", 0).await;
    assert!(!review.prune(now_ms, now_ms).await.unwrap());
    assert!(review.by_id(&item).await.is_ok() && review.by_id(&plain).await.is_ok());
    kit.clock.advance_us(1_000_000);
    review.prune(now_ms, kit.store.now_ms()).await.unwrap();
    assert!(review.by_id(&plain).await.is_err() && review.by_id(&unseen).await.is_err());
    assert!(
        review.by_id(&item).await.is_ok(),
        "a ban is kept for longer"
    );
    review.prune(now_ms + 1, now_ms + 1).await.unwrap();
    assert!(review.by_id(&item).await.is_err() && assets.whole(&key, 9).await.is_err());
    let all = review.list(ItemFilter::default(), None, 9).await.unwrap();
    assert!(all.is_empty());
}

#[tokio::test]
async fn a_machine_passes_what_nobody_looks_at_and_puts_forward_what_it_flags() {
    for kit in kits().await {
        let review = kit.store.review();
        let held = |stream| Growth {
            hold_ms: 2_500,
            ..growth(&kit, stream, 0)
        };
        let id = kit.store.next_id().unwrap().to_string();
        let item = review
            .take(&picture(held("live/a"), &id, "aa"))
            .await
            .unwrap();
        assert!(
            claim(&kit, "one", "one", 9).await.is_empty(),
            "a machine is asked first"
        );
        let opinion = Opinion {
            item_id: &item,
            picture_id: &id,
            by: "hook",
        };
        assert!(review.machine_passes(&opinion).await.unwrap());
        let passed = review.by_id(&item).await.unwrap();
        assert_eq!(
            (passed.verdict.as_str(), passed.folded, passed.is_waiting),
            ("ok", 1, 0)
        );
        assert_eq!(
            review.approved("live/a").await.unwrap().hash,
            "",
            "people approved nothing"
        );

        let other = review
            .take(&picture(held("live/b"), &id, "aa"))
            .await
            .unwrap();
        review
            .people_look(&other, 8, 60_000, "a gun")
            .await
            .unwrap();
        let first = claim(&kit, "one", "one", 9).await.remove(0);
        assert_eq!((first.note.as_str(), first.marks), ("a gun", 8));
        let opinion = Opinion {
            item_id: &other,
            picture_id: &id,
            by: "hook",
        };
        assert!(
            !review.machine_passes(&opinion).await.unwrap(),
            "somebody looks"
        );

        let late = review
            .take(&picture(held("live/c"), &id, "aa"))
            .await
            .unwrap();
        kit.clock.advance_us(2_500_000);
        assert_eq!(
            claim(&kit, "two", "two", 9).await.remove(0).id,
            late,
            "nobody waits longer"
        );
    }
}

#[tokio::test]
async fn known_pictures_are_listed_in_order_and_go() {
    for kit in kits().await {
        let review = kit.store.review();
        for hash in ["b", "a", "c"] {
            review.know(hash, "bad", "").await.unwrap();
        }
        review.know("a", "worse", "").await.unwrap();
        let known = review.known("", 2).await.unwrap();
        let known: Vec<_> = known.iter().map(|one| (&*one.hash, &*one.label)).collect();
        assert_eq!(known, [("a", "worse"), ("b", "bad")]);
        review.unknow("b").await.unwrap();
        assert!(review.unknow("b").await.is_err());
        assert_eq!(review.known("a", 9).await.unwrap().len(), 1);
    }
}
