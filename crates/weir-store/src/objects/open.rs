//! Where a class's objects are: a URL read once, at the start.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use super::Class;
use crate::config::ClassConfig;
use crate::error::StoreError;

/// The store that `config` names.
///
/// # Errors
/// [`StoreError::Setting`].
pub(super) fn open(
    class: Class,
    config: &ClassConfig,
    data: &Path,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let url = config.url.as_str();
    if url.is_empty() {
        return folder(&data.join(class.name()));
    }
    if let Some(path) = url.strip_prefix("file:") {
        return folder(Path::new(path));
    }
    if url.starts_with("s3://") {
        return s3(class, config);
    }
    let words = format!("store.{}.url is neither file: nor s3://", class.name());
    Err(StoreError::Setting(words))
}

/// A folder: each object is written beside its place, brought to the disk, and then named.
fn folder(path: &Path) -> Result<Arc<dyn ObjectStore>, StoreError> {
    std::fs::create_dir_all(path).map_err(|error| {
        let words = format!("the folder {} cannot be made: {error}", path.display());
        match error.kind() {
            ErrorKind::StorageFull => StoreError::Full(words),
            _ => StoreError::Setting(words),
        }
    })?;
    Ok(Arc::new(
        LocalFileSystem::new_with_prefix(path)?.with_fsync(true),
    ))
}

#[cfg(not(feature = "s3"))]
fn s3(class: Class, _: &ClassConfig) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let words = format!(
        "store.{}.url: this binary is built without S3",
        class.name()
    );
    Err(StoreError::Setting(words))
}

#[cfg(feature = "s3")]
fn s3(class: Class, config: &ClassConfig) -> Result<Arc<dyn ObjectStore>, StoreError> {
    use object_store::aws::{AmazonS3Builder, Checksum};
    use object_store::prefix::PrefixStore;

    let about = |words: String| StoreError::Setting(format!("store.{}.url: {words}", class.name()));
    let url = url::Url::parse(&config.url).map_err(|error| about(error.to_string()))?;
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
    let bucket =
        bucket.ok_or_else(|| about("it names no bucket: s3://BUCKET/PREFIX".to_owned()))?;
    let mut builder = match config.credentials.is_empty() {
        true => AmazonS3Builder::from_env(),
        false => {
            let given = credentials(Path::new(&config.credentials))?;
            AmazonS3Builder::new()
                .with_access_key_id(given.access_key_id)
                .with_secret_access_key(given.secret_access_key)
        }
    };
    builder = builder
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_virtual_hosted_style_request(false);
    for (name, value) in url.query_pairs() {
        builder = match name.as_ref() {
            "endpoint" => builder
                .with_allow_http(value.starts_with("http://"))
                .with_endpoint(value),
            "region" => builder.with_region(value),
            "path_style" => builder.with_virtual_hosted_style_request(value != "true"),
            other => {
                let words = format!("{other} is none of endpoint, region, path_style");
                return Err(about(words));
            }
        };
    }
    let store = builder.build().map_err(|error| about(error.to_string()))?;
    let prefix = url.path().trim_matches('/');
    Ok(match prefix.is_empty() {
        true => Arc::new(store),
        false => Arc::new(PrefixStore::new(store, prefix)),
    })
}

/// The file that `credentials` names.
#[cfg(feature = "s3")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
}

#[cfg(feature = "s3")]
fn credentials(path: &Path) -> Result<Credentials, StoreError> {
    let about = |words: String| StoreError::Setting(format!("{}: {words}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| about(error.to_string()))?;
    // Without the parser's own words: they quote the line, and so the secret.
    toml::from_str(&text).map_err(|_| {
        about("it has not access_key_id = \"…\" and secret_access_key = \"…\"".to_owned())
    })
}
