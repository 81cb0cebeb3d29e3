//! All that is stored, opened together: the modules' databases and the classes of objects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_base::Clock;

use crate::config::{ClassConfig, Config, Place};
use crate::db::{Db, Opening, open};
use crate::error::StoreError;
use crate::id::{Id, Ids};
use crate::module::Module;
use crate::objects::{Class, Objects};
use crate::seal::{SealKeys, Sealing};
use crate::standing::Standing;

/// See the module's words. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    clock: Clock,
    partitions: u32,
    pub(crate) standing: Standing,
    pub(crate) sealing: Sealing,
    ids: Ids,
    accounts: Db,
    content: Db,
    events: Db,
    chat: Db,
    assets: Objects,
    recordings: Objects,
    logs: Objects,
}

impl Store {
    /// Opens all of it and brings the tables up to date. `data` is the folder of whatever has no other place.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for settings that make no sense, [`StoreError::Away`] where a database does not
    /// answer, [`StoreError::Full`] where there is no room.
    pub async fn open(config: &Config, data: &Path, clock: Clock) -> Result<Self, StoreError> {
        let store = Self::opened(config, data, clock).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// The same without looking at the tables: a server that is away now is found when it is needed. Until
    /// [`Store::migrate`] succeeds, or [`Store::watch`] runs, nothing is known to be there.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for settings that make no sense, [`StoreError::Away`] for a file that cannot be
    /// opened.
    pub async fn opened(config: &Config, data: &Path, clock: Clock) -> Result<Self, StoreError> {
        let main = module(config, data, &Place::default()).await?;
        let mut opened = Vec::with_capacity(Module::ALL.len());
        for part in Module::ALL {
            let place = place(config, part);
            let db = match place.url.is_empty() {
                true => main.clone(),
                false => module(config, data, place).await?,
            };
            opened.push(db);
        }
        let [accounts, content, events, chat] = <[Db; 4]>::try_from(opened)
            .map_err(|_| StoreError::Fault("a module has no database".to_owned()))?;
        let object = |class: Class| Objects::open(class, class_config(config, class), data);
        Ok(Self(Arc::new(Inner {
            partitions: config.partitions,
            standing: Standing::new(urls(config), data),
            sealing: Sealing::default(),
            ids: Ids::new(clock.clone()),
            assets: object(Class::Assets)?,
            recordings: object(Class::Recordings)?,
            logs: object(Class::Logs)?,
            accounts,
            content,
            events,
            chat,
            clock,
        })))
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Setting`] where a newer weir made them, [`StoreError::Away`] where a database does not answer,
    /// [`StoreError::Full`] where there is no room.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        for module in Module::ALL {
            self.db(module).migrate(module, self.0.partitions).await?;
        }
        self.0.standing.arrived();
        Ok(())
    }

    /// Seals secrets of apps and hooks from now on, and opens what these keys sealed. Said once, before anything is read.
    pub fn seal_by(&self, keys: SealKeys) {
        self.0.sealing.told(keys);
    }

    /// The database of a module.
    pub fn db(&self, module: Module) -> &Db {
        match module {
            Module::Accounts => &self.0.accounts,
            Module::Content => &self.0.content,
            Module::Events => &self.0.events,
            Module::Chat => &self.0.chat,
        }
    }

    /// The objects of a class.
    pub fn objects(&self, class: Class) -> &Objects {
        match class {
            Class::Assets => &self.0.assets,
            Class::Recordings => &self.0.recordings,
            Class::Logs => &self.0.logs,
        }
    }

    /// A new id.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn next_id(&self) -> Result<Id, StoreError> {
        let id = self.0.ids.next();
        id.map_err(|none| StoreError::Fault(none.to_string()))
    }

    /// Milliseconds since 1970: the time that rows are stamped with.
    pub fn now_ms(&self) -> i64 {
        self.0.clock.wall_us() / 1000
    }

    /// Closes what is open, after what is being written.
    pub async fn close(&self) {
        for module in Module::ALL {
            self.db(module).close().await;
        }
    }
}

/// Opens a module's database: at `place`, or where most of them live.
async fn module(config: &Config, data: &Path, place: &Place) -> Result<Db, StoreError> {
    let (url, replicas) = match place.url.is_empty() {
        true => (&config.url, &config.replicas),
        false => (&place.url, &place.replicas),
    };
    let timeout_ms = u64::try_from(config.timeout_ms).unwrap_or(0);
    let opening = Opening {
        url,
        replicas,
        data,
        connections: config.connections,
        timeout: Duration::from_millis(timeout_ms),
    };
    open(&opening).await
}

/// Of each database.
fn urls(config: &Config) -> impl Iterator<Item = &str> {
    let of = |module| match place(config, module).url.as_str() {
        "" => config.url.as_str(),
        url => url,
    };
    Module::ALL.into_iter().map(of)
}

fn place(config: &Config, module: Module) -> &Place {
    match module {
        Module::Accounts => &config.accounts,
        Module::Content => &config.content,
        Module::Events => &config.events,
        Module::Chat => &config.chat,
    }
}

fn class_config(config: &Config, class: Class) -> &ClassConfig {
    match class {
        Class::Assets => &config.assets,
        Class::Recordings => &config.recordings,
        Class::Logs => &config.logs,
    }
}
