//! The life of the process, read from top to bottom: secrets, hub, delivery, listeners, API, demo,
//! signals, and the ordered end.

mod addresses;
mod admission;
mod chat;
mod chat_filters;
mod cluster;
mod consult;
mod control;
mod drain;
mod gate;
mod gifts;
mod happenings;
mod key_sets;
mod key_uses;
mod providers;
mod recordings;
mod reload;
mod scale;
mod secrets;
mod served;
mod signals;
mod snapshots;
mod stills;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use weir_admit::Publicity;
use weir_admit::consult::Consult;
use weir_api::{
    AdmissionSource, AppFacts, ClusterApi, Dispatcher, EdgeFacts, Facts, Happenings, PoolFacts,
    Posters, PublicAddresses, Setting, SiteKeeper, Snapshots,
};
use weir_base::{Clock, Code, Shutdown, StreamName, Tasks};
use weir_chat::House;
use weir_client::{PublishOptions, publish_file};
use weir_cluster::run::Cluster;
use weir_gift::Till;
use weir_hub::Hub;
use weir_image::PictureMaker;
use weir_keep::KeepTally;
use weir_record::Spool;
use weir_scale::Scaler;
use weir_serve::front::{Addresses, DoorKind};
use weir_serve::http::service::ApiService;
use weir_serve::recorder::RecordRules;
use weir_serve::{Core, Server, Services};

use crate::config::{Config, Sources};

use control::Control;
use gate::Entrance;
pub(crate) use recordings::{Outcome, Workshop};
pub(crate) use secrets::{Secrets, shared_stream_key_secret};
use served::Served;

/// The clip of the demo stream: made by `scripts/make-demo.sh`.
const DEMO: &[u8] = include_bytes!("../../../assets/demo.flv");
/// How long the last goodbyes may take.
const GOODBYE: Duration = Duration::from_millis(300);
/// How long tasks may take to end.
const TASKS_TIMEOUT: Duration = Duration::from_secs(5);
/// File in the data directory that says which ports are in use, for tools and tests.
const PORTS_FILE: &str = "ports.json";

/// What `weir serve` was asked for.
pub(crate) struct ServeRequest<'a> {
    /// The merged configuration.
    pub(crate) config: Config,
    /// Where it came from, to read it again on SIGHUP.
    pub(crate) sources: Sources,
    /// Where secrets and later recordings live.
    pub(crate) data: &'a Path,
    /// Play the demo.
    pub(crate) demo: bool,
}

/// Runs the server until it is told to stop.
pub(crate) async fn serve(request: ServeRequest<'_>) -> anyhow::Result<()> {
    let ServeRequest {
        config,
        sources,
        data,
        demo,
    } = request;
    let secrets = Secrets::open(data, &config)?;
    // Everything that can fail for the operator's reasons fails here, before anything runs.
    let server = Server::bind(&config.serve())?;
    let (addresses, certificate) = (server.addresses(), server.certificate());
    let core = start(&config)?;
    let (hub, tasks, shutdown) = (core.hub.clone(), core.tasks.clone(), core.shutdown.clone());
    let joined = cluster::join(&config, &addresses, &core)?;
    let entrance = Arc::new(Entrance::open(&config, &secrets, &hub, &joined)?);
    let (spool, services) = serving(&config, data, core, &joined, &entrance)?;
    let dispatcher = Arc::new(Dispatcher::new(config.dispatch_rules()?));
    let core = &services.core;
    let scaler = scale::start(&config, &sources, data, &joined, &dispatcher, core)?;
    let own = (&spool, &services);
    let happenings = happenings::start(&config, (data, &secrets), &joined, &entrance, own).await?;
    let own = (data, &spool, happenings.as_ref());
    let (services, keeping) = recordings::keep(&config, own, &joined, services.clone())?;
    let core = &services.core;
    let control = Control::start(&config, &secrets, happenings.as_ref(), core)?;
    let (places, own) = ((&config, &secrets, data), (happenings.as_ref(), &control));
    let (admission, consult) = learn(places, own, &entrance, &joined, core)?;
    let (in_force, shots) = snapshots::start(&config, &happenings, &joined, &entrance, core)?;
    let (server, chat) = chat::open(server, &config, &secrets, &control, (&in_force, core))?;
    let gifts = gifts::open(&config, happenings.as_ref(), chat.as_ref(), core);
    let asked = Api {
        keeping,
        chat: (chat, gifts),
        pictures: (picture_maker()?, shots),
        happenings: happenings.clone(),
        admission,
        consult,
        config: &config,
        in_force: in_force.clone(),
        secrets: &secrets,
        services: &services,
        entrance: &entrance,
        control: &control,
        cluster: cluster::api(&config, &joined, &dispatcher),
        scaler,
        addresses: addresses::of(&config, &addresses)?,
    };
    let watched = signals::Signals::watch()?;
    server.run(&services, api(asked));
    write_ports(data, &addresses)?;
    let link = control.first_admin_link(&addresses).await;
    announce(&addresses, &secrets, demo, &config, link.as_deref());
    start_demo(demo, &tasks, &shutdown, &secrets, &addresses);
    let reload = signals::Reload {
        sources,
        running: reload::Running {
            config,
            in_force,
            core: services.core.clone(),
            entrance,
            dispatcher,
            certificate,
        },
        services,
    };
    signals::until_told_to_stop(watched, reload, &shutdown).await;
    end(&hub, &tasks, &shutdown).await;
    write_down(data, spool, happenings).await;
    Ok(())
}

