//! From what a file says and what a site has to the steps between them. Pure.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::wanted::{Wanted, WantedCategory, WantedChannel, WantedHook};

/// What a site has, as its API tells it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By name: `rules`, `retention_hours`, `recording_hours`.
    pub(super) apps: BTreeMap<String, Value>,
    /// Those that the file names, by name.
    pub(super) channels: BTreeMap<String, Value>,
    /// Labels of the good keys of each of these.
    pub(super) keys: BTreeMap<String, Vec<String>>,
    /// By name.
    pub(super) categories: BTreeMap<String, Value>,
    pub(super) hooks: Vec<Value>,
    /// Passwords out of the environment, by channel.
    pub(super) passwords: BTreeMap<String, String>,
}

/// One request that brings the site nearer to the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// For people: what changes. No secret stands here.
    pub(super) lines: Vec<String>,
    pub(super) method: Method,
    pub(super) path: String,
    /// Null for none.
    pub(super) body: Value,
    /// What is shown once in the answer, and its name for people.
    shows: Vec<(&'static str, String)>,
}

/// Fields of a channel that are compared.
const CHANNEL_FIELDS: [&str; 6] = [
    "title",
    "description",
    "category",
    "language",
    "visibility",
    "record",
];
/// Fields of an app that are beside its rules.
const APP_FIELDS: [&str; 2] = ["retention_hours", "recording_hours"];
/// What a key of an app, and a question of it, has that is never told again.
const SECRETS: [&str; 2] = ["secret", "ask_secret"];

/// The steps, apps first.
pub(super) fn plan(wanted: &Wanted, found: &Found, is_pruned: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, rules) in &wanted.apps {
        steps.extend(app(name, rules, found.apps.get(name)));
    }
    // Before the channels, which are about them.
    for (name, category) in &wanted.categories {
        steps.extend(category_step(name, category, found.categories.get(name)));
    }
    for (name, channel) in &wanted.channels {
        steps.extend(channel_steps(name, channel, found));
    }
    let mut unclaimed: Vec<&Value> = found.hooks.iter().collect();
    for hook in &wanted.hooks {
        let at = unclaimed.iter().position(|found| is_same(hook, found));
        steps.extend(hook_step(hook, at.map(|at| unclaimed.remove(at))));
    }
    if is_pruned {
        let left = found.apps.keys();
        let left = left.filter(|name| !wanted.apps.contains_key(*name));
        steps.extend(left.map(|name| gone("app", name, format!("apps/{name}"))));
        let left = found.categories.keys();
        let left = left.filter(|name| !wanted.categories.contains_key(*name));
        steps.extend(left.map(|name| gone("category", name, format!("categories/{name}"))));
        steps.extend(unclaimed.into_iter().map(|hook| {
            let (id, url) = (text(hook, "id"), text(hook, "url"));
            gone("hook", url, format!("hooks/{id}"))
        }));
    }
    steps
}

fn app(name: &str, said: &Map<String, Value>, found: Option<&Value>) -> Option<Step> {
    let (mut rules, mut beside) = (said.clone(), Map::new());
    for field in APP_FIELDS {
        let value = rules.remove(field).unwrap_or(Value::Null);
        beside.insert(field.to_owned(), value);
    }
    let old = found.and_then(|found| found.get("rules")).cloned();
    let old = old.unwrap_or(Value::Null);
    let mut lines = Vec::new();
    let new = without_secrets(&Value::Object(rules.clone()));
    let empty = Map::new();
    let (new, old) = (
        new.as_object().unwrap_or(&empty),
        without_secrets(&old)
            .as_object()
            .cloned()
            .unwrap_or_default(),
    );
    for (field, value) in new {
        changed(&mut lines, field, old.get(field), value);
    }
    for (field, value) in &old {
        if !new.contains_key(field) && !value.is_null() {
            lines.push(format!("    - {field} = {value}"));
        }
    }
    for (field, value) in &beside {
        let old = found.and_then(|found| found.get(field));
        changed(&mut lines, field, old, value);
    }
    if found.is_some() && lines.is_empty() {
        return None;
    }
    lines.insert(0, headline("app", name, found.is_some()));
    beside.insert("rules".to_owned(), Value::Object(rules));
    Some(Step {
        lines,
        method: Method::PUT,
        path: format!("apps/{name}"),
        body: Value::Object(beside),
        shows: vec![("made", format!("secrets of {name}"))],
    })
}

fn category_step(name: &str, said: &WantedCategory, found: Option<&Value>) -> Option<Step> {
    let title_zh = said.title_zh.as_ref().unwrap_or(&said.title);
    let body = json!({ "title": said.title, "title_zh": title_zh, "place": said.place });
    let mut lines = Vec::new();
    for (field, value) in body.as_object().into_iter().flatten() {
        let old = found.and_then(|found| found.get(field));
        changed(&mut lines, field, old, value);
    }
    if lines.is_empty() {
        return None;
    }
    let path = format!("categories/{name}");
    let mut step = step(
        headline("category", name, found.is_some()),
        Method::PUT,
        path,
    );
    step.lines.extend(lines);
    step.body = body;
    Some(step)
}

