//! What happened: who sees it on this node, who carries it, and, where there is a store, who writes it down,
//! who reads it, and who tells others.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use weir_api::{Elsewhere, Happenings};
use weir_cluster::record::Scope;
use weir_cluster::run::Cluster;
use weir_cluster::{Name, Role, Scheme};
use weir_events::{
    Courier, Desk, Log, Owner, Owners, Recorder, RecordingSweeper, RemoteDesk, Warden, Witness,
    render,
};
use weir_hook::{Dispatcher, Sender};
use weir_link::dial::Dialer;
use weir_link::http::HttpClient;
use weir_link::node::NodeClient;
use weir_link::walk::AnyNode;
use weir_record::Spool;
use weir_serve::hls::Hls;
use weir_serve::{Core, Services};
use weir_store::Store;
use weir_store::channels::Visibility;
use weir_store::seal::SealKeys;

use super::cluster::Joined;
use super::gate::Entrance;
use super::recordings::{self, Posters, Teller};
use super::secrets::Secrets;
use crate::config::Config;

/// What waits to be told, in the data folder.
const SPOOL_FILE: &str = "spool/told.jsonl";

/// Between two tries to seal what the store has.
const SEAL_AGAIN: Duration = Duration::from_secs(5);

/// What it is made of.
struct Parts<'a> {
    config: &'a Config,
    data: &'a Path,
    spool: &'a Spool,
    recorder: Option<weir_serve::recorder::Recorder>,
    hls: &'a Hls,
    core: &'a Core,
    joined: &'a Joined,
    entrance: &'a Arc<Entrance>,
}

/// Starts all of it, on a node with the role api with a store. None on others.
pub(super) async fn start(
    config: &Config,
    (data, secrets): (&Path, &Secrets),
    joined: &Joined,
    entrance: &Arc<Entrance>,
    (spool, services): (&Spool, &Services),
) -> anyhow::Result<Option<Happenings>> {
    let core = &services.core;
    let parts = Parts {
        recorder: services.recorder.clone(),
        hls: &services.hls,
        config,
        data,
        spool,
        core,
        joined,
        entrance,
    };
    let roles = config.roles()?;
    let happenings = match roles.has(Role::Api) {
        true => {
            let opened = Store::opened(&config.store, data, core.hub.clock().clone()).await;
            let store = opened.context("cannot open the store")?;
            let keys = secrets.seal_secrets(config)?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            store.seal_by(SealKeys::of(&keys).context("store.seal_key_file")?);
            wait_not(&store, core).await?;
            seal(&store, core);
            Some(write_and_tell(&parts, store))
        }
        false => None,
    };
    if roles.has(Role::Origin) || roles.has(Role::Edge) {
        let own = happenings.as_ref();
        let own = own.map(|own| Arc::new(own.recorder.clone()) as Arc<dyn Desk>);
        let is_alone = joined.node.settings().is_alone;
        // Alone and without a store nobody ever asks what happened.
        let remote = || (!is_alone).then(|| Arc::new(remote_desk(&parts)) as Arc<dyn Desk>);
        if let Some(desk) = own.or_else(remote) {
            see_and_carry(&parts, desk)?;
        }
    }
    Ok(happenings)
}

/// Brings the tables up to date. A database that is away is no reason not to start: all but what needs it goes on,
/// and it is waited for beside the rest.
async fn wait_not(store: &Store, core: &Core) -> anyhow::Result<()> {
    match store.migrate().await {
        Ok(()) => {}
        Err(error) if error.is_passing() => {
            tracing::warn!("starting without the database, which is waited for: {error}");
        }
        Err(error) => return Err(error).context("cannot open the store"),
    }
    let watch = store.clone().watch(core.shutdown.clone());
    core.tasks.spawn("store", watch);
    Ok(())
}

/// Seals what is not sealed yet, or by an old key: once, as soon as the database is there.
fn seal(store: &Store, core: &Core) {
    let (store, shutdown) = (store.clone(), core.shutdown.clone());
    core.tasks.spawn("seal secrets", async move {
        loop {
            match store.seal_all().await {
                Ok(0) => return,
                Ok(sealed) => return tracing::info!(sealed, "secrets in the store are sealed"),
                Err(error) => tracing::debug!("secrets in the store wait to be sealed: {error}"),
            }
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(SEAL_AGAIN) => {}
            }
        }
    });
}

/// When all who write have ended.
pub(super) async fn close(happenings: Option<Happenings>) {
    if let Some(happenings) = happenings {
        happenings.store.close().await;
    }
}

/// On a node that carries streams: its own ones begin and end, and who watches the others is told too.
fn see_and_carry(parts: &Parts<'_>, desk: Arc<dyn Desk>) -> anyhow::Result<()> {
    let (core, entrance) = (parts.core, parts.entrance.clone());
    let (tasks, shutdown) = (&core.tasks, &core.shutdown);
    let spool = parts.data.join(SPOOL_FILE);
    let heartbeat_ms = move |app: &str| entrance.heartbeat_ms(app);
    let is_origin = parts.config.roles()?.has(Role::Origin);
    let witness = Witness::new((core.hub.clone(), is_origin), spool, heartbeat_ms)
        .context("the system gives no randomness")?;
    tasks.spawn("witness", witness.clone().run(shutdown.clone()));
    let clock = core.hub.clock().clone();
    let is_uploaded = recordings::is_uploaded(parts.config);
    let teller = Teller::new(
        parts.spool.clone(),
        witness.clone(),
        clock,
        parts.recorder.clone(),
        is_uploaded,
    );
    let posters = Posters {
        spool: parts.spool.clone(),
        hls: parts.hls.clone(),
        archive: recordings::archive(
            parts.config,
            (parts.data, parts.joined.node.settings().me.as_str()),
            None,
        )?,
        teller: teller.clone(),
        clock: core.hub.clock().clone(),
    };
    tasks.spawn("recordings' pictures", posters.run(shutdown.clone()));
    tasks.spawn("recordings told", teller.run(shutdown.clone()));
    tasks.spawn("courier", Courier::new(witness, desk).run(shutdown.clone()));
    Ok(())
}

