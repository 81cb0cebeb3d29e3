//! Passkeys: made, listed, named, removed, and signed in with.

use axum::Json;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{MadePasskey, Question, ShownPasskey};
use weir_store::Id;
use weir_store::accounts::Passkey;

use super::sessions::{SignedInView, WantedKind};
use super::{AccountsAway, BySession, Visitor, done, refused};
use crate::asked::{JsonBody, PathParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// A question to a browser.
#[derive(Debug, Serialize, ToSchema)]
struct QuestionView {
    /// To be sent back with the answer, within five minutes.
    offer: String,
    /// `publicKey` of `navigator.credentials.create` or `get`, as `parseCreationOptionsFromJSON` and
    /// `parseRequestOptionsFromJSON` of `PublicKeyCredential` read it (WebAuthn, level 3).
    #[schema(value_type = Object)]
    options: Value,
}

/// The password, once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse" }))]
struct PasskeyWish {
    /// Left out where the account has none.
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

/// A passkey that a browser made. What it says is in base64url without padding.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "offer": "c2VhbGVk", "label": "My phone", "client_data": "e30", "attestation": "oA" }))]
struct NewPasskeyOrder {
    /// As it was answered.
    offer: String,
    /// What its owner calls it, in 50 characters.
    label: String,
    /// `response.clientDataJSON`.
    client_data: String,
    /// `response.attestationObject`.
    attestation: String,
}

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "My old phone" }))]
struct PasskeyName {
    /// In 50 characters.
    label: String,
}

/// Somebody who shows a passkey. What the browser says is in base64url without padding.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "offer": "c2VhbGVk", "credential": "Y3JlZA", "client_data": "e30", "authenticator_data": "AA", "signature": "AA",
}))]
struct PasskeySignIn {
    /// As it was answered.
    offer: String,
    /// `id`.
    credential: String,
    /// `response.clientDataJSON`.
    client_data: String,
    /// `response.authenticatorData`.
    authenticator_data: String,
    /// `response.signature`.
    signature: String,
    /// `response.userHandle`, where there is one.
    #[serde(default)]
    user_handle: String,
    /// How the session is shown; both when nothing is said.
    #[serde(default)]
    kind: WantedKind,
}

/// What signs its owner in from a device, as they see it.
#[derive(Debug, Serialize, ToSchema)]
struct PasskeyView {
    id: String,
    /// What its owner calls it.
    label: String,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// When it was last used, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    used_ms: Option<i64>,
}

/// The passkeys of an account.
#[derive(Debug, Serialize, ToSchema)]
struct PasskeyList {
    items: Vec<PasskeyView>,
    /// Always null: an account has few.
    next: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(offer))
        .routes(routes!(rename, remove))
}

pub(super) fn open_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(sign_in))
}

/// Begin to add a passkey
///
/// Nothing changes until the browser's answer is sent.
#[utoipa::path(post, path = "/api/v1/me/passkeys/offer", tag = "accounts", operation_id = "passkey_offer",
    request_body = PasskeyWish,
    responses(
        (status = 200, description = "What the browser is to make", body = QuestionView),
        (status = 409, description = "This site has no name that passkeys could belong to",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn offer(
    BySession(own): BySession,
    visitor: Visitor,
    JsonBody(order): JsonBody<PasskeyWish>,
) -> Result<Json<QuestionView>, Refused> {
    let offered = own
        .service
        .offer_passkey(&own.account, &order.password, &visitor.origin, &own.client)
        .await;
    offered
        .map(|question| Json(question.into()))
        .map_err(refused)
}

/// Add a passkey
#[utoipa::path(post, path = "/api/v1/me/passkeys", tag = "accounts", operation_id = "passkey_add",
    request_body = NewPasskeyOrder,
    responses(
        (status = 201, description = "It signs in from now on", body = PasskeyView),
        (status = 401, description = "The offer is too old, or was taken",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is there already, or there are too many",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn add(
    BySession(own): BySession,
    visitor: Visitor,
    JsonBody(order): JsonBody<NewPasskeyOrder>,
) -> Result<(StatusCode, Json<PasskeyView>), Refused> {
    let made = MadePasskey {
        label: &order.label,
        client_data: &order.client_data,
        attestation: &order.attestation,
    };
    let added = own
        .service
        .add_passkey(&own.account, &order.offer, made, &visitor.origin)
        .await;
    let added = added.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// One's passkeys
#[utoipa::path(get, path = "/api/v1/me/passkeys", tag = "accounts", operation_id = "passkey_list",
    responses((status = 200, description = "The passkeys, oldest first", body = PasskeyList), AccountsAway),
)]
async fn list(BySession(own): BySession) -> Result<Json<PasskeyList>, Refused> {
    let passkeys = own.service.passkeys(own.account.user_id).await;
    let passkeys = passkeys.map_err(refused)?;
    Ok(Json(PasskeyList {
        items: passkeys.into_iter().map(PasskeyView::from).collect(),
        next: None,
    }))
}

/// Name a passkey
#[utoipa::path(patch, path = "/api/v1/me/passkeys/{id}", tag = "accounts", operation_id = "passkey_name",
    params(("id" = String, Path, description = "Its id")),
    request_body = PasskeyName,
    responses((status = 200, description = "As it is now", body = PasskeyView), NotThere, AccountsAway),
)]
async fn rename(
    BySession(own): BySession,
    PathParts(id): PathParts<Id>,
    JsonBody(order): JsonBody<PasskeyName>,
) -> Result<Json<PasskeyView>, Refused> {
    let user_id = own.account.user_id;
    let named = own.service.rename_passkey(user_id, id, &order.label).await;
    named.map(|passkey| Json(passkey.into())).map_err(refused)
}

