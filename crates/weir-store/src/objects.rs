//! Objects by class: small pictures, recordings, logs. Each class has its own place, a folder or an S3 store.
//!
//! What an object means, who may see it and when it goes is known by the rows that name it.

mod key;
mod open;
mod upload;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use sha2::{Digest as _, Sha256};
use weir_base::ids;

use crate::config::ClassConfig;
use crate::error::StoreError;

pub use key::{BadKey, Key};
pub use upload::Upload;

/// Bytes of an object that is read whole at most: larger ones are read in ranges.
pub const MAX_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// How often it is looked whether all that was to go is gone.
const LOOKS: usize = 4;

/// What kind of object it is, and so where it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Avatars, covers and other small pictures.
    Assets,
    /// Recordings and what is made of them.
    Recordings,
    /// Logs that are kept.
    Logs,
}

impl Class {
    /// Its name in settings, and its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Recordings => "recordings",
            Self::Logs => "logs",
        }
    }
}

/// What was stored: kept by the row that names the object, to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// One class's objects. Clones share the connection.
#[derive(Clone)]
pub struct Objects {
    class: Class,
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    /// The place that `config` names, or the class's folder in `data`.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for a place that makes no sense.
    pub fn open(class: Class, config: &ClassConfig, data: &Path) -> Result<Self, StoreError> {
        let store = open::open(class, config, data)?;
        Ok(Self { class, store })
    }

    /// Stores `bytes`, whole or not at all. The same again is the same.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Away`].
    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<Stored, StoreError> {
        let stored = Stored::of(&bytes);
        self.store
            .put(key.path(), PutPayload::from_bytes(bytes))
            .await?;
        Ok(stored)
    }

    /// Stores `bytes` where nothing is yet, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where something is; [`StoreError::Full`], [`StoreError::Away`].
    pub async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(bytes);
        self.store.put_opts(key.path(), payload, options).await?;
        Ok(())
    }

    /// How long an object is.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Away`].
    pub async fn length(&self, key: &Key) -> Result<u64, StoreError> {
        Ok(self.store.head(key.path()).await?.size)
    }

    /// When an object was last written, milliseconds since 1970, by the clock of its place.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Away`].
    pub async fn written_ms(&self, key: &Key) -> Result<i64, StoreError> {
        let head = self.store.head(key.path()).await?;
        Ok(head.last_modified.timestamp_millis())
    }

    /// Begins an object that comes piece by piece, and exists when it is finished.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Away`].
    pub async fn upload(&self, key: &Key) -> Result<Upload, StoreError> {
        Ok(Upload::new(self.store.put_multipart(key.path()).await?))
    }

    /// The whole of an object, as it was written.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Damaged`] where it is not what was `stored`;
    /// [`StoreError::Bound`] above [`MAX_WHOLE_BYTES`].
    pub async fn get(&self, key: &Key, stored: &Stored) -> Result<Bytes, StoreError> {
        if stored.bytes > MAX_WHOLE_BYTES {
            let words = format!("{key} has {} bytes: read it in ranges", stored.bytes);
            return Err(StoreError::Bound(words));
        }
        let bytes = self.range(key, 0..stored.bytes).await?;
        if Stored::of(&bytes) == *stored {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged(format!("{}/{key}", self.class.name())))
        }
    }

    /// The whole of an object that nothing but its name is known of, where it has at most `most` bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Bound`] where it has more.
    pub async fn whole(&self, key: &Key, most: u64) -> Result<Bytes, StoreError> {
        let found = self.store.get(key.path()).await?;
        if found.meta.size > most {
            let words = format!("{key} has {} bytes, more than {most}", found.meta.size);
            return Err(StoreError::Bound(words));
        }
        Ok(found.bytes().await?)
    }

    /// The bytes in `range` of an object.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Damaged`] where it is shorter.
    pub async fn range(&self, key: &Key, range: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end - range.start;
        let options = GetOptions::new().with_range(Some(range));
        let bytes = self
            .store
            .get_opts(key.path(), options)
            .await?
            .bytes()
            .await?;
        if u64::try_from(bytes.len()).ok() == Some(wanted) {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged(format!(
                "{}/{key} is shorter",
                self.class.name()
            )))
        }
    }

    /// Removes an object; one that is gone already is gone.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        match self.store.delete(key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes all objects below `prefix`, and looks whether they are gone.
    ///
    /// # Errors
    /// [`StoreError::Away`], also where more comes as often as it is looked: what is gone by then is gone.
    pub async fn delete_all(&self, prefix: &Key) -> Result<(), StoreError> {
        for _ in 0..LOOKS {
            let mut listed = self.list(Some(prefix));
            let mut found = 0;
            while let Some(object) = listed.next().await {
                let (key, _) = object?;
                self.delete(&key).await?;
                found += 1;
            }
            if found == 0 {
                return Ok(());
            }
        }
        Err(StoreError::Away(format!("{prefix} is still written to")))
    }

    /// The first parts of the keys of all objects that have more than one, each once, in order. All of them are in
    /// memory at once: for commands.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn folders(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.store.list_with_delimiter(None).await?;
        let names = listed.common_prefixes.iter();
        let mut names: Vec<String> = names.map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The objects whose keys begin with the whole parts of `prefix`, and their lengths, in no order.
    pub fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<(Key, u64), StoreError>> {
        let listed = self.store.list(prefix.map(Key::path));
        let kept = listed.filter_map(|object| {
            std::future::ready(match object {
                // What is no key of ours was put there by somebody else.
                Ok(meta) => Key::new(meta.location.as_ref())
                    .ok()
                    .map(|key| Ok((key, meta.size))),
                Err(error) => Some(Err(error.into())),
            })
        });
        kept.boxed()
    }
}

impl Stored {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: ids::hex(&Sha256::digest(bytes)),
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({})", self.class.name())
    }
}
