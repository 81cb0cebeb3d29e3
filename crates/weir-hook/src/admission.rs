//! Admission hooks: an app's operator is asked about one client, once, while that one waits. No try is repeated, and
//! what is no clear answer counts as none.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_base::Clock;
use weir_link::http::{HttpClient, WholeAnswer};

use crate::config::Config;
use crate::dialect::{Dialect, srs_takes};
use crate::question::{Questioner, Receiver};
use crate::sign::Secret;

/// Characters of a refusal that the refused is told.
const MAX_REASON_CHARS: usize = 300;
/// Parameters that an answer may add.
const MAX_PARAMETERS: usize = 32;

/// Whom to ask, and in whose words.
#[derive(Debug, Clone)]
pub struct AdmissionHook {
    /// `http` or `https`.
    pub url: String,
    /// `standard` or `srs`.
    pub dialect: Dialect,
    /// Signs the question; none where the receiver checks nothing.
    pub secret: Option<Secret>,
    /// For all of it: the connection, the question and the answer.
    pub timeout: Duration,
}

/// Who wants what.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionAsk<'a> {
    /// `publish` or `play`.
    pub action: &'a str,
    /// Empty for the default one.
    pub vhost: &'a str,
    /// All levels.
    pub app: &'a str,
    /// The stream's name.
    pub stream: &'a str,
    /// The URL's query, decoded.
    pub query: &'a [(String, String)],
    /// The client's address.
    pub ip: &'a str,
    /// As metrics name it.
    pub protocol: &'a str,
}

/// What a receiver allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookLeave {
    /// Whose account it is, as the receiver calls it; empty where it does not say.
    pub account: String,
    /// Unix seconds at which the leave ends.
    pub until_s: Option<i64>,
    /// Another name for the stream of a publisher.
    pub stream: Option<String>,
    /// Parameters that count as if the address had them.
    pub parameters: Vec<(String, String)>,
}

/// What a receiver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookVerdict {
    /// Yes.
    Leave(HookLeave),
    /// No, with words for the client.
    Refused(String),
    /// Nothing, in time or in sense; why.
    Silent(String),
}

/// Asks receivers. Clones share its connections.
#[derive(Debug, Clone)]
pub struct AdmissionAsker(Questioner);

/// An answer in weir's own words.
#[derive(Debug, Deserialize)]
struct Answered {
    allow: Option<bool>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    until: Option<i64>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    parameters: serde_json::Map<String, Value>,
}

impl AdmissionAsker {
    /// Asks by `client`, at addresses that the configuration allows.
    pub fn new(client: HttpClient, clock: Clock, config: &Config) -> Self {
        Self(Questioner::new(client, clock, config))
    }

    /// Asks once.
    pub async fn ask(&self, hook: &AdmissionHook, ask: AdmissionAsk<'_>) -> HookVerdict {
        let body = match hook.dialect {
            Dialect::Srs => in_srs_words(ask),
            Dialect::Standard | Dialect::Tencent => in_own_words(ask, self.0.clock.wall_ms()),
        };
        let receiver = Receiver {
            url: &hook.url,
            secret: hook.secret.as_ref(),
            timeout: hook.timeout,
        };
        let answer = self.0.put(receiver, body).await;
        answer.map_or_else(HookVerdict::Silent, |answer| read(hook.dialect, &answer))
    }
}

fn in_own_words(ask: AdmissionAsk<'_>, now_ms: i64) -> String {
    let query: Vec<Value> = ask.query.iter().map(|(n, v)| json!([n, v])).collect();
    json!({
        "type": format!("admission.{}", ask.action),
        "timestamp_ms": now_ms,
        "data": {
            "vhost": ask.vhost,
            "app": ask.app,
            "stream": ask.stream,
            "query": query,
            "address": ask.ip,
            "protocol": ask.protocol,
        },
    })
    .to_string()
}

/// As SRS 6 sends `on_publish` and `on_play`.
fn in_srs_words(ask: AdmissionAsk<'_>) -> String {
    let vhost = match ask.vhost {
        "" => "__defaultVhost__",
        vhost => vhost,
    };
    let (app, stream) = (ask.app, ask.stream);
    let mut param = url_encoded(ask.query);
    if !param.is_empty() {
        param.insert(0, '?');
    }
    let mut body = json!({
        "server_id": "weir",
        "service_id": "weir",
        "action": format!("on_{}", ask.action),
        "client_id": "",
        "ip": ask.ip,
        "vhost": vhost,
        "app": app,
        "tcUrl": format!("rtmp://{vhost}/{app}"),
        "stream": stream,
        "param": param,
        "stream_url": format!("/{app}/{stream}"),
        "stream_id": "",
    });
    if ask.action == "play"
        && let Some(object) = body.as_object_mut()
    {
        object.insert("pageUrl".into(), "".into());
    }
    body.to_string()
}

fn url_encoded(query: &[(String, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(query);
    text.finish()
}

fn read(dialect: Dialect, answer: &WholeAnswer) -> HookVerdict {
    let status = answer.status;
    if status.is_server_error() || status.is_redirection() {
        // Where a redirect leads nobody has checked.
        return HookVerdict::Silent(format!("answered {status}"));
    }
    if dialect == Dialect::Srs {
        let is_taken = matches!(status, StatusCode::OK | StatusCode::CREATED);
        return match is_taken && srs_takes(&answer.body) {
            true => HookVerdict::Leave(HookLeave::default()),
            false => refused(""),
        };
    }
    let written = serde_json::from_slice::<Answered>(&answer.body);
    match (status.is_success(), written) {
        (true, Ok(written)) => match written.allow {
            Some(true) => leave(written),
            Some(false) => refused(&written.reason),
            None => HookVerdict::Silent("its answer says neither yes nor no".into()),
        },
        (true, Err(_)) if status == StatusCode::NO_CONTENT => {
            HookVerdict::Leave(HookLeave::default())
        }
        (true, Err(error)) => HookVerdict::Silent(format!("its answer cannot be read: {error}")),
        (false, Ok(written)) => refused(&written.reason),
        (false, Err(_)) => refused(""),
    }
}

fn leave(written: Answered) -> HookVerdict {
    if written.parameters.len() > MAX_PARAMETERS {
        return HookVerdict::Silent(format!("it adds more than {MAX_PARAMETERS} parameters"));
    }
    let mut parameters = Vec::with_capacity(written.parameters.len());
    for (name, value) in written.parameters {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "1".into(),
            Value::Bool(false) => "0".into(),
            _ => return HookVerdict::Silent(format!("its parameter {name:?} is no text")),
        };
        parameters.push((name, text));
    }
    HookVerdict::Leave(HookLeave {
        account: written.account,
        until_s: written.until,
        stream: written.stream,
        parameters,
    })
}

/// Others' words go to the client in one line of sensible length.
fn refused(reason: &str) -> HookVerdict {
    let is_shown = |c: &char| !c.is_control();
    let words: String = reason
        .chars()
        .filter(is_shown)
        .take(MAX_REASON_CHARS)
        .collect();
    match words.trim() {
        "" => HookVerdict::Refused("the app's own server said no".into()),
        words => HookVerdict::Refused(words.to_owned()),
    }
}

#[cfg(test)]
mod tests;
