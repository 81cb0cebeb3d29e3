//! A site, asked and changed over its API.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{Method, StatusCode, header};
use serde_json::Value;
use weir_link::http::{HttpRequest, exchange};
use weir_link::url::HttpUrl;

use super::plan::{Found, Step};
use super::wanted::Wanted;

/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Pages of one list that are read.
const MAX_PAGES: usize = 1_000;

/// Where, and by whose right.
pub(super) struct Site {
    base: String,
    token: String,
}

impl Site {
    pub(super) const fn new(base: String, token: String) -> Self {
        Self { base, token }
    }

    /// What is there of what the file is about.
    pub(super) async fn find(&self, wanted: &Wanted) -> anyhow::Result<Found> {
        let mut found = Found::default();
        if !wanted.apps.is_empty() {
            let apps = self.list("apps").await?;
            let named = |app: Value| Some((app.get("app")?.as_str()?.to_owned(), app));
            found.apps = apps.into_iter().filter_map(named).collect();
        }
        if !wanted.categories.is_empty() {
            let categories = self.list("categories").await?;
            let named = |one: Value| Some((one.get("name")?.as_str()?.to_owned(), one));
            found.categories = categories.into_iter().filter_map(named).collect();
        }
        for (name, channel) in &wanted.channels {
            let Some(there) = self.get(&format!("channels/{name}")).await? else {
                continue;
            };
            found.channels.insert(name.clone(), there);
            if !channel.keys.is_empty() {
                found.keys.insert(name.clone(), self.labels(name).await?);
            }
        }
        if !wanted.hooks.is_empty() {
            found.hooks = self.list("hooks").await?;
        }
        found.passwords = passwords(wanted)?;
        Ok(found)
    }

    /// Makes one change; what was answered.
    pub(super) async fn act(&self, step: &Step) -> anyhow::Result<Value> {
        let (status, answer) = self
            .ask(step.method.clone(), &step.path, &step.body)
            .await?;
        if !status.is_success() {
            bail!("{}: {}", step.path, words(status, &answer));
        }
        Ok(answer)
    }

    /// Labels of a channel's keys that are good.
    async fn labels(&self, channel: &str) -> anyhow::Result<Vec<String>> {
        let path = format!("channels/{channel}/keys");
        let keys = self.get(&path).await?.unwrap_or(Value::Null);
        let keys = keys.get("items").and_then(Value::as_array);
        let is_good = |key: &&Value| {
            let is_set = |field| key.get(field).is_some_and(|value: &Value| !value.is_null());
            !is_set("revoked_ms") && !is_set("expires_ms")
        };
        let good = keys.into_iter().flatten().filter(is_good);
        let label = |key: &Value| Some(key.get("label")?.as_str()?.to_owned());
        Ok(good.filter_map(label).collect())
    }

    /// All pages of a list.
    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let page = self.get(&format!("{path}?limit=20{after}")).await?;
            let page = page.with_context(|| {
                format!(
                    "{} has no /api/v1/{path}: is it of this release?",
                    self.base
                )
            })?;
            let items = page.get("items").and_then(Value::as_array);
            all.extend(items.into_iter().flatten().cloned());
            let Some(next) = page.get("next").and_then(Value::as_str) else {
                return Ok(all);
            };
            let mut query = form_urlencoded::Serializer::new(String::new());
            after = format!("&{}", query.append_pair("after", next).finish());
        }
        bail!("{path} has more than {MAX_PAGES} pages")
    }

    /// None where there is no such thing.
    async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let (status, answer) = self.ask(Method::GET, path, &Value::Null).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer)),
            status => bail!("{path}: {}", words(status, &answer)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let url = HttpUrl::parse(&format!("{}/api/v1/{}", self.base, encoded(path)))?;
        let mut request = HttpRequest::new(method, &url, TIMEOUT)
            .header(header::AUTHORIZATION, &format!("Bearer {}", self.token))?;
        if !body.is_null() {
            request = request.json(body.to_string());
        }
        let answer = exchange(&request).await;
        let answer = answer.with_context(|| url.to_string())?;
        if answer.body.is_empty() {
            return Ok((answer.status, Value::Null));
        }
        let read = serde_json::from_slice(&answer.body);
        let read = read.with_context(|| format!("{url}: the answer is not weir's"))?;
        Ok((answer.status, read))
    }
}

/// Names may be of any script.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn words(status: StatusCode, answer: &Value) -> String {
    let field = |name| answer.get(name).and_then(Value::as_str);
    let detail = field("detail").or_else(|| field("title"));
    match detail {
        Some(detail) => format!("{status}: {detail}"),
        None => status.to_string(),
    }
}

fn passwords(wanted: &Wanted) -> anyhow::Result<BTreeMap<String, String>> {
    let mut passwords = BTreeMap::new();
    for (name, channel) in &wanted.channels {
        if let Some(variable) = &channel.password_env {
            let password = std::env::var(variable)
                .with_context(|| format!("channels.{name}.password_env: {variable} is not set"))?;
            passwords.insert(name.clone(), password);
        }
    }
    Ok(passwords)
}
