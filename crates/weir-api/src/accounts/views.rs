//! How accounts, sessions and keys look in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use weir_store::Id;
use weir_store::accounts::{Account, ApiKey, Invite, Session};

use crate::asked::Etag;

/// An account, as its owner and staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019f0000-0000-7000-8000-000000000000", "name": "Ann", "email": "ann@example.net",
    "email_verified": true, "role": "broadcaster", "state": "active", "state_reason": "", "display_name": "",
    "about": "", "language": "en", "avatar": "", "has_password": true, "has_second_factor": false,
    "created_ms": 1_700_000_000_000_i64,
}))]
pub(crate) struct AccountView {
    id: String,
    /// As it is shown and written.
    name: String,
    /// Where its mail goes; empty for nowhere.
    email: String,
    /// The address was proved to be theirs.
    email_verified: bool,
    /// `viewer`, `broadcaster`, `moderator` or `admin`.
    role: String,
    /// `active` or `suspended`.
    state: String,
    /// Why it is so.
    state_reason: String,
    /// What they want to be called; empty for the name.
    display_name: String,
    /// What they say of themselves.
    about: String,
    /// `en`, `zh`, or empty for what the browser asks for.
    language: String,
    /// The id of a picture, which is at `/i/{id}-{64|256}.{webp|jpg}`; empty for none.
    avatar: String,
    /// It can sign in by a password.
    has_password: bool,
    /// A code is asked for at sign-in.
    has_second_factor: bool,
    /// Milliseconds since 1970.
    created_ms: i64,
}

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    id: String,
    /// `cookie`, `token` or `both`.
    kind: String,
    /// What the client says it is.
    agent: String,
    /// From where it was last used.
    address: String,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// A minute ago at most, milliseconds since 1970.
    used_ms: i64,
    /// When it ends, milliseconds since 1970.
    expires_ms: i64,
    /// It is the one that asks.
    current: bool,
}

/// A key of a program.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyView {
    id: String,
    /// What its owner calls it.
    label: String,
    /// What it may do.
    scopes: Vec<String>,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// Until when it is good, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    expires_ms: Option<i64>,
    /// When it was last used, a minute ago at most, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    used_ms: Option<i64>,
    /// From where.
    used_address: String,
}

/// What lets others sign up, its code left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteView {
    id: String,
    /// What those may do who come by it.
    role: String,
    /// How many may still come.
    uses_left: i64,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// Milliseconds since 1970.
    expires_ms: i64,
}

/// Names one version of an account.
pub(crate) fn tag(account: &Account) -> Etag {
    Etag::of(format!("{} {}", account.user_id, account.version))
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.user_id.to_string(),
            name: account.name.clone(),
            email: account.email.clone(),
            email_verified: account.email_verified_ms > 0,
            role: account.role.clone(),
            state: account.state.clone(),
            state_reason: account.state_reason.clone(),
            display_name: account.display_name.clone(),
            about: account.about.clone(),
            language: account.language.clone(),
            avatar: account.avatar.clone(),
            has_password: !account.password_hash.is_empty(),
            has_second_factor: !account.totp_secret.is_empty(),
            created_ms: account.created_ms,
        }
    }
}

impl SessionView {
    pub(crate) fn new(session: &Session, current: Option<Id>) -> Self {
        Self {
            id: session.id.to_string(),
            kind: session.kind.clone(),
            agent: session.agent.clone(),
            address: session.address.clone(),
            created_ms: session.created_ms,
            used_ms: session.used_ms,
            expires_ms: session.expires_ms,
            current: current == Some(session.id),
        }
    }
}

impl From<&ApiKey> for ApiKeyView {
    fn from(key: &ApiKey) -> Self {
        let said = |ms: i64| (ms > 0).then_some(ms);
        Self {
            id: key.id.to_string(),
            label: key.label.clone(),
            scopes: key.scopes.split(' ').map(str::to_owned).collect(),
            created_ms: key.created_ms,
            expires_ms: said(key.expires_ms),
            used_ms: said(key.used_ms),
            used_address: key.used_address.clone(),
        }
    }
}

impl From<&Invite> for InviteView {
    fn from(invite: &Invite) -> Self {
        Self {
            id: invite.id.to_string(),
            role: invite.role.clone(),
            uses_left: invite.uses_left,
            created_ms: invite.created_ms,
            expires_ms: invite.expires_ms,
        }
    }
}