/// On a node with a store.
fn write_and_tell(parts: &Parts<'_>, store: Store) -> Happenings {
    let Core {
        hub,
        tasks,
        shutdown,
        ..
    } = parts.core;
    let me = parts.joined.node.settings().me.to_string();
    let log = Log::new(store.clone());
    tasks.spawn("log", log.clone().run(shutdown.clone()));
    let recorder = recorder(parts.config, &store, log.clone(), &me);
    let cluster = parts.joined.cluster.clone();
    let own = me.clone();
    let is_member = move |node: &str| node == own || is_member(&cluster, node);
    let (members, own) = (parts.joined.cluster.clone(), me.clone());
    let sweeper = RecordingSweeper::new(recorder.clone(), move |node: &str| {
        node == own || self::is_member(&members, node)
    });
    tasks.spawn("recordings swept", sweeper.run(shutdown.clone()));
    let clock = hub.clock().clone();
    let warden = Warden::new(store.clone(), recorder.clone(), clock.clone(), is_member);
    tasks.spawn("warden", warden.run(shutdown.clone()));

    let hooks = &parts.config.hooks;
    let client = client(parts.core, Dialer::over_weak_networks());
    let dispatcher = Dispatcher::new(
        store.clone(),
        Sender::new(client, clock, hooks),
        hooks.clone(),
        &me,
        render,
        (tasks.clone(), shutdown.clone()),
    );
    tasks.spawn("hooks", dispatcher.clone().run(log.head()));
    let elsewhere = Elsewhere::default();
    let looking = elsewhere.clone().run(store.clone(), me, shutdown.clone());
    tasks.spawn("elsewhere", looking);
    Happenings {
        store,
        log,
        recorder,
        dispatcher,
        elsewhere,
    }
}

/// Writes down what nodes tell, on the node `me`.
pub(super) fn recorder(config: &Config, store: &Store, log: Log, me: &str) -> Recorder {
    let owners = Arc::new(ChannelOwners {
        store: store.clone(),
        keep_ms: config.record.keep_ms(),
    });
    Recorder::new(store.clone(), log, owners, me)
}

pub(in crate::compose) fn client(core: &Core, dialer: Dialer) -> HttpClient {
    let clock = core.hub.clock().clone();
    HttpClient::new(dialer, clock, core.tasks.clone(), core.shutdown.clone())
}

fn remote_desk(parts: &Parts<'_>) -> RemoteDesk {
    RemoteDesk::new(any_api_node(parts.joined, parts.core))
}

/// Asks any of the api nodes in this node's name: those of the cluster, and those that the configuration lists.
pub(super) fn any_api_node(joined: &Joined, core: &Core) -> AnyNode {
    let client = node_client(joined, core);
    let (cluster, listed) = (joined.cluster.clone(), joined.api.clone());
    let find = move || {
        let mut nodes = api_nodes(&cluster);
        nodes.extend(listed.iter().cloned());
        nodes
    };
    AnyNode::new(client, Box::new(find))
}

/// Asks other nodes in this node's name.
pub(super) fn node_client(joined: &Joined, core: &Core) -> NodeClient {
    let settings = joined.node.settings();
    let http = client(core, Dialer::to_nodes());
    NodeClient::new(http, settings.me.as_str(), settings.secret.clone())
}

/// Where api nodes are reached by other nodes.
fn api_nodes(cluster: &Cluster) -> Vec<String> {
    let http = [Scheme::Http, Scheme::Https];
    cluster.with(|member, _| {
        let nodes = member.view().with_role(Role::Api, None, None);
        let records = nodes.filter_map(|node| node.record.as_ref());
        let urls = records.filter_map(|record| {
            let address = record.address(&http, Scope::Internal, None)?;
            Some(address.url.clone())
        });
        urls.collect()
    })
}

fn is_member(cluster: &Cluster, node: &str) -> bool {
    Name::new(node).is_ok_and(|name| cluster.with(|member, _| member.view().find(&name).is_some()))
}

/// A stream is a channel's by its name.
struct ChannelOwners {
    store: Store,
    /// How long recordings are kept of apps that say nothing, milliseconds; 0: for ever.
    keep_ms: i64,
}

impl Owners for ChannelOwners {
    fn owner<'a>(
        &'a self,
        app: &'a str,
        stream: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Owner>> + Send + 'a>> {
        Box::pin(async move {
            // With a virtual host before it the name is another's.
            let name = stream.strip_prefix(app)?.strip_prefix('/')?;
            let channel = self.store.channels().by_name(name).await.ok()?;
            (channel.app == app).then(|| Owner {
                user_id: channel.user_id.to_string(),
                channel_id: channel.id.to_string(),
                title: channel.title,
                is_public: channel.visibility == Visibility::Public,
            })
        })
    }

    fn keep_ms<'a>(&'a self, app: &'a str) -> Pin<Box<dyn Future<Output = i64> + Send + 'a>> {
        Box::pin(async move {
            let of_app = self.store.apps().by_name(app).await;
            let of_app = of_app.map_or(0, |app| app.retention_s.saturating_mul(1000));
            if of_app > 0 { of_app } else { self.keep_ms }
        })
    }
}
