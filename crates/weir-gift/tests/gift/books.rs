//! What the books say after people paid, gave, asked twice, asked at once, and were given back.

use futures_util::future::join_all;
use weir_gift::{GiftError, GiftsConfig, Order, Span, Till, TopUp};
use weir_store::StoreError;
use weir_store::ledger::Holding;

use crate::kit::{Kit, kits};

#[tokio::test]
async fn a_gift_moves_coins_from_the_wallet_to_the_channel_and_the_house_and_back() {
    for kit in kits().await {
        assert_eq!(kit.pay(kit.ann, 1_000, "p1").await, 1_000);
        let given = kit.give("rocket", 3, "k1").await.unwrap();
        assert_eq!(
            (given.coins, given.gift.to_channel, given.is_again),
            (700, 150, false)
        );
        let place = (kit.channel.user_id, kit.channel.id);
        let earned = kit.store.gifts().earned(place, 0).await.unwrap();
        assert_eq!((earned.total, earned.own, earned.givers), (300, 150, 1));
        kit.assert_balanced().await;

        // An odd coin is the house's.
        kit.give("rose", 1, "k2").await.unwrap();
        let house = kit.store.ledger().statement(Holding::House, None, 9).await;
        let house: i64 = house.unwrap().iter().map(|entry| entry.coins).sum();
        assert_eq!(house, 151);

        let id = given.gift.id.parse().unwrap();
        let back = kit.till.refund(kit.ann, id).await.unwrap();
        assert_eq!((back.coins, back.is_again), (999, false));
        let again = kit.till.refund(kit.ann, id).await.unwrap();
        assert_eq!((again.coins, again.is_again), (999, true));
        let refused = kit.till.refund(kit.channel.user_id, id).await.unwrap_err();
        let is_missing = matches!(refused, GiftError::Store(StoreError::Missing(_)));
        assert!(is_missing, "it is not theirs: {refused}");
        let earned = kit.store.gifts().earned(place, 0).await.unwrap();
        assert_eq!((earned.total, earned.own), (1, 0));
        kit.assert_balanced().await;

        let wallet = Holding::Wallet(kit.ann);
        let statement = kit.store.ledger().statement(wallet, None, 9).await.unwrap();
        let lines: Vec<_> = statement
            .iter()
            .map(|e| (e.kind.as_str(), e.coins))
            .collect();
        let wanted = [
            ("refund", 300),
            ("gift", -1),
            ("gift", -300),
            ("topup", 1_000),
        ];
        assert_eq!(lines, wanted);
        let older = statement[1].op_id.parse().ok();
        let page = kit
            .store
            .ledger()
            .statement(wallet, older, 1)
            .await
            .unwrap();
        assert_eq!(page[0].op_id, given.gift.id, "pages go on behind a cursor");
    }
}

#[tokio::test]
async fn what_cannot_be_given_is_refused_and_moves_nothing() {
    for kit in kits().await {
        kit.pay(kit.ann, 99, "p1").await;
        let poor = kit.give("rocket", 1, "k1").await.unwrap_err();
        let is_said = matches!(
            poor,
            GiftError::NotEnough {
                needed: 100,
                has: 99
            }
        );
        assert!(is_said, "{poor}");
        let unknown = kit.give("yacht", 1, "k2").await.unwrap_err();
        assert!(matches!(unknown, GiftError::Unknown(_)), "{unknown}");
        let closed = kit.give("old", 1, "k3").await.unwrap_err();
        assert!(matches!(closed, GiftError::Closed(_)), "{closed}");
        for amount in [0, -1, 10_000, i64::MAX, i64::MIN] {
            let limit = kit.give("rose", amount, "k4").await.unwrap_err();
            assert!(matches!(limit, GiftError::Limit(_)), "{amount}: {limit}");
        }
        let dearer = Order {
            price: Some(2),
            ..kit.order("rose", 1, "k5")
        };
        let dearer = kit.till.give(&dearer).await.unwrap_err();
        assert!(matches!(dearer, GiftError::Price(1)), "{dearer}");
        for coins in [0, -5, 1_000_000_001, i64::MIN] {
            let paid = TopUp {
                user: kit.ann,
                coins,
                payment: "p2",
            };
            let limit = kit.till.top_up(&paid).await.unwrap_err();
            assert!(matches!(limit, GiftError::Limit(_)), "{coins}: {limit}");
        }
        let shut = GiftsConfig {
            enabled: false,
            ..GiftsConfig::default()
        };
        let shut = Till::new(kit.store.clone(), shut);
        let closed = shut.give(&kit.order("rose", 1, "k6")).await.unwrap_err();
        assert!(matches!(closed, GiftError::Closed(_)), "{closed}");
        assert_eq!(kit.coins().await, 99);
        assert_eq!(kit.store.gifts().untold().await.unwrap(), 0);
        kit.assert_balanced().await;
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_gift_and_the_same_payment_the_same_top_up() {
    for kit in kits().await {
        kit.pay(kit.ann, 250, "p1").await;
        assert_eq!(
            kit.pay(kit.ann, 250, "p1").await,
            250,
            "a callback that came again"
        );
        for other in [(kit.channel.user_id, 250), (kit.ann, 251)] {
            let paid = TopUp {
                user: other.0,
                coins: other.1,
                payment: "p1",
            };
            let reused = kit.till.top_up(&paid).await.unwrap_err();
            assert!(matches!(reused, GiftError::KeyReused), "{reused}");
        }
        let first = kit.give("rocket", 1, "k1").await.unwrap();
        let again = kit.give("rocket", 1, "k1").await.unwrap();
        assert_eq!(
            (&again.gift, again.coins, again.is_again),
            (&first.gift, 150, true)
        );
        let reused = kit.give("rocket", 2, "k1").await.unwrap_err();
        assert!(matches!(reused, GiftError::KeyReused), "{reused}");
        // What was given when it was on sale is told again all the same.
        let mut offer = kit.store.gifts().offer("rocket").await.unwrap();
        offer.is_open = 0;
        kit.store.gifts().set_offer(&offer).await.unwrap();
        let again = kit.give("rocket", 1, "k1").await.unwrap();
        assert_eq!((&again.gift, again.is_again), (&first.gift, true));
        kit.store.gifts().remove_offer("rocket").await.unwrap();
        assert!(kit.give("rocket", 1, "k1").await.unwrap().is_again);
        assert_eq!(kit.coins().await, 150);
        kit.assert_balanced().await;
    }
}

#[tokio::test]
async fn of_two_gateways_that_spend_the_last_coins_at_once_one_wins() {
    for kit in kits().await {
        let other = kit.beside().await;
        for round in 0..10 {
            kit.pay(kit.ann, 100, &format!("p{round}")).await;
            let keys: Vec<_> = (0..6).map(|n| format!("k{round}-{n}")).collect();
            let gives = keys.iter().enumerate().map(|(n, key)| {
                let till = if n % 2 == 0 { &kit.till } else { &other };
                let order = kit.order("rocket", 1, key);
                async move { till.give(&order).await }
            });
            let ended = join_all(gives).await;
            let (won, lost): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 5));
            for refused in lost {
                let refused = refused.unwrap_err();
                let is_poor = matches!(refused, GiftError::NotEnough { has: 0, .. });
                assert!(is_poor, "{refused}");
            }
            assert_eq!(kit.coins().await, 0);
        }
        // The same order at both, at once, is one.
        kit.pay(kit.ann, 1_000, "more").await;
        let order = kit.order("rocket", 1, "same");
        let tills = [&kit.till, &other, &kit.till, &other];
        let ended = join_all(tills.iter().map(|till| till.give(&order))).await;
        let mut ids: Vec<_> = ended.into_iter().map(|it| it.unwrap().gift.id).collect();
        ids.dedup();
        assert_eq!((ids.len(), kit.coins().await), (1, 900));
        kit.assert_balanced().await;
    }
}

