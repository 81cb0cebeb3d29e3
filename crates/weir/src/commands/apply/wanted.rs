//! What a file says.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Things of one kind in a file.
const MAX_THINGS: usize = 10_000;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// By name: what `[apps.NAME]` of the configuration may say, and `retention_hours`, `recording_hours`.
    pub(super) apps: BTreeMap<String, Map<String, Value>>,
    /// By name.
    pub(super) channels: BTreeMap<String, WantedChannel>,
    /// By name.
    pub(super) categories: BTreeMap<String, WantedCategory>,
    pub(super) hooks: Vec<WantedHook>,
}

/// A channel; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WantedChannel {
    /// The name of the account that it is made for.
    pub(super) owner: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) category: Option<String>,
    pub(super) language: Option<String>,
    pub(super) visibility: Option<String>,
    /// `on`, `off` or `app`.
    pub(super) record: Option<String>,
    /// The environment variable that holds its password: sent when its visibility becomes `password`.
    pub(super) password_env: Option<String>,
    /// Labels of stream keys that it has.
    pub(super) keys: Vec<String>,
}

/// What channels may be about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedCategory {
    pub(super) title: String,
    /// As in English where nobody says.
    #[serde(default)]
    pub(super) title_zh: Option<String>,
    #[serde(default)]
    pub(super) place: i64,
}

/// A hook: another URL, app or dialect is another hook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedHook {
    pub(super) url: String,
    #[serde(default)]
    pub(super) app: String,
    #[serde(default = "standard")]
    pub(super) dialect: String,
    #[serde(default)]
    pub(super) types: Vec<String>,
}

fn standard() -> String {
    "standard".to_owned()
}

impl Wanted {
    /// Reads a file.
    ///
    /// # Errors
    /// What it says that makes no sense, and where.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let wanted: Self = toml::from_str(text).context("is not what `weir apply` takes")?;
        let most = wanted
            .apps
            .len()
            .max(wanted.channels.len())
            .max(wanted.categories.len())
            .max(wanted.hooks.len());
        ensure!(most <= MAX_THINGS, "more than {MAX_THINGS} of a kind");
        for (name, channel) in &wanted.channels {
            let mut labels = channel.keys.clone();
            labels.sort();
            labels.dedup();
            ensure!(
                labels.len() == channel.keys.len(),
                "channels.{name}.keys: two keys have the same label"
            );
        }
        let apps = wanted.apps.keys().map(|name| ("apps", name));
        let channels = wanted.channels.keys().map(|name| ("channels", name));
        let categories = wanted.categories.keys().map(|name| ("categories", name));
        for (kind, name) in apps.chain(channels).chain(categories) {
            ensure!(is_name(name), "{kind}.{name:?}: is no name");
        }
        Ok(wanted)
    }
}

/// Whether it is one level of a path: whatever else it is, the API refuses it.
fn is_name(name: &str) -> bool {
    let leads_elsewhere = |c: char| matches!(c, '/' | '\\' | '?' | '#' | '%') || c.is_control();
    !matches!(name, "" | "." | "..") && !name.contains(leads_elsewhere)
}
