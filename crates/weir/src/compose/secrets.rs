//! The node's secrets: made at the first start, kept in the data directory, readable by nobody else.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use weir_base::{ids, sign};

use crate::config::Config;

const FILE: &str = "secrets.toml";
/// Keys of a file that are read: one, and those before it.
const MAX_SEAL_KEYS: usize = 8;

/// What `secrets.toml` holds; hex strings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Opens the admin API.
    pub(crate) admin_token: String,
    /// From which all stream keys are derived. Changing it revokes them all.
    stream_key_secret: String,
    /// From which all that signs and seals for accounts is derived, where the cluster has no secret. Changing it
    /// takes second factors away.
    #[serde(default)]
    account_secret: String,
}

/// From which all nodes of a cluster derive the same stream keys.
pub(crate) fn shared_stream_key_secret(cluster_secret: &str) -> String {
    sign::mac_hex(cluster_secret, "stream keys")
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
        if secrets.account_secret.is_empty() {
            // Made by a version that had none.
            secrets.account_secret = random()?;
            secrets.replace(&path)?;
        }
        if !config.cluster.secret.is_empty() {
            // One key opens a stream on all nodes; kept, so that `weir key` needs no configuration.
            let shared = shared_stream_key_secret(&config.cluster.secret);
            if secrets.stream_key_secret != shared {
                secrets.stream_key_secret = shared;
                secrets.replace(&path)?;
            }
        }
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

    /// From which all stream keys are derived.
    pub(crate) fn stream_key_secret(&self) -> &str {
        &self.stream_key_secret
    }

    /// What signs and seals for accounts: the same on all nodes of a cluster that has a secret.
    pub(crate) fn account_secret(&self, cluster_secret: &str) -> String {
        match cluster_secret {
            "" => self.account_secret.clone(),
            shared => sign::mac_hex(shared, "accounts"),
        }
    }

    /// What seals secrets in the store, the same on all nodes that have it: the newest first, and behind it what may
    /// have sealed before.
    pub(crate) fn seal_secrets(&self, config: &Config) -> anyhow::Result<Vec<String>> {
        let mut secrets = Vec::new();
        let file = config.store.seal_key_file.as_str();
        if !file.is_empty() {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("store.seal_key_file: cannot read {file}"))?;
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            secrets.extend(lines.take(MAX_SEAL_KEYS).map(str::to_owned));
            anyhow::ensure!(
                !secrets.is_empty(),
                "store.seal_key_file: {file} has no key"
            );
        }
        let shared = self.account_secret(&config.cluster.secret);
        for root in [shared.as_str(), &self.account_secret] {
            let secret = sign::mac_hex(root, "secrets in the store");
            if !secrets.contains(&secret) {
                secrets.push(secret);
            }
        }
        Ok(secrets)
    }

    fn replace(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("new");
        let _ = std::fs::remove_file(&beside);
        self.write(&beside)?;
        std::fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn make(path: &Path) -> anyhow::Result<Self> {
        let secrets = Self {
            admin_token: random()?,
            stream_key_secret: random()?,
            account_secret: random()?,
        };
        secrets.write(path)?;
        Ok(secrets)
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = toml::to_string(self)?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn random() -> anyhow::Result<String> {
    ids::random_bytes::<16>()
        .map(|bytes| ids::hex(&bytes))
        .context("the system gives no randomness")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nodes_of_a_cluster_have_the_same_stream_keys() {
        let mut config = Config::default();
        config.cluster.secret = "a secret of the cluster".into();
        let key = || {
            let dir = tempfile::tempdir().unwrap();
            let alone = Secrets::open(dir.path(), &Config::default()).unwrap();
            let joined = Secrets::open(dir.path(), &config).unwrap();
            let key = joined.stream_key("", "live", "a");
            assert_ne!(key, alone.stream_key("", "live", "a"));
            let read = Secrets::read(dir.path()).unwrap();
            assert_eq!(key, read.stream_key("", "live", "a"));
            key
        };
        assert_eq!(key(), key());
    }

    #[test]
    fn a_file_of_keys_seals_and_what_sealed_before_still_opens() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(dir.path(), &Config::default()).unwrap();
        let alone = secrets.seal_secrets(&Config::default()).unwrap();
        assert_eq!(alone.len(), 1);
        let mut config = Config::default();
        config.cluster.secret = "a secret of the cluster".into();
        let joined = secrets.seal_secrets(&config).unwrap();
        assert_eq!((joined.len(), &joined[1]), (2, &alone[0]));
        let file = dir.path().join("keys");
        config.store.seal_key_file = file.display().to_string();
        assert!(secrets.seal_secrets(&config).is_err());
        std::fs::write(
            &file,
            "# the newest\nsecond key of this site\n\nfirst key of this site\n",
        )
        .unwrap();
        let of_file = secrets.seal_secrets(&config).unwrap();
        assert_eq!(
            of_file[..2],
            ["second key of this site", "first key of this site"]
        );
        assert_eq!(of_file[2..], joined);
    }

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
