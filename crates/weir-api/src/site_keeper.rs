//! The public pages, kept up to date from the store and from what is live: twice a second, however many read them.
//! While the database is away they stay as they are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weir_admit::Publicity;
use weir_base::{Shutdown, StreamName};
use weir_cluster::run::Cluster;
use weir_hub::Hub;
use weir_site::{
    CategoryFacts, ChannelFacts, Coming, LiveStream, MAX_CHANNELS, PAST_SHOWN, PageFacts, PageKind,
    Past, Pictures, Replay, Shell, Site,
};
use weir_store::broadcasts::BroadcastFilter;
use weir_store::changes::{Changed, Position, Whole};
use weir_store::channels::{Channel, ScheduledBroadcast, Visibility};
use weir_store::pages::SitePage;
use weir_store::recordings::{RecordingFilter, RecordingState, StoredRecording};
use weir_store::{Store, StoreError};

use crate::elsewhere::Elsewhere;
use crate::embedded::EmbeddedFile;
use crate::living::{Living, all_live};
use crate::shots::Snapshots;
use crate::state::Facts;

/// Between two looks: a change is on every node's pages within this and what reading it takes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks while the database is away.
const AWAY_EVERY: Duration = Duration::from_secs(1);
/// Things read at once.
const BATCH: u32 = 1_000;
/// Announced broadcasts of one channel that are held.
const COMING: u32 = 50;
/// Announced broadcasts of all channels that are read at the beginning.
const ALL_COMING: usize = 500_000;
/// Milliseconds that an announced broadcast is told after its beginning.
const SHOWN_FOR_MS: i64 = 12 * 3_600_000;
/// Past broadcasts read at the beginning, the newest of all channels.
const PAST_AT_FIRST: u32 = 10_000;
/// The same when something went off the air.
const PAST_AFTERWARDS: u32 = 200;
/// Milliseconds for which past broadcasts are looked for after something went off the air: nodes tell of it within
/// five seconds.
const PAST_LOOKED_FOR_MS: i64 = 8_000;
/// Milliseconds between two looks at the newest recordings, whatever happens: a node that was away tells late.
const REPLAYS_EVERY_MS: i64 = 3_000;
/// Elements of the front end's page that every page of ours begins with, too.
const SHELL_ELEMENTS: [&str; 2] = ["<script ", "<link "];

/// The public pages of a node that has the store.
#[derive(Debug)]
pub struct SiteKeeper {
    site: Site,
    store: Store,
    posters: Posters,
    is_known: AtomicBool,
}

/// What is live, by app and name.
type OnAir = HashMap<(String, String), LiveStream>;
/// Where the pictures on cards come from.
#[derive(Debug, Clone)]
pub struct Posters {
    /// Who takes them.
    pub snapshots: Snapshots,
    /// As [`crate::PublicAddresses::pictures`].
    pub place: Option<String>,
}

impl Posters {
    fn of(&self, app: &str, stream: &str) -> Option<String> {
        let place = self.place.as_deref().unwrap_or_default();
        // A port of the name that a page was reached by: only its script knows that.
        if place.starts_with(':') {
            return None;
        }
        let path = self.snapshots.poster(app, stream)?;
        Some(format!("{place}{path}"))
    }
}

/// Where the keeper stands.
#[derive(Debug, Default)]
struct Followed {
    position: Option<Position>,
    live: OnAir,
    past_until_ms: i64,
    replays_next_ms: i64,
}

impl SiteKeeper {
    /// Of this store. `url` is where the public reaches the site, empty where nobody said.
    pub fn new(store: Store, url: &str, posters: Posters) -> Self {
        let pictures = Pictures::of(posters.place.as_deref());
        let index = EmbeddedFile::embedded("index.html");
        let index = index.map(|file| String::from_utf8_lossy(file.bytes()).into_owned());
        Self {
            site: Site::new(shell(&index.unwrap_or_default()), url, pictures),
            store,
            posters,
            is_known: AtomicBool::new(false),
        }
    }

