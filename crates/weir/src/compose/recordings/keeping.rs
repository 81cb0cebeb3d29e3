//! Where recordings go beside this node's disk, and from where else they are played.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::Handle;
use weir_api::Happenings;
use weir_hub::{Hub, Protocol};
use weir_keep::{
    Archive, ColdReads, Egress, EgressNow, KeepTally, RoomRules, SliceCache, StoreBlocks,
    UPLOAD_AGAIN, Uploader, UploaderParts,
};
use weir_link::dial::Dialer;
use weir_link::node::NodeClient;
use weir_record::Spool;
use weir_serve::Services;
use weir_serve::config::RecordUpload;
use weir_store::objects::Class;
use weir_store::{Objects, Store};

use super::finder::{Finder, FinderParts, Places};
use crate::compose::cluster::Joined;
use crate::compose::happenings::{any_api_node, client};
use crate::config::Config;

/// Pieces of recordings that are read elsewhere, in the data folder.
const CACHE_FOLDER: &str = "cache/replay";

/// Uploads from now on what is in `spool`, and looks after its disk. Gives the services that play recordings of others,
/// too, and what is counted.
pub(in crate::compose) fn keep(
    config: &Config,
    (data, spool, happenings): (&Path, &Spool, Option<&Happenings>),
    joined: &Joined,
    services: Services,
) -> anyhow::Result<(Services, KeepTally)> {
    let core = &services.core;
    let settings = joined.node.settings();
    let place = (data, settings.me.as_str());
    let archive = archive(
        config,
        place,
        happenings.map(|happenings| &happenings.store),
    )?;
    let folder = data.join(CACHE_FOLDER);
    let cache_bytes = config.record.cache_mb.saturating_mul(1 << 20);
    let cache = SliceCache::open(&folder, cache_bytes);
    let cache = Arc::new(cache.with_context(|| format!("{} cannot be made", folder.display()))?);
    let cold = ColdReads::new(cache.clone(), Handle::current(), core.tasks.clone());
    if let Some(archive) = &archive {
        let blocks = StoreBlocks::new(archive.clone(), cold.clone());
        spool.reads_elsewhere(Arc::new(blocks));
    }
    let tally = KeepTally::default();
    let uploader = Uploader::new(UploaderParts {
        spool: spool.clone(),
        archive: archive.clone().filter(|_| is_uploaded(config)),
        egress: Arc::new(Sent::new(
            core.hub.clone(),
            config.node.capacity.record().out_kbps,
        )),
        most_bytes_s: u64::from(config.record.upload_kbps) * 125,
        room: RoomRules {
            most_bytes: config.record.spool_mb.saturating_mul(1 << 20),
            keep_ms: i64::from(config.record.keep_local_s) * 1000,
        },
        again: UPLOAD_AGAIN,
        clock: core.hub.clock().clone(),
        tally: tally.clone(),
    });
    core.tasks
        .spawn("recordings kept", uploader.run(core.shutdown.clone()));

    let places = match happenings {
        Some(happenings) => Places::Own(happenings.store.clone()),
        None if settings.is_alone => Places::Nobody,
        None => Places::Of(Box::new(any_api_node(joined, core))),
    };
    let http = client(core, Dialer::to_nodes());
    let finder = Finder::new(FinderParts {
        places,
        cluster: joined.cluster.clone(),
        me: settings.me.to_string(),
        client: NodeClient::new(http, settings.me.as_str(), settings.secret.clone()),
        spool: spool.clone(),
        archive,
        cache,
        clock: core.hub.clock().clone(),
        cold,
    });
    let services = services.clone().with_archives(Arc::new(finder));
    Ok((services, tally))
}

/// Whether what is recorded here goes to the store.
pub(in crate::compose) fn is_uploaded(config: &Config) -> bool {
    config.record.upload != RecordUpload::Off && !config.store.recordings.url.is_empty()
}

/// The class of recordings, where the settings name a place for it: without one, blocks are where they are.
pub(in crate::compose) fn archive(
    config: &Config,
    (data, me): (&Path, &str),
    store: Option<&Store>,
) -> anyhow::Result<Option<Archive>> {
    let place = &config.store.recordings;
    if place.url.is_empty() {
        return Ok(None);
    }
    let objects = match store {
        Some(store) => store.objects(Class::Recordings).clone(),
        // No database is opened for it.
        None => Objects::open(Class::Recordings, place, data).context("store.recordings")?,
    };
    Ok(Some(Archive::new(objects, me)))
}

/// What goes to viewers, by the counters of the hub.
struct Sent {
    hub: Hub,
    capacity_bytes: u64,
    last: parking_lot::Mutex<(i64, u64, u64)>,
}

/// Over so long what is sent is looked at, microseconds.
const OVER_US: i64 = 5_000_000;

impl Sent {
    fn new(hub: Hub, capacity_kbps: u64) -> Self {
        let sent = sent_bytes(&hub);
        Self {
            last: parking_lot::Mutex::new((hub.clock().now_us(), sent, 0)),
            hub,
            capacity_bytes: capacity_kbps.saturating_mul(125),
        }
    }
}

impl Egress for Sent {
    fn now(&self) -> EgressNow {
        let (now_us, sent) = (self.hub.clock().now_us(), sent_bytes(&self.hub));
        let mut last = self.last.lock();
        let (at_us, before, _) = *last;
        let passed_us = u64::try_from(now_us - at_us).unwrap_or(0);
        let is_due = now_us - at_us >= OVER_US;
        if is_due {
            let rate = (sent - before).saturating_mul(1_000_000) / passed_us.max(1);
            *last = (now_us, sent, rate);
        }
        EgressNow {
            live_bytes: last.2,
            capacity_bytes: self.capacity_bytes,
        }
    }
}

/// All that viewers and other nodes got.
fn sent_bytes(hub: &Hub) -> u64 {
    let counters = hub.counters().protocols();
    let sent = counters.filter(|(protocol, ..)| *protocol != Protocol::Api);
    sent.map(|(_, _, sent, _)| sent).sum()
}
