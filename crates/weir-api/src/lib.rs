//! Control-plane HTTP: the API, the metrics and the pages.
//!
//! Never touches media or protocols: it asks the hub and answers in JSON. The media paths of the
//! same port are served before a request comes here.
//!
//! A resource has a file with its handlers and a function `routes`, which [`operations`] gathers. Each handler
//! describes itself (`#[utoipa::path]`); how requests are read is in `asked`, who asks in `caller`, how a refusal
//! looks in `refused`.

mod accounts;
mod acts;
mod addresses;
mod admission_feed;
mod any_site;
mod apps;
mod asked;
mod audit;
mod autoscale;
mod bans;
mod broadcasts;
mod caller;
mod categories;
mod channels;
mod chat;
mod chat_filters;
mod chat_sheet;
mod clips;
mod cluster;
mod config;
mod consult;
mod cors;
mod coworkers;
mod dispatch;
mod drain;
mod edge;
mod elsewhere;
mod embedded;
mod events;
mod families;
mod gifts;
mod go;
mod guard;
mod happenings;
mod health;
mod hooks;
mod idempotent;
mod keeping;
mod limiter;
mod living;
mod manager;
mod metrics;
mod node_admission;
mod node_key_uses;
mod node_recordings;
mod node_reports;
mod node_snapshots;
mod oembed;
mod openapi;
mod own_pages;
mod pages;
mod pictures;
mod recordings;
mod refused;
mod rejected;
mod replays;
mod replies;
mod review;
mod reviewers;
mod same_site;
mod schemas;
mod sdk;
mod settings;
mod shots;
mod site_keeper;
mod site_pages;
mod snapshots;
mod srs;
mod state;
mod stored;
mod streams;
mod tenants;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use guard::{at_admin_door, guarded};
use limiter::{RateClass, limited};
use openapi::Document;
use state::State;

pub use addresses::{PublicAddress, PublicAddresses};
pub use admission_feed::AdmissionSource;
pub use apps::{AppFacts, EncoderRule, Prefer};
pub use autoscale::PoolFacts;
pub use caller::{Caller, Credentials, Identify, Means, NoAccounts, SESSION_COOKIE};
pub use config::ApiConfig;
pub use consult::{ConsultAnswer, ConsultDesk, ConsultQuestion};
pub use dispatch::{DispatchConfig, DispatchRules, DispatchStrategy, Dispatcher};
pub use edge::EdgeFacts;
pub use elsewhere::Elsewhere;
pub use happenings::Happenings;
pub use keeping::{Cutting, HoleFacts, KeepingFacts, NewClip, RecordingFacts, Recordings};
pub use metrics::METRIC_NAMES;
pub use node_key_uses::{MAX_KEY_USES_BYTES, ToldKeyUses, keep_key_uses};
pub use node_recordings::{ClipPlace, RecordingPlace};
pub use node_snapshots::{ANSWER_PROOF, ShotKept, ShotWanted, answer_target};
pub use same_site::cookie_of_own_page;
pub use settings::Setting;
pub use shots::{Lent, Snapshots, TakesElsewhere, TakingElsewhere};
pub use site_keeper::{Posters, SiteKeeper};
pub use site_pages::PublicPages;
pub use state::{AdminDoor, ClientIp, ClusterApi, Config, Facts, NodeProof, PictureDoor};
pub use weir_account::{AccountRole, DoorOf, Right, Rights};

/// Bytes of a request's body, where a resource says nothing else.
const MAX_BODY_BYTES: usize = dispatch::MAX_BYTES;

/// Everything that is not media.
pub fn router(config: Config) -> Router {
    with_pages(config).0
}

/// Everything that is not media, and of that the pages that need no routing.
pub fn with_pages(config: Config) -> (Router, PublicPages) {
    let state = State::new(config);
    let pages = PublicPages::new(state.clone());
    (routes(state), pages)
}

fn routes(state: State) -> Router {
    let (api, described) = operations(&state).split_for_parts();
    state.describe(Document::new(&described, state.version));
    let for_operators = Router::new()
        .route("/metrics", get(metrics::scrape))
        .route_layer(from_fn_with_state(state.clone(), at_admin_door));
    api.merge(for_operators)
        .merge(go::routes())
        .merge(sdk::routes())
        .merge(pictures::routes())
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(pages::page)
        .layer(map_response(rejected::with_code))
        .layer(map_response(rejected::never_guessed))
        .layer(from_fn_with_state(state.clone(), cors::listed))
        .layer(from_fn_with_state(state.clone(), pictures::at_their_door))
        .with_state(state)
}

