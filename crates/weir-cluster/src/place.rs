//! Where a client goes: a pure function of the view, the ask, what was just handed out, and dice.
//!
//! Nearest first (region and ISP, region, ISP, anywhere); in each tier a node that already carries
//! the stream, then the emptier of two drawn at random. Full nodes only when no other is left, nodes
//! at their hard limit never.
//!
//! A publisher of a name that is live already is most likely its own broadcaster who comes back: so of
//! the nodes near it the one that owns the stream is first. There its session, its ring and its lease
//! are. That a node pulls the stream for viewers says nothing about where its publisher was, so
//! carriers are not preferred.

use std::fmt;

use serde::{Serialize, Serializer};
use weir_base::{Code, Refusal};

use crate::fill::{Cost, Dimension, worst};
use crate::hash::{Dice, stir};
use crate::limits::{PLACES, SCAN};
use crate::name::{LeaseKey, Name};
use crate::record::{Role, Scheme, Scope};
use crate::reserve::Reservations;
use crate::view::{Fill, Node, NodeRef, View};

/// Draws from a group before it is looked through in order.
const DRAWS: usize = 8;

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct PlaceRequest<'a> {
    /// To do what.
    pub purpose: Purpose,
    /// The stream, where one is meant.
    pub stream: Option<&'a LeaseKey>,
    /// What the client speaks, best first.
    pub protocols: &'a [Scheme],
    /// Where the client is.
    pub region: Option<&'a Name>,
    /// In whose network the client is.
    pub isp: Option<&'a Name>,
    /// What it will cost.
    pub cost: Cost,
    /// Nodes that are not wanted: the one that sent the client away, or one it could not reach.
    pub except: &'a [Name],
    /// How many places to name, best first; at most 8.
    pub count: usize,
    /// Clients use public addresses, nodes internal ones.
    pub scope: Scope,
    /// How to choose.
    pub strategy: Strategy,
    /// How long the answer is good, microseconds, and the place reserved: about two heartbeats.
    pub good_for_us: i64,
}

/// What a client wants to do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Send a stream.
    Publish,
    /// Watch one.
    Play,
    /// Join a group's chat.
    Chat,
    /// Hold a publish that an edge relays.
    Hold,
}

impl Purpose {
    /// Roles that do this; the first of them that anybody has is the one asked. Origins do not face
    /// users where there are edges.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Publish | Self::Play => &[Role::Edge, Role::Origin],
            Self::Chat => &[Role::Chat],
            Self::Hold => &[Role::Origin],
        }
    }
}

/// How to choose within a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The emptier of two drawn at random.
    TwoChoices,
    /// In turn, as often as a node's connections (or bandwidth) weigh; `turn` counts up by one.
    WeightedRoundRobin {
        /// Which turn this is.
        turn: u64,
    },
}

/// One place to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// The id in its record.
    pub node: Name,
    /// The same for [`Reservations::reserve`].
    #[serde(skip)]
    pub at: NodeRef,
    /// What to speak.
    pub protocol: Scheme,
    /// Where.
    pub url: String,
    /// Monotonic time after which to ask again.
    #[serde(skip)]
    pub good_until_us: i64,
    /// Why there.
    pub why: Why,
}

/// How near a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The client's region and ISP.
    RegionAndIsp,
    /// The client's region.
    Region,
    /// The client's ISP.
    Isp,
    /// Anywhere.
    Any,
}

impl Tier {
    const ALL: [Self; 4] = [Self::RegionAndIsp, Self::Region, Self::Isp, Self::Any];

    /// The group of the tier, `None` when the client's region or ISP is not known.
    fn keys<'a>(self, ask: &PlaceRequest<'a>) -> Option<(Option<&'a Name>, Option<&'a Name>)> {
        match self {
            Self::RegionAndIsp => Some((Some(ask.region?), Some(ask.isp?))),
            Self::Region => Some((Some(ask.region?), None)),
            Self::Isp => Some((None, Some(ask.isp?))),
            Self::Any => Some((None, None)),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::RegionAndIsp => "same region and ISP",
            Self::Region => "same region",
            Self::Isp => "same ISP",
            Self::Any => "anywhere",
        }
    }
}

