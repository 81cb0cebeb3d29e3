//! Lays the sources over each other: defaults, file, environment, command line. What nobody knows is
//! refused with the nearest name that is known.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use toml::{Table, Value};
use weir_base::section::{Key, Section as _};

use super::Config;

/// Keys below these are named by the operator.
const FREE: &str = "apps";
/// Likeness above which a known key is worth naming.
const LIKENESS: f64 = 0.6;

/// Where settings come from, later ones win.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// `--config FILE`.
    pub(crate) file: Option<PathBuf>,
    /// Variables of the environment.
    pub(crate) environment: Vec<(String, String)>,
    /// `--set key=value`.
    pub(crate) set: Vec<String>,
}

/// Reads, merges and checks a configuration.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Config> {
    let mut table = Table::new();
    if let Some(path) = &sources.file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        table = text
            .parse()
            .with_context(|| format!("{} is not TOML", path.display()))?;
    }
    for (name, value) in &sources.environment {
        // WEIR_RTMP__LISTEN is rtmp.listen; other WEIR_ variables have no double underscore.
        if let Some(key) = name.strip_prefix("WEIR_").filter(|key| key.contains("__")) {
            let key = key.to_ascii_lowercase().replace("__", ".");
            put(&mut table, &key, value).with_context(|| format!("the variable {name}"))?;
        }
    }
    for setting in &sources.set {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--set {setting}: write key=value"))?;
        put(&mut table, key.trim(), value.trim()).with_context(|| format!("--set {setting}"))?;
    }
    refuse_unknown(&table)?;
    let config: Config =
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
            let path = error.path().to_string();
            anyhow::anyhow!("{path}: {}", error.into_inner().message().trim())
        })?;
    config.check()?;
    Ok(config)
}

/// Every key of the configuration.
pub(crate) fn known_keys() -> Vec<Key> {
    let mut keys = Vec::new();
    Config::keys("", &mut keys);
    keys
}

fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(inner) if key != FREE => collect(inner, &key, keys),
            _ => keys.push(key),
        }
    }
}

fn put(table: &mut Table, key: &str, value: &str) -> anyhow::Result<()> {
    // As TOML where it is TOML (numbers, lists, true), as a string where it is not.
    let parsed = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut at = table;
    let mut parts: Vec<&str> = key.split('.').collect();
    let Some(last) = parts.pop() else {
        bail!("the key is empty")
    };
    for part in parts {
        let next = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = next
            .as_table_mut()
            .with_context(|| format!("{part} is not a section"))?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

fn refuse_unknown(table: &Table) -> anyhow::Result<()> {
    let known: Vec<_> = known_keys().into_iter().map(|key| key.name).collect();
    let mut given = Vec::new();
    collect(table, "", &mut given);
    for key in given {
        let fits = known.contains(&key) || key == FREE || key.starts_with("apps.");
        if fits {
            continue;
        }
        let nearest = known
            .iter()
            .map(|known| {
                (
                    strsim::jaro_winkler(known, &key)
                        .max(strsim::jaro_winkler(last(known), last(&key)) - 0.05),
                    known,
                )
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > LIKENESS);
        match nearest {
            Some((_, nearest)) => bail!("unknown key {key}: did you mean {nearest}?"),
            None => bail!("unknown key {key}: `weir config default` shows all keys"),
        }
    }
    Ok(())
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_set(set: &[&str]) -> anyhow::Result<Config> {
        load(&Sources {
            set: set.iter().map(|s| (*s).to_owned()).collect(),
            ..Sources::default()
        })
    }

    #[test]
    fn later_sources_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("weir.toml");
        std::fs::write(
            &file,
            "[deliver]\nflush_ms = 100\n[hls]\nsegment_ms = 4000\n",
        )
        .unwrap();
        let environment = vec![
            ("WEIR_DELIVER__FLUSH_MS".to_owned(), "200".to_owned()),
            ("WEIR_RTMP__LISTEN".to_owned(), "127.0.0.1:7".to_owned()),
            ("WEIR_LOG".to_owned(), "debug".to_owned()),
        ];
        let set = vec!["deliver.flush_ms=50".to_owned()];
        let config = load(&Sources {
            file: Some(file),
            environment,
            set,
        })
        .unwrap();
        assert_eq!((config.deliver.flush_ms, config.hls.segment_ms), (50, 4000));
        assert_eq!(config.rtmp.listen.0[0].port(), 7);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        for (given, nearest) in [
            ("rtmp.listne=x", "rtmp.listen"),
            ("deliver.flush=1", "deliver.flush_ms"),
            ("hsl.part_ms=1", "hls.part_ms"),
        ] {
            let error = with_set(&[given]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("did you mean {nearest}?")),
                "{error}"
            );
        }
        assert!(with_set(&["apps.live.takeovr=true"]).is_err());
        assert!(
            with_set(&["apps.live.takeover=true"]).unwrap().apps["live"].takeover == Some(true)
        );
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        let error = with_set(&["deliver.flush_ms=soon"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("deliver.flush_ms"), "{error}");
    }
}
