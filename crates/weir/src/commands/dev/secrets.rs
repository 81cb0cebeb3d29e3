//! What the nodes of the cluster share, kept from one start to the next.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use weir_base::ids;

use crate::compose::shared_stream_key_secret;

/// What all nodes share.
pub(super) struct SharedSecrets {
    /// Opens every node's admin API.
    pub(super) admin_token: String,
    /// The file as each node gets it, which is as each would make it.
    pub(super) file: String,
    /// What nodes prove themselves with.
    pub(super) cluster: String,
}

impl SharedSecrets {
    /// Reads them, or makes them the first time. They lie where `weir key --data` looks.
    pub(super) fn open(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let cluster = kept(&data.join("cluster.secret"))?;
        let admin_token = kept(&data.join("admin.token"))?;
        let keys = shared_stream_key_secret(&cluster);
        let file = format!("admin_token = {admin_token:?}\nstream_key_secret = {keys:?}\n");
        write_private(&data.join("secrets.toml"), &file)?;
        Ok(Self {
            admin_token,
            file,
            cluster,
        })
    }
}

/// A word of this file's own, the same at the next start.
fn kept(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(word) if !word.trim().is_empty() => return Ok(word.trim().to_owned()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
        _ => {}
    }
    let bytes = ids::random_bytes::<16>().context("the system gives no randomness")?;
    // Not a number, whatever is drawn: it is read as TOML on its way.
    let word = format!("dev-{}", ids::hex(&bytes));
    write_private(path, &word)?;
    Ok(word)
}

/// Writes a file that nobody else can read.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use weir_base::StreamName;

    use super::*;

    #[test]
    fn secrets_are_private_and_the_same_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let first = SharedSecrets::open(dir.path()).unwrap();
        let second = SharedSecrets::open(dir.path()).unwrap();
        assert_eq!(first.file, second.file);
        assert!(!first.admin_token.is_empty());
        assert_eq!(first.cluster, second.cluster);
        let mode = std::fs::metadata(dir.path().join("secrets.toml"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        crate::compose::stream_key(dir.path(), &StreamName::new("", "live", "me").unwrap())
            .unwrap();
    }
}
