//! What stands on the store, on nodes whose roles include api: the accounts. An edge opens no database.

use std::sync::Arc;

use weir_account::{AccountService, Parts, RootSecret};
use weir_api::{Happenings, Identify, NoAccounts};
use weir_serve::Core;
use weir_serve::front::{Addresses, DoorKind};

use super::providers::AskedProviders;
use super::secrets::Secrets;
use crate::config::Config;

/// What stands on the store; empty on a node that is no api node.
#[derive(Clone, Default)]
pub(super) struct Control(Option<AccountService>);

impl Control {
    /// Starts what stands on the store, where this node has one.
    pub(super) fn start(
        config: &Config,
        secrets: &Secrets,
        happenings: Option<&Happenings>,
        core: &Core,
    ) -> anyhow::Result<Self> {
        let Some(store) = happenings.map(|happenings| happenings.store.clone()) else {
            return Ok(Self::default());
        };
        let accounts = AccountService::start(Parts {
            store,
            accounts: config.accounts.clone(),
            mail: config.mail.clone(),
            root: RootSecret::new(secrets.account_secret(&config.cluster.secret))?,
            wire: Some(Arc::new(AskedProviders::new(core))),
            clock: core.hub.clock().clone(),
            tasks: core.tasks.clone(),
            shutdown: core.shutdown.clone(),
        })?;
        Ok(Self(Some(accounts)))
    }

    /// The accounts, for the API.
    pub(super) fn accounts(&self) -> Option<AccountService> {
        self.0.clone()
    }

    /// Who knows whose credentials are whose.
    pub(super) fn identify(&self) -> Arc<dyn Identify> {
        match self.accounts() {
            Some(accounts) => Arc::new(accounts),
            None => Arc::new(NoAccounts),
        }
    }

    /// A link by which the first admin signs in, until there is a password.
    pub(super) async fn first_admin_link(&self, addresses: &Addresses) -> Option<String> {
        let accounts = self.accounts()?;
        let http = addresses.first(DoorKind::Http);
        let site = http.map(|address| format!("http://localhost:{}", address.port()));
        match accounts.first_admin_link().await {
            Ok(link) => link.map(|link| match link.starts_with('/') {
                true => format!("{}{link}", site.unwrap_or_default()),
                false => link,
            }),
            Err(error) => {
                tracing::warn!("no link for the first admin: {error}");
                None
            }
        }
    }
}
