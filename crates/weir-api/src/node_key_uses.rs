//! `POST /api/v1/nodes/key-uses`: nodes tell which stream keys were published with.

use axum::body::Bytes;
use axum::extract::State as Extract;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::missed::MISSED_SETS;
use weir_admit::uses::{KEY_USES, KeyUse};
use weir_store::{Id, Store, StoreError};

use crate::asked::{check_digest, read_json};
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Bytes of one telling: [`KEY_USES`] of some 220 bytes.
pub const MAX_KEY_USES_BYTES: usize = 512 * 1024;

/// Uses as they go from node to node. Fields that one does not know it leaves alone.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToldKeyUses {
    /// The last use of each key.
    pub uses: Vec<KeyUse>,
    /// Apps in whose key set a key was missed.
    #[serde(default)]
    pub missed: Vec<String>,
}

impl ToldKeyUses {
    /// Where nodes tell.
    pub const PATH: &str = "/api/v1/nodes/key-uses";
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(tell))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_KEY_USES_BYTES))
}

/// Tell which stream keys were published with
///
/// For nodes of the cluster: the proof is over the address, which holds the body's digest.
#[utoipa::path(post, path = "/api/v1/nodes/key-uses", tag = "cluster", operation_id = "node_key_uses",
    request_body(content = Object, description = "weir's own: keys, times and addresses"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        (status = 204, description = "It is written down"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn tell(
    Extract(state): Extract<State>,
    uri: Uri,
    body: Bytes,
) -> Result<StatusCode, Refused> {
    check_digest(&uri, &body)?;
    let store = state.store()?;
    let told: ToldKeyUses = read_json(&body)?;
    keep_key_uses(store, &told).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down which keys were used, and where one was missed; those that are no keys of the store are left out.
///
/// # Errors
/// [`StoreError::Away`].
pub async fn keep_key_uses(store: &Store, told: &ToldKeyUses) -> Result<(), StoreError> {
    let missed = told.missed.get(..told.missed.len().min(MISSED_SETS));
    store.apps().miss_keys(missed.unwrap_or_default()).await?;
    for used in told.uses.iter().take(KEY_USES) {
        let ids = [&used.owner, &used.channel, &used.key].map(|id| id.parse::<Id>());
        let [Ok(owner), Ok(channel), Ok(key)] = ids else {
            continue;
        };
        let address = used.address.to_canonical().to_string();
        let channels = store.channels();
        let kept = channels.key_was_used((owner, channel, key), used.at_ms, &address);
        kept.await?;
    }
    Ok(())
}
