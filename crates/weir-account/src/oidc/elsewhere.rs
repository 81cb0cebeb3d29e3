//! The providers of a site, how they are asked, and what is sealed while somebody is with one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use weir_store::seal::Seal;

use super::config::OidcProvider;
use super::provider::Provider;
use super::wire::OidcWire;
use crate::error::AccountError;

/// Providers elsewhere.
pub(crate) struct Elsewhere {
    providers: Vec<Provider>,
    wire: Option<Arc<dyn OidcWire>>,
    seal: Seal,
}

impl Elsewhere {
    pub(crate) fn new(
        providers: &[OidcProvider],
        wire: Option<Arc<dyn OidcWire>>,
        seal: Seal,
    ) -> Result<Self, AccountError> {
        let providers = providers.iter().map(Provider::new);
        Ok(Self {
            providers: providers.collect::<Result<_, _>>()?,
            wire,
            seal,
        })
    }

    pub(super) fn provider(&self, name: &str) -> Result<&Provider, AccountError> {
        let mut all = self.providers.iter();
        let found = all.find(|provider| provider.config.name == name);
        found.ok_or(AccountError::Missing("provider"))
    }

    pub(super) fn wire(&self) -> Result<&dyn OidcWire, AccountError> {
        let missing = || AccountError::Fault("nobody asks providers here".to_owned());
        self.wire.as_deref().ok_or_else(missing)
    }

    pub(super) fn close(&self, what: &impl Serialize, to: &str) -> Result<String, AccountError> {
        let text =
            serde_json::to_vec(what).map_err(|error| AccountError::Fault(error.to_string()))?;
        Ok(URL_SAFE_NO_PAD.encode(self.seal.close(&text, to)?))
    }

    pub(super) fn open<T: DeserializeOwned>(&self, sealed: &str, from: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        serde_json::from_slice(&self.seal.open(&sealed, from)?).ok()
    }
}