/// What serves, and what is recorded of it.
fn serving(
    config: &Config,
    data: &Path,
    core: Core,
    joined: &cluster::Joined,
    entrance: &Arc<Entrance>,
) -> anyhow::Result<(Spool, Services)> {
    entrance.watch(&core.tasks, &core.shutdown);
    weir_scale::end_with_parent(&core.tasks, &core.shutdown);
    let spool = recordings::open(config, data, core.hub.clock())?;
    let services = Services::new(core, joined.node.clone(), entrance.gate().clone())
        .with_recordings(spool.clone(), records(entrance));
    let services = stills::added(services, config)?;
    cluster::report_load(joined, &services);
    Ok((spool, services))
}

/// What channels and apps say of being recorded.
fn records(entrance: &Arc<Entrance>) -> RecordRules {
    let entrance = entrance.clone();
    Box::new(move |name| entrance.is_recorded(name))
}

/// The hub and its delivery loops.
fn start(config: &Config) -> anyhow::Result<Core> {
    let hub = Hub::new(config.hub(), Clock::real());
    let core = Core::start(hub, config.deliver.clone(), config.serve());
    core.context("cannot start the delivery loops")
}

/// Who says what admission should know, and who answers what a snapshot cannot hold; where this node has the store.
type Known = (Option<Arc<AdmissionSource>>, Option<Arc<dyn Consult>>);

/// Has the gate learn what the store says, ask what no snapshot holds, and tell what it saw. Gives who answers other
/// nodes that do the same.
fn learn(
    (config, secrets, data): (&Config, &Secrets, &Path),
    (happenings, control): (Option<&Happenings>, &Control),
    entrance: &Entrance,
    joined: &cluster::Joined,
    core: &Core,
) -> anyhow::Result<Known> {
    let root = secrets.account_secret(&config.cluster.secret);
    let admission = admission::follow(data, entrance, joined, (happenings, &root), core)?;
    let consult = consult::answer(config, entrance, happenings, control, core);
    entrance.consults(consult::asked(consult.clone(), joined, core));
    key_uses::tell(entrance, joined, happenings, core);
    key_sets::read(config, happenings, core);
    Ok((admission, consult))
}

/// Pictures are made anew in processes of this program.
fn picture_maker() -> anyhow::Result<PictureMaker> {
    let program = std::env::current_exe().context("this program's own file cannot be found")?;
    Ok(PictureMaker::new(program))
}

/// Says goodbye to whoever is left, and waits for the tasks.
async fn end(hub: &Hub, tasks: &Tasks, shutdown: &Shutdown) {
    hub.kick_all(Code::Draining);
    tokio::time::sleep(GOODBYE).await;
    shutdown.stop();
    let joined = tokio::time::timeout(TASKS_TIMEOUT, tasks.join()).await;
    if joined.is_err() {
        tracing::warn!(tasks = tasks.len(), "some tasks did not end in time");
    }
}

/// What is still to be written is written.
async fn write_down(data: &Path, spool: Spool, happenings: Option<Happenings>) {
    recordings::close(spool).await;
    happenings::close(happenings).await;
    let _ = std::fs::remove_file(data.join(PORTS_FILE));
}