/// The API: every operation that its document describes, behind the door that it takes.
pub(crate) fn operations(state: &State) -> OpenApiRouter<State> {
    let by_method = |routes| limited(routes, state, None);
    OpenApiRouter::default()
        .merge(guarded(streams::routes(), state, Right::StreamsRead))
        .merge(guarded(streams::kick_routes(), state, Right::ClientsKick))
        .merge(guarded(snapshots::routes(), state, Right::SnapshotsRead))
        .merge(by_method(snapshots::public_routes()))
        .merge(guarded(review::routes(), state, Right::ReviewWork))
        .merge(guarded(review::lead_routes(), state, Right::ReviewLead))
        .merge(by_method(review::public_routes()))
        .merge(guarded(srs::routes(), state, Right::StreamsRead))
        .merge(guarded(cluster::routes(), state, Right::ClusterRead))
        .merge(guarded(manager::routes(), state, Right::StreamsReport))
        .merge(guarded(drain::routes(), state, Right::NodeDrain))
        .merge(guarded(node_reports::routes(), state, Right::EventsReport))
        .merge(guarded(
            node_admission::routes(),
            state,
            Right::AdmissionRead,
        ))
        .merge(guarded(
            node_recordings::routes(),
            state,
            Right::AdmissionRead,
        ))
        .merge(guarded(node_key_uses::routes(), state, Right::EventsReport))
        .merge(guarded(
            node_snapshots::routes(),
            state,
            Right::SnapshotsCarry,
        ))
        .merge(guarded(consult::routes(), state, Right::AdmissionRead))
        .merge(guarded(events::routes(), state, Right::EventsRead))
        .merge(guarded(broadcasts::routes(), state, Right::EventsRead))
        .merge(guarded(
            broadcasts::heartbeat_routes(),
            state,
            Right::SessionsKeep,
        ))
        .merge(guarded(recordings::routes(), state, Right::ChannelsHelp))
        .merge(guarded(clips::routes(), state, Right::ChannelsHelp))
        .merge(by_method(replays::public_routes()))
        .merge(guarded(chat::publish_routes(), state, Right::ChatPublish))
        .merge(guarded(chat::read_routes(), state, Right::ChatRead))
        .merge(guarded(chat_filters::routes(), state, Right::ChatFilter))
        .merge(guarded(hooks::routes(), state, Right::HooksManage))
        .merge(gift_operations(state))
        .merge(guarded(audit::routes(), state, Right::AuditRead))
        .merge(guarded(settings::routes(), state, Right::SettingsRead))
        .merge(guarded(tenants::routes(), state, Right::AppsManage))
        .merge(guarded(
            categories::routes(),
            state,
            Right::CategoriesManage,
        ))
        .merge(by_method(categories::public_routes()))
        .merge(limited(dispatch::routes(), state, Some(RateClass::Ask)))
        .merge(limited(coworkers::routes(), state, Some(RateClass::Ask)))
        .merge(by_method(autoscale::routes(state)))
        .merge(by_method(apps::routes()))
        .merge(by_method(addresses::routes()))
        .merge(by_method(health::routes()))
        .merge(by_method(streams::public_routes()))
        .merge(by_method(openapi::routes()))
        .merge(by_method(oembed::routes()))
        .merge(guarded(own_pages::routes(), state, Right::PagesEdit))
        .merge(accounts::operations(state))
        .merge(channel_operations(state))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// What can be given, and what it is paid with.
fn gift_operations(state: &State) -> OpenApiRouter<State> {
    OpenApiRouter::default()
        .merge(limited(gifts::offers::public_routes(), state, None))
        .merge(guarded(gifts::offers::routes(), state, Right::GiftsManage))
        .merge(guarded(gifts::routes(), state, Right::GiftsGive))
        .merge(guarded(
            gifts::wallets::own_routes(),
            state,
            Right::GiftsGive,
        ))
        .merge(guarded(
            gifts::wallets::top_up_routes(),
            state,
            Right::WalletTopup,
        ))
        .merge(guarded(
            gifts::wallets::routes(),
            state,
            Right::WalletsManage,
        ))
}

/// Channels, what belongs to them, and who may not.
fn channel_operations(state: &State) -> OpenApiRouter<State> {
    let by_method = |routes| limited(routes, state, None);
    OpenApiRouter::default()
        .merge(by_method(channels::public_routes()))
        .merge(by_method(channels::schedule::public_routes()))
        .merge(by_method(channels::recordings::public_routes()))
        .merge(by_method(channels::tickets::routes()))
        .merge(by_method(channels::gifts::public_routes()))
        .merge(guarded(channels::routes(), state, Right::ChannelsOwn))
        .merge(guarded(channels::own::routes(), state, Right::ChannelsOwn))
        .merge(guarded(
            channels::gifts::routes(),
            state,
            Right::ChannelsOwn,
        ))
        .merge(guarded(
            channels::cover::routes(),
            state,
            Right::ChannelsOwn,
        ))
        .merge(guarded(channels::keys::routes(), state, Right::ChannelsOwn))
        .merge(guarded(
            channels::schedule::routes(),
            state,
            Right::ChannelsOwn,
        ))
        .merge(guarded(
            channels::follows::routes(),
            state,
            Right::ChannelsFollow,
        ))
        .merge(guarded(
            channels::follows::team_routes(),
            state,
            Right::ChannelsHelp,
        ))
        .merge(guarded(channels::team::routes(), state, Right::ChannelsOwn))
        .merge(guarded(
            channels::team::help_routes(),
            state,
            Right::ChannelsHelp,
        ))
        .merge(guarded(
            channels::bans::routes(),
            state,
            Right::ChannelsHelp,
        ))
        .merge(guarded(bans::own_routes(), state, Right::AccountOwn))
        .merge(guarded(bans::routes(), state, Right::BansManage))
}
