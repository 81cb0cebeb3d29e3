//! Which groups are heard, what is asked of them, and what comes due.

use std::sync::Arc;

use super::host::{Hosted, Stage};
use super::{Asked, CHECK_US, CHECKED_GROUPS, GAP_US, LINGER_US, Output, State, shard_of};
use crate::bus::call::{Call, Op, Reply};
use crate::house::House;
use crate::name::GroupName;
use crate::room::Room;

impl State {
    /// What is known of a group that is heard or spoken to.
    pub(super) fn hosted(&mut self, room: &Arc<Room>) -> &mut Hosted {
        let Self {
            config,
            groups,
            next_sender,
            ..
        } = self;
        groups.entry(room.name.clone()).or_insert_with(|| {
            *next_sender += 1;
            let sender = format!("{}x{next_sender}", config.node);
            let shard = shard_of(room.name.as_str(), config.shards);
            Hosted::new(room.clone(), shard, sender.into())
        })
    }

    pub(super) fn host(&mut self, house: &House, room: &Arc<Room>) {
        let hosted = self.hosted(room);
        if hosted.stage != Stage::Resting {
            return;
        }
        hosted.stage = Stage::Deaf;
        let shard = hosted.shard;
        if self.connected.get(shard).copied().unwrap_or(false) {
            self.listen(house, &room.name.clone());
        }
    }

    fn listen(&mut self, _: &House, group: &GroupName) {
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        hosted.stage = Stage::Deaf;
        self.out.push(Output::Listen {
            shard: hosted.shard,
            group: group.clone(),
        });
    }

    pub(super) fn connected(&mut self, house: &House, shard: usize) {
        if let Some(is_connected) = self.connected.get_mut(shard) {
            *is_connected = true;
        }
        let is_meant = |hosted: &&Hosted| hosted.shard == shard && hosted.stage != Stage::Resting;
        let names = self.groups.values().filter(is_meant);
        let names: Vec<_> = names.map(|hosted| hosted.room.name.clone()).collect();
        for name in names {
            self.listen(house, &name);
        }
    }

    pub(super) fn lost(&mut self, shard: usize) {
        if let Some(is_connected) = self.connected.get_mut(shard) {
            *is_connected = false;
        }
        for hosted in self.groups.values_mut() {
            if hosted.shard == shard && hosted.stage != Stage::Resting {
                hosted.stage = Stage::Deaf;
            }
        }
    }

    pub(super) fn listening(&mut self, house: &House, group: &str) {
        let Ok(name) = GroupName::new(group) else {
            return;
        };
        if let Some(hosted) = self.groups.get_mut(&name)
            && hosted.stage == Stage::Deaf
        {
            hosted.stage = Stage::Stale {
                again_us: house.clock.now_us(),
            };
            self.load(house, &name);
        }
    }

    /// Asks for what is behind the place that was reached.
    pub(super) fn load(&mut self, house: &House, group: &GroupName) {
        let now_us = house.clock.now_us();
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        match hosted.stage {
            Stage::Stale { again_us } if again_us <= now_us => {}
            Stage::Live => {}
            _ => return,
        }
        hosted.gap_us = None;
        let behind = (hosted.epoch.clone(), hosted.next - 1);
        let shard = hosted.shard;
        let group = group.clone();
        let op = Op::Load {
            group: group.clone(),
            behind,
        };
        let call = self.ask(shard, op, Asked::Load(group.clone()));
        if let Some(hosted) = self.groups.get_mut(&group) {
            hosted.stage = Stage::Loading(call);
        }
    }

    pub(super) fn ask(&mut self, shard: usize, op: Op, about: Asked) -> u64 {
        self.next_call += 1;
        let id = self.next_call;
        self.asked.insert(id, about);
        self.out.push(Output::Call(Call { id, shard, op }));
        id
    }

    pub(super) fn answer(&mut self, house: &House, call: u64, reply: Reply) {
        match (self.asked.remove(&call), reply) {
            (Some(Asked::Append(group)), reply) => self.appended(house, &group, reply),
            (Some(Asked::Like(group)), reply) => self.liked(house, &group, &reply),
            (Some(Asked::Load(group)), reply) => self.loaded(house, &group, (call, reply)),
            (Some(Asked::Check(groups)), Reply::Checked(checked)) => {
                let now_us = house.clock.now_us();
                for (group, checked) in groups.iter().zip(checked) {
                    if let Some(hosted) = self.groups.get_mut(group)
                        && hosted.is_behind(checked.as_ref())
                    {
                        hosted.gap_us.get_or_insert(now_us);
                        self.busy.insert(group.clone());
                    }
                }
            }
            (Some(Asked::Online(groups)), Reply::Online(counts)) => {
                for ((group, here), all) in groups.iter().zip(counts) {
                    if let Some(hosted) = self.groups.get(group) {
                        hosted.room.set_elsewhere(all.saturating_sub(*here));
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn tick(&mut self, house: &House) {
        let now_us = house.clock.now_us();
        for group in std::mem::take(&mut self.busy) {
            self.send(house, &group);
            self.send_likes(house, &group);
            let Some(hosted) = self.groups.get(&group) else {
                continue;
            };
            let is_due = match hosted.stage {
                Stage::Stale { again_us } => again_us <= now_us,
                Stage::Live => hosted.gap_us.is_some_and(|since| now_us - since >= GAP_US),
                _ => false,
            };
            if is_due {
                self.load(house, &group);
            }
            if self.groups.get(&group).is_some_and(Hosted::is_busy) {
                self.busy.insert(group);
            }
        }
        if now_us >= self.next_look_us {
            self.next_look_us = now_us + 1_000_000;
            self.look(now_us);
        }
        if now_us >= self.next_check_us {
            self.next_check_us = now_us + CHECK_US;
            self.check();
        }
    }

    /// Lets go of what nobody needs any more.
    fn look(&mut self, now_us: i64) {
        let Self {
            groups,
            out,
            connected,
            ..
        } = self;
        let everybody = GroupName::everybody();
        groups.retain(|name, hosted| {
            hosted.forget_senders(now_us);
            let is_wanted = *name == everybody || !hosted.room.is_deserted(now_us, LINGER_US);
            if hosted.stage != Stage::Resting && !is_wanted {
                if connected.get(hosted.shard).copied().unwrap_or(false) {
                    out.push(Output::Leave {
                        shard: hosted.shard,
                        group: name.clone(),
                    });
                }
                hosted.rest();
            }
            let is_spoken_to = hosted.is_busy() || hosted.outbox.is_warm(now_us);
            hosted.stage != Stage::Resting || is_spoken_to || is_wanted
        });
    }

    /// Asks how far the groups have come that are heard, and who is there; each shard for its own.
    fn check(&mut self) {
        for shard in 0..self.config.shards {
            if !self.connected.get(shard).copied().unwrap_or(false) {
                continue;
            }
            let is_meant = |hosted: &&Hosted| hosted.shard == shard && hosted.is_known();
            let heard = self.groups.values().filter(is_meant);
            let all: Vec<_> = heard
                .map(|hosted| (hosted.room.name.clone(), hosted.room.here()))
                .collect();
            for some in all.chunks(CHECKED_GROUPS) {
                let names: Vec<_> = some.iter().map(|(name, _)| name.clone()).collect();
                self.ask(shard, Op::Check(names.clone()), Asked::Check(names));
                let counts = some.to_vec();
                self.ask(shard, Op::Online(counts.clone()), Asked::Online(counts));
            }
        }
    }
}