    /// Keeps the pages up to date until the process ends.
    pub async fn run(
        &self,
        (hub, cluster, elsewhere): (Hub, Cluster, Elsewhere),
        facts: &dyn Facts,
        shutdown: Shutdown,
    ) {
        let mut followed = Followed::default();
        let mut is_away = false;
        loop {
            let live = self.on_air(all_live(&hub, &cluster, &elsewhere.now()), facts);
            let looked = self.look(&mut followed, live).await;
            let was_away = std::mem::replace(&mut is_away, looked.is_err());
            let wait = match looked {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    // Said once, and not at each look.
                    if !was_away {
                        tracing::warn!("the public pages stay as they are: {error}");
                    }
                    AWAY_EVERY
                }
            };
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The pages, once the store was read.
    pub(crate) fn site(&self) -> Option<&Site> {
        self.is_known.load(Ordering::Acquire).then_some(&self.site)
    }

    async fn look(&self, followed: &mut Followed, live: OnAir) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        self.site.now(now_ms);
        if followed.live.keys().any(|name| !live.contains_key(name)) {
            followed.past_until_ms = now_ms + PAST_LOOKED_FOR_MS;
        }
        followed.live = live;
        self.tell_live(&followed.live);
        self.follow(followed).await?;
        if now_ms < followed.past_until_ms {
            self.read_past(&self.site, PAST_AFTERWARDS).await?;
        }
        if now_ms >= followed.replays_next_ms {
            followed.replays_next_ms = now_ms + REPLAYS_EVERY_MS;
            self.read_replays(&self.site, PAST_AFTERWARDS).await?;
        }
        Ok(())
    }

    /// All that is live, and whether it may stand in lists.
    fn on_air(&self, live: HashMap<(String, String), Living>, facts: &dyn Facts) -> OnAir {
        let told = |((app, stream), living): ((String, String), Living)| {
            let publicity = StreamName::new("", &app, &stream).map(|name| facts.publicity(&name));
            let one = LiveStream {
                app: app.clone(),
                stream: stream.clone(),
                viewers: living.viewers,
                since_ms: living.since_ms,
                is_listed: matches!(publicity, Ok(Publicity::Listed)),
                poster: self.posters.of(&app, &stream),
            };
            ((app, stream), one)
        };
        live.into_iter().map(told).collect()
    }

    fn tell_live(&self, live: &OnAir) {
        self.site.live(live.values().cloned().collect());
    }

    async fn follow(&self, followed: &mut Followed) -> Result<(), StoreError> {
        if let Some(position) = &mut followed.position {
            match self.bring(position).await {
                Err(StoreError::Changed(_)) => followed.position = None,
                other => return other,
            }
        }
        let position = self.read_all().await?;
        followed.position = Some(position);
        // What is live has to be told to the new one.
        self.tell_live(&followed.live);
        self.is_known.store(true, Ordering::Release);
        Ok(())
    }

    /// Brings the pages to where the store is.
    async fn bring(&self, position: &mut Position) -> Result<(), StoreError> {
        loop {
            let delta = self.store.content_changes().since(position, BATCH).await?;
            for change in delta.changes {
                let (coming, replays) = match &change {
                    Changed::Channel(channel) => {
                        let id = channel.id.to_string();
                        let replays = self.replays(channel).await?;
                        (self.coming(channel).await?, Some((id, replays)))
                    }
                    _ => (Vec::new(), None),
                };
                tell(&self.site, change, coming);
                if let Some((id, replays)) = replays {
                    self.site.replays(&id, replays);
                }
            }
            *position = delta.to;
            if !delta.has_more {
                return Ok(());
            }
        }
    }

