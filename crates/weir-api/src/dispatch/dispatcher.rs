//! Where clients are sent: the dispatcher's rules, what it just handed out, and the decision. No HTTP.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_base::Refusal;
use weir_cluster::fill::Cost;
use weir_cluster::geo::{Locality, Locator};
use weir_cluster::place::{self, Full, PlaceRequest, Purpose, Why};
use weir_cluster::record::Scope;
use weir_cluster::reserve::Reservations;
use weir_cluster::view::{Node, View};
use weir_cluster::{Member, Name, Role};

use super::form::Form;
use super::request::CheckedRequest;
use crate::schemas::WhyThereSchema;

/// Places that one address may have reserved at a time: a campus behind one address is many viewers,
/// and somebody who only asks must not make the cluster look full.
const RESERVED_PER_ADDRESS: u32 = 256;
/// Addresses whose reservations are counted; above it counting begins anew.
const ADDRESSES: usize = 100_000;

/// How the dispatcher decides; can be changed while it runs.
pub struct DispatchRules {
    /// Who knows where an address is.
    pub locator: Box<dyn Locator>,
    /// How to choose among nodes that are equally near.
    pub strategy: DispatchStrategy,
    /// How long an answer is good and its place reserved, milliseconds: about two heartbeats, after
    /// which the node's own load has the client.
    pub good_for_ms: i64,
    /// What a viewer costs until its node's load shows it, kilobits per second.
    pub play_kbps: u64,
    /// What a publisher costs, as an edge sends its stream on, kilobits per second.
    pub publish_kbps: u64,
    /// Virtual hosts with streams of their own; other names mean the default host.
    pub vhosts: Vec<String>,
}

/// How to choose among nodes that are equally near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispatchStrategy {
    /// The emptier of two drawn at random.
    TwoChoices,
    /// In turn, weighted by what nodes can bear.
    RoundRobin,
}

/// What became of an ask, for the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Somebody was named.
    Placed,
    /// All are full: 5001.
    Full,
    /// The ask made no sense, or was not this client's to make.
    Refused,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Placed, Self::Full, Self::Refused];

    const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Full => "full",
            Self::Refused => "refused",
        }
    }
}

/// What is asked for over HTTP; [`Purpose::Hold`] is between nodes.
const PURPOSES: [(Purpose, &str); 3] = [
    (Purpose::Publish, "publish"),
    (Purpose::Play, "play"),
    (Purpose::Chat, "chat"),
];

/// See the module's words. Shared by the API, whoever reloads the rules, and whoever scales.
pub struct Dispatcher {
    rules: ArcSwap<DispatchRules>,
    handed_out: Mutex<HandedOut>,
    /// Asks so far: the seed of each choice and whose turn it is.
    asks: AtomicU64,
    outcomes: [[AtomicU64; Outcome::ALL.len()]; PURPOSES.len()],
}

#[derive(Default)]
struct HandedOut {
    reservations: Reservations,
    /// When the count begins anew, and how many were reserved.
    by_address: HashMap<IpAddr, (i64, u32)>,
}

/// One place, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Place {
    /// The node's id.
    #[schema(value_type = String)]
    node: Name,
    /// One of those that were asked for.
    protocol: &'static str,
    /// The whole URL to publish to or to play.
    pub(crate) url: String,
    /// How long this is good.
    expires_ms: i64,
    /// Why this one.
    #[schema(value_type = WhyThereSchema)]
    why: Why,
    /// The same node over the other protocols asked for, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    also: Vec<Also>,
}

/// A node over another protocol.
#[derive(Debug, Serialize, ToSchema)]
struct Also {
    protocol: &'static str,
    url: String,
}

/// Nobody has room.
#[derive(Debug)]
pub(crate) struct NoRoom {
    /// 5001.
    pub(crate) refusal: Refusal,
    /// To try again later.
    pub(crate) next_best: Option<Box<Place>>,
}