/// Remove a passkey
#[utoipa::path(delete, path = "/api/v1/me/passkeys/{id}", tag = "accounts", operation_id = "passkey_remove",
    params(("id" = String, Path, description = "Its id")),
    request_body = PasskeyWish,
    responses((status = 204, description = "It signs in no more"), NotThere, AccountsAway),
)]
async fn remove(
    BySession(own): BySession,
    PathParts(id): PathParts<Id>,
    JsonBody(order): JsonBody<PasskeyWish>,
) -> Result<StatusCode, Refused> {
    let removed = own
        .service
        .remove_passkey(&own.account, id, &order.password, &own.client)
        .await;
    done(removed, StatusCode::NO_CONTENT)
}

/// Begin to sign in by a passkey
///
/// The answer says nothing of any account.
#[utoipa::path(post, path = "/api/v1/sessions/passkey/offer", tag = "accounts", operation_id = "session_passkey_offer",
    responses(
        (status = 200, description = "What the browser is to show", body = QuestionView),
        (status = 409, description = "This site has no name that passkeys could belong to",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn ask(visitor: Visitor) -> Result<Json<QuestionView>, Refused> {
    let question = visitor.service.ask_passkey(&visitor.origin);
    question
        .map(|question| Json(question.into()))
        .map_err(refused)
}

/// Sign in by a passkey
///
/// It stands for the password and the second factor together: its owner was verified by the authenticator.
#[utoipa::path(post, path = "/api/v1/sessions/passkey", tag = "accounts", operation_id = "session_by_passkey",
    request_body = PasskeySignIn,
    responses(
        (status = 201, description = "Signed in", body = SignedInView),
        (status = 401, description = "The passkey is nobody's or not good, or the offer is too old or was taken",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "This site has no name that passkeys could belong to",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn sign_in(
    visitor: Visitor,
    JsonBody(order): JsonBody<PasskeySignIn>,
) -> Result<axum::response::Response, Refused> {
    let shown = ShownPasskey {
        credential: &order.credential,
        client_data: &order.client_data,
        authenticator_data: &order.authenticator_data,
        signature: &order.signature,
        user_handle: &order.user_handle,
    };
    let (origin, kind) = (&visitor.origin, order.kind.into());
    let signed_in = visitor
        .service
        .sign_in_by_passkey(&order.offer, shown, kind, origin, &visitor.client)
        .await;
    visitor.let_in(signed_in, StatusCode::CREATED)
}

impl From<Question> for QuestionView {
    fn from(question: Question) -> Self {
        Self {
            offer: question.offer,
            options: question.options,
        }
    }
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id.to_string(),
            label: passkey.label,
            created_ms: passkey.created_ms,
            used_ms: (passkey.used_ms > 0).then_some(passkey.used_ms),
        }
    }
}
