//! An event as a delivery keeps it: what dialects are made of.

use serde::Deserialize;
use serde_json::Value;

/// The JSON that the log shows, read back.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HookEvent {
    pub(crate) id: String,
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) app: String,
    #[serde(default)]
    pub(crate) stream: String,
    #[serde(default)]
    pub(crate) session: Option<String>,
    #[serde(default)]
    pub(crate) at: String,
    #[serde(default)]
    pub(crate) cause: Option<i64>,
    #[serde(default)]
    pub(crate) cause_name: Option<String>,
    #[serde(default)]
    pub(crate) data: Value,
}

impl HookEvent {
    /// The stream's name without vhost and app.
    pub(crate) fn short_name(&self) -> &str {
        let whole = self
            .stream
            .split_once(':')
            .map_or(self.stream.as_str(), |(_, rest)| rest);
        whole
            .strip_prefix(self.app.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(whole)
    }

    /// The vhost; empty for the default one.
    pub(crate) fn vhost(&self) -> &str {
        self.stream.split_once(':').map_or("", |(vhost, _)| vhost)
    }

    /// A text of what belongs to the event.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.data.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// A number of what belongs to it.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.data.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The publisher's address, without its port.
    pub(crate) fn ip(&self) -> String {
        let address = self.text("address");
        let parsed: Result<std::net::SocketAddr, _> = address.parse();
        parsed.map_or_else(|_| address.to_owned(), |address| address.ip().to_string())
    }

    /// A picture of a stream was taken.
    pub(crate) fn is_picture(&self) -> bool {
        self.r#type == "snapshot.taken"
    }

    /// A broadcast began.
    pub(crate) fn is_start(&self) -> bool {
        self.r#type == "stream.started"
    }

    /// A broadcast ended.
    pub(crate) fn is_end(&self) -> bool {
        self.r#type == "stream.ended"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streams_name_is_taken_apart() {
        let event = |stream: &str| HookEvent {
            stream: stream.to_owned(),
            ..serde_json::from_str(r#"{"id":"1","type":"x","app":"a/b"}"#).unwrap()
        };
        let parts = |stream| {
            let event = event(stream);
            (event.vhost().to_owned(), event.short_name().to_owned())
        };
        assert_eq!(parts("a/b/c"), (String::new(), "c".to_owned()));
        assert_eq!(
            parts("v.example:a/b/c"),
            ("v.example".to_owned(), "c".to_owned())
        );
        assert_eq!(parts("other"), (String::new(), "other".to_owned()));
    }
}
