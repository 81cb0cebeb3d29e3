//! Fifty gateways on virtual time: whatever is lost, late, cut off or forgotten, every post of the hi lane comes once and
//! in its place, and every post of the lo lane comes or is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_chat::{ChatConfig, GroupName, Lane};

use crate::kit::Told;
use crate::net::Net;

const NODES: usize = 50;
const ROOMS: [&str; 4] = ["r:1", "r:2", "r:live/three", "r:4"];
const STEPS: usize = 2_400;

/// What a member has seen of one room.
#[derive(Debug, Default)]
struct Seen {
    epoch: String,
    offset: u64,
    lo: u64,
    skipped: u64,
    renumbered: u64,
}

/// Ids by room, numbering and place: the same for all.
type Places = BTreeMap<(String, String, u64), String>;
/// Posts that were answered: room, numbering, place, id.
type Answered = Arc<Mutex<Vec<(String, String, u64, String)>>>;

struct Run {
    net: Net,
    keys: Vec<usize>,
    seen: Vec<BTreeMap<String, Seen>>,
    places: Places,
    answered: Answered,
    refused: Arc<Mutex<u64>>,
    lo: BTreeMap<&'static str, u64>,
    hi: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let config = ChatConfig {
            history_posts: 10_000,
            lo_posts_per_tick: 4,
            ..ChatConfig::default()
        };
        let mut run = Self {
            net: Net::new(NODES, &config, seed),
            keys: Vec::new(),
            seen: Vec::new(),
            places: BTreeMap::new(),
            answered: Arc::default(),
            refused: Arc::default(),
            lo: BTreeMap::new(),
            hi: 0,
        };
        run.net.steps(100);
        for node in 0..NODES {
            // Each hears half of the rooms.
            let rooms = [ROOMS[node % 4], ROOMS[(node / 4 + 1 + node) % 4]];
            let groups: serde_json::Map<_, _> = rooms
                .iter()
                .map(|room| ((*room).to_owned(), Value::Null))
                .collect();
            let name = format!("user-{node}");
            let key = run.net.member(node, &name, &groups.into());
            run.keys.push(key);
            run.seen.push(BTreeMap::new());
        }
        run.net.steps(300);
        run.hear();
        run
    }

    fn hear(&mut self) {
        for node in 0..NODES {
            for told in self.net.told(node, self.keys[node]) {
                let Told::Line(line) = told else {
                    assert_eq!(told, Told::Ping);
                    continue;
                };
                if line["i"] == 1 {
                    for (room, told) in line["ok"]["g"].as_object().unwrap() {
                        let seen = self.seen[node].entry(room.clone()).or_default();
                        seen.epoch = told["e"].as_str().unwrap().to_owned();
                        seen.offset = told["o"].as_u64().unwrap();
                    }
                    continue;
                }
                let room = line["g"].as_str().unwrap_or_default();
                if let Some(seen) = self.seen[node].get_mut(room) {
                    seen.takes(&mut self.places, &line);
                }
            }
        }
    }

    fn post(&mut self) {
        let node = self.net.below(NODES);
        let room = ROOMS[self.net.below(ROOMS.len())];
        let lane = Lane::ALL[self.net.below(2)];
        if lane == Lane::Lo {
            *self.lo.entry(room).or_default() += 1;
            return self.net.post(node, room, (lane, "1", None), |_| ());
        }
        self.hi += 1;
        let (answered, refused) = (self.answered.clone(), self.refused.clone());
        let once = self.hi.is_multiple_of(3).then(|| format!("k{}", self.hi));
        let once = once.as_deref();
        self.net
            .post(node, room, (lane, "{}", once), move |result| match result {
                Ok((offset, epoch, id)) => answered.lock().push((room.into(), epoch, offset, id)),
                Err(denied) => {
                    assert_eq!(denied.why.number(), 108);
                    *refused.lock() += 1;
                }
            });
    }

    /// What happens to the network in this step.
    fn suffer(&mut self, step: usize, forgets: bool) {
        if self.net.below(100) == 0 {
            let node = self.net.below(NODES);
            self.net.cut(node);
        }
        if self.net.below(200) == 0 {
            let node = self.net.below(NODES);
            self.net.nodes[node].is_cut ^= true;
        }
        match step % 1_000 {
            400 => self.net.is_down = true,
            // Longer than a post waits, every second time.
            n if n == 500 + (step / 1_000 % 2) * 350 => {
                if forgets {
                    self.net.table.restart();
                }
                self.net.is_down = false;
            }
            _ => {}
        }
    }

    fn heal(&mut self) {
        self.net.is_down = false;
        self.net.lost_of_1000 = 0;
        for node in &mut self.net.nodes {
            node.is_cut = false;
        }
        self.net.steps(600);
        // What was lost last is noticed with the next.
        for node in 0..NODES {
            for room in ROOMS {
                *self.lo.entry(room).or_default() += 1;
                self.net.post(node, room, (Lane::Lo, "1", None), |_| ());
            }
            self.net.steps(10);
            self.hear();
        }
        self.net.steps(600);
        self.hear();
    }
}

