//! A publisher's way in: this node owns the stream, or hands it on to one that does.

use std::time::Duration;

use weir_base::{Code, Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_cluster::record::{Protocol as Speaks, Scope};
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, Name, View};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol, Publisher, RelayBegin};

use super::Node;
use super::claim::Share;
use super::leave::Wanted;
use super::push::{Link, Pushing};

/// Origins tried for one publish.
const MAX_TRIES: usize = 3;
/// Between two rounds of tries while a publisher waits.
const PAUSE: Duration = Duration::from_millis(200);

/// Leave to publish a stream: the lease, or a connection to the node that has it.
#[derive(Debug)]
pub struct Reserved {
    way: Way,
    /// Whoever is live under the name here gives way.
    takes_over: bool,
}

#[derive(Debug)]
enum Way {
    Here(Share),
    There(Box<Link>),
}

/// What is to be published, before it may.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) name: StreamName,
    pub(super) key: LeaseKey,
    pub(super) takeover: bool,
    pub(super) via: Via,
}

impl Node {
    /// Leave to publish `key`, which comes over `protocol` and through the nodes `via`. `over` is the
    /// epoch that it may be taken over from, 0 for none.
    ///
    /// # Errors
    /// 3004 when the name is live, here or elsewhere; 5002 when no origin can be reached.
    pub async fn reserve(
        &self,
        name: &StreamName,
        grant: &Grant,
        (protocol, via): (Protocol, &Via),
        over: u64,
    ) -> Result<Reserved, Refusal> {
        let key = LeaseKey::of(name)?;
        let takes_over = grant.takeover || self.incumbent_gives_way(&key, via);
        self.check_here(name, takes_over)?;
        let wish = Wish {
            key,
            name: name.clone(),
            takeover: grant.takeover,
            via: via.clone(),
        };
        if !self.is_origin() && !self.is_edge() {
            return Err(self.elsewhere_to(name, Purpose::Publish, protocol));
        }
        if self.is_origin() {
            let over = over.max(self.epoch_to_take(&wish));
            let since_ms = self.core().hub.clock().wall_ms();
            let share = self.0.claims.take(&wish.key, over, since_ms).await?;
            let way = Way::Here(share);
            return Ok(Reserved { way, takes_over });
        }
        let link = self.connect_up(&wish, over, &[]).await?;
        let way = Way::There(Box::new(link));
        Ok(Reserved { way, takes_over })
    }

    /// The reserved stream begins; `relayed` where another node has placed it on its clock already.
    ///
    /// # Errors
    /// As [`weir_hub::Hub::publish`].
    pub fn begin(
        &self,
        reserved: Reserved,
        mut request: PublishRequest,
        relayed: Option<RelayBegin>,
    ) -> Result<Publisher, Refusal> {
        request.grant.takeover |= reserved.takes_over;
        let mut publisher = match relayed {
            Some(begin) => self.core().hub.relay(request, begin)?,
            None => self.core().hub.publish(request)?,
        };
        match reserved.way {
            Way::Here(share) => publisher.guard(Box::new(share)),
            Way::There(link) => {
                let pushing = Pushing {
                    node: self.clone(),
                    stream: publisher.stream().clone(),
                    client: publisher.client().clone(),
                };
                self.core().tasks.spawn("push", pushing.run(*link));
            }
        }
        Ok(publisher)
    }

    /// Whether what is live under a name gives way to what comes through the nodes `via`: it comes
    /// from one of them over a connection that broke without this node's hearing of it, or from a node
    /// that drains, whose publisher is on the way to another, and maybe this is it.
    fn incumbent_gives_way(&self, key: &LeaseKey, via: &Via) -> bool {
        let from = self.0.handed_on.lock().get(key).cloned();
        from.is_some_and(|from| via.passed(&from) || self.is_leaving(&from))
    }

    /// Whether a node drains.
    pub(crate) fn is_leaving(&self, node: &Name) -> bool {
        self.0
            .cluster
            .with(|member, _| is_draining(member.view(), node))
    }

