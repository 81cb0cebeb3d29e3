//! The rulebook: what the configuration says and what the snapshot says, joined for each app, so that a decision
//! looks things up and works nothing out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use weir_base::StreamName;
use weir_base::sign::SigningKey;

use crate::dialect::{AppKey, Dialect, Keyring, Opens};
use crate::rules::{AppRules, Auth, PlayAuth, PublishAuth};
use crate::snapshot::{Change, Channel, Delta, Position, Snapshot, Untaken};

/// The part of the configuration that admission goes by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileRules {
    /// What counts where an app says nothing: `[auth]`.
    pub auth: Auth,
    /// Settings of one app, by its name: `[apps.NAME]`.
    pub apps: BTreeMap<String, AppRules>,
    /// `stream.takeover`.
    pub takeover: bool,
}

/// An app as decisions see it: what the store, the file and `[auth]` say of it, in this order.
#[derive(Debug)]
pub struct App {
    /// Of store and file together.
    pub rules: AppRules,
    /// Who may publish.
    pub publish: PublishAuth,
    /// Who may play.
    pub play: PlayAuth,
    /// Whether a live name may be taken over.
    pub takeover: bool,
    /// Its own keys, or those of `[auth]` where it has none.
    pub keyring: Keyring,
}

/// Configuration and snapshot, joined for each app. One for a node; who decides looks, who hears of changes takes them.
#[derive(Debug)]
pub struct Rulebook {
    book: RwLock<Book>,
    /// Goes up when somebody who was admitted may be so no more.
    tightened: watch::Sender<u64>,
}

/// What a decision looks at.
#[derive(Debug)]
pub(crate) struct Book {
    file: FileRules,
    pub(crate) snapshot: Snapshot,
    apps: HashMap<Box<str>, Arc<App>>,
    /// For all apps of which nothing is said.
    other: Arc<App>,
}

impl Rulebook {
    /// Of the configuration alone.
    pub fn new(file: FileRules) -> Self {
        let other = Arc::new(App::new(&AppRules::default(), &file));
        let snapshot = Snapshot::default();
        let book = Book {
            apps: join_all(&snapshot, &file),
            file,
            snapshot,
            other,
        };
        Self {
            book: RwLock::new(book),
            tightened: watch::Sender::new(0),
        }
    }

    /// Another configuration, for whoever comes from now on and, as far as bans and rules go, for who is here.
    pub fn reconfigure(&self, file: FileRules) {
        let mut book = self.book.write();
        if book.file == file {
            return;
        }
        book.other = Arc::new(App::new(&AppRules::default(), &file));
        book.apps = join_all(&book.snapshot, &file);
        book.file = file;
        drop(book);
        self.tighten();
    }

    /// Another snapshot, all of it.
    pub fn install(&self, snapshot: Snapshot) {
        loop {
            // Joined aside: keys of ten thousand apps take a moment to read, and nobody is decided on meanwhile.
            let file = self.book.read().file.clone();
            let apps = join_all(&snapshot, &file);
            let mut book = self.book.write();
            if book.file == file {
                let old_apps = std::mem::replace(&mut book.apps, apps);
                let old = std::mem::replace(&mut book.snapshot, snapshot);
                drop(book);
                // Freed while nobody waits for the book.
                drop((old, old_apps));
                break;
            }
        }
        self.tighten();
    }

    /// What changed in the snapshot.
    ///
    /// # Errors
    /// When it does not fit: a whole snapshot is needed then.
    pub fn take(&self, delta: &Delta) -> Result<(), Untaken> {
        let mut book = self.book.write();
        let tightens = delta.changes.iter().any(|change| book.tightens(change));
        let taken = book.snapshot.take(delta);
        for change in &delta.changes {
            if let Change::App { name, .. } | Change::AppGone { name } = change {
                book.join(name);
            }
        }
        drop(book);
        if tightens {
            self.tighten();
        }
        taken
    }

    /// Where the snapshot stands; `None` before there is one.
    pub fn position(&self) -> Option<Position> {
        self.book.read().snapshot.position().cloned()
    }

    /// Told when somebody who was admitted may be so no more: then clients are judged again.
    pub fn tightened(&self) -> watch::Receiver<u64> {
        self.tightened.subscribe()
    }

