//! Who may do what: each operation of the document with each kind of caller. An operation without a row, and a row
//! without an operation, fails.
// long because: one table has every route, and a row says who may.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use weir_base::Code;
use weir_cluster::Role;

use crate::world::{Answered, World, by_admin_door, record, request, with_bearer, with_token};

/// Kinds of callers, in the order of the rows' columns.
const CALLERS: [&str; 5] = ["nobody", "wrong", "viewer", "moderator", "operator"];

/// One operation: how it is asked, and the statuses that the callers get.
struct Row {
    operation: &'static str,
    /// A path for it, where the document's has parameters.
    target: &'static str,
    body: &'static str,
    statuses: [u16; CALLERS.len()],
}

const fn row(
    operation: &'static str,
    target: &'static str,
    body: &'static str,
    statuses: [u16; CALLERS.len()],
) -> Row {
    Row {
        operation,
        target,
        body,
        statuses,
    }
}

/// Anybody, also with credentials that are nobody's.
const OPEN: [u16; 5] = [200; 5];
/// Moderators and the operator.
const MODERATORS: [u16; 5] = [401, 401, 403, 200, 200];
/// The operator.
const ADMINS: [u16; 5] = [401, 401, 403, 403, 200];
/// The same where what they ask for is in a store that this node does not have.
const MODERATORS_STORE: [u16; 5] = [401, 401, 403, 503, 503];
const OPEN_STORE: [u16; 5] = [503; 5];
const HELPERS_STORE: [u16; 5] = [401, 401, 503, 503, 503];
const ADMINS_STORE: [u16; 5] = [401, 401, 403, 403, 503];

/// Anybody, on a node that keeps no accounts: what an account gets stands in `accounts.rs`.
const NO_ACCOUNTS: [u16; 5] = [503; 5];
/// Who is known, and as no account.
const OF_AN_ACCOUNT: [u16; 5] = [401, 401, 403, 403, 403];
const MODERATORS_AWAY: [u16; 5] = [401, 401, 403, 503, 503];
const ADMINS_AWAY: [u16; 5] = [401, 401, 403, 403, 503];

/// An item, and a picture of it.
const ITEM: &str = "/api/v1/review/items/019f0000-0000-7000-8000-000000000000";
const SHOT: &str = "/api/v1/review/items/019f0000-0000-7000-8000-000000000000/pictures/019f0000-0000-7000-8000-000000000000";
const WALLET: &str = "/api/v1/wallets/019f0000-0000-7000-8000-000000000000";
const TOP_UPS: &str = "/api/v1/wallets/019f0000-0000-7000-8000-000000000000/topups";
const REFUNDS: &str = "/api/v1/wallets/019f0000-0000-7000-8000-000000000000/refunds";
const UNDO: &str = "/api/v1/review/items/019f0000-0000-7000-8000-000000000000/undo";