/// Why a node was named. In JSON an object with the parts, and `words` for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// How near it is.
    pub tier: Tier,
    /// Whether it already carries the stream.
    pub carries: bool,
    /// How full it would be with this client and those on their way, in thousandths.
    pub full_permille: u64,
    /// Of what.
    pub of: Dimension,
    /// Nodes it was compared with.
    pub considered: usize,
    /// It is above its soft limit, and nobody below was left.
    pub last_resort: bool,
    /// It was its turn.
    pub in_turn: bool,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tier,
            full_permille,
            of,
            considered,
            ..
        } = self;
        write!(f, "{}", tier.words())?;
        if self.carries {
            write!(f, ", already carries the stream")?;
        }
        let percent = full_permille / 10;
        write!(
            f,
            ", {percent} % of its {} used, of {considered} considered",
            of.name()
        )?;
        if self.in_turn {
            write!(f, ", its turn")?;
        }
        if self.last_resort {
            write!(f, ", above its soft limit: no emptier node is left")?;
        }
        Ok(())
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Why", 8)?;
        object.serialize_field("tier", &self.tier)?;
        object.serialize_field("carries", &self.carries)?;
        object.serialize_field("full_permille", &self.full_permille)?;
        object.serialize_field("of", &self.of)?;
        object.serialize_field("considered", &self.considered)?;
        object.serialize_field("last_resort", &self.last_resort)?;
        object.serialize_field("in_turn", &self.in_turn)?;
        object.serialize_field("words", &self.to_string())?;
        object.end()
    }
}

/// Nobody has room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// 5001, and how many were asked.
    pub refusal: Refusal,
    /// The one that is least over its limit: to try again later.
    pub next_best: Option<Box<Placement>>,
}

/// Where this client goes: one to [`PlaceRequest::count`] places, best first. The caller reserves the first.
///
/// # Errors
/// 5001 when every node that does this is at its hard limit, late, draining, excepted, or does not
/// speak any of the protocols; with the next-best node.
pub fn place(
    view: &View,
    ask: &PlaceRequest<'_>,
    reservations: &Reservations,
    now_us: i64,
    seed: u64,
) -> Result<Vec<Placement>, Full> {
    let roles = ask.purpose.roles().iter();
    let role = roles
        .copied()
        .find(|role| !view.group(*role, None, None).is_empty());
    let Some(role) = role else {
        let refusal = Refusal::new(Code::Overloaded, "no node of this cluster does this");
        return Err(Full {
            refusal,
            next_best: None,
        });
    };
    let owner = ask.stream.and_then(|stream| view.owner(stream));
    let owner = owner.and_then(|record| view.reference(&record.node));
    let mut search = Search {
        view,
        ask,
        reservations,
        role,
        owner: owner.map(|at| at.slot),
        now_us,
        dice: Dice::new(seed),
        found: Vec::new(),
    };
    search.run();
    if search.found.is_empty() {
        return Err(search.refuse());
    }
    Ok(search.found)
}

struct Search<'a> {
    view: &'a View,
    ask: &'a PlaceRequest<'a>,
    reservations: &'a Reservations,
    role: Role,
    /// Slot of the stream's owner, who is not among its carriers.
    owner: Option<u32>,
    now_us: i64,
    dice: Dice,
    found: Vec<Placement>,
}

/// Slots to choose among, and one more beside the list.
#[derive(Clone, Copy)]
struct Slots<'a>(&'a [u32], Option<u32>);

impl Slots<'_> {
    fn len(self) -> usize {
        self.0.len() + usize::from(self.1.is_some())
    }

    fn at(self, index: usize) -> Option<u32> {
        self.0
            .get(index)
            .copied()
            .or_else(|| self.1.filter(|_| index == self.0.len()))
    }
}

#[derive(Clone, Copy)]
struct Candidate<'a> {
    node: &'a Node,
    at: NodeRef,
    permille: u64,
    of: Dimension,
}

