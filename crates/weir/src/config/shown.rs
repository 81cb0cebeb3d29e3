//! The settings as operators read them over HTTP: every key with its meaning, and no secret.

use serde_json::Value;
use weir_api::Setting;
use weir_base::section::{Section as _, Takes};

use super::Config;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";
/// Parts of the names of what is secret.
const SECRET: [&str; 7] = [
    "secret",
    "token",
    "password",
    "credential",
    "private",
    "keys",
    "access_key",
];

impl Config {
    /// All of it, without secrets.
    pub(crate) fn shown(&self) -> Vec<Setting> {
        let mut keys = Vec::new();
        Self::keys("", &mut keys);
        let (own, default) = (as_value(self), as_value(&Self::default()));
        let one = |key: weir_base::section::Key| {
            let pointer = format!("/{}", key.name.replace('.', "/"));
            let value = own.pointer(&pointer).cloned().unwrap_or_default();
            let usual = default.pointer(&pointer).cloned().unwrap_or_default();
            Setting {
                is_set: value != usual,
                value: without_secrets(&key.name, value),
                name: key.name,
                meaning: key.meaning,
                needs_restart: key.takes == Takes::Restart,
            }
        };
        keys.into_iter().map(one).collect()
    }
}

fn as_value(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

/// `name` is the last one above it, dotted or not.
fn without_secrets(name: &str, value: Value) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_empty = match &value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    if !is_empty && SECRET.iter().any(|secret| last.contains(secret)) {
        return HIDDEN.into();
    }
    match value {
        Value::String(text) => without_userinfo(text).into(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| without_secrets(last, item));
            Value::Array(items.collect())
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = without_secrets(&name, value);
                (name, value)
            });
            Value::Object(fields.collect())
        }
        other => other,
    }
}

/// A URL without who signs in, and without its query: databases and mail have passwords there.
fn without_userinfo(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?***"),
        None => (rest, ""),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{HIDDEN}@{host}{path}{query}"),
        None => format!("{scheme}://{rest}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_shown_and_no_secret() {
        let text = r#"
            [cluster]
            secret = "a secret of the cluster"
            redis = "redis://u:pass-one@10.0.0.1/1"
            [admin]
            token = "pass-two"
            [store]
            url = "postgres://weir:pass-three@db/weir?password=pass-four"
            [mail]
            url = "smtp://u:pass-five@mail:587"
            [[auth.keys]]
            id = "k"
            secret = "pass-six-long-enough"
            [apps.live]
            max_kbps = 7
            [[apps.live.keys]]
            id = "k"
            secret = "pass-seven-long-enough"
        "#;
        let config: Config = toml::from_str(text).unwrap();
        let shown = config.shown();
        let all = serde_json::to_string(&shown).unwrap();
        assert!(!all.contains("pass-"), "{all}");
        assert!(!all.contains("a secret of"), "{all}");
        assert!(
            all.contains("db/weir") && all.contains("\"max_kbps\":7"),
            "{all}"
        );
        let one = |name: &str| shown.iter().find(|one| one.name == name).unwrap();
        assert!(one("admin.token").is_set && !one("http.listen").is_set);
        let mut keys = Vec::new();
        Config::keys("", &mut keys);
        assert_eq!(shown.len(), keys.len());
        assert!(
            shown
                .iter()
                .all(|one| one.value != Value::Null || !one.is_set)
        );
    }
}