    /// Reads all there is.
    async fn read_all(&self) -> Result<Position, StoreError> {
        let changes = self.store.content_changes();
        let position = changes.position().await?;
        let mut coming = self.all_coming().await?;
        let site = self.site.anew();
        let mut whole = Whole::default();
        loop {
            let next = changes.next(&mut whole, BATCH).await?;
            if next.is_empty() {
                break;
            }
            for change in next {
                let of_channel = match &change {
                    Changed::Channel(channel) => coming.remove(&channel.id.to_string()),
                    _ => None,
                };
                tell(&site, change, of_channel.unwrap_or_default());
            }
        }
        self.read_past(&site, PAST_AT_FIRST).await?;
        self.read_replays(&site, PAST_AT_FIRST).await?;
        self.site.take(site);
        Ok(position)
    }

    async fn coming(&self, channel: &Channel) -> Result<Vec<Coming>, StoreError> {
        let from_ms = self.store.now_ms() - SHOWN_FOR_MS;
        let channels = self.store.channels();
        let next = channels.scheduled(channel, from_ms, COMING).await?;
        Ok(next.into_iter().map(of_scheduled).collect())
    }

    async fn all_coming(&self) -> Result<HashMap<String, Vec<Coming>>, StoreError> {
        let from_ms = self.store.now_ms() - SHOWN_FOR_MS;
        let channels = self.store.channels();
        let mut all: HashMap<String, Vec<Coming>> = HashMap::new();
        let mut after = Default::default();
        let mut count = 0;
        loop {
            let next = channels.all_scheduled(&after, from_ms, BATCH).await?;
            count += next.len();
            let Some((last, _)) = next.last() else {
                break;
            };
            after = last.clone();
            for ((_, channel, _), one) in next {
                all.entry(channel).or_default().push(of_scheduled(one));
            }
            if count >= ALL_COMING {
                break;
            }
        }
        for coming in all.values_mut() {
            coming.sort_by_key(|one| one.starts_ms);
            coming.truncate(usize::try_from(COMING).unwrap_or(usize::MAX));
        }
        Ok(all)
    }

    async fn read_past(&self, site: &Site, limit: u32) -> Result<(), StoreError> {
        let over = BroadcastFilter {
            is_live: Some(false),
            ..BroadcastFilter::default()
        };
        for broadcast in self.store.broadcasts().list(over, None, limit).await? {
            let past = Past {
                id: broadcast.id.to_string(),
                started_ms: broadcast.started_ms,
                ended_ms: broadcast.ended_ms,
            };
            site.past(&broadcast.channel_id, past);
        }
        Ok(())
    }
}

impl SiteKeeper {
    /// What of a channel can be watched again.
    async fn replays(&self, channel: &Channel) -> Result<Vec<Replay>, StoreError> {
        let (user_id, channel_id) = (channel.user_id.to_string(), channel.id.to_string());
        let of_channel = RecordingFilter {
            user_id: Some(&user_id),
            channel_id: Some(&channel_id),
            is_public: true,
            ..RecordingFilter::default()
        };
        let shown = u32::try_from(PAST_SHOWN).unwrap_or(u32::MAX);
        let rows = self
            .store
            .recordings()
            .list(of_channel, None, shown)
            .await?;
        Ok(rows.into_iter().map(Self::replay).collect())
    }

    /// The newest that can be watched again, of all channels. What is gone from a page goes when its channel changes.
    async fn read_replays(&self, site: &Site, limit: u32) -> Result<(), StoreError> {
        let public = RecordingFilter {
            is_public: true,
            ..RecordingFilter::default()
        };
        for row in self.store.recordings().list(public, None, limit).await? {
            let channel_id = row.channel_id.clone();
            site.replay(&channel_id, Self::replay(row));
        }
        Ok(())
    }

    fn replay(row: StoredRecording) -> Replay {
        let goes_on = row.state == RecordingState::Recording;
        Replay {
            id: row.id.to_string(),
            title: row.title,
            started_ms: row.started_ms,
            // One that goes on grows, and no page is made anew for that.
            duration_ms: if goes_on { 0 } else { row.duration_ms },
            goes_on,
            poster: (!row.poster.is_empty()).then(|| format!("/r/{}/poster.jpg", row.poster)),
        }
    }
}

