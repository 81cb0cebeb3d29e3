//! `/api/v1/channels`: places to broadcast at. What belongs to one has a file for each kind below this one; who
//! may do what with one is asked in `doors`.

pub(crate) mod bans;
pub(crate) mod cover;
mod doors;
pub(crate) mod follows;
pub(crate) mod gifts;
mod help;
pub(crate) mod keys;
pub(crate) mod own;
mod record_words;
pub(crate) mod recordings;
pub(crate) mod schedule;
pub(crate) mod team;
pub(crate) mod tickets;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountError, LoginName};
use weir_base::Code;
use weir_store::channels::{Channel, ChannelCard, ChannelEdit, ListedBy, NewChannel, Visibility};

pub(crate) use self::help::{ChannelHelp, help_with, helps_with, seen};
use self::record_words::{RECORD_WORDS, record_word};
use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::living::all_live;
use crate::pictures;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind};
use doors::{Wish, open};
use weir_account::Right;
use weir_image::Kind;

/// The app that channels are published to.
const APP: &str = "live";
/// Channels that one account may have.
const CHANNELS: u32 = 10;
/// Channels on one page, when nobody says.
const PAGE: u32 = 50;
/// The same of a list of live ones.
const LIVE_PAGE: usize = 50;
/// Characters of a title.
pub(crate) const MAX_TITLE_CHARS: usize = 140;
/// Bytes of what is said about a channel.
const MAX_ABOUT_BYTES: usize = 16 * 1024;
/// Characters of a category or a language.
const MAX_WORD_CHARS: usize = 40;
/// Characters of a search that are looked at.
const MAX_SEARCH_CHARS: usize = 200;
/// Live streams that are looked up for one list of live channels.
const LIVE_LOOKED_UP: usize = 2_000;

/// A channel to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "ann", "title": "Ann plays chess" }))]
struct ChannelWish {
    /// In its address: letters and digits of any script, and `-`, `_`, `.` between them.
    #[schema(min_length = 2, max_length = 32)]
    name: String,
    /// As it is shown; the name when nobody says.
    #[serde(default)]
    #[schema(max_length = 140)]
    title: String,
    /// The name of the account that it is for; only moderators may say another than their own.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    owner: Option<String>,
}

/// What is to be changed of a channel; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "title": "Chess finals", "category": "games", "visibility": "public" }))]
struct ChannelChange {
    #[schema(max_length = 140, nullable = false, required = false)]
    title: Option<String>,
    /// In Markdown.
    #[schema(nullable = false, required = false)]
    description: Option<String>,
    #[schema(nullable = false, required = false)]
    category: Option<String>,
    /// BCP 47, such as `en` or `zh-Hans`.
    #[schema(nullable = false, required = false)]
    language: Option<String>,
    /// `public`, `unlisted`, `password`, `followers` or `private`. Where it changes, whoever watches by a ticket of
    /// before is sent away.
    #[schema(nullable = false, required = false, example = "unlisted")]
    visibility: Option<String>,
    /// Of a channel whose visibility is `password`; another one sends away who watches by the old one.
    #[schema(nullable = false, required = false, format = Password)]
    password: Option<String>,
    /// Seconds between two pictures of its stream; 0 for none, -1 for as its app says.
    #[schema(nullable = false, required = false, minimum = -1, maximum = 3_600)]
    shot_every_s: Option<i64>,
    /// Whether its broadcasts are recorded: `on`, `off`, or `app` for as its app says. What the publisher's address
    /// says counts more; what is on the air goes on as it began.
    #[schema(nullable = false, required = false, example = "on")]
    record: Option<String>,
}

/// A place to broadcast at, as it is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelShown {
    id: String,
    /// In its address.
    name: String,
    /// What its keys publish and what is played.
    #[schema(example = "live/ann")]
    stream: String,
    /// Id of the account that owns it.
    owner: String,
    title: String,
    /// In Markdown.
    description: String,
    /// Empty for none.
    category: String,
    /// Empty for none.
    language: String,
    /// Id of its picture, which is at `/i/{id}-{320|640|1280}.{webp|jpg}`; empty for none.
    cover: String,
    /// `public`, `unlisted`, `password`, `followers` or `private`.
    visibility: &'static str,
    /// Seconds between two pictures of its stream; 0 for none, -1 for as its app says.
    shot_every_s: i64,
    /// Whether its broadcasts are recorded: `on`, `off`, or `app` for as its app says.
    record: &'static str,
    followers: i64,
    created_ms: i64,
    /// Somebody publishes to it now.
    live: bool,
}

