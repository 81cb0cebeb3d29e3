//! Takes keyframes out of rings when they are due, has them decoded, and has what comes of it kept. It is one reader
//! more of what publishers say, and nobody waits for it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use weir_base::{Shutdown, StreamName};
use weir_hub::{Hub, Notice, Stream, What, Wishes};
use weir_store::Id;

use crate::desk::{NotTaken, Order, Snapper};
use crate::due::{Mark, Outcome, Plan, Seen};
use crate::shot::{Caption, Develop, Keep, Picture, Reason, Shot, Spoilt};
use crate::tally::Tally;

/// Between two looks at which streams are due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Shots that are with who develops them at once.
const AT_WORK: usize = 8;
/// Last pictures of broadcasts that wait for their turn; of more the oldest goes. Each holds a keyframe.
const FAREWELLS: usize = 64;
/// Orders that wait to be looked at.
pub(crate) const ORDERS: usize = 32;
const US: i64 = 1_000_000;

/// How often pictures are wanted.
pub trait Wanted: Send + Sync + 'static {
    /// Seconds between two pictures of a stream whose publisher's address chose these wishes; 0 for none.
    fn every_s(&self, name: &StreamName, wishes: Option<&Wishes>) -> u32;

    /// Whether an app, a channel or a publisher's address said so, and not the node's own settings alone.
    fn is_asked_for(&self, name: &StreamName, wishes: Option<&Wishes>) -> bool;
}

/// What it works with.
pub struct PhotographerParts {
    /// The streams.
    pub hub: Hub,
    /// Who decodes.
    pub develop: Arc<dyn Develop>,
    /// Who keeps.
    pub album: Arc<dyn Keep>,
    /// Who says how often.
    pub wanted: Arc<dyn Wanted>,
    /// Who counts.
    pub tally: Arc<Tally>,
}

/// Takes pictures that are due or asked for, as long as the process runs.
pub struct Photographer {
    parts: PhotographerParts,
    orders: mpsc::Receiver<Order>,
    asked: VecDeque<Order>,
    farewells: VecDeque<(Mark, Shot)>,
    plan: Plan,
}

/// A shot that is away to be developed.
type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

struct Done {
    name: StreamName,
    /// A turn of the plan: when it began, and which keyframe it was.
    turn: Option<(i64, Option<Mark>)>,
    outcome: Outcome,
}

impl Photographer {
    /// And who hands orders to it.
    pub fn new(parts: PhotographerParts) -> (Self, Snapper) {
        let (to, orders) = mpsc::channel(ORDERS);
        let snapper = Snapper::new(to, parts.develop.clone());
        let photographer = Self {
            parts,
            orders,
            asked: VecDeque::new(),
            farewells: VecDeque::new(),
            plan: Plan::default(),
        };
        (photographer, snapper)
    }

