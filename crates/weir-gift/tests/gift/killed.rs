//! Whoever dies where: a till between its question and its answer, a crier between the commit and the room, and
//! between the room and saying so.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::task::Poll;

use crate::books::Dice;
use crate::kit::{Kit, kits};

/// Criers that die.
const KILLS: u32 = 200;
/// Microseconds behind which a dead crier's gifts are anybody's.
const LEASE_US: i64 = 10_001_000;

/// Runs something for so many steps, and then drops it where it stands, as if its process had died.
async fn killed_after<T>(steps: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = Box::pin(work);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Gives gifts by a till that dies, and asks again by the same key until there is an answer.
async fn give(kit: &Kit, dice: &mut Dice, key: &str) -> String {
    loop {
        let steps = dice.below(240);
        if let Some(given) = killed_after(steps, kit.give("rose", 1, key)).await {
            return given.unwrap().gift.id;
        }
    }
}

/// Shows R82.
#[tokio::test]
async fn two_hundred_criers_die_and_each_gift_is_told_once() {
    for kit in kits().await {
        let mut dice = Dice(12);
        kit.pay(kit.ann, 100_000, "p").await;
        let mut committed = Vec::new();
        let (mut died, mut rounds) = (0, 0);
        while died < KILLS {
            for _ in 0..=dice.below(2) {
                let key = format!("k{}", committed.len());
                committed.push(give(&kit, &mut dice, &key).await);
            }
            rounds += 1;
            if killed_after(dice.below(16), kit.crier().round())
                .await
                .is_none()
            {
                died += 1;
                kit.clock.advance_us(LEASE_US);
            }
        }
        println!("{} gifts in {rounds} rounds", committed.len());
        kit.clock.advance_us(LEASE_US);
        while kit.crier().round().await.unwrap() > 0 {}
        assert_eq!(kit.store.gifts().untold().await.unwrap(), 0);

        let all: BTreeSet<_> = committed.iter().cloned().collect();
        assert_eq!(all.len(), committed.len(), "two orders are two gifts");
        let told = kit.told();
        let mut seen = BTreeSet::new();
        for post in &told {
            assert_eq!(
                (post["k"].as_str(), post["l"].as_i64()),
                (Some("gift"), Some(1))
            );
            let id = post["d"]["id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "told twice: {post}");
        }
        assert_eq!(seen, all, "told of what was given, and of nothing else");
        let given = i64::try_from(committed.len()).unwrap();
        assert_eq!(kit.coins().await, 100_000 - given);
        kit.assert_balanced().await;
    }
}