/// A channel in a list.
#[derive(Debug, Serialize, ToSchema)]
struct ListedChannel {
    name: String,
    #[schema(example = "live/ann")]
    stream: String,
    title: String,
    category: String,
    language: String,
    cover: String,
    live: bool,
    /// On this node and now; 0 where it is not live here.
    viewers: u32,
}

/// Channels.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelList {
    items: Vec<ListedChannel>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What a list is narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct Narrowed {
    /// What they are about.
    #[param(required = false, nullable = false)]
    category: String,
    /// What is spoken there.
    #[param(required = false, nullable = false)]
    language: String,
    /// Words, the last by its beginning.
    #[param(required = false, nullable = false)]
    q: String,
    /// Only those that are live now, most viewers first.
    #[param(required = false, nullable = false)]
    live: bool,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(edit, remove))
}

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
}

/// Public channels
///
/// The newest first, or those that are live now.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels", operation_id = "channel_list",
    params(Narrowed, PageParams),
    responses(StoreAway, (status = 200, description = "The channels", body = ChannelList)),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(narrowed): QueryParts<Narrowed>,
    page: Page,
) -> Result<Json<ChannelList>, Refused> {
    let store = state.store()?;
    let live = known_live(&state);
    let search: String = narrowed.q.chars().take(MAX_SEARCH_CHARS).collect();
    if narrowed.live {
        return live_list(&state, &narrowed, &search, &page, &live).await;
    }
    let by = ListedBy {
        category: &narrowed.category,
        language: &narrowed.language,
        search: &search,
    };
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let cards = store.channels().listed(&by, before, limit + 1).await?;
    let (cards, next) = Page::full(cards, limit, |card| card.channel_id.clone());
    let items = cards.into_iter();
    let items = items.map(|card| ListedChannel::new(card, &live)).collect();
    Ok(Json(ChannelList { items, next }))
}

