//! What the store says of apps, channels, stream keys and bans, told to admission: all of it at first, and then
//! what changed. While the database is away admission goes by what it knows.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use weir_admit::follow::{Fetched, Source};
use weir_admit::snapshot::journal::{Answer, Journal};
use weir_admit::snapshot::{Position, Untaken};
use weir_admit::{
    Acts, AppRules, Ban, BanTarget, Change, Channel, KeyDigest, Snapshot, StreamKey, Visibility,
    Withdrawn, ticket,
};
use weir_base::Clock;
use weir_base::sign::{SigningKey, mac_hex};
use weir_store::apps::App;
use weir_store::changes::{self, Changed, GONE_KEPT_MS, Whole};
use weir_store::{Store, StoreError, bans, channels};

/// Microseconds for which an answer of the store is good: many nodes ask, and the store is asked twice a second.
const GOOD_US: i64 = 500_000;
/// Microseconds between two times that old changes are forgotten.
const FORGET_EVERY_US: i64 = 3_600_000_000;
/// Characters of the name of the key of tickets.
const TICKET_KEY_ID_CHARS: usize = 16;
/// Things read at once.
const FEED_BATCH: u32 = 1_000;

/// What admission is told, kept up to date from the store for whoever asks: this node and others.
#[derive(Debug)]
pub struct AdmissionSource {
    store: Store,
    clock: Clock,
    ticket_key: SigningKey,
    kept: Mutex<Newest>,
    told: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Newest {
    journal: Option<Arc<Journal>>,
    asked_us: Option<i64>,
    forgot_us: Option<i64>,
    /// Something changed just now: what was read a moment ago is not good.
    is_stale: bool,
}

/// Why the store's word could not be had.
#[derive(Debug, thiserror::Error)]
enum Unread {
    /// It does not answer, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is more than a snapshot may hold.
    #[error(transparent)]
    Untaken(#[from] Untaken),
}

impl AdmissionSource {
    /// Of this store, which is asked by this clock. From `secret`, the same on all api nodes, the key of tickets is
    /// derived.
    pub fn new(store: Store, clock: Clock, secret: &str) -> Self {
        let named = mac_hex(secret, "the name of the key of tickets");
        let ticket_key = SigningKey {
            id: named.chars().take(TICKET_KEY_ID_CHARS).collect(),
            secret: mac_hex(secret, "the key of tickets"),
        };
        Self {
            store,
            clock,
            ticket_key,
            kept: Mutex::default(),
            told: Arc::default(),
        }
    }

    /// Is told when something changes that should not wait for the next look.
    pub fn told(&self) -> Arc<Notify> {
        self.told.clone()
    }

    /// Something changed that should not wait.
    pub(crate) async fn poke(&self) {
        self.kept.lock().await.is_stale = true;
        self.told.notify_one();
    }

    /// What signs tickets.
    pub(crate) const fn ticket_key(&self) -> &SigningKey {
        &self.ticket_key
    }

    /// What is known, as new as the store's last answer. One asks the store, and others wait for what it says.
    async fn journal(&self) -> Result<Arc<Journal>, Unread> {
        let mut kept = self.kept.lock().await;
        let now_us = self.clock.now_us();
        let is_good = kept.asked_us.is_some_and(|at_us| now_us - at_us < GOOD_US);
        let is_good = is_good && !std::mem::take(&mut kept.is_stale);
        if let Some(journal) = kept.journal.as_ref().filter(|_| is_good) {
            return Ok(journal.clone());
        }
        self.forget(&mut kept, now_us).await;
        // What went long ago is forgotten: who has not asked since then would not hear of it.
        let is_late = |at_us: i64| now_us - at_us >= GONE_KEPT_MS * 1_000 / 2;
        if kept.asked_us.is_some_and(is_late) {
            kept.journal = None;
        }
        if let Some(journal) = &kept.journal
            && self.bring(journal).await?
        {
            let journal = journal.clone();
            kept.asked_us = Some(now_us);
            return Ok(journal);
        }
        let journal = Arc::new(Journal::new(self.whole().await?));
        kept.journal = Some(journal.clone());
        kept.asked_us = Some(now_us);
        Ok(journal)
    }

    /// Has the store forget what nobody has to hear of any more.
    async fn forget(&self, kept: &mut Newest, now_us: i64) {
        if kept
            .forgot_us
            .is_some_and(|at_us| now_us - at_us < FORGET_EVERY_US)
        {
            return;
        }
        kept.forgot_us = Some(now_us);
        if let Err(error) = self.store.content_changes().forget().await {
            tracing::warn!(%error, "old changes cannot be forgotten now");
        }
    }

    /// All there is.
    async fn whole(&self) -> Result<Snapshot, Unread> {
        let reader = self.store.content_changes();
        let at = reader.position().await?;
        let mut snapshot = Snapshot::new(&self.series(&at.series), version(at.seq));
        snapshot.apply(&Change::TicketKeys(vec![self.ticket_key.clone()]))?;
        let mut behind = Whole::default();
        loop {
            let next = reader.next(&mut behind, FEED_BATCH).await?;
            if next.is_empty() {
                return Ok(snapshot);
            }
            for change in next.into_iter().filter_map(told) {
                snapshot.apply(&change)?;
            }
        }
    }

    /// A node that knows another key of tickets reads all of it: the key is no row of the store.
    fn series(&self, of_store: &str) -> String {
        format!("{of_store}.{}", self.ticket_key.id)
    }