    /// The app of this name.
    pub fn app(&self, name: &str) -> Arc<App> {
        self.read().app(name).clone()
    }

    /// Seconds between two pictures of a stream as its channel, else its app has them, where one of them says so.
    pub fn shot_every_s(&self, name: &StreamName) -> Option<u32> {
        let book = self.read();
        let of_channel = book
            .channel_of(name)
            .and_then(|channel| channel.shot_every_s);
        of_channel.or(book.app(name.app()).rules.shot_every_s)
    }

    /// Keys that sign tickets, the newest first.
    pub fn ticket_keys(&self) -> Vec<SigningKey> {
        self.read().snapshot.ticket_keys().to_vec()
    }

    /// To look at, for no longer than a decision takes.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read()
    }

    fn tighten(&self) {
        self.tightened.send_modify(|count| *count += 1);
    }
}

impl Book {
    /// The channel whose stream this is.
    pub(crate) fn channel_of(&self, name: &StreamName) -> Option<&Arc<Channel>> {
        match name.vhost() {
            "" => self.snapshot.channel(&name.to_string()),
            // A channel's stream has no virtual host.
            _ => None,
        }
    }

    pub(crate) fn app(&self, name: &str) -> &Arc<App> {
        self.apps.get(name).unwrap_or(&self.other)
    }

    fn join(&mut self, name: &str) {
        match join(&self.snapshot, &self.file, name) {
            Some(app) => self.apps.insert(name.into(), Arc::new(app)),
            None => self.apps.remove(name),
        };
    }

    /// Whether a change may take away what somebody was admitted by.
    fn tightens(&self, change: &Change) -> bool {
        match change {
            Change::App { .. } | Change::AppGone { .. } => true,
            Change::Ban(_)
            | Change::ChannelBan(_)
            | Change::ChannelGone { .. }
            | Change::TicketKeys(_)
            | Change::Withdrawn(_) => true,
            Change::BanGone { .. } => false,
            Change::Channel(channel) => {
                let old = self.snapshot.channel_by_id(&channel.id);
                let is_same = old.is_some_and(|old| {
                    let facts = |of: &crate::snapshot::Channel| {
                        (of.path(), of.owner.clone(), of.visibility, of.round)
                    };
                    facts(old) == facts(channel)
                });
                // A new one may stand where somebody plays or publishes without it.
                !is_same
            }
            Change::Key(key) => self.snapshot.key(&key.digest).is_some(),
            Change::KeyGone { digest } => self.snapshot.key(digest).is_some(),
        }
    }
}

/// All apps of which something is said.
fn join_all(snapshot: &Snapshot, file: &FileRules) -> HashMap<Box<str>, Arc<App>> {
    let of_store = snapshot.apps().map(|(name, _)| name);
    let names = of_store.chain(file.apps.keys().map(String::as_str));
    let names: BTreeSet<&str> = names.collect();
    let join = |name| Some((Box::from(name), Arc::new(join(snapshot, file, name)?)));
    names.into_iter().filter_map(join).collect()
}

fn join(snapshot: &Snapshot, file: &FileRules, name: &str) -> Option<App> {
    let rules = match (snapshot.app(name), file.apps.get(name)) {
        (Some(of_store), Some(of_file)) => of_store.over(of_file),
        (Some(of_store), None) => AppRules::clone(of_store),
        (None, of_file) => of_file?.clone(),
    };
    Some(App::new(&rules, file))
}

impl App {
    fn new(rules: &AppRules, file: &FileRules) -> Self {
        let keyring = if rules.has_keys() {
            Keyring::of_good(&rules.keys, &rules.jwks)
        } else {
            let keys = file.auth.keys.iter().map(|key| AppKey {
                dialect: Dialect::Native,
                id: key.id.clone(),
                secret: key.secret.clone(),
                public_key: String::new(),
                opens: Opens::Signed,
            });
            Keyring::of_good(&keys.collect::<Vec<_>>(), "")
        };
        Self {
            publish: rules.publish.unwrap_or(file.auth.publish),
            play: rules.play.unwrap_or(file.auth.play),
            takeover: rules.takeover.unwrap_or(file.takeover),
            rules: rules.clone(),
            keyring,
        }
    }
}