/// Make a channel
#[utoipa::path(post, path = "/api/v1/channels", tag = "channels", operation_id = "channel_create",
    request_body = ChannelWish,
    responses(
        StoreAway,
        (status = 201, description = "The channel", body = ChannelShown),
        (status = 409, description = "The name is taken, or one that looks like it",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<ChannelWish>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let name = LoginName::chosen(&wish.name).map_err(|error| match error {
        AccountError::Field { words, .. } => Refused::field(Code::Unprocessable, "name", words),
        other => Refused::field(Code::Unprocessable, "name", other.to_string()),
    })?;
    // What a stream may be called is asked where it is asked for every stream.
    weir_base::StreamName::new("", APP, &name.folded)
        .map_err(|refusal| Refused::field(Code::Unprocessable, "name", refusal.detail))?;
    let title = match wish.title.trim() {
        "" => name.shown.clone(),
        title => line("title", title, MAX_TITLE_CHARS)?.to_owned(),
    };
    let user_id = match &wish.owner {
        None => account_of(&actor.caller)?,
        Some(owner) => {
            actor.caller.require(Right::ChannelsModerate)?;
            let login = weir_account::name::folded_login(owner);
            let missing =
                |_| Refused::field(Code::Unprocessable, "owner", "there is no such account");
            store
                .accounts()
                .by_login(&login)
                .await
                .map_err(missing)?
                .user_id
        }
    };
    let new = NewChannel {
        user_id,
        name: &name.folded,
        skeleton: &name.skeleton,
        app: APP,
        title: &title,
        most: CHANNELS,
    };
    let made = store.channels().create(&new).await?;
    let act =
        Acted::plain("channel.create", &made.name).now(json!({ "owner": user_id.to_string() }));
    actor.did_to(&state, &made, act).await?;
    let tag = tag(&made);
    let shown = ChannelShown::new(made, &known_live(&state));
    Ok(tag.on((StatusCode::CREATED, Json(shown))))
}

/// A channel
///
/// One that is private is there for its owner and their team alone.
#[utoipa::path(get, path = "/api/v1/channels/{name}", tag = "channels", operation_id = "channel",
    params(("name" = String, Path, description = "The channel")),
    responses(
        StoreAway,
        (status = 200, description = "The channel", body = ChannelShown),
        (status = 401, description = "The credentials are nobody's, or no longer",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
async fn show(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let channel = open(store, caller.as_ref(), &name, Wish::See).await?;
    let tag = tag(&channel);
    // Whether it is live is no part of its version, so the whole answer is given each time.
    Ok(tag.on(Json(ChannelShown::new(channel, &known_live(&state)))))
}

/// Change a channel
#[utoipa::path(patch, path = "/api/v1/channels/{name}", tag = "channels", operation_id = "channel_edit",
    params(
        ("name" = String, Path, description = "The channel"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant"),
    ),
    request_body = ChannelChange,
    responses(
        StoreAway,
        (status = 200, description = "The channel as it is now", body = ChannelShown),
        NotThere,
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn edit(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    asked: HeaderMap,
    JsonBody(change): JsonBody<ChannelChange>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let mut edit = change.checked()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    tag(&channel).admits(&asked)?;
    let hash = change.password_hash(&state, &channel).await?;
    edit.password_hash = hash.as_deref();
    let place = (channel.user_id, channel.id);
    let changed = store.channels().edit(place, channel.version, &edit).await?;
    let act = Acted::plain("channel.change", &channel.name);
    let act = act.was(told(&channel)).now(told(&changed));
    actor.did_to(&state, &changed, act).await?;
    let tag = tag(&changed);
    Ok(tag.on(Json(ChannelShown::new(changed, &known_live(&state)))))
}

/// Take a channel away
///
/// With its keys, its followers and its schedule. Its name is free again.
#[utoipa::path(delete, path = "/api/v1/channels/{name}", tag = "channels", operation_id = "channel_remove",
    params(("name" = String, Path, description = "The channel")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Own).await?;
    store.channels().remove(&channel).await?;
    pictures::forget(&state, Kind::Cover, &channel.cover).await;
    let act = Acted::plain("channel.remove", &channel.name).was(told(&channel));
    actor.did_to(&state, &channel, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Those that are live, most viewers first: what lives is known here, and what it is called is looked up.
async fn live_list(
    state: &State,
    narrowed: &Narrowed,
    search: &str,
    page: &Page,
    live: &HashMap<String, u32>,
) -> Result<Json<ChannelList>, Refused> {
    let mut names: Vec<(&String, u32)> = live.iter().map(|(name, n)| (name, *n)).collect();
    names.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    names.truncate(LIVE_LOOKED_UP);
    let names: Vec<String> = names.into_iter().map(|(name, _)| name.clone()).collect();
    let cards = state.store()?.channels().cards(&names).await?;
    let search = search.to_lowercase();
    let fits = |card: &ChannelCard| {
        (narrowed.category.is_empty() || card.category == narrowed.category)
            && (narrowed.language.is_empty() || card.language == narrowed.language)
            && (search.is_empty()
                || card.title.to_lowercase().contains(&search)
                || card.name.contains(&search))
    };
    let ranked = cards.into_iter().filter(fits).map(|card| {
        let viewers = live.get(&card.name).copied().unwrap_or(0);
        // Sorted as text: most viewers first, then by name.
        let key = format!("{:010} {}", u32::MAX - viewers, card.name);
        (key, ListedChannel::new(card, live))
    });
    let (items, next) = page.cut(ranked.collect(), LIVE_PAGE);
    Ok(Json(ChannelList {
        items: items.into_iter().map(|(_, item)| item).collect(),
        next,
    }))
}

/// The channels' streams that are live, here or on another node, with their viewers.
fn known_live(state: &State) -> HashMap<String, u32> {
    let live = all_live(&state.hub, &state.cluster.cluster, &state.elsewhere()).into_iter();
    live.filter(|((app, _), _)| app == APP)
        .map(|((_, name), living)| (name, living.viewers))
        .collect()
}

/// A channel as the audit log has it.
fn told(channel: &Channel) -> serde_json::Value {
    json!({
        "owner": channel.user_id.to_string(), "title": channel.title, "category": channel.category,
        "language": channel.language, "visibility": channel.visibility.name(),
        "shot_every_s": channel.shot_every_s, "record": record_word(channel.record),
    })
}

fn tag(channel: &Channel) -> Etag {
    Etag::of(format!("{} {}", channel.id, channel.version))
}

/// One line of text of at most so many characters.
pub(crate) fn line<'a>(field: &str, text: &'a str, most: usize) -> Result<&'a str, Refused> {
    if text.chars().count() > most || text.chars().any(char::is_control) {
        let words = format!("this has at most {most} characters in one line");
        return Err(Refused::field(Code::Unprocessable, field, words));
    }
    Ok(text)
}

impl ChannelChange {
    fn checked(&self) -> Result<ChannelEdit<'_>, Refused> {
        let lines = |field: &str, text: &'_ Option<String>, most| match text {
            Some(text) => line(field, text, most).map(|_| ()),
            None => Ok(()),
        };
        lines("title", &self.title, MAX_TITLE_CHARS)?;
        lines("category", &self.category, MAX_WORD_CHARS)?;
        lines("language", &self.language, MAX_WORD_CHARS)?;
        let about = self.description.as_deref();
        if about.is_some_and(|about| about.len() > MAX_ABOUT_BYTES || about.contains('\0')) {
            let words = format!("a description is text of at most {MAX_ABOUT_BYTES} bytes");
            return Err(Refused::field(Code::Unprocessable, "description", words));
        }
        if self
            .title
            .as_deref()
            .is_some_and(|title| title.trim().is_empty())
        {
            let words = "a channel has a title";
            return Err(Refused::field(Code::Unprocessable, "title", words));
        }
        let visibility = match self.visibility.as_deref() {
            None => None,
            Some(word) => {
                let known = Visibility::ALL.into_iter().find(|one| one.name() == word);
                let words = "a channel is public, unlisted, password, followers or private";
                let wrong = || Refused::field(Code::Unprocessable, "visibility", words);
                Some(known.ok_or_else(wrong)?)
            }
        };
        let most = i64::from(weir_snap::MAX_EVERY_S);
        if self.shot_every_s.is_some_and(|s| !(-1..=most).contains(&s)) {
            let words = format!("seconds from 1 to {most}, 0 for none, or -1 for as the app says");
            return Err(Refused::field(Code::Unprocessable, "shot_every_s", words));
        }
        let record = match self.record.as_deref() {
            None => None,
            Some(said) => {
                let known = RECORD_WORDS.into_iter().find(|(word, _)| *word == said);
                let words = "a channel is recorded: on, off, or app for as its app says";
                let wrong = || Refused::field(Code::Unprocessable, "record", words);
                Some(known.ok_or_else(wrong)?.1)
            }
        };
        Ok(ChannelEdit {
            title: self.title.as_deref(),
            description: about,
            category: self.category.as_deref(),
            language: self.language.as_deref(),
            visibility,
            shot_every_s: self.shot_every_s,
            record,
            ..ChannelEdit::default()
        })
    }
}

impl ChannelChange {
    /// What is kept of the password, where there is another one.
    ///
    /// # Errors
    /// 6004 for one that is none, and where a channel would have a password that nobody knows.
    async fn password_hash(
        &self,
        state: &State,
        channel: &Channel,
    ) -> Result<Option<String>, Refused> {
        let Some(word) = &self.password else {
            let is_without = channel.password_hash.is_empty();
            if self.visibility.as_deref() == Some(Visibility::Password.name()) && is_without {
                let words = "a channel that takes a password needs one: send it too";
                return Err(Refused::field(Code::Unprocessable, "password", words));
            }
            return Ok(None);
        };
        let accounts = crate::accounts::service(state)?;
        let hash = accounts.hash_watch_word(word).await;
        Ok(Some(hash.map_err(crate::accounts::refused)?))
    }
}

impl ChannelShown {
    fn new(channel: Channel, live: &HashMap<String, u32>) -> Self {
        Self {
            id: channel.id.to_string(),
            stream: format!("{}/{}", channel.app, channel.name),
            owner: channel.user_id.to_string(),
            live: live.contains_key(&channel.name),
            name: channel.name,
            title: channel.title,
            description: channel.description,
            category: channel.category,
            language: channel.language,
            cover: channel.cover,
            visibility: channel.visibility.name(),
            shot_every_s: channel.shot_every_s,
            record: record_word(channel.record),
            followers: channel.followers,
            created_ms: channel.created_ms,
        }
    }
}

impl ListedChannel {
    fn new(card: ChannelCard, live: &HashMap<String, u32>) -> Self {
        let viewers = live.get(&card.name).copied();
        Self {
            stream: format!("{APP}/{}", card.name),
            name: card.name,
            title: card.title,
            category: card.category,
            language: card.language,
            cover: card.cover,
            live: viewers.is_some(),
            viewers: viewers.unwrap_or(0),
        }
    }
}
