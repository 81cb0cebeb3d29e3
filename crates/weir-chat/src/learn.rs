//! What a house learns of its groups from whoever gives places: facts that hold, posts of earlier, and what it missed.

use std::sync::Arc;

use crate::bus::fact::Known;
use crate::bus::{Entry, Fact, message};
use crate::bye::Bye;
use crate::house::House;
use crate::name::GroupName;
use crate::post::Post;
use crate::room::Room;
use crate::room::mode::{Mode, ModeChange};
use crate::room::silence::{Silence, Silences};

impl House {
    /// A fact has changed.
    pub fn learn(&self, room: &Arc<Room>, fact: &Fact) {
        let now_ms = self.clock.wall_ms();
        match fact.known() {
            Some(Known::Silence(what, user)) => self.silence(room, what, (user, fact), now_ms),
            Some(Known::Void(user)) if is_everywhere(room) && fact.holds(now_ms) => {
                let user: Arc<str> = user.into();
                let before_ms = fact.value.parse().unwrap_or(now_ms);
                let times = (fact.until_ms, now_ms);
                self.with_silences(|of| of.void(&user, before_ms, times));
                self.let_go_of(&user, before_ms);
            }
            Some(Known::Void(_)) => {}
            Some(Known::Kick(user)) => self.let_go(&user.into(), None, Bye::Kicked),
            Some(Known::Mode) => room.set_mode(mode(&fact.value)),
            Some(Known::Pin) => room.pin(pinned(&fact.value)),
            Some(Known::Received) => {
                if let Ok(offset) = fact.value.parse() {
                    let _ = room.acknowledge(offset);
                }
            }
            None => {}
        }
    }

    /// All facts of a group anew: what is not among them holds no more. Whoever was to be let go a moment ago is,
    /// unless nobody was here then.
    pub fn learn_all(&self, room: &Arc<Room>, facts: &[Fact], is_first: bool) {
        let now_ms = self.clock.wall_ms();
        match is_everywhere(room) {
            true => self.with_silences(|of| *of = Silences::default()),
            false => room.with_silences(|of| *of = Silences::default()),
        }
        let has = |key: &str| facts.iter().any(|fact| &*fact.key == key);
        if !has("mode") {
            room.set_mode(Mode::default());
        }
        if !has("pin") {
            room.pin(None);
        }
        let holds = |fact: &&Fact| fact.holds(now_ms);
        let is_meant = |fact: &&Fact| !(is_first && matches!(fact.known(), Some(Known::Kick(_))));
        for fact in facts.iter().filter(holds).filter(is_meant) {
            self.learn(room, fact);
        }
    }

    /// The hi lane of a group goes on elsewhere; members are told so where `is_told`.
    pub fn renumber(&self, room: &Arc<Room>, epoch: &Arc<str>, offset: u64, is_told: bool) {
        room.renumber(epoch, offset, (&self.framing, self.clock.now_us()));
        if is_told {
            self.announce(room);
        }
    }

    /// Members are told where the numbering of their hi lane is.
    pub fn announce(&self, room: &Arc<Room>) {
        let told = room.announce();
        self.ring(room, told);
    }

    /// A post of the hi lane of before anybody was here.
    pub fn remember(&self, room: &Arc<Room>, entry: Entry) {
        let at = (self.clock.now_us(), self.clock.wall_ms());
        room.remember(entry, at, &self.config);
    }

    /// So many posts of the lo lane did not come here: members are told.
    pub fn miss(&self, room: &Arc<Room>, posts: u64) {
        self.tally.shed.add(posts);
        let told = room.miss(posts);
        self.ring(room, told);
    }

    fn silence(&self, room: &Arc<Room>, what: Silence, (user, fact): (&str, &Fact), now_ms: i64) {
        let user: Arc<str> = user.into();
        let change = |of: &mut Silences| match fact.holds(now_ms) {
            // There are too many of them: the oldest rule of all is to let people speak.
            true => drop(of.set(what, &user, fact.until_ms, now_ms)),
            false => of.lift(what, &user),
        };
        let everywhere = is_everywhere(room);
        match everywhere {
            true => self.with_silences(change),
            false => room.with_silences(change),
        }
        if what == Silence::Ban && fact.holds(now_ms) {
            let group = (!everywhere).then_some(&room.name);
            self.let_go(&user, group, Bye::Banned);
        }
    }
}

/// In everybody's group somebody is silenced everywhere.
fn is_everywhere(room: &Room) -> bool {
    room.name == GroupName::everybody()
}

fn mode(value: &str) -> Mode {
    let change: Option<ModeChange> = serde_json::from_str(value).ok();
    change.map_or_else(Mode::default, |change| Mode::default().changed(change))
}

fn pinned(value: &str) -> Option<Arc<Post>> {
    let entry = message::read_post_line(value)?;
    Some(Arc::new(Post {
        id: entry.id,
        push: entry.push,
        offset: None,
        fields: entry.fields,
        user: entry.user,
        at_us: 0,
        wants_receipt: false,
    }))
}
