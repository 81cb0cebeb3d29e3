//! Pictures of live streams. A node alone takes, decodes and keeps them. In a cluster an origin takes keyframes, nodes
//! with the role worker decode them, and nodes with the store keep what comes of it.

mod nodes;
mod review;
mod workers;

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use weir_api::{Happenings, Lent, Snapshots, TakesElsewhere};
use weir_base::StreamName;
use weir_cluster::Role;
use weir_hub::Wishes;
use weir_serve::Core;
use weir_snap::{
    Album, AlbumParts, Darkroom, Develop, Keep, Openness, Photographer, PhotographerParts, Snapper,
    SnapshotConfig, Tally, Wanted,
};

use self::nodes::{OwnersElsewhere, PictureKeepers};
use self::workers::Workers;
use super::cluster::Joined;
use super::gate::Entrance;
use crate::config::Config;

/// What the settings and the rules of apps and channels say, as they are now.
struct InForce {
    config: Arc<ArcSwap<Config>>,
    entrance: Arc<Entrance>,
}

/// What all of it is made of.
struct ShotParts<'a> {
    config: &'a Config,
    said: Arc<InForce>,
    joined: &'a Joined,
    core: &'a Core,
    tally: Arc<Tally>,
}

/// Starts to take, decode and keep pictures, as far as this node does; by the settings as reloads change them, which it
/// gives back.
pub(super) fn start(
    config: &Config,
    happenings: &Option<Happenings>,
    joined: &Joined,
    entrance: &Arc<Entrance>,
    core: &Core,
) -> anyhow::Result<(Arc<ArcSwap<Config>>, Snapshots)> {
    let in_force = Arc::new(ArcSwap::from_pointee(config.clone()));
    let parts = ShotParts {
        config,
        said: Arc::new(InForce {
            config: in_force.clone(),
            entrance: entrance.clone(),
        }),
        joined,
        core,
        tally: Arc::default(),
    };
    let is_alone = joined.node.settings().is_alone;
    let roles = config.roles()?;
    let album = happenings
        .as_ref()
        .map(|own| parts.album(own))
        .transpose()?;
    let elsewhere = || Arc::new(OwnersElsewhere::new(joined, core)) as Arc<dyn TakesElsewhere>;
    let lent = match !is_alone && roles.has(Role::Worker) {
        true => Some(Lent::new(Arc::new(parts.darkroom()?))),
        false => None,
    };
    let taken = match (roles.has(Role::Origin), &album) {
        (false, _) => Err("this node takes no streams: its roles have no origin"),
        (true, None) if is_alone => Err("this node keeps nothing: its roles have no api"),
        (true, _) => Ok(parts.taken(album.as_ref())?),
    };
    let snapshots = Snapshots {
        taken,
        elsewhere: album.as_ref().filter(|_| !is_alone).map(|_| elsewhere()),
        album,
        lent,
        tally: parts.tally,
    };
    Ok((in_force, snapshots))
}

impl ShotParts<'_> {
    /// On a node with the store.
    fn album(&self, happenings: &Happenings) -> anyhow::Result<Arc<Album>> {
        let core = self.core;
        let album = Arc::new(Album::new(AlbumParts {
            store: happenings.store.clone(),
            log: happenings.log.clone(),
            openness: self.said.clone(),
            site_url: self.config.accounts.site_url.clone(),
            looked_at: review::start(self.config, &happenings.store, core)?,
        }));
        let (kept, until) = (album.clone(), core.shutdown.clone());
        core.tasks
            .spawn("album", async move { kept.run(until).await });
        if !self.joined.node.settings().is_alone {
            let (kept, until) = (album.clone(), core.shutdown.clone());
            core.tasks
                .spawn("posters", async move { kept.follow(until).await });
        }
        Ok(album)
    }

    /// Where this node itself decodes.
    fn darkroom(&self) -> anyhow::Result<Darkroom> {
        let own = std::env::current_exe().context("this program's own file cannot be found")?;
        let ends = (self.core.tasks.clone(), self.core.shutdown.clone());
        let program = &self.config.snapshot.program;
        let darkroom = Darkroom::new(own, program, ends, self.tally.clone());
        if let Some(why) = darkroom.why_off() {
            tracing::info!("no pictures of streams are made here: {why}");
        }
        Ok(darkroom)
    }

    /// On a node that owns streams.
    fn taken(&self, album: Option<&Arc<Album>>) -> anyhow::Result<Snapper> {
        let develop: Arc<dyn Develop> = match self.joined.node.settings().is_alone {
            true => Arc::new(self.darkroom()?),
            false => Arc::new(Workers::new(self.joined, self.core)),
        };
        let keep: Arc<dyn Keep> = match album {
            Some(album) => album.clone(),
            None => Arc::new(PictureKeepers::new(self.joined, self.core)),
        };
        let (photographer, snapper) = Photographer::new(PhotographerParts {
            hub: self.core.hub.clone(),
            develop,
            album: keep,
            wanted: self.said.clone(),
            tally: self.tally.clone(),
        });
        let until = self.core.shutdown.clone();
        self.core
            .tasks
            .spawn("photographer", photographer.run(until));
        Ok(snapper)
    }
}

impl InForce {
    /// Seconds between two pictures as a publisher's address, its channel or its app has them.
    fn said(&self, name: &StreamName, wishes: Option<&Wishes>) -> Option<u32> {
        let of_publisher = wishes.and_then(|wishes| wishes.shot_every_s);
        of_publisher.or_else(|| self.entrance.shot_every_s(name))
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