impl<'a> Search<'a> {
    fn run(&mut self) {
        let wanted = self.ask.count.clamp(1, PLACES);
        let view = self.view;
        for last_resort in [false, true] {
            for tier in Tier::ALL {
                let Some((region, isp)) = tier.keys(self.ask) else {
                    continue;
                };
                let group = view.group(self.role, region, isp);
                if group.is_empty() {
                    continue;
                }
                let near = Slots(group, None);
                if let (Some(stream), false) = (self.ask.stream, last_resort) {
                    let carriers = match self.ask.purpose {
                        Purpose::Publish => &[],
                        _ => view.carrier_slots(stream),
                    };
                    let carriers = Slots(carriers, self.owner);
                    // The shorter list: few nodes are near, or few carry it.
                    let list = if near.len() < carriers.len() {
                        near
                    } else {
                        carriers
                    };
                    while self.found.len() < wanted && self.take(list, tier, true, false) {}
                }
                while self.found.len() < wanted && self.take(near, tier, false, last_resort) {}
                if self.found.len() >= wanted {
                    return;
                }
            }
        }
    }

    /// Adds the best of two (or the one whose turn it is) of these nodes, if any fits.
    fn take(&mut self, slots: Slots<'_>, tier: Tier, carries: bool, last_resort: bool) -> bool {
        let turn = match self.ask.strategy {
            // Carriers are chosen by room, and only the first place goes by turns.
            Strategy::WeightedRoundRobin { turn } if !carries && self.found.is_empty() => {
                Some(turn)
            }
            _ => None,
        };
        let (best, considered) = match turn {
            Some(turn) => (self.in_turn(slots, tier, last_resort, turn), slots.len()),
            None => self.of_two(slots, tier, carries, last_resort),
        };
        let Some(best) = best else { return false };
        let carries = carries || self.carries(best.at, best.node);
        let why = Why {
            tier,
            carries,
            full_permille: best.permille,
            of: best.of,
            considered,
            last_resort,
            in_turn: turn.is_some(),
        };
        let Some(answer) = self.answer(best, why) else {
            return false;
        };
        self.found.push(answer);
        true
    }

    fn of_two(
        &mut self,
        slots: Slots<'_>,
        tier: Tier,
        carries: bool,
        last_resort: bool,
    ) -> (Option<Candidate<'a>>, usize) {
        if slots.len() == 0 {
            return (None, 0);
        }
        let fits = |search: &Self, slot: u32| {
            let candidate = search.candidate(slot, tier, last_resort)?;
            (!carries || search.carries(candidate.at, candidate.node)).then_some(candidate)
        };
        let mut two: [Option<Candidate<'a>>; 2] = [None, None];
        for _ in 0..DRAWS.min(slots.len().saturating_mul(2)) {
            let drawn = slots.at(self.dice.below(slots.len()));
            let candidate = drawn.and_then(|slot| fits(self, slot));
            let Some(candidate) = candidate else { continue };
            match two {
                [None, _] => two[0] = Some(candidate),
                [Some(first), None] if first.at != candidate.at => two[1] = Some(candidate),
                _ => (),
            }
            if two[1].is_some() {
                break;
            }
        }
        if two[0].is_none() || (two[1].is_none() && slots.len() <= DRAWS) {
            let start = self.dice.below(slots.len());
            let around = (0..slots.len().min(SCAN)).map(|n| (start + n) % slots.len());
            let mut fitting = around.filter_map(|at| fits(self, slots.at(at)?));
            two = [fitting.next(), fitting.next()];
        }
        let considered = two.iter().flatten().count();
        (
            two.into_iter().flatten().min_by_key(|c| c.permille),
            considered,
        )
    }

    /// Turns spread by the golden ratio over the nodes' weights: even at every prefix, no state.
    fn in_turn(
        &self,
        slots: Slots<'_>,
        tier: Tier,
        last_resort: bool,
        turn: u64,
    ) -> Option<Candidate<'a>> {
        let fitting = || {
            let slots = (0..slots.len().min(SCAN)).filter_map(|at| slots.at(at));
            slots.filter_map(|slot| self.candidate(slot, tier, last_resort))
        };
        let total: u128 = fitting().map(weight).sum();
        let place = u128::from(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut left = (place * total) >> 64;
        fitting().find(|candidate| {
            let weight = weight(*candidate);
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        })
    }

    /// A node that can take this client, if it can.
    fn candidate(&self, slot: u32, tier: Tier, last_resort: bool) -> Option<Candidate<'a>> {
        let node = self.view.node_at(slot)?;
        let record = node.record.as_ref()?;
        let (region, isp) = tier.keys(self.ask)?;
        let near = (region.is_none() || record.region.as_ref() == region)
            && (isp.is_none() || record.isp.as_ref() == isp);
        if !near || !record.roles.has(self.role) || !node.takes_work() || self.is_out(&node.id) {
            return None;
        }
        if !last_resort && node.fill == Fill::Full {
            return None;
        }
        let at = self.view.ref_at(slot)?;
        let more = self.reservations.on(at).plus(self.ask.cost);
        let (permille, of) = worst(&record.load, &record.capacity, more);
        // Those on their way count as if they had come: a node fills up between two beats too.
        let limit = if last_resort {
            1000
        } else {
            self.view.config().full_permille
        };
        let speaks = || {
            record
                .address(self.ask.protocols, self.ask.scope, self.ask.isp)
                .is_some()
        };
        (permille <= limit && speaks()).then_some(Candidate {
            node,
            at,
            permille,
            of,
        })
    }

