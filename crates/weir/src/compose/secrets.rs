//! The node's secrets: made at the first start, kept in the data directory, readable by nobody else.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use weir_base::{ids, sign};

use crate::config::Config;

const FILE: &str = "secrets.toml";

/// See the module's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Opens the admin API.
    pub(crate) admin_token: String,
    /// From which all stream keys are derived. Changing it revokes them all.
    stream_key_secret: String,
}

impl Secrets {
    /// Reads them, or makes them the first time. A token in the configuration wins.
    pub(crate) fn open(data: &Path, config: &Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)
            .with_context(|| format!("cannot make the data directory {}", data.display()))?;
        let path = data.join(FILE);
        let mut secrets = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| {
                format!(
                    "{} cannot be read; remove it to make new secrets",
                    path.display()
                )
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(&path)?,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        if !config.admin.token.is_empty() {
            secrets.admin_token.clone_from(&config.admin.token);
        }
        Ok(secrets)
    }

    /// Reads them where a server made them.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: is --data the server's data directory?",
                path.display()
            )
        })?;
        toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))
    }

    /// The stream key of one stream.
    pub(crate) fn stream_key(&self, vhost: &str, app: &str, stream: &str) -> String {
        sign::stream_key(self.stream_key_secret.as_bytes(), vhost, app, stream)
    }

    fn make(path: &Path) -> anyhow::Result<Self> {
        let random = || {
            ids::random_bytes::<16>()
                .map(|bytes| ids::hex(&bytes))
                .context("the system gives no randomness")
        };
        let secrets = Self {
            admin_token: random()?,
            stream_key_secret: random()?,
        };
        let text = toml::to_string(&secrets)?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = Secrets::open(dir.path(), &Config::default()).unwrap();
        let second = Secrets::open(dir.path(), &Config::default()).unwrap();
        assert_eq!(first.admin_token, second.admin_token);
        assert_eq!(
            first.stream_key("", "live", "a"),
            second.stream_key("", "live", "a")
        );
        let mode = std::fs::metadata(dir.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