fn channel_steps(name: &str, said: &WantedChannel, found: &Found) -> Vec<Step> {
    let there = found.channels.get(name);
    let mut steps = Vec::new();
    let mut wish = Map::from_iter([("name".to_owned(), json!(name))]);
    if there.is_none() {
        for (field, value) in [("title", &said.title), ("owner", &said.owner)] {
            if let Some(value) = value {
                wish.insert(field.to_owned(), json!(value));
            }
        }
        let step = step(
            headline("channel", name, false),
            Method::POST,
            "channels".into(),
        );
        steps.push(Step {
            body: Value::Object(wish),
            ..step
        });
    }
    let (mut lines, mut change) = (Vec::new(), Map::new());
    for (field, value) in CHANNEL_FIELDS.into_iter().zip(said.fields()) {
        let Some(value) = value.map(|value| json!(value)) else {
            continue;
        };
        let is_made = there.is_none() && field == "title";
        let old = there.and_then(|there| there.get(field));
        if !is_made && changed(&mut lines, field, old, &value) {
            change.insert(field.to_owned(), value);
        }
    }
    if change.get("visibility").is_some_and(|to| to == "password")
        && let Some(password) = found.passwords.get(name)
    {
        lines.push("    + password".to_owned());
        change.insert("password".to_owned(), json!(password));
    }
    if !change.is_empty() {
        let mut step = step(
            headline("channel", name, true),
            Method::PATCH,
            format!("channels/{name}"),
        );
        step.lines.extend(lines);
        step.body = Value::Object(change);
        steps.push(step);
    }
    let known = found.keys.get(name);
    for label in &said.keys {
        if known.is_some_and(|known| known.contains(label)) {
            continue;
        }
        let mut step = step(
            format!("+ key {label:?} of channel {name}"),
            Method::POST,
            format!("channels/{name}/keys"),
        );
        step.body = json!({ "label": label });
        step.shows = vec![("key", format!("stream key {label:?} of {name}"))];
        steps.push(step);
    }
    steps
}

fn is_same(hook: &WantedHook, found: &Value) -> bool {
    text(found, "url") == hook.url
        && text(found, "app") == hook.app
        && text(found, "dialect") == hook.dialect
}

fn hook_step(hook: &WantedHook, found: Option<&Value>) -> Option<Step> {
    let Some(found) = found else {
        let mut step = step(
            headline("hook", &hook.url, false),
            Method::POST,
            "hooks".into(),
        );
        step.body = json!({
            "url": hook.url, "app": hook.app, "types": hook.types, "dialect": hook.dialect,
        });
        step.shows = vec![("secret", format!("secret of {}", hook.url))];
        return Some(step);
    };
    let mut lines = Vec::new();
    changed(&mut lines, "types", found.get("types"), &json!(hook.types));
    if lines.is_empty() {
        return None;
    }
    let path = format!("hooks/{}", text(found, "id"));
    let mut step = step(headline("hook", &hook.url, true), Method::PATCH, path);
    step.lines.extend(lines);
    step.body = json!({ "types": hook.types });
    Some(step)
}

fn step(line: String, method: Method, path: String) -> Step {
    Step {
        lines: vec![line],
        method,
        path,
        body: Value::Null,
        shows: Vec::new(),
    }
}

fn gone(kind: &str, name: &str, path: String) -> Step {
    step(format!("- {kind} {name}"), Method::DELETE, path)
}

fn headline(kind: &str, name: &str, is_there: bool) -> String {
    let sign = if is_there { '~' } else { '+' };
    format!("{sign} {kind} {name}")
}

/// Adds a line where a field changes; whether it does.
fn changed(lines: &mut Vec<String>, field: &str, old: Option<&Value>, new: &Value) -> bool {
    let old = old.unwrap_or(&Value::Null);
    if old == new {
        return false;
    }
    lines.push(match old {
        Value::Null => format!("    + {field} = {new}"),
        old => format!("    ~ {field} = {new} (was {old})"),
    });
    true
}

/// The same without what is never told again, so that it is neither shown nor taken for a difference.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let shown = fields.iter();
            let shown = shown.filter(|(name, _)| !SECRETS.contains(&name.as_str()));
            let kept = shown.map(|(name, value)| (name.clone(), without_secrets(value)));
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        plain => plain.clone(),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

impl WantedChannel {
    /// In the order of [`CHANNEL_FIELDS`].
    fn fields(&self) -> [Option<&str>; CHANNEL_FIELDS.len()] {
        [
            &self.title,
            &self.description,
            &self.category,
            &self.language,
            &self.visibility,
            &self.record,
        ]
        .map(|field| field.as_deref())
    }
}

impl Step {
    /// What an answer shows this once.
    pub(super) fn shown(&self, answer: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        for (field, what) in &self.shows {
            match answer.get(field) {
                Some(Value::String(text)) => lines.push(format!("  {what}: {text}")),
                Some(Value::Array(made)) => {
                    lines.extend(made.iter().map(|one| {
                        format!("  {what}: {} {}", text(one, "id"), text(one, "secret"))
                    }));
                }
                _ => {}
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests;
