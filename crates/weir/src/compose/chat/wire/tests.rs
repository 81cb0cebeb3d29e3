//! A real Redis answers as the table does that simulations have in its place.

use std::collections::HashMap;

use weir_base::Clock;
use weir_chat::bus::table::Table;
use weir_testkit::redis::Redis;
use weir_testkit::tools::Tool;

use super::*;

fn wire(redis: &Redis, config: &ChatConfig) -> Wire {
    let addresses = Addresses {
        bus: ("chat.redis", redis.url()),
        online: ("chat.online_redis", redis.url()),
    };
    Wire::new(&addresses, ("test", 0, "n1"), config, &Clock::real()).unwrap()
}

fn post(name: &str, id: &str) -> (Box<str>, Box<str>, Vec<u8>) {
    // Bytes that are no text, and a line end: nothing of it may be looked at.
    (name.into(), id.into(), vec![0xff, b'\n', 0, id.len() as u8])
}

fn append(group: &str, posts: &[(&str, &str)], facts: &[(&str, &str)], again: Option<&str>) -> Op {
    let fact = |(key, value): &(&str, &str)| {
        let fact = Fact {
            key: (*key).into(),
            value: (*value).into(),
            until_ms: 0,
        };
        (fact, b"F".to_vec())
    };
    Op::Append(Append {
        group: GroupName::new(group).unwrap(),
        posts: posts.iter().map(|(name, id)| post(name, id)).collect(),
        facts: facts.iter().map(fact).collect(),
        again: again.map(Into::into),
    })
}

fn load(group: &str, epoch: &str, offset: u64) -> Op {
    Op::Load {
        group: GroupName::new(group).unwrap(),
        behind: (epoch.into(), offset),
    }
}

fn like(sender: &str, seq: u64, count: u64) -> Op {
    Op::Like(Hearts {
        group: GroupName::new("r:1").unwrap(),
        sender: sender.into(),
        seq,
        count,
    })
}

/// Numberings by the order in which they were met.
#[derive(Default)]
struct Ranks(HashMap<Arc<str>, usize>);

impl Ranks {
    fn rank(&mut self, epoch: &mut Arc<str>) {
        let next = self.0.len();
        *epoch = self
            .0
            .entry(epoch.clone())
            .or_insert(next)
            .to_string()
            .into();
    }

    fn plain(&mut self, mut reply: Reply) -> Reply {
        match &mut reply {
            Reply::Appended(appended) => self.rank(&mut appended.epoch),
            Reply::Loaded(loaded) => {
                self.rank(&mut loaded.epoch);
                loaded.facts.sort_by(|a, b| a.key.cmp(&b.key));
            }
            Reply::Checked(all) => {
                for checked in all.iter_mut().flatten() {
                    self.rank(&mut checked.epoch);
                }
            }
            _ => {}
        }
        reply
    }
}

/// Shows R89, R90.
#[tokio::test]
async fn redis_answers_as_the_table_does() {
    if !weir_testkit::tools::have(&[Tool::RedisServer]) {
        return;
    }
    let redis = Redis::start();
    let config = ChatConfig {
        history_posts: 5,
        ..ChatConfig::default()
    };
    let wire = wire(&redis, &config);
    let mut table = Table::new(config.history_posts, 10_000);
    let names = ["r:1", "r:none"].map(|name| GroupName::new(name).unwrap());
    let ops = [
        append("r:1", &[("", "a"), ("", "b")], &[], None),
        // Asked again: it is there, under a name and without one.
        append("r:1", &[("k", "c"), ("", "d")], &[("mute:x", "1")], None),
        append("r:1", &[("k", "c"), ("", "d"), ("", "e")], &[], Some("")),
        // The same name again is the same post.
        append("r:1", &[("k", "f")], &[], None),
        append("r:1", &[("", "a")], &[], Some("of another time")),
        append("r:1", &[], &[("mode", "{}"), ("mute:x", "")], None),
        load("r:1", "", 0),
        append("r:1", &[("", "g"), ("", "h"), ("", "i")], &[], None),
        // Five are kept.
        load("r:1", "", 0),
        load("r:1", "of another time", 6),
        load("r:2", "", 0),
        append("r:2", &[("", "z")], &[], None),
        Op::Check(names.to_vec()),
        Op::Online(vec![(names[0].clone(), 3), (names[1].clone(), 0)]),
        Op::Online(vec![(names[0].clone(), 2)]),
        // Asked again, a count is counted once.
        like("n1x1", 1, 5),
        like("n1x1", 1, 5),
        like("n2x1", 1, 3),
        like("n1x1", 2, 0),
    ];
    let (mut here, mut there) = (Ranks::default(), Ranks::default());
    for op in ops {
        let (reply, _) = table.answer("n1", &op, 1_790_000_000_000);
        let told = wire.ask(op.clone()).await;
        assert_eq!(there.plain(told), here.plain(reply), "{op:?}");
    }
    let keys = redis.keys("*");
    assert!(
        keys.iter()
            .all(|key| key.starts_with("weir:{test:chat:0}:")),
        "{keys:?}"
    );
    for key in keys.iter().filter(|key| !key.contains(":f:")) {
        assert_ne!(
            redis.ask(&["PTTL", key]).concat(),
            "-1",
            "{key} is kept for ever"
        );
    }
}