impl Dispatcher {
    /// With these rules.
    pub fn new(rules: DispatchRules) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            handed_out: Mutex::default(),
            asks: AtomicU64::new(0),
            outcomes: Default::default(),
        }
    }

    /// Takes other rules.
    pub fn set_rules(&self, rules: DispatchRules) {
        self.rules.store(Arc::new(rules));
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> Arc<DispatchRules> {
        self.rules.load_full()
    }

    /// What is on its way to the nodes that `counts`, and does not show in their load yet: what scaling
    /// counts as pending placements. Only this dispatcher's own.
    pub fn pending(&self, view: &View, now_us: i64, counts: impl Fn(&Node) -> bool) -> Cost {
        let mut handed_out = self.handed_out.lock();
        handed_out.reservations.expire(now_us);
        let there = handed_out.reservations.all();
        there
            .filter(|(at, _)| view.node(*at).is_some_and(&counts))
            .fold(Cost::default(), |sum, (_, cost)| sum.plus(cost))
    }

    /// Where an address is, after what the client says of itself.
    pub(crate) fn locate(&self, said: Locality, ip: Option<IpAddr>) -> Locality {
        match ip {
            Some(ip) => said.or(self.rules.load().locator.locate(ip)),
            None => said,
        }
    }

    /// Where this client goes; the first place is reserved.
    ///
    /// # Errors
    /// 5001 with the next-best place.
    pub(crate) fn decide(
        &self,
        member: &Member,
        wanted: &CheckedRequest,
        now_us: i64,
    ) -> Result<Vec<Place>, NoRoom> {
        let rules = self.rules.load();
        let count = self.asks.fetch_add(1, Ordering::Relaxed);
        let ask = PlaceRequest {
            purpose: wanted.purpose,
            stream: wanted.key.as_ref(),
            protocols: &wanted.schemes,
            region: wanted.whereabouts.region.as_ref(),
            isp: wanted.whereabouts.isp.as_ref(),
            cost: rules.cost(wanted.purpose),
            except: &wanted.except,
            count: wanted.count,
            scope: Scope::Public,
            strategy: match rules.strategy {
                DispatchStrategy::TwoChoices => place::Strategy::TwoChoices,
                DispatchStrategy::RoundRobin => place::Strategy::WeightedRoundRobin { turn: count },
            },
            good_for_us: rules.good_for_ms.saturating_mul(1000),
        };
        let view = member.view();
        // Two dispatchers that count alike do not choose alike.
        let seed = place::seed(member.record().boot ^ place::seed(count));
        let mut handed_out = self.handed_out.lock();
        handed_out.reservations.expire(now_us);
        let found = place::place(view, &ask, &handed_out.reservations, now_us, seed);
        let told = |answer| told(view, wanted, answer, rules.good_for_ms);
        match found {
            Ok(answers) => {
                if let Some(first) = answers.first() {
                    handed_out.reserve(wanted.ip, first, ask.cost, now_us);
                }
                drop(handed_out);
                self.count(wanted.purpose, Outcome::Placed);
                Ok(answers.into_iter().map(told).collect())
            }
            Err(Full { refusal, next_best }) => {
                drop(handed_out);
                self.count(wanted.purpose, Outcome::Full);
                let next_best = next_best.map(|answer| Box::new(told(*answer)));
                Err(NoRoom { refusal, next_best })
            }
        }
    }

    /// Counts an ask.
    pub(crate) fn count(&self, purpose: Purpose, outcome: Outcome) {
        let row = PURPOSES.iter().position(|(p, _)| *p == purpose);
        if let Some(row) = row.and_then(|row| self.outcomes.get(row)) {
            row[outcome as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `(purpose, outcome, asks)` so far.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let rows = PURPOSES.iter().zip(&self.outcomes);
        rows.flat_map(|((_, purpose), row)| {
            let cells = Outcome::ALL.iter().zip(row);
            cells.map(|(outcome, count)| (*purpose, outcome.name(), count.load(Ordering::Relaxed)))
        })
    }
}

impl DispatchRules {
    const fn cost(&self, purpose: Purpose) -> Cost {
        let out_kbps = match purpose {
            Purpose::Play => self.play_kbps,
            Purpose::Publish | Purpose::Hold => self.publish_kbps,
            Purpose::Chat => 0,
        };
        Cost {
            out_kbps,
            cpu_permille: 0,
            connections: 1,
        }
    }
}

impl HandedOut {
    fn reserve(&mut self, ip: Option<IpAddr>, answer: &place::Placement, cost: Cost, now_us: i64) {
        if let Some(ip) = ip {
            if self.by_address.len() >= ADDRESSES {
                self.by_address.clear();
            }
            let fresh = (answer.good_until_us, 0);
            let (until_us, count) = self.by_address.entry(ip).or_insert(fresh);
            if *until_us <= now_us {
                (*until_us, *count) = fresh;
            }
            *count = count.saturating_add(1);
            if *count > RESERVED_PER_ADDRESS {
                return;
            }
        }
        self.reservations
            .reserve(answer.at, cost, answer.good_until_us, now_us);
    }
}

/// A node whose role it is to say where clients go, by its public address.
pub(crate) fn another(view: &View) -> Option<String> {
    use weir_cluster::Scheme::{Http, Https};
    let all = view.with_role(Role::Dispatcher, None, None);
    let addresses = all.filter(|node| node.takes_work()).filter_map(|node| {
        let record = node.record.as_ref()?;
        record.address(&[Https, Http], Scope::Public, None)
    });
    addresses.map(|address| address.url.clone()).next()
}

/// An answer with URLs in it.
fn told(view: &View, wanted: &CheckedRequest, answer: place::Placement, good_for_ms: i64) -> Place {
    let name = wanted.name.as_ref();
    let path = name.map(|name| (name.app(), name.stream()));
    let url = |form: Form, base: &str| form.url(base, path, &wanted.query);
    let speaks = |form: &&Form| form.schemes(wanted.tls).contains(&answer.protocol);
    let form = wanted.forms.iter().find(speaks).copied();
    // `schemes` come of `forms`, so one of them speaks what was found.
    let form = form.unwrap_or(Form::Hls);
    let record = view.node(answer.at).and_then(|node| node.record.as_ref());
    let others = wanted.forms.iter().filter(|other| **other != form);
    let also = others.filter_map(|other| {
        let isp = wanted.whereabouts.isp.as_ref();
        let address = record?.address(other.schemes(wanted.tls), Scope::Public, isp)?;
        Some(Also {
            protocol: other.name(),
            url: url(*other, &address.url),
        })
    });
    Place {
        protocol: form.name(),
        url: url(form, &answer.url),
        also: also.collect(),
        node: answer.node,
        expires_ms: good_for_ms,
        why: answer.why,
    }
}