#[tokio::test]
async fn a_row_of_the_same_gifts_grows_until_its_giver_pauses() {
    for kit in kits().await {
        kit.pay(kit.ann, 100, "p").await;
        let first = kit.give("rose", 1, "k1").await.unwrap().gift;
        kit.clock.advance_us(4_999_000);
        let second = kit.give("rose", 9, "k2").await.unwrap().gift;
        assert_eq!((&second.combo, second.combo_count), (&first.id, 10));
        kit.clock.advance_us(5_000_000);
        let third = kit.give("rose", 1, "k3").await.unwrap().gift;
        assert_eq!((&third.combo, third.combo_count), (&third.id, 1));
        let alone = Order {
            is_combo: false,
            ..kit.order("rose", 2, "k4")
        };
        let alone = kit.till.give(&alone).await.unwrap().gift;
        assert_eq!((&alone.combo, alone.combo_count), (&alone.id, 2));
    }
}

#[tokio::test]
async fn leader_boards_are_of_the_hour_the_day_and_the_week_that_go_on() {
    for kit in kits().await {
        let bob = kit.store.next_id().unwrap();
        kit.pay(kit.ann, 500, "p1").await;
        kit.pay(bob, 500, "p2").await;
        let place = (kit.channel.user_id, kit.channel.id);
        kit.give("rocket", 2, "k1").await.unwrap();
        let top = async |span| {
            let (_, board) = kit.till.tops.of(place, span).await.unwrap();
            let coins = |who: weir_store::Id| {
                let who = who.to_string();
                board
                    .iter()
                    .position(|one| one.giver_id == who)
                    .map(|at| (at, board[at].total))
            };
            (coins(kit.ann), coins(bob))
        };
        assert_eq!(top(Span::Hour).await, (Some((0, 200)), None));
        kit.clock.advance_us(3_600_000_000);
        let order = Order {
            user: bob,
            ..kit.order("rocket", 1, "k2")
        };
        kit.till.give(&order).await.unwrap();
        assert_eq!(top(Span::Hour).await, (None, Some((0, 100))));
        // It began on a Tuesday evening: two hours later it is another day of the same week.
        assert_eq!(top(Span::Week).await, (Some((0, 200)), Some((1, 100))));
        assert_eq!(top(Span::Day).await, (Some((0, 200)), Some((1, 100))));
        kit.clock.advance_us(3_600_000_000);
        assert_eq!(top(Span::Day).await, (None, None));
        kit.clock.advance_us(7 * 24 * 3_600_000_000);
        assert_eq!(top(Span::Week).await, (None, None));
    }
}

/// Numbers that look as if by chance, the same for the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// A second way to the same rows.
impl Kit {
    async fn beside(&self) -> Till {
        Till::new(self.another_store().await, GiftsConfig::default())
    }
}
