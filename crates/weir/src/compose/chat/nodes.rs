//! Chat between nodes: what a relay decides, carried out on Redis.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use weir_base::ids;
use weir_chat::bus::Call;
use weir_chat::bus::relay::Output;
use weir_chat::{House, Relay, RelayConfig, limits};
use weir_cluster::config::Mode;
use weir_cluster::redis::{LineEvent, Wish, Wishes};
use weir_serve::Core;

use super::wire::Wire;
use crate::config::Config;

/// Events of a line that wait for the relay: a second of a busy cluster. A line that has more is made anew.
const EVENTS: usize = 16_384;
/// Messages that wait to be sent; what is more is lost, and counted by who hears the next.
const MESSAGES: usize = 4_096;
/// Messages sent at once.
const MESSAGES_AT_ONCE: usize = 256;
/// Between two looks of a relay that has nothing to do.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes of randomness in the name of a node's life.
const LIFE_BYTES: usize = 6;

/// Where the Redis servers are, each with the key that says so.
pub(super) struct Addresses {
    /// The one that gives places and carries posts.
    pub(super) bus: (&'static str, String),
    /// The one that knows who is there.
    pub(super) online: (&'static str, String),
}

/// What carries chat between nodes.
pub(super) struct Nodes {
    pub(super) relay: Arc<Relay>,
    wires: Vec<Arc<Wire>>,
}

/// Where chat's Redis is, if there are other nodes.
fn addresses(config: &Config) -> Option<Addresses> {
    let chat = &config.chat;
    let is_registry = config.cluster.mode == Mode::Registry;
    let bus = match (chat.redis.as_str(), config.cluster.redis.as_str()) {
        ("", "") => return None,
        ("", _) if !is_registry => return None,
        ("", url) => ("cluster.redis", url.to_owned()),
        (url, _) => ("chat.redis", url.to_owned()),
    };
    let online = match chat.online_redis.as_str() {
        "" => bus.clone(),
        url => ("chat.online_redis", url.to_owned()),
    };
    Some(Addresses { bus, online })
}

impl Nodes {
    /// Knows the other nodes by their Redis; nothing where there is none.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub(super) fn open(config: &Config, core: &Core) -> anyhow::Result<Option<Self>> {
        let Some(addresses) = addresses(config) else {
            return Ok(None);
        };
        let life = ids::hex(&ids::random_bytes::<LIFE_BYTES>()?);
        let clock = core.hub.clock();
        let wire = |shard| {
            let names = (config.cluster.name.as_str(), shard, life.as_str());
            Wire::new(&addresses, names, &config.chat, clock).map(Arc::new)
        };
        let shards = config.chat.redis_shards;
        let wires = (0..shards).map(wire).collect::<Result<_, _>>()?;
        let relay = Relay::new(RelayConfig {
            shards,
            is_json: config.chat.bus_json,
            node: life.into(),
        });
        Ok(Some(Self {
            relay: Arc::new(relay),
            wires,
        }))
    }

    /// Carries out what the relay wants, until the process stops.
    pub(super) fn start(self, house: &Arc<House>, core: &Core) {
        let Self { relay, wires } = self;
        let news = Arc::new(Notify::new());
        let wakes = news.clone();
        relay.wakes(move || wakes.notify_one());
        let mut shards = Vec::new();
        for (number, wire) in wires.into_iter().enumerate() {
            let wishes = Arc::new(Wishes::default());
            let (inbox, events) = mpsc::channel(EVENTS);
            let (messages, to_send) = mpsc::channel(MESSAGES);
            let (listener, wished) = (wire.clone(), wishes.clone());
            core.tasks.spawn("chat-listen", async move {
                listener.line.listen(&wished, &inbox).await;
            });
            let heard = hear(
                (relay.clone(), house.clone()),
                wire.clone(),
                (number, events),
                core.clone(),
            );
            core.tasks.spawn("chat-hear", heard);
            core.tasks.spawn("chat-send", send(wire.clone(), to_send));
            shards.push(Shard {
                wire,
                wishes,
                messages,
            });
        }
        let runs = run((relay, house.clone()), shards, news, core.clone());
        core.tasks.spawn("chat-relay", runs);
    }
}

/// One Redis server, as the relay speaks to it.
struct Shard {
    wire: Arc<Wire>,
    wishes: Arc<Wishes>,
    messages: mpsc::Sender<(String, Vec<u8>)>,
}

async fn run(
    (relay, house): (Arc<Relay>, Arc<House>),
    shards: Vec<Shard>,
    news: Arc<Notify>,
    core: Core,
) {
    let tick = Duration::from_micros(limits::TICK_US.unsigned_abs());
    let mut next = tokio::time::Instant::now();
    loop {
        let wait = if relay.is_busy() { tick } else { LOOK };
        next = next.min(tokio::time::Instant::now() + wait);
        tokio::select! {
            () = news.notified() => {}
            () = tokio::time::sleep_until(next) => {
                next = tokio::time::Instant::now() + LOOK;
                relay.tick(&house);
            }
            () = core.shutdown.stopping() => return,
        }
        for output in relay.poll() {
            carry_out(output, (&relay, &house), &shards, &core);
        }
    }
}

fn carry_out(
    output: Output,
    (relay, house): (&Arc<Relay>, &Arc<House>),
    shards: &[Shard],
    core: &Core,
) {
    match output {
        Output::Call(Call { id, shard, op }) => {
            let Some(wire) = shards.get(shard).map(|shard| shard.wire.clone()) else {
                return;
            };
            let (relay, house) = (relay.clone(), house.clone());
            core.tasks.spawn("chat-ask", async move {
                let reply = wire.ask(op).await;
                relay.answer(&house, id, reply);
            });
        }
        Output::Publish {
            shard,
            group,
            message,
        } => {
            if let Some(shard) = shards.get(shard) {
                // Lost then: whoever hears the next counts what is missing.
                let _ = shard
                    .messages
                    .try_send((shard.wire.channel(&group), message));
            }
        }
        Output::Listen { shard, group } => {
            if let Some(shard) = shards.get(shard) {
                shard.wishes.make(Wish::Listen(shard.wire.channel(&group)));
            }
        }
        Output::Leave { shard, group } => {
            if let Some(shard) = shards.get(shard) {
                shard.wishes.make(Wish::Leave(shard.wire.channel(&group)));
            }
        }
    }
}

/// Gives the relay what is said on a line.
async fn hear(
    (relay, house): (Arc<Relay>, Arc<House>),
    wire: Arc<Wire>,
    (shard, mut events): (usize, mpsc::Receiver<LineEvent>),
    core: Core,
) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = core.shutdown.stopping() => return,
        };
        match event {
            Some(LineEvent::Message(channel, message)) => {
                if let Some(group) = wire.group(&channel) {
                    relay.heard(&house, group, &message);
                }
            }
            Some(LineEvent::Listening(channels)) => {
                for group in channels.iter().filter_map(|channel| wire.group(channel)) {
                    relay.listening(&house, group);
                }
            }
            Some(LineEvent::Connected) => relay.connected(&house, shard),
            Some(LineEvent::Lost) => relay.lost(shard),
            None => return,
        }
    }
}

/// Sends messages in their order, many at once where many wait.
async fn send(wire: Arc<Wire>, mut to_send: mpsc::Receiver<(String, Vec<u8>)>) {
    let mut some = Vec::new();
    while to_send.recv_many(&mut some, MESSAGES_AT_ONCE).await > 0 {
        let _ = wire.line.publish(&some).await;
        some.clear();
    }
}