    /// Whether it has what the client comes for: the stream, or for a publisher its own name.
    fn carries(&self, at: NodeRef, node: &Node) -> bool {
        match self.ask.purpose {
            Purpose::Publish => self.owner == Some(at.slot),
            _ => self.ask.stream.is_some_and(|stream| node.has(stream)),
        }
    }

    fn is_out(&self, id: &Name) -> bool {
        self.ask.except.contains(id) || self.found.iter().any(|answer| answer.node == *id)
    }

    fn answer(&self, candidate: Candidate<'_>, why: Why) -> Option<Placement> {
        let record = candidate.node.record.as_ref()?;
        let address = record.address(self.ask.protocols, self.ask.scope, self.ask.isp)?;
        Some(Placement {
            node: candidate.node.id.clone(),
            at: candidate.at,
            protocol: address.protocol,
            url: address.url.clone(),
            good_until_us: self.now_us.saturating_add(self.ask.good_for_us),
            why,
        })
    }

    fn refuse(&self) -> Full {
        let group = self.view.group(self.role, None, None);
        let mut best: Option<Candidate<'_>> = None;
        for slot in group.iter().take(SCAN) {
            let Some(node) = self.view.node_at(*slot).filter(|n| n.takes_work()) else {
                continue;
            };
            let (Some(record), Some(at)) = (&node.record, self.view.ref_at(*slot)) else {
                continue;
            };
            let more = self.reservations.on(at).plus(self.ask.cost);
            let (permille, of) = worst(&record.load, &record.capacity, more);
            let speaks = record
                .address(self.ask.protocols, self.ask.scope, self.ask.isp)
                .is_some();
            if speaks && !self.is_out(&node.id) && best.is_none_or(|b| permille < b.permille) {
                best = Some(Candidate {
                    node,
                    at,
                    permille,
                    of,
                });
            }
        }
        let next_best = best.and_then(|candidate| {
            let why = Why {
                tier: Tier::Any,
                carries: false,
                full_permille: candidate.permille,
                of: candidate.of,
                considered: group.len(),
                last_resort: true,
                in_turn: false,
            };
            self.answer(candidate, why).map(Box::new)
        });
        let named = next_best
            .as_ref()
            .map_or_else(String::new, |a| format!("; next best is {}", a.node));
        let detail = format!("none of {} nodes has room{named}", group.len());
        Full {
            refusal: Refusal::new(Code::Overloaded, detail),
            next_best,
        }
    }
}

/// A node's share of turns: the connections it can bear, else its bandwidth, else one.
fn weight(candidate: Candidate<'_>) -> u128 {
    let capacity = candidate
        .node
        .record
        .as_ref()
        .map(|r| r.capacity)
        .unwrap_or_default();
    let weight = if capacity.connections > 0 {
        capacity.connections
    } else {
        capacity.out_kbps
    };
    u128::from(weight.max(1))
}

/// A seed for [`place`] from a count: the same count gives the same answer, and its neighbours none
/// like it.
pub const fn seed(count: u64) -> u64 {
    stir(count)
}