/// The public pages, on a node that has the store: kept up to date from here on.
fn site(
    config: &Config,
    happenings: Option<&Happenings>,
    (posters, cluster): (Posters, &Cluster),
    (facts, core): (&Arc<dyn Facts>, &Core),
) -> Option<Arc<SiteKeeper>> {
    let happenings = happenings?;
    let (store, elsewhere) = (happenings.store.clone(), happenings.elsewhere.clone());
    let keeper = Arc::new(SiteKeeper::new(store, &config.accounts.site_url, posters));
    let (hub, members, facts) = (core.hub.clone(), cluster.clone(), facts.clone());
    let (kept, shutdown) = (keeper.clone(), core.shutdown.clone());
    core.tasks.spawn("site", async move {
        kept.run((hub, members, elsewhere), &*facts, shutdown).await;
    });
    Some(keeper)
}

/// What the API is made of.
struct Api<'a> {
    /// What was counted of recordings.
    keeping: KeepTally,
    /// Its rooms, and where gifts to them are paid.
    chat: (Option<Arc<House>>, Option<Till>),
    /// Those that people send, and those of live streams.
    pictures: (PictureMaker, Snapshots),
    happenings: Option<Happenings>,
    admission: Option<Arc<AdmissionSource>>,
    consult: Option<Arc<dyn Consult>>,
    config: &'a Config,
    /// The same, as reloads change it.
    in_force: Arc<ArcSwap<Config>>,
    secrets: &'a Secrets,
    services: &'a Services,
    entrance: &'a Arc<Entrance>,
    control: &'a Control,
    cluster: ClusterApi,
    scaler: Scaler,
    addresses: PublicAddresses,
}

/// The parts that answer what the API asks.
struct KnownParts {
    entrance: Arc<Entrance>,
    scaler: Scaler,
    services: Services,
    config: Arc<ArcSwap<Config>>,
}

impl Facts for KnownParts {
    fn app(&self, app: &str) -> AppFacts {
        self.entrance.facts(app)
    }

    fn publicity(&self, name: &StreamName) -> Publicity {
        self.entrance.gate().rulebook().publicity(name)
    }

    fn pools(&self) -> Vec<PoolFacts> {
        scale::facts(&self.scaler)
    }

    fn edge(&self) -> EdgeFacts {
        cluster::edge_facts(&self.services)
    }

    fn settings(&self) -> Vec<Setting> {
        self.config.load().shown()
    }
}

fn api(parts: Api<'_>) -> Arc<dyn ApiService> {
    let Api {
        keeping,
        chat: (chat, gifts),
        pictures: (pictures, snapshots),
        happenings,
        admission,
        consult,
        config,
        in_force,
        secrets,
        services,
        entrance,
        control,
        cluster,
        scaler,
        addresses,
    } = parts;
    let node = match config.node.name.as_str() {
        "" => services.node.settings().me.to_string(),
        name => name.to_owned(),
    };
    let facts: Arc<dyn Facts> = Arc::new(KnownParts {
        entrance: entrance.clone(),
        scaler,
        services: services.clone(),
        config: in_force,
    });
    let posters = Posters {
        snapshots: snapshots.clone(),
        place: addresses.pictures.clone(),
    };
    let (router, pages) = weir_api::with_pages(weir_api::Config {
        hub: services.core.hub.clone(),
        shutdown: services.core.shutdown.clone(),
        api: config.api.clone(),
        admin_token: secrets.admin_token.clone(),
        identify: control.identify(),
        accounts: control.accounts(),
        store: happenings
            .as_ref()
            .map(|happenings| happenings.store.clone()),
        admission,
        consult,
        site: site(
            config,
            happenings.as_ref(),
            (posters, &cluster.cluster),
            (&facts, &services.core),
        ),
        has_admin_door: !config.http.admin_listen.0.is_empty(),
        pictures,
        snapshots,
        has_picture_door: !config.http.picture_listen.0.is_empty(),
        cors_origins: config.http.cors_origins.clone(),
        node,
        version: env!("CARGO_PKG_VERSION"),
        addresses,
        cluster,
        happenings,
        chat,
        gifts,
        gold_one_in: config.review.gold_one_in,
        recordings: recordings::kept(&services.hls, keeping),
        facts,
    });
    Arc::new(Served { router, pages })
}

pub(crate) fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if name.is_empty() { "weir".into() } else { name }
}