    /// Works until the process stops.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut events = self.parts.hub.events();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut at_work = FuturesUnordered::new();
        loop {
            while at_work.len() < AT_WORK {
                let Some(work) = self.next_work() else { break };
                at_work.push(work);
            }
            tokio::select! {
                notice = events.next() => self.hear(notice),
                _ = look.tick() => self.look(),
                Some(order) = self.orders.recv(), if self.asked.len() < ORDERS => {
                    self.asked.push_back(order);
                }
                Some(done) = at_work.next() => self.done(&done),
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Sees which streams are due.
    fn look(&mut self) {
        let now_us = self.parts.hub.clock().now_us();
        let (hub, wanted) = (&self.parts.hub, &self.parts.wanted);
        let off = self.parts.develop.why_off().is_some();
        let seen = hub.streams().into_iter().filter_map(|stream| {
            let publisher = stream.publisher()?;
            // A copy from elsewhere is another node's to take pictures of.
            if publisher.is_replaceable || off {
                return None;
            }
            let client = hub.clients().find(publisher.id);
            let wishes = client.as_ref().and_then(|client| client.wishes.as_deref());
            let every_s = wanted.every_s(&stream.name, wishes);
            let newest = (every_s > 0).then(|| stream.ring.newest_keyframe());
            Some(Seen {
                name: stream.name.clone(),
                life: (stream.begun_wall_us(), stream.life()),
                every_us: i64::from(every_s) * US,
                is_told: wanted.is_asked_for(&stream.name, wishes),
                newest: newest.flatten().map(|(join, _)| Mark {
                    clock_id: join.clock_id,
                    dts_us: join.dts_us,
                }),
            })
        });
        self.plan.look(now_us, seen);
        let (waiting, since_us) = self.plan.waiting();
        let tally = &self.parts.tally;
        tally.waiting.store(waiting as u64, Ordering::Relaxed);
        let oldest_ms = since_us.map_or(0, |since_us| (now_us - since_us) / 1_000);
        tally.oldest_ms.store(oldest_ms, Ordering::Relaxed);
    }

    /// The last picture of a broadcast is taken while the ring is still there.
    fn hear(&mut self, notice: Notice) {
        let Notice::Event(event) = notice else { return };
        if !matches!(event.what, What::Ended(_)) {
            return;
        }
        self.parts.album.has_ended(&event.name);
        let stream = self.parts.hub.find(&event.name);
        let wants = self.plan.wants(&event.name);
        let Some((mark, shot)) = stream
            .filter(|_| wants)
            .and_then(|stream| take(&stream, Reason::End).ok())
        else {
            return;
        };
        if self.plan.has(&event.name, mark) {
            return;
        }
        if self.farewells.len() >= FAREWELLS {
            self.farewells.pop_front();
        }
        self.farewells.push_back((mark, shot));
    }

    /// Who asks is first, then what would be gone, then whose turn it is.
    fn next_work(&mut self) -> Option<Work> {
        while let Some(order) = self.asked.pop_front() {
            let live = self.parts.hub.find_live(&order.name);
            let live = live.map_err(|_| NotTaken::NotLive);
            match live.and_then(|stream| take(&stream, Reason::Asked)) {
                Ok((_, shot)) => return Some(self.work(shot, None, Some(order.to))),
                // Whoever asked may be gone.
                Err(why) => drop(order.to.send(Err(why))),
            }
        }
        if let Some((_, shot)) = self.farewells.pop_front() {
            return Some(self.work(shot, None, None));
        }
        let now_us = self.parts.hub.clock().now_us();
        loop {
            let (name, reason) = self.plan.next()?;
            let live = self.parts.hub.find_live(&name).ok();
            match live.and_then(|stream| take(&stream, reason).ok()) {
                Some((mark, shot)) => {
                    return Some(self.work(shot, Some((now_us, Some(mark))), None));
                }
                None => self.plan.done(&name, now_us, None, Outcome::Away),
            }
        }
    }

    fn work(
        &self,
        mut shot: Shot,
        turn: Option<(i64, Option<Mark>)>,
        to: Option<oneshot::Sender<Result<Id, NotTaken>>>,
    ) -> Work {
        shot.is_told = shot.reason == Reason::Asked || self.plan.is_told(&shot.name);
        let (develop, album) = (self.parts.develop.clone(), self.parts.album.clone());
        let tally = self.parts.tally.clone();
        Box::pin(async move {
            let name = shot.name.clone();
            let caption = shot.caption();
            let developed = develop.develop(shot).await;
            let outcome = match &developed {
                Ok(_) => Outcome::Taken,
                Err(Spoilt::Undecodable(_)) => Outcome::Undecodable,
                Err(Spoilt::Away(_)) => Outcome::Away,
            };
            let answer = kept(&*album, &tally, caption, developed).await;
            if let Some(to) = to {
                let _ = to.send(answer);
            }
            Done {
                name,
                turn,
                outcome,
            }
        })
    }

    fn done(&mut self, done: &Done) {
        if let Some((began_us, mark)) = done.turn {
            self.plan.done(&done.name, began_us, mark, done.outcome);
        }
    }
}

/// Keeps what was made of a shot, and counts it.
async fn kept(
    album: &dyn Keep,
    tally: &Tally,
    caption: Caption,
    developed: Result<Picture, Spoilt>,
) -> Result<Id, NotTaken> {
    let name = caption.name.clone();
    let picture = match developed {
        Ok(picture) => Ok(picture),
        Err(Spoilt::Undecodable(why)) => {
            Tally::count(&tally.undecodable);
            tracing::info!(stream = %name, "undecodable: {why}");
            Err(why)
        }
        Err(Spoilt::Away(why)) => {
            Tally::count(&tally.away);
            return Err(NotTaken::Away(why));
        }
    };
    match album.keep(caption, picture).await {
        Ok(kept) if kept.fault.is_empty() => {
            Tally::count(&tally.taken);
            Ok(kept.id)
        }
        Ok(kept) => Err(NotTaken::Undecodable(kept.fault)),
        Err(error) => {
            Tally::count(&tally.lost);
            tracing::warn!(stream = %name, "a picture is not kept: {error}");
            Err(NotTaken::Away(format!(
                "the picture cannot be kept: {error}"
            )))
        }
    }
}

/// The newest keyframe of a stream.
fn take(stream: &Stream, reason: Reason) -> Result<(Mark, Shot), NotTaken> {
    let Some((join, frame)) = stream.ring.newest_keyframe() else {
        let tracks = stream.ring.tracks();
        return Err(match (&tracks.video, &tracks.audio) {
            (None, Some(_)) => NotTaken::SoundAlone,
            _ => NotTaken::TooEarly,
        });
    };
    let track = join.tracks.video.clone().ok_or(NotTaken::SoundAlone)?;
    let mark = Mark {
        clock_id: join.clock_id,
        dts_us: join.dts_us,
    };
    let taken_us = stream.wall_at_zero_us().saturating_add(frame.pts_us());
    let shot = Shot {
        name: stream.name.clone(),
        reason,
        track,
        payload: frame.payload,
        taken_ms: taken_us.div_euclid(1_000),
        is_told: false,
    };
    Ok((mark, shot))
}

impl std::fmt::Debug for Photographer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Photographer")
    }
}
