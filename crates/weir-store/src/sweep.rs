//! Pictures that nothing names any more: what could not be removed when its place was away stays, and is found here.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;

use crate::error::StoreError;
use crate::module::Module;
use crate::objects::{Class, Key};
use crate::store::Store;

/// Where the pictures of accounts and channels are: `i/{two digits}/{id}-{width}.{extension}`.
const PLACE: &str = "i";

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that something names, or may still.
    pub kept: u64,
    /// Files that nothing names: gone, but for a dry run.
    pub gone: u64,
    /// Their bytes.
    pub gone_bytes: u64,
}

impl Store {
    /// Removes pictures of accounts and channels that no account and no channel names, and that were last written
    /// before `before_ms`, milliseconds since 1970: a younger one may be about to be named. With `is_dry` nothing goes.
    /// All their names are in memory at once: for commands.
    ///
    /// # Errors
    /// [`StoreError::Away`]; what is gone by then is gone.
    pub async fn sweep_pictures(&self, before_ms: i64, is_dry: bool) -> Result<Swept, StoreError> {
        let assets = self.objects(Class::Assets);
        let place = Key::new(PLACE).map_err(|error| StoreError::Fault(error.to_string()))?;
        let mut swept = Swept::default();
        let mut loose: HashMap<u128, Vec<(Key, u64)>> = HashMap::new();
        let mut listed = assets.list(Some(&place));
        while let Some((key, bytes)) = listed.try_next().await? {
            match picture_of(&key) {
                Some(id) => loose.entry(id).or_default().push((key, bytes)),
                None => swept.kept += 1,
            }
        }
        // The rows are read behind the list: what is named meanwhile is known.
        for (module, sql) in [
            (
                Module::Accounts,
                "SELECT avatar FROM accounts WHERE avatar <> ''",
            ),
            (
                Module::Content,
                "SELECT cover FROM channels WHERE cover <> ''",
            ),
        ] {
            let mut named = sqlx::query_scalar::<_, String>(sql).fetch(self.db(module).fresh());
            while let Some(name) = named.try_next().await? {
                let files = id_of(&name).and_then(|id| loose.remove(&id));
                swept.kept += files.map_or(0, |files| files.len() as u64);
            }
        }
        for (key, bytes) in loose.into_values().flatten() {
            match assets.written_ms(&key).await {
                Ok(written_ms) if written_ms < before_ms => {
                    if !is_dry {
                        assets.delete(&key).await?;
                    }
                    swept.gone += 1;
                    swept.gone_bytes += bytes;
                }
                Ok(_) => swept.kept += 1,
                Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(swept)
    }
}

/// The picture that a file is of.
fn picture_of(key: &Key) -> Option<u128> {
    let key = key.to_string();
    let (_, file) = key.rsplit_once('/')?;
    id_of(file.split_once('-')?.0)
}

fn id_of(name: &str) -> Option<u128> {
    (name.len() == 32).then_some(())?;
    u128::from_str_radix(name, 16).ok()
}