fn write_ports(data: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let ports = DoorKind::ALL.map(|door| (door.name(), addresses.of(door)));
    let ports = serde_json::json!(BTreeMap::from(ports));
    let path = data.join(PORTS_FILE);
    // Written beside and renamed, so that whoever waits for the file never reads half of it.
    let beside = data.join(format!("{PORTS_FILE}.new"));
    std::fs::write(&beside, ports.to_string())
        .and_then(|()| std::fs::rename(&beside, &path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn announce(
    addresses: &Addresses,
    secrets: &Secrets,
    demo: bool,
    config: &Config,
    admin_link: Option<&str>,
) {
    let port = |door| addresses.first(door).map(|address| address.port());
    let mut lines = Vec::new();
    if let Some(port) = port(DoorKind::Http) {
        lines.push(format!("  site      http://localhost:{port}/"));
        if demo {
            lines.push(format!(
                "  demo      http://localhost:{port}/watch/live/demo"
            ));
        }
    }
    if let Some(port) = port(DoorKind::Https) {
        lines.push(format!("  site TLS  https://localhost:{port}/"));
    }
    if let Some(port) = port(DoorKind::Admin) {
        lines.push(format!("  operators http://localhost:{port}/console"));
    }
    let open = config.auth.publish == weir_admit::PublishAuth::Open;
    let key = (!open).then(|| secrets.stream_key("", "live", "me"));
    if let Some(port) = port(DoorKind::Http) {
        let key = key.as_ref().map(|key| format!("&key={key}"));
        lines.push(format!(
            "  studio    http://localhost:{port}/studio?stream=me{}",
            key.unwrap_or_default()
        ));
    }
    if let Some(port) = port(DoorKind::Rtmp) {
        let key = key.map_or_else(|| "me".into(), |key| format!("me?key={key}"));
        lines.push(format!(
            "  OBS       server rtmp://localhost:{port}/live   stream key {key}"
        ));
        lines.push(format!(
            "  ffmpeg    ffmpeg -re -i FILE -c:v libx264 -preset veryfast -b:v 2000k -g 60 -c:a aac -f flv \"rtmp://localhost:{port}/live/{key}\""
        ));
    }
    if let Some(link) = admin_link {
        lines.push(format!(
            "  sign in   {link}   (once, within a day: then set a password)"
        ));
    }
    lines.push(format!(
        "  admin     user admin, password {}",
        secrets.admin_token
    ));
    // Nobody may listen, or the disk of the log be full: the server lives all the same.
    let _ = writeln!(
        std::io::stdout(),
        "\nweir {} is live\n{}\n",
        env!("CARGO_PKG_VERSION"),
        lines.join("\n")
    );
}

/// The demo is a publisher like any other: our own, over RTMP, with its stream key.
fn start_demo(
    is_wanted: bool,
    tasks: &Tasks,
    shutdown: &Shutdown,
    secrets: &Secrets,
    addresses: &Addresses,
) {
    if !is_wanted {
        return;
    }
    let Some(address) = addresses.first(DoorKind::Rtmp) else {
        tracing::warn!("no demo stream: rtmp.listen is empty");
        return;
    };
    let key = secrets.stream_key("", "live", "demo");
    let host = if address.is_ipv6() {
        "[::1]"
    } else {
        "127.0.0.1"
    };
    let url = format!("rtmp://{host}:{}/live/demo?key={key}", address.port());
    let shutdown = shutdown.clone();
    tasks.spawn("demo", async move {
        let options = PublishOptions {
            looped: true,
            retry: true,
            ..PublishOptions::default()
        };
        if let Err(error) = publish_file(
            bytes::Bytes::from_static(DEMO),
            &url,
            options,
            shutdown.draining(),
        )
        .await
        {
            tracing::warn!("the demo stream ended: {error:#}");
        }
    });
}

/// `http://` address of the node that runs in a data directory.
pub(crate) fn running_at(data: &Path) -> anyhow::Result<String> {
    let path = data.join(PORTS_FILE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: no node runs there", path.display()))?;
    let ports: serde_json::Value = serde_json::from_str(&text)?;
    let first = |door: DoorKind| ports[door.name()][0].as_str()?.parse().ok();
    // Whoever commands a node is an operator.
    let address = first(DoorKind::Admin).or_else(|| first(DoorKind::Http));
    let mut address: SocketAddr = address.context("the node there has no HTTP listener")?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

/// The admin token that was made in a data directory.
pub(crate) fn admin_token(data: &Path) -> anyhow::Result<String> {
    Ok(Secrets::read(data)?.admin_token)
}

/// A stream's key: used by `weir key`.
pub(crate) fn stream_key(data: &Path, name: &StreamName) -> anyhow::Result<String> {
    Ok(Secrets::read(data)?.stream_key(name.vhost(), name.app(), name.stream()))
}