const TABLE: &[Row] = &[
    row(
        "POST /api/v1/review/claims",
        "/api/v1/review/claims",
        r#"{"count":20}"#,
        MODERATORS_STORE,
    ),
    row(
        "PUT /api/v1/review/claims/{claim}",
        "/api/v1/review/claims/x",
        "",
        MODERATORS_STORE,
    ),
    row(
        "DELETE /api/v1/review/claims/{claim}",
        "/api/v1/review/claims/x",
        "",
        MODERATORS_STORE,
    ),
    row(
        "POST /api/v1/review/decisions",
        "/api/v1/review/decisions",
        r#"{"claim":"x","items":["y"],"verdict":"ok"}"#,
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/review/items",
        "/api/v1/review/items",
        "",
        MODERATORS_STORE,
    ),
    row("GET /api/v1/review/items/{id}", ITEM, "", MODERATORS_STORE),
    row(
        "GET /api/v1/review/items/{id}/pictures/{picture}",
        SHOT,
        "",
        MODERATORS_STORE,
    ),
    row(
        "POST /api/v1/review/items/{id}/undo",
        UNDO,
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/review/numbers",
        "/api/v1/review/numbers",
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/review/hashes",
        "/api/v1/review/hashes",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/review/hashes",
        "/api/v1/review/hashes",
        r#"{"hash":"x","label":"y"}"#,
        [401, 401, 403, 403, 422],
    ),
    row(
        "DELETE /api/v1/review/hashes/{hash}",
        "/api/v1/review/hashes/x",
        "",
        [401, 401, 403, 403, 404],
    ),
    row(
        "POST /api/v1/streams/{name}",
        "/api/v1/streams/live/a/reports",
        r#"{"reason":"violence"}"#,
        [503, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/snapshots",
        "/api/v1/snapshots",
        "",
        MODERATORS_STORE,
    ),
    row(
        "POST /api/v1/snapshots/{name}",
        "/api/v1/snapshots/live/a",
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/snapshots/{name}",
        "/api/v1/snapshots/live/a/latest.jpg",
        "",
        [503, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/review/self",
        "/api/v1/review/self",
        "",
        MODERATORS,
    ),
    row(
        "GET /api/v1/review/wall",
        "/api/v1/review/wall",
        "",
        MODERATORS_STORE,
    ),
    row(
        "POST /api/v1/review/wall/claims",
        "/api/v1/review/wall/claims",
        r#"{"stream":"live/a"}"#,
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/review/people",
        "/api/v1/review/people",
        "",
        ADMINS_STORE,
    ),
    row(
        "PUT /api/v1/review/people/{id}",
        "/api/v1/review/people/019f0000-0000-7000-8000-000000000000",
        r#"{"apps":["live"]}"#,
        ADMINS_STORE,
    ),
    row(
        "DELETE /api/v1/review/people/{id}",
        "/api/v1/review/people/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/review/gold",
        "/api/v1/review/gold",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/review/gold",
        "/api/v1/review/gold?verdict=ok&label=x",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/review/gold/{id}",
        "/api/v1/review/gold/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "DELETE /api/v1/review/gold/{id}",
        "/api/v1/review/gold/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/nodes/shots",
        "/api/v1/nodes/shots",
        "",
        [401, 401, 403, 403, 403],
    ),
    row(
        "POST /api/v1/nodes/snapshots",
        "/api/v1/nodes/snapshots",
        "",
        [401, 401, 403, 403, 403],
    ),
    row(
        "POST /api/v1/nodes/snapshots/take",
        "/api/v1/nodes/snapshots/take",
        "",
        [401, 401, 403, 403, 403],
    ),
    row(
        "POST /api/v1/accounts",
        "/api/v1/accounts",
        r#"{"name":"x","email":"x","password":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/accounts/prove",
        "/api/v1/accounts/prove",
        r#"{"token":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/accounts/reset",
        "/api/v1/accounts/reset",
        r#"{"login":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "PUT /api/v1/accounts/reset",
        "/api/v1/accounts/reset",
        r#"{"token":"x","new_password":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions",
        "/api/v1/sessions",
        r#"{"login":"x","password":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/link",
        "/api/v1/sessions/link",
        r#"{"token":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/refresh",
        "/api/v1/sessions/refresh",
        r#"{"refresh":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/passkey/offer",
        "/api/v1/sessions/passkey/offer",
        "",
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/passkey",
        "/api/v1/sessions/passkey",
        r#"{"offer":"x","credential":"x","client_data":"x","authenticator_data":"x","signature":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "GET /api/v1/providers",
        "/api/v1/providers",
        "",
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/oidc/offer",
        "/api/v1/sessions/oidc/offer",
        r#"{"provider":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/oidc",
        "/api/v1/sessions/oidc",
        r#"{"provider":"x","state":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "POST /api/v1/sessions/oidc/rest",
        "/api/v1/sessions/oidc/rest",
        r#"{"rest":"x"}"#,
        NO_ACCOUNTS,
    ),
    row(
        "GET /api/v1/me/identities",
        "/api/v1/me/identities",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/identities",
        "/api/v1/me/identities",
        r#"{"provider":"x","state":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/identities/offer",
        "/api/v1/me/identities/offer",
        r#"{"provider":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/identities/{id}",
        "/api/v1/me/identities/019f0000-0000-7000-8000-000000000000",
        "{}",
        OF_AN_ACCOUNT,
    ),
    row(
        "GET /api/v1/me/passkeys",
        "/api/v1/me/passkeys",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/passkeys",
        "/api/v1/me/passkeys",
        r#"{"offer":"x","label":"x","client_data":"x","attestation":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/passkeys/offer",
        "/api/v1/me/passkeys/offer",
        "{}",
        OF_AN_ACCOUNT,
    ),
    row(
        "PATCH /api/v1/me/passkeys/{id}",
        "/api/v1/me/passkeys/019f0000-0000-7000-8000-000000000000",
        r#"{"label":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/passkeys/{id}",
        "/api/v1/me/passkeys/019f0000-0000-7000-8000-000000000000",
        "{}",
        OF_AN_ACCOUNT,
    ),
    row(
        "GET /api/v1/tokens/keys",
        "/api/v1/tokens/keys",
        "",
        NO_ACCOUNTS,
    ),
    row("GET /api/v1/me", "/api/v1/me", "", OF_AN_ACCOUNT),
    row("PATCH /api/v1/me", "/api/v1/me", "{}", OF_AN_ACCOUNT),
    row("DELETE /api/v1/me", "/api/v1/me", "{}", OF_AN_ACCOUNT),
    row(
        "PUT /api/v1/me/avatar",
        "/api/v1/me/avatar",
        "GIF89a",
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/avatar",
        "/api/v1/me/avatar",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "PUT /api/v1/me/password",
        "/api/v1/me/password",
        r#"{"new_password":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "PUT /api/v1/me/email",
        "/api/v1/me/email",
        r#"{"email":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/email",
        "/api/v1/me/email",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "GET /api/v1/me/export",
        "/api/v1/me/export",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "GET /api/v1/sessions",
        "/api/v1/sessions",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/sessions",
        "/api/v1/sessions",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/sessions/{id}",
        "/api/v1/me/sessions/019f0000-0000-7000-8000-000000000000",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/me/totp",
        "/api/v1/me/totp",
        "{}",
        OF_AN_ACCOUNT,
    ),
    row(
        "PUT /api/v1/me/totp",
        "/api/v1/me/totp",
        r#"{"offer":"x","code":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/totp",
        "/api/v1/me/totp",
        r#"{"code":"x"}"#,
        OF_AN_ACCOUNT,
    ),
    row("GET /api/v1/me/keys", "/api/v1/me/keys", "", OF_AN_ACCOUNT),
    row(
        "POST /api/v1/me/keys",
        "/api/v1/me/keys",
        r#"{"label":"x","scopes":[]}"#,
        OF_AN_ACCOUNT,
    ),
    row(
        "DELETE /api/v1/me/keys/{id}",
        "/api/v1/me/keys/019f0000-0000-7000-8000-000000000000",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "POST /api/v1/tokens/chat",
        "/api/v1/tokens/chat",
        "",
        OF_AN_ACCOUNT,
    ),
    row(
        "GET /api/v1/accounts",
        "/api/v1/accounts",
        "",
        MODERATORS_AWAY,
    ),
    row(
        "GET /api/v1/accounts/{id}",
        "/api/v1/accounts/019f0000-0000-7000-8000-000000000000",
        "",
        MODERATORS_AWAY,
    ),
    row(
        "PATCH /api/v1/accounts/{id}",
        "/api/v1/accounts/019f0000-0000-7000-8000-000000000000",
        "{}",
        MODERATORS_AWAY,
    ),
    row(
        "POST /api/v1/accounts/{id}/link",
        "/api/v1/accounts/019f0000-0000-7000-8000-000000000000/link",
        "",
        ADMINS_AWAY,
    ),
    row("GET /api/v1/invites", "/api/v1/invites", "", ADMINS_AWAY),
    row(
        "POST /api/v1/invites",
        "/api/v1/invites",
        r#"{"role":"viewer","uses":1,"hours":1}"#,
        ADMINS_AWAY,
    ),
    row(
        "DELETE /api/v1/invites/{id}",
        "/api/v1/invites/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_AWAY,
    ),
    row("GET /api/v1/addresses", "/api/v1/addresses", "", OPEN),
    row("GET /api/v1/apps/{app}", "/api/v1/apps/live", "", OPEN),
    row("GET /api/v1/autoscale", "/api/v1/autoscale", "", OPEN),
    row(
        "GET /api/v1/autoscale/{pool}",
        "/api/v1/autoscale/edges",
        "",
        OPEN,
    ),
    row("GET /api/v1/channels", "/api/v1/channels", "", [503; 5]),
    row(
        "POST /api/v1/channels",
        "/api/v1/channels",
        r#"{"name":"ann"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/channels/{name}",
        "/api/v1/channels/ann",
        "",
        [503, 401, 503, 503, 503],
    ),
    row(
        "POST /api/v1/channels/{name}/ticket",
        "/api/v1/channels/ann/ticket",
        "{}",
        [503, 401, 503, 503, 503],
    ),
    row(
        "PATCH /api/v1/channels/{name}",
        "/api/v1/channels/ann",
        r#"{"title":"Chess"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}",
        "/api/v1/channels/ann",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "PUT /api/v1/channels/{name}/cover",
        "/api/v1/channels/ann/cover",
        "GIF89a",
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}/cover",
        "/api/v1/channels/ann/cover",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "PUT /api/v1/channels/{name}/follow",
        "/api/v1/channels/ann/follow",
        "",
        [401, 401, 503, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}/follow",
        "/api/v1/channels/ann/follow",
        "",
        [401, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/channels/{name}/keys",
        "/api/v1/channels/ann/keys",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/channels/{name}/keys",
        "/api/v1/channels/ann/keys",
        "{}",
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}/keys/{id}",
        "/api/v1/channels/ann/keys/x",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/channels/{name}/keys/{id}/rotate",
        "/api/v1/channels/ann/keys/x/rotate",
        "{}",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/nodes/consult",
        // The digest of no body.
        "/api/v1/nodes/consult?sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/nodes/key-uses",
        "/api/v1/nodes/key-uses?sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/nodes/admission",
        "/api/v1/nodes/admission",
        "",
        [401, 401, 403, 403, 503],
    ),
    row(
        "GET /api/v1/me/channels",
        "/api/v1/me/channels",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/me/following",
        "/api/v1/me/following",
        "",
        [401, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/channels/{name}/schedule",
        "/api/v1/channels/ann/schedule",
        "",
        [503, 401, 503, 503, 503],
    ),
    row(
        "POST /api/v1/channels/{name}/schedule",
        "/api/v1/channels/ann/schedule",
        r#"{"title":"a","starts_ms":1}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}/schedule/{id}",
        "/api/v1/channels/ann/schedule/x",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/pages",
        "/api/v1/pages",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/pages",
        "/api/v1/pages",
        r#"{"kind":"help","slug":"a","title":"A"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/pages/preview",
        "/api/v1/pages/preview",
        r#"{"kind":"help","title":"A","language":"en"}"#,
        [401, 401, 403, 200, 200],
    ),
    row(
        "GET /api/v1/pages/{id}",
        "/api/v1/pages/019f0000-0000-7000-8000-000000000000",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "PATCH /api/v1/pages/{id}",
        "/api/v1/pages/019f0000-0000-7000-8000-000000000000",
        r#"{"title":"A"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/pages/{id}",
        "/api/v1/pages/019f0000-0000-7000-8000-000000000000",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/pages/{id}/versions",
        "/api/v1/pages/019f0000-0000-7000-8000-000000000000/versions",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/oembed",
        "/api/v1/oembed?url=https://tv.example/c/ann",
        "",
        [503; 5],
    ),
    row(
        "GET /api/v1/bans",
        "/api/v1/bans",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/bans",
        "/api/v1/bans",
        r#"{"stream":"live/a","reason":"x"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/bans/{id}",
        "/api/v1/bans/x",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/appeals",
        "/api/v1/appeals",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "POST /api/v1/bans/{ban}/appeals/{id}",
        "/api/v1/bans/x/appeals/y",
        r#"{"granted":true}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/me/bans",
        "/api/v1/me/bans",
        "",
        [401, 401, 503, 503, 503],
    ),
    row(
        "POST /api/v1/me/appeals",
        "/api/v1/me/appeals",
        r#"{"ban":"x","words":"y"}"#,
        [401, 401, 503, 503, 503],
    ),
    row("GET /api/v1/clients", "/api/v1/clients", "", MODERATORS),
    row(
        "DELETE /api/v1/clients/{id}",
        "/api/v1/clients/c-1",
        "",
        [401, 401, 403, 404, 404],
    ),
    row("GET /api/v1/cluster", "/api/v1/cluster", "", ADMINS),
    row(
        "GET /api/v1/clusters",
        "/api/v1/clusters?app=live&stream=a",
        "",
        OPEN,
    ),
    row(
        "POST /api/v1/clusters",
        "/api/v1/clusters?app=live&stream=a",
        "",
        OPEN,
    ),
    row(
        "POST /api/v1/dispatch/{purpose}",
        "/api/v1/dispatch/play",
        r#"{"app":"live","stream":"a","ip":"10.9.9.9"}"#,
        [401, 401, 403, 403, 503],
    ),
    row("GET /api/v1/drain", "/api/v1/drain", "", ADMINS),
    row("POST /api/v1/drain", "/api/v1/drain", "", ADMINS),
    row("GET /api/v1/live", "/api/v1/live", "", OPEN),
    row("GET /api/v1/openapi.json", "/api/v1/openapi.json", "", OPEN),
    row("GET /api/v1/streams", "/api/v1/streams", "", MODERATORS),
    row(
        "GET /api/v1/streams/{name}",
        "/api/v1/streams/live/a",
        "",
        [401, 401, 403, 404, 404],
    ),
    row(
        "GET /api/v1/streams/locate",
        "/api/v1/streams/locate?app=live&stream=none",
        "",
        [401, 401, 403, 403, 404],
    ),
    row(
        "POST /api/v1/streams/report",
        "/api/v1/streams/report",
        r#"{"app":"live","stream":"a","ip":"10.0.0.5","port":1935}"#,
        ADMINS,
    ),
    row("GET /api/v1/clients/", "/api/v1/clients/", "", MODERATORS),
    row("GET /api/v1/streams/", "/api/v1/streams/", "", MODERATORS),
    row("GET /api/v1/summaries", "/api/v1/summaries", "", MODERATORS),
    row("GET /api/v1/audit", "/api/v1/audit", "", ADMINS_STORE),
    row(
        "GET /api/v1/broadcasts",
        "/api/v1/broadcasts",
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/broadcasts/{id}",
        "/api/v1/broadcasts/019f0000-0000-7000-8000-000000000000",
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/recordings",
        "/api/v1/recordings",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/recordings/expiring",
        "/api/v1/recordings/expiring?in_hours=24",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/recordings/{id}",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000",
        "",
        HELPERS_STORE,
    ),
    row(
        "PATCH /api/v1/recordings/{id}",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000",
        r#"{"title":"Chess"}"#,
        HELPERS_STORE,
    ),
    row(
        "DELETE /api/v1/recordings/{id}",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000",
        "",
        HELPERS_STORE,
    ),
    row(
        "POST /api/v1/chat/publish",
        "/api/v1/chat/publish",
        r#"{"group":"r:1","kind":"gift","data":1}"#,
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/chat/history",
        "/api/v1/chat/history?group=r:1",
        "",
        MODERATORS_STORE,
    ),
    row(
        "POST /api/v1/recordings",
        "/api/v1/recordings",
        r#"{"app":"live","stream":"a"}"#,
        HELPERS_STORE,
    ),
    row(
        "POST /api/v1/recordings/{id}/stop",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000/stop",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/nodes/recordings/{id}",
        "/api/v1/nodes/recordings/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/channels/{name}/recordings",
        "/api/v1/channels/ann/recordings",
        "",
        [503, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/replays",
        "/api/v1/replays?stream=live/a",
        "",
        OPEN_STORE,
    ),
    row(
        "GET /api/v1/recordings/{id}/clips",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000/clips",
        "",
        HELPERS_STORE,
    ),
    row(
        "POST /api/v1/recordings/{id}/clips",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000/clips",
        r#"{"from_ms":1,"to_ms":2}"#,
        HELPERS_STORE,
    ),
    row(
        "DELETE /api/v1/recordings/{id}/clips/{clip}",
        "/api/v1/recordings/019f0000-0000-7000-8000-000000000000/clips/019f0000-0000-7000-8000-000000000000",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/chat/filter",
        "/api/v1/chat/filter?group=r:live/a",
        "",
        MODERATORS_STORE,
    ),
    row(
        "PUT /api/v1/chat/filter",
        "/api/v1/chat/filter?group=r:0",
        r#"{"words":["scam"],"links":true}"#,
        MODERATORS_STORE,
    ),
    row("GET /api/v1/gifts", "/api/v1/gifts", "", OPEN_STORE),
    row(
        "POST /api/v1/gifts",
        "/api/v1/gifts",
        r#"{"channel":"amy","gift":"rocket"}"#,
        HELPERS_STORE,
    ),
    row(
        "PUT /api/v1/gifts/{name}",
        "/api/v1/gifts/rocket",
        r#"{"title":"Rocket","price":500}"#,
        ADMINS_STORE,
    ),
    row(
        "DELETE /api/v1/gifts/{name}",
        "/api/v1/gifts/rocket",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/channels/{name}/gifts/top",
        "/api/v1/channels/amy/gifts/top?span=week",
        "",
        [503, 401, 503, 503, 503],
    ),
    row(
        "GET /api/v1/channels/{name}/gifts",
        "/api/v1/channels/amy/gifts",
        "",
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/me/wallet",
        "/api/v1/me/wallet",
        "",
        HELPERS_STORE,
    ),
    row("GET /api/v1/wallets/{user}", WALLET, "", ADMINS_STORE),
    row(
        "POST /api/v1/wallets/{user}/topups",
        TOP_UPS,
        r#"{"payment":"p-1","coins":100}"#,
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/wallets/{user}/refunds",
        REFUNDS,
        r#"{"gift":"019f0000-0000-7000-8000-000000000000","why":"a mistake"}"#,
        ADMINS_STORE,
    ),
    row("GET /api/v1/events", "/api/v1/events", "", MODERATORS_STORE),
    row("GET /api/v1/hooks", "/api/v1/hooks", "", ADMINS_STORE),
    row(
        "POST /api/v1/hooks",
        "/api/v1/hooks",
        r#"{"url":"https://example.net/"}"#,
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/hooks/{id}",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "PATCH /api/v1/hooks/{id}",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000",
        r#"{"state":"paused"}"#,
        ADMINS_STORE,
    ),
    row(
        "DELETE /api/v1/hooks/{id}",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/hooks/{id}/secret",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000/secret",
        "",
        ADMINS_STORE,
    ),
    row(
        "GET /api/v1/hooks/{id}/deliveries",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000/deliveries",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/hooks/{id}/deliveries/{delivery}/again",
        "/api/v1/hooks/019f0000-0000-7000-8000-000000000000/deliveries/019f0000-0000-7000-8000-000000000000/again",
        "",
        ADMINS_STORE,
    ),
    row(
        "POST /api/v1/nodes/report",
        "/api/v1/nodes/report?sha256=0",
        r#"{}"#,
        [401, 401, 403, 403, 403],
    ),
    row(
        "POST /api/v1/sessions/{id}/heartbeat",
        "/api/v1/sessions/019f0000-0000-7000-8000-000000000000/heartbeat",
        "",
        MODERATORS_STORE,
    ),
    // What the operator says of apps, categories and the node.
    row("GET /api/v1/settings", "/api/v1/settings", "", ADMINS),
    row("GET /api/v1/apps", "/api/v1/apps", "", ADMINS_STORE),
    row(
        "PUT /api/v1/apps/{app}",
        "/api/v1/apps/live/x",
        r#"{"rules":{}}"#,
        ADMINS_STORE,
    ),
    row(
        "DELETE /api/v1/apps/{app}",
        "/api/v1/apps/live/x",
        "",
        ADMINS_STORE,
    ),
    row("GET /api/v1/categories", "/api/v1/categories", "", [503; 5]),
    row(
        "PUT /api/v1/categories/{name}",
        "/api/v1/categories/games",
        r#"{"title":"Games"}"#,
        MODERATORS_STORE,
    ),
    row(
        "DELETE /api/v1/categories/{name}",
        "/api/v1/categories/games",
        "",
        MODERATORS_STORE,
    ),
    row(
        "GET /api/v1/accounts/{id}/sessions",
        "/api/v1/accounts/019f0000-0000-7000-8000-000000000000/sessions",
        "",
        MODERATORS_AWAY,
    ),
    row(
        "DELETE /api/v1/accounts/{id}/sessions/{session}",
        "/api/v1/accounts/019f0000-0000-7000-8000-000000000000/sessions/019f0000-0000-7000-8000-000000000001",
        "",
        MODERATORS_AWAY,
    ),
    // Whose channel it is stands in `moderation.rs`.
    row(
        "GET /api/v1/channels/{name}/followers",
        "/api/v1/channels/ann/followers",
        "",
        HELPERS_STORE,
    ),
    row(
        "PUT /api/v1/channels/{name}/schedule/{id}",
        "/api/v1/channels/ann/schedule/x",
        r#"{"title":"a","starts_ms":1}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "GET /api/v1/channels/{name}/team",
        "/api/v1/channels/ann/team",
        "",
        HELPERS_STORE,
    ),
    row(
        "PUT /api/v1/channels/{name}/team",
        "/api/v1/channels/ann/team",
        r#"{"account":"bob","role":"editor"}"#,
        [401, 401, 403, 503, 503],
    ),
    row(
        "DELETE /api/v1/channels/{name}/team/{id}",
        "/api/v1/channels/ann/team/x",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/me/teams",
        "/api/v1/me/teams",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/channels/{name}/bans",
        "/api/v1/channels/ann/bans",
        "",
        HELPERS_STORE,
    ),
    row(
        "POST /api/v1/channels/{name}/bans",
        "/api/v1/channels/ann/bans",
        r#"{"account":"eve","reason":"x"}"#,
        HELPERS_STORE,
    ),
    row(
        "DELETE /api/v1/channels/{name}/bans/{id}",
        "/api/v1/channels/ann/bans/x",
        "",
        HELPERS_STORE,
    ),
    row(
        "GET /api/v1/channels/{name}/appeals",
        "/api/v1/channels/ann/appeals",
        "",
        HELPERS_STORE,
    ),
    row(
        "POST /api/v1/channels/{name}/bans/{ban}/appeals/{id}",
        "/api/v1/channels/ann/bans/x/appeals/y",
        r#"{"granted":true}"#,
        HELPERS_STORE,
    ),
    row("GET /api/v1/versions", "/api/v1/versions", "", OPEN),
];

/// Every operation of the document, with what is said of it.
async fn document(world: &World) -> BTreeMap<String, Value> {
    let document = world.get("/api/v1/openapi.json").await.json();
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{} {path}", method.to_uppercase());
            operations.insert(name, operation.clone());
        }
    }
    operations
}

fn as_caller(row: &Row, caller: &str) -> Request<Body> {
    let (method, _) = row.operation.split_once(' ').unwrap();
    let asked = request(method, row.target, "10.3.0.1", row.body);
    match caller {
        "nobody" => asked,
        "operator" => with_token(asked),
        token => with_bearer(asked, token),
    }
}

fn world() -> World {
    World::new(record("d1", &[Role::Dispatcher], None))
}

#[tokio::test]
async fn each_route_answers_each_kind_of_caller_as_the_table_says() {
    let operations = document(&world()).await;
    let known: Vec<_> = TABLE.iter().map(|row| row.operation).collect();
    for operation in operations.keys() {
        assert!(
            known.contains(&operation.as_str()),
            "no row says who may {operation}"
        );
    }
    for row in TABLE {
        let said = operations.get(row.operation);
        let said = said.unwrap_or_else(|| panic!("the document has no {}", row.operation));
        for (caller, want) in CALLERS.iter().zip(row.statuses) {
            let answered = world().ask(as_caller(row, caller)).await;
            let what = format!("{} as {caller}: {}", row.operation, answered.text);
            assert_eq!(answered.status.as_u16(), want, "{what}");
            let documented = said["responses"].get(want.to_string());
            assert!(
                documented.is_some(),
                "{what}: the document does not say {want}"
            );
            if want == 401 {
                assert_eq!(
                    answered.header(header::WWW_AUTHENTICATE),
                    "Bearer",
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_the_document_says_is_guarded_and_what_is_guarded_it_says() {
    for row in TABLE {
        let operations = document(&world()).await;
        let says = operations[row.operation]["x-weir-right"].is_string();
        // Somebody's own place is open, another's is not.
        let is_open = row.statuses[0] != 401 || row.operation.contains("dispatch");
        assert_eq!(says, !is_open, "{}", row.operation);
    }
}

#[tokio::test]
async fn operators_have_what_is_theirs_at_their_own_door_alone() {
    let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
        config.has_admin_door = true;
    });
    let get = |target: &str| with_token(request("GET", target, "10.3.0.1", ""));
    for target in [
        "/api/v1/streams",
        "/api/v1/clients",
        "/api/v1/cluster",
        "/api/v1/autoscale",
        "/api/v1/autoscale/edges",
        "/metrics",
        "/console",
        "/console/users",
    ] {
        let answered = world.ask(get(target)).await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{target}");
        assert_eq!(answered.json()["code"], Code::NotFound.number(), "{target}");
        let answered = world.ask(by_admin_door(get(target))).await;
        assert_eq!(
            answered.status,
            StatusCode::OK,
            "{target}: {}",
            answered.text
        );
    }
    // Nodes and everybody else go on using the one they know.
    for target in ["/api/v1/live", "/api/v1/drain", "/watch/live/a", "/readyz"] {
        assert_eq!(
            world.ask(get(target)).await.status,
            StatusCode::OK,
            "{target}"
        );
    }
}

fn with_cookie(method: &str, target: &str, role: &str, origin: Option<&str>) -> Request<Body> {
    let mut asked = request(method, target, "10.3.0.1", "");
    let headers = asked.headers_mut();
    let cookie = format!("theme=dark; weir_session={role}");
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    headers.insert(header::HOST, "live.example".parse().unwrap());
    if let Some(origin) = origin {
        headers.insert(header::ORIGIN, origin.parse().unwrap());
    }
    asked
}

#[tokio::test]
async fn the_cookie_is_good_for_reading_and_changes_with_it_come_from_this_site() {
    let world = world();
    let code = |answered: &Answered| answered.json()["code"].as_u64().unwrap_or(0);
    let read = with_cookie(
        "GET",
        "/api/v1/drain",
        "admin",
        Some("https://evil.example"),
    );
    assert_eq!(world.ask(read).await.status, StatusCode::OK);
    for origin in [None, Some("https://evil.example"), Some("null")] {
        let change = with_cookie("POST", "/api/v1/drain", "admin", origin);
        let answered = world.ask(change).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{origin:?}");
        assert_eq!(code(&answered), u64::from(Code::CrossSite.number()));
        assert!(!world.shutdown.is_draining());
    }
    // A session that has ended is nobody's.
    let ended = with_cookie(
        "POST",
        "/api/v1/drain",
        "nobody",
        Some("https://live.example"),
    );
    assert_eq!(world.ask(ended).await.status, StatusCode::UNAUTHORIZED);
    let own = with_cookie(
        "POST",
        "/api/v1/drain",
        "admin",
        Some("https://live.example"),
    );
    assert_eq!(world.ask(own).await.status, StatusCode::OK);
    assert!(world.shutdown.is_draining());
}

#[tokio::test]
async fn a_refusal_names_the_right_that_is_missing() {
    let world = world();
    let asked = with_bearer(
        request("GET", "/api/v1/cluster", "10.3.0.1", ""),
        "moderator",
    );
    let answered = world.ask(asked).await.json();
    assert_eq!(answered["code"], Code::Forbidden.number());
    let words = json!("this takes the right cluster.read");
    assert_eq!(answered["detail"], words);
}
