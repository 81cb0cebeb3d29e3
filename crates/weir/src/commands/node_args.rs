//! Which node a command speaks to, and by whose right.

use std::path::PathBuf;

use super::serve::DEFAULT_DATA;
use crate::compose;

#[derive(Debug, clap::Args)]
pub(super) struct NodeArgs {
    /// The node's HTTP address, such as http://10.0.0.5:8080; by default the one that runs in --data.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Its admin token, or an API key of an admin; by default the token in --data.
    #[arg(long, value_name = "TOKEN", env = "WEIR_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The data directory of the node.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA, env = "WEIR_DATA")]
    data: PathBuf,
}

impl NodeArgs {
    /// The node's address without a slash at its end, and the token.
    pub(super) fn base_and_token(self) -> anyhow::Result<(String, String)> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => compose::running_at(&self.data)?,
        };
        let token = match self.token {
            Some(token) => token,
            None => compose::admin_token(&self.data)?,
        };
        Ok((base, token))
    }
}
