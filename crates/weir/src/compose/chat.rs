//! The chat gateway of this node: whose tokens and cookies are believed, and where posts get their places.

mod nodes;
mod service;
mod wire;

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use weir_account::{
    AccountError, AccountRole, AccountService, ChatVerifier, NoChatToken, Right, RootSecret,
};
use weir_api::cookie_of_own_page;
use weir_base::{Clock, Code, Refusal};
use weir_chat::desk::void;
use weir_chat::{Alone, Bus, Denied, Deny, Doorman, House, Standing, Who};
use weir_cluster::Role;
use weir_serve::chat::{Chat, ChatParts, Presented, Presenter};
use weir_serve::http::request::HttpRequest;
use weir_serve::{Core, Server};

use self::nodes::Nodes;
use super::control::Control;
use super::secrets::Secrets;
use crate::config::Config;

/// Opens the gateway, where this node is to have one; with its groups, for the API.
pub(super) fn open(
    server: Server,
    config: &Config,
    secrets: &Secrets,
    control: &Control,
    (in_force, core): (&Arc<ArcSwap<Config>>, &Core),
) -> anyhow::Result<(Server, Option<Arc<House>>)> {
    if !(config.chat.enabled && config.roles()?.has(Role::Chat)) {
        return Ok((server, None));
    }
    let root = RootSecret::new(secrets.account_secret(&config.cluster.secret))?;
    let nodes = Nodes::open(config, core)?;
    let bus: Arc<dyn Bus> = match &nodes {
        Some(nodes) => nodes.relay.clone(),
        None => Arc::new(Alone),
    };
    let clock = core.hub.clock().clone();
    let parts = ChatParts {
        config: config.chat.clone(),
        doorman: Arc::new(Tokens(ChatVerifier::new(&root)?)),
        bus,
        presenter: control
            .accounts()
            .map(|accounts| Arc::new(Cookies(accounts, clock)) as Arc<dyn Presenter>),
    };
    let chat = Chat::start(parts, core).context("cannot start the chat loops")?;
    let house = chat.house().clone();
    house.serve_by(service::start(config, in_force, core)?);
    if let Some(nodes) = nodes {
        nodes.start(&house, core);
    }
    if let Some(accounts) = control.accounts() {
        let house = house.clone();
        accounts.tell_revoked(move |user_id| void(&house, &user_id.to_string()));
    }
    Ok((server.with_sockets(Arc::new(chat)), Some(house)))
}

/// Believes the tokens of `POST /api/v1/tokens/chat`.
struct Tokens(ChatVerifier);

impl Doorman for Tokens {
    fn who(&self, token: &str, now_ms: i64) -> Result<Who, Denied> {
        let claims = self.0.verify(token, now_ms).map_err(|fault| match fault {
            NoChatToken::Bad => Denied::because(Deny::Unauthenticated, fault.to_string()),
            NoChatToken::Expired => Deny::TokenExpired.into(),
        })?;
        Ok(Who {
            user: claims.user_id.as_str().into(),
            name: claims.display_name.as_str().into(),
            standing: standing(claims.role),
            since_ms: claims.since_ms(),
            until_ms: Some(claims.until_ms()),
        })
    }
}

/// Believes the site's cookie, on the site's own pages.
struct Cookies(AccountService, Clock);

impl Presenter for Cookies {
    fn who<'a>(&'a self, request: &'a HttpRequest) -> Presented<'a> {
        Box::pin(async move {
            let cookie = cookie_of_own_page(&request.headers, request.host.as_deref());
            let Some(cookie) = cookie else {
                return Ok(None);
            };
            let known = self.0.by_cookie(&cookie, Some(request.client.ip())).await;
            let known = match known {
                Ok(known) => known.filter(|known| known.rights.has(Right::ChatJoin)),
                // Who is suspended is no guest either.
                Err(AccountError::Suspended(why)) => {
                    return Err(Refusal::new(Code::Suspended, why));
                }
                Err(error) => {
                    tracing::debug!(%error, "a cookie cannot be looked up: its browser is a guest");
                    None
                }
            };
            Ok(known.map(|known| {
                let account = known.account;
                let shown = match account.display_name.as_str() {
                    "" => &account.name,
                    shown => shown,
                };
                let role = AccountRole::from_name(&account.role).unwrap_or(AccountRole::Viewer);
                Who {
                    user: account.user_id.to_string().into(),
                    name: shown.into(),
                    standing: standing(role),
                    since_ms: self.1.wall_ms(),
                    until_ms: None,
                }
            }))
        })
    }
}

/// Whoever looks after everybody's channels looks after their rooms.
fn standing(role: AccountRole) -> Standing {
    match role.rights().has(Right::ChannelsModerate) {
        true => Standing::Moderator,
        false => Standing::User,
    }
}
