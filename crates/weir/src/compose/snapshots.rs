//! Pictures of live streams, on a node alone that has the store: in a cluster origins decode nothing, and nobody
//! sends keyframes to workers yet.

mod channels;
mod review;

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use weir_api::{Happenings, Snapshots};
use weir_base::StreamName;
use weir_cluster::Role;
use weir_hub::Wishes;
use weir_serve::Core;
use weir_snap::{
    Album, AlbumParts, Darkroom, Develop, Openness, Photographer, PhotographerParts,
    SnapshotConfig, Tally, Wanted,
};

use self::channels::ChannelWishes;
use super::cluster::Joined;
use super::gate::Entrance;
use crate::config::Config;

/// What the settings and the rules of apps say, as they are now.
struct InForce {
    config: Arc<ArcSwap<Config>>,
    entrance: Arc<Entrance>,
    channels: Arc<ChannelWishes>,
}

/// Starts to take pictures, or says why none are taken; by the settings as reloads change them, which it gives back.
pub(super) fn start(
    config: &Config,
    happenings: &Option<Happenings>,
    joined: &Joined,
    entrance: &Arc<Entrance>,
    core: &Core,
) -> anyhow::Result<(Arc<ArcSwap<Config>>, Snapshots)> {
    let in_force = Arc::new(ArcSwap::from_pointee(config.clone()));
    let happenings = happenings.as_ref();
    let snapshots = taken((config, &in_force), happenings, joined, entrance, core)?;
    Ok((in_force, snapshots))
}

fn taken(
    (config, in_force): (&Config, &Arc<ArcSwap<Config>>),
    happenings: Option<&Happenings>,
    joined: &Joined,
    entrance: &Arc<Entrance>,
    core: &Core,
) -> anyhow::Result<Snapshots> {
    let Some(happenings) = happenings else {
        return Ok(Snapshots::Off(
            "this node keeps nothing: ask one with the role api",
        ));
    };
    if !joined.node.settings().is_alone {
        let words = "this node is one of a cluster, where origins decode no pictures and workers get none yet";
        tracing::info!("no pictures of streams are taken: {words}");
        return Ok(Snapshots::Off(words));
    }
    if !config.roles()?.has(Role::Origin) {
        return Ok(Snapshots::Off(
            "this node takes no streams: its roles have no origin",
        ));
    }
    let own = std::env::current_exe().context("this program's own file cannot be found")?;
    let (tasks, shutdown) = (&core.tasks, &core.shutdown);
    let tally = Arc::new(Tally::default());
    let ends = (tasks.clone(), shutdown.clone());
    let darkroom = Darkroom::new(own, &config.snapshot.program, ends, tally.clone());
    if let Some(why) = darkroom.why_off() {
        tracing::info!("no pictures of streams are taken: {why}");
    }
    let channels = Arc::new(ChannelWishes::new(happenings.store.clone()));
    let (followed, until) = (channels.clone(), shutdown.clone());
    tasks.spawn(
        "channel wishes",
        async move { followed.follow(until).await },
    );
    let said = Arc::new(InForce {
        config: in_force.clone(),
        entrance: entrance.clone(),
        channels,
    });
    let album = Arc::new(Album::new(AlbumParts {
        store: happenings.store.clone(),
        log: happenings.log.clone(),
        openness: said.clone(),
        site_url: config.accounts.site_url.clone(),
        looked_at: review::start(config, &happenings.store, core)?,
    }));
    let (kept, until) = (album.clone(), shutdown.clone());
    tasks.spawn("album", async move { kept.run(until).await });
    let (photographer, snapper) = Photographer::new(PhotographerParts {
        hub: core.hub.clone(),
        develop: Arc::new(darkroom),
        album,
        wanted: said,
        tally,
    });
    tasks.spawn("photographer", photographer.run(shutdown.clone()));
    Ok(Snapshots::On(snapper))
}

impl InForce {
    /// Seconds between two pictures as a publisher's address, its channel or its app has them.
    fn said(&self, name: &StreamName, wishes: Option<&Wishes>) -> Option<u32> {
        let of_publisher = wishes.and_then(|wishes| wishes.shot_every_s);
        let of_channel = || self.channels.every_s(name);
        let of_app = || self.entrance.shot_every_s(name.app());
        of_publisher.or_else(of_channel).or_else(of_app)
    }
}

impl Wanted for InForce {
    fn every_s(&self, name: &StreamName, wishes: Option<&Wishes>) -> u32 {
        self.config.load().snapshot.every_s(self.said(name, wishes))
    }

    fn is_asked_for(&self, name: &StreamName, wishes: Option<&Wishes>) -> bool {
        self.said(name, wishes).is_some()
    }
}

impl Openness for InForce {
    fn is_open(&self, app: &str) -> bool {
        self.entrance.is_played_by_all(app)
    }

    fn config(&self) -> SnapshotConfig {
        self.config.load().snapshot.clone()
    }
}