/// Tells the pages what changed, of what they tell.
fn tell(site: &Site, change: Changed, coming: Vec<Coming>) {
    let had_room = match change {
        Changed::Channel(channel) => site.channel(facts(*channel, coming)),
        Changed::ChannelGone(id) => {
            site.channel_gone(&id.to_string());
            true
        }
        Changed::Page(page) => of_page(*page).is_none_or(|(id, page)| match page {
            Some(page) => site.page(page),
            None => {
                site.page_gone(&id);
                true
            }
        }),
        Changed::PageGone(id) => {
            site.page_gone(&id.to_string());
            true
        }
        Changed::Category(category) => site.category(CategoryFacts {
            name: category.name,
            title: category.title,
            title_zh: category.title_zh,
        }),
        Changed::CategoryGone(name) => {
            site.category_gone(&name);
            true
        }
        Changed::App(_)
        | Changed::AppGone(_)
        | Changed::Key(_)
        | Changed::KeyGone(_)
        | Changed::Ban(_)
        | Changed::BanGone(_)
        | Changed::LeaveGone { .. } => true,
    };
    if !had_room {
        tracing::error!("the public pages hold {MAX_CHANNELS} channels: one more is not on them");
    }
}

fn facts(channel: Channel, coming: Vec<Coming>) -> ChannelFacts {
    ChannelFacts {
        id: channel.id.to_string(),
        name: channel.name,
        app: channel.app,
        title: channel.title,
        description: channel.description,
        category: channel.category,
        language: channel.language,
        cover: channel.cover,
        is_listed: channel.visibility == Visibility::Public,
        is_private: channel.visibility == Visibility::Private,
        followers: channel.followers,
        changed_ms: channel.changed_ms,
        coming,
    }
}

fn of_scheduled(one: ScheduledBroadcast) -> Coming {
    Coming {
        id: one.id.to_string(),
        title: one.title,
        description: one.description,
        starts_ms: one.starts_ms,
        ends_ms: one.ends_ms,
    }
}

/// Its id, and the page where it is no draft; none for a kind that is not known here.
fn of_page(page: SitePage) -> Option<(String, Option<PageFacts>)> {
    let id = page.id.to_string();
    let kind = PageKind::from_name(&page.kind)?;
    let is_draft = page.text.publish_ms == 0;
    let facts = PageFacts {
        id: id.clone(),
        kind,
        slug: page.slug,
        title: page.text.title,
        title_zh: page.text.title_zh,
        body: page.text.body,
        body_zh: page.text.body_zh,
        place: page.text.place,
        publish_ms: page.text.publish_ms,
        changed_ms: page.changed_ms,
    };
    Some((id, (!is_draft).then_some(facts)))
}

/// What the front end's page loads, line by line as its build writes it.
fn shell(index: &str) -> Shell {
    let lines = index.lines().map(str::trim);
    let is_loaded = |line: &&str| {
        SHELL_ELEMENTS
            .iter()
            .any(|element| line.starts_with(element))
    };
    Shell {
        head: lines.filter(is_loaded).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_have_the_widths_that_are_made_of_them() {
        let slots = weir_image::Kind::Cover.slots().iter();
        let made: Vec<(u32, u32)> = slots.map(|slot| (slot.width, slot.height)).collect();
        let named = weir_site::COVER_WIDTHS.map(|width| (width, width * 9 / 16));
        assert_eq!(made, named);
    }

    #[test]
    fn pages_load_what_the_front_end_loads_and_nothing_else() {
        let index = "<head>\n  <title>x</title>\n <link rel=\"icon\" href=\"/a.svg\" />\n\
                     <script type=\"module\" src=\"/assets/x.js\"></script>\n</head><body>";
        let want = "<link rel=\"icon\" href=\"/a.svg\" /><script type=\"module\" src=\"/assets/x.js\"></script>";
        assert_eq!(shell(index).head, want);
        assert_eq!(shell("").head, "");
    }
}