impl Seen {
    fn takes(&mut self, places: &mut Places, line: &Value) {
        match (line["p"].as_str().unwrap(), line["o"].as_u64()) {
            ("ep", Some(offset)) => {
                self.epoch = line["e"].as_str().unwrap().to_owned();
                self.offset = offset;
                self.renumbered += 1;
            }
            ("m", Some(offset)) => {
                assert_eq!(offset, self.offset + 1, "in order, once: {line}");
                self.offset = offset;
                let at = (line["g"].to_string(), self.epoch.clone(), offset);
                let id = line["id"].to_string();
                let same = places.entry(at).or_insert_with(|| id.clone());
                assert_eq!(*same, id, "the same on all nodes: {line}");
            }
            ("m", None) => self.lo += 1,
            ("skip", _) => self.skipped += line["n"].as_u64().unwrap(),
            _ => {}
        }
    }
}

/// Shows R79, R82, R84, R89.
#[test]
fn fifty_gateways_say_the_same_whatever_the_network_does() {
    let (mut renumbered, mut skipped) = (0, 0);
    for (seed, forgets) in [(1, false), (2, true)] {
        let mut run = Run::new(seed);
        // Each is known to each before anything is lost, so that all that is lost can be counted.
        for node in 0..NODES {
            for room in ROOMS {
                *run.lo.entry(room).or_default() += 1;
                run.net.post(node, room, (Lane::Lo, "1", None), |_| ());
            }
            run.net.steps(9);
            run.hear();
        }
        run.net.steps(20);
        run.net.lost_of_1000 = 5;
        for step in 0..STEPS {
            run.suffer(step, forgets);
            for _ in 0..run.net.below(3) {
                run.post();
            }
            run.net.step();
            if step % 10 == 0 {
                run.hear();
            }
        }
        run.heal();
        for node in 0..NODES {
            for (room, seen) in &run.seen[node] {
                let (epoch, last) = run.net.table.last(&GroupName::new(room).unwrap());
                let at = (seen.epoch.as_str(), seen.offset);
                // Everybody's own groups are nobody's to post in here, and begin anew where all is forgotten.
                if let Some(lo) = run.lo.get(room.as_str()) {
                    assert_eq!(at, (&*epoch, last), "seed {seed}: {node} in {room}");
                    assert_eq!(
                        seen.lo + seen.skipped,
                        *lo,
                        "seed {seed}: {node} in {room}: {seen:?}"
                    );
                }
                renumbered += seen.renumbered;
                skipped += seen.skipped;
                assert!(forgets || seen.renumbered == 0, "nothing was forgotten");
            }
        }
        // Whoever was told that a post has this place was told the truth.
        let answered = run.answered.lock();
        for (room, epoch, offset, id) in answered.iter() {
            let at = (json!(room).to_string(), epoch.clone(), *offset);
            let is_now = *run.net.table.last(&GroupName::new(room).unwrap()).0 == **epoch;
            match run.places.get(&at) {
                Some(shown) => assert_eq!(*shown, json!(id).to_string()),
                None => assert!(
                    !is_now,
                    "seed {seed}: {room} {epoch} {offset} was shown to nobody"
                ),
            }
        }
        let refused = *run.refused.lock();
        assert_eq!(answered.len() as u64 + refused, run.hi, "each is answered");
        assert!(refused > 0 && answered.len() as u64 > run.hi / 2);
    }
    assert!(renumbered > 0 && skipped > 0, "{renumbered} {skipped}");
}
