//! Where nonces of signed URLs are remembered, so that each admits once: in the process, or where all nodes look.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use weir_base::nonce::{NonceUse, Nonces};
use weir_base::{Code, Refusal};
use weir_cluster::store::NonceStore;

/// What a claim comes to.
pub(crate) type Claimed<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Nonces of this process and, where there is a registry, of the cluster.
///
/// The process's own are always asked first: they cost nothing, and hold while the registry is away.
/// Then a nonce may be used once on each node, which the log says once a minute, and what is signed with an
/// address is no wider than before.
pub(crate) struct NonceBook {
    here: Nonces,
    everywhere: Option<Arc<dyn NonceStore>>,
}

impl NonceBook {
    pub(crate) fn new(everywhere: Option<Arc<dyn NonceStore>>) -> Self {
        Self {
            here: Nonces::default(),
            everywhere,
        }
    }

    /// Whether a claim has to wait for an answer from elsewhere.
    pub(crate) const fn is_alone(&self) -> bool {
        self.everywhere.is_none()
    }

    /// Notes a use at `now_s` in this process.
    ///
    /// # Errors
    /// 1005 when it was used before, 1002 when it is too long.
    pub(crate) fn claim_here(&self, claim: NonceUse<'_>, now_s: i64) -> Result<(), Refusal> {
        self.here.claim(claim, now_s)
    }

    /// Notes a use in the cluster. While its registry is away what this process knows counts.
    ///
    /// # Errors
    /// 1005 when it was used before on another node.
    pub(crate) fn claim_everywhere<'a>(&'a self, claim: NonceUse<'a>, now_s: i64) -> Claimed<'a> {
        let Some(store) = &self.everywhere else {
            return Box::pin(std::future::ready(Ok(())));
        };
        Box::pin(async move {
            let ttl_ms = claim
                .expiry_s
                .saturating_sub(now_s)
                .saturating_mul(1_000)
                .max(1);
            // Line breaks stand in neither part, so no two pairs are one key.
            let id = format!("{}\n{}", claim.key_id, claim.nonce);
            match store.claim_nonce(id, claim.by.to_owned(), ttl_ms).await {
                Ok(by) if by.is_none() => Ok(()),
                Ok(Some(by)) if claim.is_repeated && by == claim.by => Ok(()),
                Ok(_) => Err(Code::AuthReplayed.into()),
                Err(_) => Ok(()),
            }
        })
    }
}