    /// Whether the name is live here already; what is merely pulled gives way.
    fn check_here(&self, name: &StreamName, takeover: bool) -> Result<(), Refusal> {
        let Ok(stream) = self.core().hub.find_live(name) else {
            return Ok(());
        };
        let publisher = stream.publisher();
        match publisher {
            Some(old) if !old.gives_way && !takeover => {
                Err(weir_hub::hub::already_live(name, old.addr, old.protocol))
            }
            _ => Ok(()),
        }
    }

    /// The epoch of another node's lease, where the publisher may take it over: because it may take
    /// names over, or because that node drains and has sent it here.
    fn epoch_to_take(&self, wish: &Wish) -> u64 {
        self.0.cluster.with(|member, _| {
            let view = member.view();
            let owner = view.owner(&wish.key);
            owner
                .filter(|owner| owner.node != self.0.settings.me)
                .filter(|owner| wish.takeover || is_draining(view, &owner.node))
                .map_or(0, |owner| owner.epoch)
        })
    }

    /// A connection to an origin (or the node above) that takes the stream.
    pub(super) async fn connect_up(
        &self,
        wish: &Wish,
        over: u64,
        except: &[String],
    ) -> Result<Link, Refusal> {
        let mut last = Refusal::new(Code::OriginUnreachable, "no origin is known");
        for round in 0..2 {
            if round > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            for url in self.origins_for(wish, except)?.iter().take(MAX_TRIES) {
                if self.is_own(url) {
                    continue;
                }
                match Link::open(self, wish, over, url).await {
                    Ok(link) => {
                        self.0.router.lock().succeeded(url);
                        return Ok(link);
                    }
                    Err(refused) if is_of_the_node(refused.code) => {
                        let now_us = self.core().hub.clock().now_us();
                        self.0.router.lock().failed(url, now_us);
                        tracing::warn!(stream = %wish.name, origin = %url, code = refused.code.number(), "an origin does not take the stream: {}", refused.detail);
                        last = refused;
                    }
                    Err(refused) => return Err(refused),
                }
            }
        }
        Err(last)
    }

    /// Who may hold a publish, in order: the node above, who has it already, the static list, or
    /// whom placement chooses.
    pub(super) fn origins_for(
        &self,
        wish: &Wish,
        except: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let now_us = self.core().hub.clock().now_us();
        let owner = self
            .0
            .cluster
            .with(|member, _| super::elsewhere::owner_in(member.view(), &wish.key));
        let routed = self
            .0
            .router
            .lock()
            .route(&wish.key, owner.as_ref(), &wish.via, now_us);
        let mut urls: Vec<String> = match routed {
            Ok(hops) => hops.into_iter().map(|hop| hop.url).collect(),
            Err(refused) if !self.settings().route.is_empty() => return Err(refused),
            Err(_) => Vec::new(),
        };
        if self.settings().route.is_empty() {
            urls.extend(self.placed(wish));
        }
        urls.dedup();
        // Whom it just broke with comes last: it may be the only one.
        urls.sort_by_key(|url| except.contains(url));
        Ok(urls)
    }

    /// Origins by placement, for clusters with a registry.
    fn placed(&self, wish: &Wish) -> Vec<String> {
        let wanted = Wanted {
            purpose: Purpose::Hold,
            stream: &wish.key,
            protocols: &[Speaks::Http, Speaks::Https],
            scope: Scope::Internal,
            count: MAX_TRIES,
        };
        match self.place(&wanted) {
            Ok(answers) => answers.into_iter().map(|answer| answer.url).collect(),
            Err(full) => full.next_best.into_iter().map(|best| best.url).collect(),
        }
    }

    /// Whether a URL leads to this node itself.
    pub(super) fn is_own(&self, url: &str) -> bool {
        let authority = super::link::base_of(url);
        let authority = authority
            .split_once("://")
            .map_or(authority, |(_, rest)| rest);
        self.settings().own.iter().any(|own| own == authority)
    }
}

fn is_draining(view: &View, node: &Name) -> bool {
    let record = view.find(node).and_then(|node| node.record.as_ref());
    record.is_some_and(|record| record.draining)
}

/// Refusals that say nothing of the stream: another node may take it.
pub(super) const fn is_of_the_node(code: Code) -> bool {
    matches!(
        code,
        Code::OriginUnreachable
            | Code::Draining
            | Code::Overloaded
            | Code::QuotaStreams
            | Code::NetworkReset
            | Code::TooSlow
    )
}