    /// Brings what is known to where the store is; whether that was possible.
    async fn bring(&self, journal: &Journal) -> Result<bool, StoreError> {
        while let Some(here) = journal.position() {
            let series = here.series.split_once('.').map_or("", |(series, _)| series);
            let since = changes::Position {
                series: series.to_owned(),
                seq: i64::try_from(here.version).unwrap_or(i64::MAX),
            };
            let delta = match self.store.content_changes().since(&since, FEED_BATCH).await {
                Ok(delta) => delta,
                Err(StoreError::Changed(_)) => return Ok(false),
                Err(error) => return Err(error),
            };
            if delta.to.seq == since.seq {
                return Ok(true);
            }
            let news = delta.changes.into_iter().filter_map(told).collect();
            if journal.push(news, version(delta.to.seq)).is_err() {
                return Ok(false);
            }
            if !delta.has_more {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Source for AdmissionSource {
    fn fetch(&self, since: Option<Position>) -> Fetched<'_> {
        Box::pin(async move {
            let journal = self.journal().await.map_err(|error| error.to_string())?;
            // All of a large site takes a moment to write down.
            let made = tokio::task::spawn_blocking(move || journal.answer(since.as_ref()));
            match made.await.map_err(|error| error.to_string())? {
                Answer::Nothing => Ok(None),
                Answer::Bytes(bytes) => Ok(Some(bytes.to_vec())),
            }
        })
    }
}

fn version(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

/// A change of the store as admission takes it; none for what it has nothing to do with, and for what it cannot
/// read: that is said in the log, and nobody else suffers for it.
fn told(changed: Changed) -> Option<Change> {
    let told = match changed {
        Changed::App(app) => Change::App {
            rules: rules(&app)?,
            name: app.name,
        },
        Changed::AppGone(name) => Change::AppGone { name },
        Changed::Channel(channel) => Change::Channel(Arc::new(of_channel(&channel))),
        Changed::ChannelGone(id) => Change::ChannelGone { id: id.to_string() },
        Changed::Key(key) => Change::Key(StreamKey {
            digest: digest(&key.key_hash)?,
            id: key.id.to_string().into(),
            channel: key.channel_id.to_string().into(),
            until_ms: (key.expires_ms != 0).then_some(key.expires_ms),
            is_revoked: key.revoked_ms != 0,
        }),
        Changed::KeyGone(hash) => Change::KeyGone {
            digest: digest(&hash)?,
        },
        Changed::Ban(ban) => Change::ban(Arc::new(of_ban(&ban)?)),
        Changed::BanGone(id) => Change::BanGone { id: id.to_string() },
        Changed::LeaveGone {
            channel_id,
            account,
            at_ms,
        } => Change::Withdrawn(Withdrawn {
            channel: channel_id.to_string().into(),
            account: account.to_string().into(),
            until_s: at_ms.div_euclid(1_000) + ticket::LIFETIME_S,
        }),
        // What the site says of itself admits nobody.
        Changed::Page(_)
        | Changed::PageGone(_)
        | Changed::Category(_)
        | Changed::CategoryGone(_) => return None,
    };
    match told.check() {
        Ok(()) => Some(told),
        Err(error) => {
            tracing::error!("a row that admission cannot go by: {error}");
            None
        }
    }
}

pub(crate) fn of_channel(channel: &channels::Channel) -> Channel {
    Channel {
        id: channel.id.to_string().into(),
        owner: channel.user_id.to_string().into(),
        app: channel.app.as_str().into(),
        name: channel.name.as_str().into(),
        visibility: match channel.visibility {
            channels::Visibility::Public => Visibility::Public,
            channels::Visibility::Unlisted => Visibility::Unlisted,
            channels::Visibility::Password => Visibility::Password,
            channels::Visibility::Followers => Visibility::Followers,
            channels::Visibility::Private => Visibility::Private,
        },
        round: u32::try_from(channel.play_round).unwrap_or(u32::MAX),
        max_kbps: None,
        record: channel.record,
        shot_every_s: u32::try_from(channel.shot_every_s).ok(),
    }
}

fn of_ban(ban: &bans::Ban) -> Option<Ban> {
    let target = match ban.kind {
        bans::SubjectKind::Account => BanTarget::Account(ban.subject.as_str().into()),
        bans::SubjectKind::Stream => BanTarget::Stream(ban.subject.as_str().into()),
        bans::SubjectKind::Network => BanTarget::Network(
            ban.subject
                .parse()
                .inspect_err(|error| tracing::error!("ban {}: {error}", ban.id))
                .ok()?,
        ),
    };
    Some(Ban {
        id: ban.id.to_string().into(),
        channel: ban
            .channel_id
            .map(|id| id.to_string().into())
            .unwrap_or_default(),
        target,
        stops: match ban.stops.as_str() {
            "publish" => Acts::Publish,
            "play" => Acts::Play,
            _ => Acts::Both,
        },
        reason: ban.reason.as_str().into(),
        until_ms: (ban.expires_ms != 0).then_some(ban.expires_ms),
    })
}

/// An app's rules, with the keys that were read from their address: whoever is told them asks nobody.
fn rules(app: &App) -> Option<Arc<AppRules>> {
    if app.rules.is_empty() {
        // Whoever knows nothing of it lets nobody in, rather than all whom the file would.
        let closed = AppRules {
            disabled: Some(true),
            ..AppRules::default()
        };
        return Some(Arc::new(closed));
    }
    let read = serde_json::from_str::<AppRules>(&app.rules).inspect_err(|error| {
        let name = &app.name;
        tracing::error!("the rules of {name:?} cannot be read: {error}");
    });
    let mut rules = read.ok()?;
    if !rules.jwks_url.is_empty() {
        rules.jwks.clone_from(&app.key_set);
    }
    Some(Arc::new(rules))
}

fn digest(hash: &str) -> Option<KeyDigest> {
    serde_json::from_value(hash.into())
        .inspect_err(|error| tracing::error!("the hash of a stream key: {error}"))
        .ok()
}
