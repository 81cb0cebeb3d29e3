//! Answers that are kept where all api nodes find them: sealed, since a key that is shown once may stand in one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use weir_account::AccountService;
use weir_base::ids;
use weir_cluster::store::Waiting;
use weir_store::Store;
use weir_store::accounts::{Claim, ReplyKey};

use super::{Begun, KEPT_MS, RUNNING_MS, Replies, Reply};
use crate::refused::Refused;

/// They, in the store.
pub(crate) struct StoredReplies {
    store: Store,
    accounts: AccountService,
}

/// An answer before it is sealed.
#[derive(Serialize, Deserialize)]
struct Plain {
    status: u16,
    headers: Vec<(String, String)>,
    /// Base64.
    body: String,
}

impl StoredReplies {
    pub(crate) const fn new(store: Store, accounts: AccountService) -> Self {
        Self { store, accounts }
    }

    async fn claim(&self, key: &ReplyKey, digest: [u8; 32], now_ms: i64) -> Result<Begun, Refused> {
        let digest = ids::hex(&digest);
        let times = (now_ms - RUNNING_MS, now_ms - KEPT_MS);
        let claimed = self
            .store
            .replies()
            .claim(key, &digest, now_ms, times)
            .await?;
        Ok(match claimed {
            Claim::First => Begun::First,
            Claim::Kept(other, _) if other != digest => Begun::Another,
            Claim::Kept(_, sealed) if sealed.is_empty() => Begun::Running,
            Claim::Kept(_, sealed) => {
                let opened = self.accounts.open_reply(&sealed, &owner(key));
                // Sealed with another secret it says nothing; doing it twice would be worse.
                opened
                    .and_then(|text| read(&text))
                    .map_or(Begun::Running, Begun::Answered)
            }
        })
    }

    async fn keep(&self, key: &ReplyKey, reply: Option<Reply>) {
        let rows = self.store.replies();
        let sealed = reply.and_then(|reply| {
            let text = serde_json::to_vec(&Plain::from(&reply)).ok()?;
            self.accounts.seal_reply(&text, &owner(key)).ok()
        });
        let kept = match sealed {
            Some(sealed) => rows.keep(key, sealed).await,
            None => rows.give_back(key).await,
        };
        if let Err(error) = kept {
            // Sent again it is refused for a minute, and then done again.
            tracing::warn!("an answer is not kept: {error}");
        }
    }
}

impl Replies for StoredReplies {
    fn begin(
        &self,
        key: ReplyKey,
        digest: [u8; 32],
        now_ms: i64,
    ) -> Waiting<'_, Result<Begun, Refused>> {
        Box::pin(async move { self.claim(&key, digest, now_ms).await })
    }

    fn finish(&self, key: ReplyKey, reply: Option<Reply>) -> Waiting<'_, ()> {
        Box::pin(async move { self.keep(&key, reply).await })
    }
}

impl From<&Reply> for Plain {
    fn from(reply: &Reply) -> Self {
        let headers = reply.headers.iter();
        let headers = headers.filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Self {
            status: reply.status.as_u16(),
            headers: headers.collect(),
            body: BASE64.encode(&reply.body),
        }
    }
}

fn read(text: &[u8]) -> Option<Reply> {
    let plain: Plain = serde_json::from_slice(text).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in plain.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(Reply {
        status: StatusCode::from_u16(plain.status).ok()?,
        headers,
        body: Bytes::from(BASE64.decode(plain.body).ok()?),
    })
}

/// Whom an answer is sealed to.
fn owner(key: &ReplyKey) -> String {
    format!("{} {}", key.user_id, key.id)
}
