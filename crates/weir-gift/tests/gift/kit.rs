//! A till, a crier and a room over one store.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use weir_base::Clock;
use weir_chat::{Alone, ChatConfig, Framing, GroupName, House, NoDoorman, Parts};
use weir_gift::{Crier, GiftError, GiftsConfig, Order, Till, TopUp};
use weir_store::channels::{Channel, NewChannel};
use weir_store::gifts::{Given, Offer};
use weir_store::{Config, Id, Store};
use weir_testkit::postgres::Postgres;
use weir_testkit::tools::{Tool, have};

/// What the clock says at first: 14 November 2023, in microseconds.
const BEGIN_US: i64 = 1_700_000_000_000_000;

/// All of it.
pub(crate) struct Kit {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) till: Till,
    pub(crate) house: Arc<House>,
    pub(crate) channel: Channel,
    pub(crate) ann: Id,
    config: Config,
    dir: TempDir,
    _server: Option<Arc<Postgres>>,
}

/// One on each engine.
pub(crate) async fn kits() -> Vec<Kit> {
    let mut kits = vec![Kit::new(Config::default(), None).await];
    if have(&[Tool::Postgres]) {
        let server = Postgres::shared();
        let config = Config {
            url: server.database(),
            partitions: 3,
            connections: 4,
            ..Config::default()
        };
        kits.push(Kit::new(config, Some(server)).await);
    }
    kits
}

impl Kit {
    async fn new(config: Config, server: Option<Arc<Postgres>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let store = Store::open(&config, dir.path(), clock.clone())
            .await
            .unwrap();
        let owner = store.next_id().unwrap();
        let new = NewChannel {
            user_id: owner,
            name: "amy",
            skeleton: "amy",
            app: "live",
            title: "Amy",
            most: 1,
        };
        let channel = store.channels().create(&new).await.unwrap();
        for (name, price, is_open) in [("rocket", 100, 1), ("rose", 1, 1), ("old", 5, 0)] {
            let offer = Offer {
                name: name.to_owned(),
                title: name.to_owned(),
                title_zh: name.to_owned(),
                price,
                animation: String::new(),
                badge: String::new(),
                place: 0,
                is_open,
            };
            store.gifts().set_offer(&offer).await.unwrap();
        }
        Self {
            till: Till::new(store.clone(), GiftsConfig::default()),
            house: house(&clock),
            ann: store.next_id().unwrap(),
            store,
            clock,
            channel,
            config,
            dir,
            _server: server,
        }
    }

    /// The same rows, by connections of their own.
    pub(crate) async fn another_store(&self) -> Store {
        let clock = self.clock.clone();
        Store::open(&self.config, self.dir.path(), clock)
            .await
            .unwrap()
    }

    pub(crate) fn crier(&self) -> Crier {
        Crier::new(self.store.clone(), self.house.clone())
    }

    pub(crate) async fn pay(&self, user: Id, coins: i64, payment: &str) -> i64 {
        let paid = TopUp {
            user,
            coins,
            payment,
        };
        self.till.top_up(&paid).await.unwrap().coins
    }

    pub(crate) fn order<'a>(&'a self, gift: &'a str, amount: i64, key: &'a str) -> Order<'a> {
        Order {
            user: self.ann,
            user_name: "Ann",
            channel: &self.channel,
            gift,
            amount,
            is_combo: true,
            price: None,
            key,
        }
    }

    pub(crate) async fn give(
        &self,
        gift: &str,
        amount: i64,
        key: &str,
    ) -> Result<Given, GiftError> {
        self.till.give(&self.order(gift, amount, key)).await
    }

    pub(crate) async fn coins(&self) -> i64 {
        self.store.ledger().coins(self.ann).await.unwrap()
    }

    /// What the books do not agree with: nothing.
    pub(crate) async fn assert_balanced(&self) {
        let faults = self.store.ledger().faults().await.unwrap();
        assert_eq!(faults, Vec::<String>::new());
    }

    /// What the room was told, in its order.
    pub(crate) fn told(&self) -> Vec<Value> {
        let name = GroupName::new("r:live/amy").unwrap();
        let Some(room) = self.house.find(&name) else {
            return Vec::new();
        };
        let mut told = Vec::new();
        let mut behind = 0;
        loop {
            let (posts, _) = room.page(Some(behind), 100);
            let Some(last) = posts.last() else {
                return told;
            };
            behind = last.offset.unwrap();
            let lines = posts.iter().map(|post| post.line(room.group()));
            told.extend(lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        }
    }
}

fn house(clock: &Clock) -> Arc<House> {
    House::new(Parts {
        config: ChatConfig {
            history_posts: 10_000,
            history_s: 86_400,
            ..ChatConfig::default()
        },
        clock: clock.clone(),
        doorman: Arc::new(NoDoorman),
        bus: Arc::new(Alone),
        framing: Framing {
            header: |_, _, _| {},
            close: |_, _, _, _| {},
        },
    })
}
