//! Who asks: by the operator's token, by a node's proof, by the token or the cookie of an account. Who an
//! account's word belongs to is asked of [`Identify`]; what may be done with it stands in `rights`.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};
use weir_base::sign::same_secret;
use weir_base::{Code, Refusal};
use weir_cluster::store::Waiting;
use weir_hub::Protocol;
use weir_store::Id;

use crate::refused::Refused;
use crate::same_site;
use crate::state::{ClientIp, State};
use weir_account::{AccountRole, Right, Rights};

/// The cookie that a browser signs in with.
pub const SESSION_COOKIE: &str = "weir_session";
/// Bytes of a token that is looked up: ours have some 50, others' some 1,000.
const MAX_TOKEN_BYTES: usize = 4096;

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's id; none for the operator's token and for nodes.
    pub account: Option<Id>,
    /// The session that it is known by; none for all else.
    pub session: Option<Id>,
    /// What to call whoever it is: in the audit log, in limits.
    pub name: String,
    /// How it is known.
    pub means: Means,
    /// What it may do: what its role may, less what its key was not made for.
    pub rights: Rights,
}

/// How somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The token in the node's own settings.
    AdminToken,
    /// A proof that only nodes of the cluster can make.
    Node,
    /// The cookie of a session in a browser.
    Cookie,
    /// The bearer token of a session.
    Token,
    /// An API key.
    ApiKey,
}

/// What a request says of who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The value of the cookie [`SESSION_COOKIE`].
    Cookie(String),
    /// A bearer token: a session's, or an API key.
    Token(String),
}

/// Knows whose credentials these are.
pub trait Identify: Send + Sync {
    /// Whoever it is; none for credentials that are nobody's, or no longer.
    ///
    /// # Errors
    /// When it cannot be told now.
    fn identify<'a>(
        &'a self,
        credentials: &'a Credentials,
    ) -> Waiting<'a, Result<Option<Caller>, Refusal>>;

    /// The same for credentials that come from `address`, which is kept with what they were last used for.
    ///
    /// # Errors
    /// As [`Self::identify`].
    fn identify_at<'a>(
        &'a self,
        credentials: &'a Credentials,
        address: Option<IpAddr>,
    ) -> Waiting<'a, Result<Option<Caller>, Refusal>> {
        let _ = address;
        self.identify(credentials)
    }
}

/// A node without accounts: nobody is known but the operator and other nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAccounts;

impl Identify for NoAccounts {
    fn identify<'a>(&'a self, _: &'a Credentials) -> Waiting<'a, Result<Option<Caller>, Refusal>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl Caller {
    /// Whoever has the token of the settings.
    pub(crate) fn operator() -> Self {
        Self {
            account: None,
            session: None,
            name: "operator".to_owned(),
            means: Means::AdminToken,
            rights: AccountRole::Admin.rights(),
        }
    }

    /// Another node of the cluster.
    fn node(id: String) -> Self {
        Self {
            account: None,
            session: None,
            name: id,
            means: Means::Node,
            rights: Right::OF_NODES.into_iter().collect(),
        }
    }

    /// Lets through who has this right.
    ///
    /// # Errors
    /// 6012 with the right's name.
    pub(crate) fn require(&self, right: Right) -> Result<(), Refused> {
        if self.rights.has(right) {
            return Ok(());
        }
        let words = format!("this takes the right {}", right.name());
        Err(Refused::new(Code::Forbidden, words))
    }
}

/// Reads who asks; none who says nothing, or whose session has ended.
///
/// # Errors
/// 6011 for a token that is nobody's; what [`Identify`] refuses.
pub(crate) async fn identify(state: &State, head: &Parts) -> Result<Option<Caller>, Refused> {
    let Some(caller) = known(state, head).await? else {
        return Ok(None);
    };
    let Some(store) = &state.store else {
        return Ok(Some(caller));
    };
    let clock = state.hub.clock();
    Ok(Some(
        state.reviewers().with_rights(store, clock, caller).await,
    ))
}

async fn known(state: &State, head: &Parts) -> Result<Option<Caller>, Refused> {
    let address = head.extensions.get::<ClientIp>().map(|ip| ip.0);
    let authorization = head.headers.get(header::AUTHORIZATION);
    let Some(value) = authorization else {
        let Some(cookie) = cookie(&head.headers) else {
            return Ok(None);
        };
        let shown = Credentials::Cookie(cookie);
        return Ok(state.identify.identify_at(&shown, address).await?);
    };
    let value = value.to_str().ok();
    let target = head.uri.path_and_query().map(|target| target.as_str());
    if let Some(id) = target.and_then(|target| state.cluster.proof.node(target, value)) {
        return Ok(Some(Caller::node(id)));
    }
    if let Some(token) = value.and_then(token) {
        if same_secret(&token, &state.admin_token) {
            return Ok(Some(Caller::operator()));
        }
        let shown = Credentials::Token(token);
        let known = state.identify.identify_at(&shown, address).await?;
        if known.is_some() {
            return Ok(known);
        }
    }
    let code = Code::WrongCredentials;
    state.hub.counters().code(code, Protocol::Api);
    tracing::warn!(code = code.number(), "a wrong token was sent");
    Err(code.into())
}

/// What stands behind `Bearer`, or the password behind `Basic`: an operator's browser asks for one.
fn token(value: &str) -> Option<String> {
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim();
    if credentials.len() > MAX_TOKEN_BYTES {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        let (_, password) = pair.split_once(':')?;
        return Some(password.to_owned());
    }
    None
}

/// The session's cookie among all that a browser sends.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<String> {
    cookie_named(headers, SESSION_COOKIE)
}

/// The first cookie of this name.
pub(crate) fn cookie_named(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted && value.len() <= MAX_TOKEN_BYTES).then(|| value.to_owned())
    });
    values.next()
}

/// Somebody who has to be known: behind a guard, or where a handler asks by itself.
impl FromRequestParts<State> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let known = <Self as OptionalFromRequestParts<State>>::from_request_parts(head, state);
        known.await?.ok_or_else(|| Code::SignedOut.into())
    }
}

/// Somebody who may be known.
impl OptionalFromRequestParts<State> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Option<Self>, Refused> {
        if let Some(known) = head.extensions.get::<Self>() {
            return Ok(Some(known.clone()));
        }
        let known = identify(state, head).await?;
        if let Some(caller) = &known {
            same_site::check(caller, head)?;
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_comes_as_bearer_or_as_password() {
        assert_eq!(token("Bearer secret").as_deref(), Some("secret"));
        let basic = "Basic YWRtaW46c2VjcmV0";
        assert_eq!(token(basic).as_deref(), Some("secret"));
        assert_eq!(token("Basic ???"), None);
        assert_eq!(token("secret"), None);
        assert_eq!(token(&format!("Bearer {}", "x".repeat(5_000))), None);
    }

    #[test]
    fn the_session_is_one_cookie_among_others() {
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_static("a=b; weir_session=s1; weir_session_old=s0");
        headers.append(header::COOKIE, line);
        assert_eq!(cookie(&headers).as_deref(), Some("s1"));
        assert_eq!(cookie(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn no_header_panics(value in ".{0,60}") {
            let _ = token(&value);
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(header::COOKIE, value);
            }
            let _ = cookie(&headers);
        }
    }
}
