//! The coworker query of SRS, both ways, as pure functions: one origin asks another by HTTP whether
//! it has a stream. No HTTP here.
//!
//! Where SRS is careless this is not: a node does not count itself among its coworkers, `routers`
//! ends circles, and one coworker's failure is not the answer while others may know.

use serde::{Deserialize, Serialize};
use weir_base::urls::without_form;

use crate::limits::{COWORKER_ANSWER_BYTES, COWORKER_ROUTERS};

/// The path of the query; the method is POST with an empty body, and GET is answered too.
pub const PATH: &str = "/api/v1/clusters";
/// What SRS calls the vhost that has no name.
pub const DEFAULT_VHOST: &str = "__defaultVhost__";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Vhost; empty for the default one.
    pub vhost: String,
    /// Host of the client's tcUrl, for an origin that answers with the address it was reached by.
    pub ip: String,
    /// All levels of the app.
    pub app: String,
    /// The stream's name, without vhost and app.
    pub stream: String,
    /// `host:port` by which the asker calls the one it asks.
    pub coworker: String,
}

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Host of its RTMP.
    pub ip: String,
    /// Port of its RTMP.
    pub port: u16,
    /// Vhost the stream has there; empty for the default one.
    #[serde(default)]
    pub vhost: String,
    /// `host:port` of its API.
    #[serde(default)]
    pub api: String,
    /// APIs that this answer came through, the owner's first.
    #[serde(default)]
    pub routers: Vec<String>,
    /// Where it serves media over HTTP, as a URL. weir says it; SRS, which neither says nor reads it,
    /// serves media and API on two ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
}

/// An answer that says nothing.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not HTTP 200.
    #[error("the coworker answered HTTP {0}")]
    Status(u16),
    /// More bytes than an answer has.
    #[error("the coworker's answer has {0} bytes; at most {COWORKER_ANSWER_BYTES} are read")]
    TooLong(usize),
    /// Not of the shape.
    #[error("the coworker's answer cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It says that it failed.
    #[error("the coworker answered code {0}")]
    Code(i64),
    /// It named no host or port.
    #[error("the coworker named no host or no port")]
    Nowhere,
}

impl Query {
    /// The path and query to ask with; names are percent-encoded where they must be.
    pub fn target(&self) -> String {
        let vhost = if self.vhost.is_empty() {
            DEFAULT_VHOST
        } else {
            &self.vhost
        };
        let [vhost, ip, app, stream, coworker] =
            [vhost, &self.ip, &self.app, &self.stream, &self.coworker].map(encode);
        format!("{PATH}?vhost={vhost}&ip={ip}&app={app}&stream={stream}&coworker={coworker}")
    }

    /// Reads the query's pairs, already decoded, as a server gets them, the stream's name without the ending of
    /// a form (`.flv`, …) as an edge of SRS may have it. `None` without app or stream.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut query = Self {
            vhost: String::new(),
            ip: String::new(),
            app: String::new(),
            stream: String::new(),
            coworker: String::new(),
        };
        for (name, value) in pairs {
            let field = match name {
                "vhost" => &mut query.vhost,
                "ip" => &mut query.ip,
                "app" => &mut query.app,
                "stream" => &mut query.stream,
                "coworker" => &mut query.coworker,
                _ => continue,
            };
            value.clone_into(field);
        }
        if query.vhost == DEFAULT_VHOST {
            query.vhost.clear();
        }
        query.stream = without_form(&query.stream).to_owned();
        (!query.app.is_empty() && !query.stream.is_empty()).then_some(query)
    }
}

/// The JSON that answers a query; `None` when the stream is not here.
pub fn answer(query: &Query, origin: Option<&Origin>) -> String {
    #[derive(Serialize)]
    struct Reply<'a> {
        code: i64,
        data: ReplyData<'a>,
    }
    #[derive(Serialize)]
    struct ReplyData<'a> {
        query: Asked<'a>,
        origin: Option<&'a Origin>,
    }
    #[derive(Serialize)]
    struct Asked<'a> {
        ip: &'a str,
        vhost: &'a str,
        app: &'a str,
        stream: &'a str,
    }
    let vhost = if query.vhost.is_empty() {
        DEFAULT_VHOST
    } else {
        &query.vhost
    };
    let asked = Asked {
        ip: &query.ip,
        vhost,
        app: &query.app,
        stream: &query.stream,
    };
    let answer = Reply {
        code: 0,
        data: ReplyData {
            query: asked,
            origin,
        },
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

/// Reads an answer: where the stream is, or `None` when it is not there.
///
/// # Errors
/// When it says nothing: another status than 200, another code than 0, or not of the shape.
pub fn read_answer(status: u16, body: &[u8]) -> Result<Option<Origin>, AnswerError> {
    #[derive(Deserialize)]
    struct Answer {
        code: i64,
        #[serde(default)]
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        origin: Option<Origin>,
    }
    if status != 200 {
        return Err(AnswerError::Status(status));
    }
    if body.len() > COWORKER_ANSWER_BYTES {
        return Err(AnswerError::TooLong(body.len()));
    }
    let answer: Answer = serde_json::from_slice(body)?;
    if answer.code != 0 {
        return Err(AnswerError::Code(answer.code));
    }
    let Some(mut origin) = answer.data.and_then(|data| data.origin) else {
        return Ok(None);
    };
    if origin.ip.is_empty() || origin.port == 0 {
        return Err(AnswerError::Nowhere);
    }
    origin.routers.truncate(COWORKER_ROUTERS);
    Ok(Some(origin))
}

/// The coworkers to ask: the configured ones without this node itself, under any of its names.
pub fn others<'a>(coworkers: &'a [String], own_apis: &[String]) -> Vec<&'a str> {
    let others = coworkers
        .iter()
        .filter(|coworker| !own_apis.contains(coworker));
    others.map(String::as_str).collect()
}

/// Whether following an answer would lead back: it names this node, or came through it.
pub fn leads_back(origin: &Origin, own_apis: &[String], own_rtmp: &[String]) -> bool {
    let there = format!("{}:{}", origin.ip, origin.port);
    own_rtmp.contains(&there)
        || own_apis
            .iter()
            .any(|api| *api == origin.api || origin.routers.contains(api))
}

/// All coworkers' answers as one: the first that has the stream; else that nobody has; and a failure
/// only when no answer came at all.
///
/// # Errors
/// The last failure, when all failed.
pub fn gather(
    answers: impl IntoIterator<Item = Result<Option<Origin>, AnswerError>>,
) -> Result<Option<Origin>, AnswerError> {
    let (mut answered, mut failure) = (false, None);
    for answer in answers {
        match answer {
            Ok(Some(origin)) => return Ok(Some(origin)),
            Ok(None) => answered = true,
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if !answered => Err(error),
        _ => Ok(None),
    }
}

/// SRS does not decode `:` and `/`, so these stay as they are; what would end the value does not.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query() -> Query {
        Query {
            vhost: String::new(),
            ip: "192.168.1.5".into(),
            app: "live".into(),
            stream: "livestream".into(),
            coworker: "127.0.0.1:19852".into(),
        }
    }

    fn origin() -> Origin {
        Origin {
            ip: "127.0.0.1".into(),
            port: 19351,
            vhost: DEFAULT_VHOST.into(),
            api: "127.0.0.1:9091".into(),
            routers: vec!["127.0.0.1:9091".into()],
            http: None,
        }
    }

    const FOUND: &str = concat!(
        r#"{"code":0,"data":{"query":{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"livestream"},"#,
        r#""origin":{"ip":"127.0.0.1","port":19351,"vhost":"__defaultVhost__","api":"127.0.0.1:9091","routers":["127.0.0.1:9091"]}}}"#
    );
    const NOT_FOUND: &str = concat!(
        r#"{"code":0,"data":{"query":{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"livestream"},"#,
        r#""origin":null}}"#
    );

    #[test]
    fn the_query_has_the_form_that_srs_asks_with() {
        assert_eq!(
            query().target(),
            "/api/v1/clusters?vhost=__defaultVhost__&ip=192.168.1.5&app=live&stream=livestream&coworker=127.0.0.1:19852"
        );
        let pairs = [
            ("vhost", "__defaultVhost__"),
            ("ip", "192.168.1.5"),
            ("app", "live"),
        ];
        let more = [
            ("stream", "livestream"),
            ("coworker", "127.0.0.1:19852"),
            ("new", "x"),
        ];
        assert_eq!(
            Query::from_pairs(pairs.into_iter().chain(more)),
            Some(query())
        );
        let of_an_edge = [("app", "live"), ("stream", "livestream.flv")];
        let read = Query::from_pairs(of_an_edge).unwrap();
        assert_eq!(read.stream, "livestream");
        assert_eq!(Query::from_pairs(pairs), None);
    }

    #[test]
    fn a_name_cannot_add_a_parameter() {
        let query = Query {
            stream: "a&ip=evil#é".into(),
            ..query()
        };
        assert!(query.target().contains("&stream=a%26ip%3Devil%23%C3%A9&"));
    }

    #[test]
    fn the_answers_are_those_of_srs_to_the_byte() {
        assert_eq!(answer(&query(), Some(&origin())), FOUND);
        assert_eq!(answer(&query(), None), NOT_FOUND);
    }

    #[test]
    fn the_answers_of_srs_are_read() {
        assert_eq!(read_answer(200, FOUND.as_bytes()).unwrap(), Some(origin()));
        assert_eq!(read_answer(200, NOT_FOUND.as_bytes()).unwrap(), None);
        // SRS itself reads no more than these two.
        let least = br#"{"code":0,"data":{"origin":{"ip":"h","port":1935}}}"#;
        assert_eq!(read_answer(200, least).unwrap().unwrap().port, 1935);
    }

    #[test]
    fn an_answer_that_says_nothing_is_an_error() {
        assert!(matches!(
            read_answer(500, FOUND.as_bytes()),
            Err(AnswerError::Status(500))
        ));
        assert!(matches!(
            read_answer(200, br#"{"code":100}"#),
            Err(AnswerError::Code(100))
        ));
        let nowhere = br#"{"code":0,"data":{"origin":{"ip":"","port":1}}}"#;
        assert!(matches!(
            read_answer(200, nowhere),
            Err(AnswerError::Nowhere)
        ));
        let long = vec![b' '; COWORKER_ANSWER_BYTES + 1];
        assert!(matches!(
            read_answer(200, &long),
            Err(AnswerError::TooLong(_))
        ));
    }

    #[test]
    fn one_failure_is_not_the_answer_while_another_knows() {
        let failed = || Err(AnswerError::Status(500));
        assert_eq!(
            gather([failed(), Ok(Some(origin()))]).unwrap(),
            Some(origin())
        );
        assert_eq!(gather([Ok(None), failed()]).unwrap(), None);
        assert!(gather([failed(), failed()]).is_err());
        assert_eq!(gather([]).unwrap(), None);
    }

    #[test]
    fn nobody_is_its_own_coworker_and_circles_end() {
        let own = ["127.0.0.1:9091".to_owned()];
        let all = ["127.0.0.1:9091".to_owned(), "127.0.0.1:9092".to_owned()];
        assert_eq!(others(&all, &own), ["127.0.0.1:9092"]);
        assert!(leads_back(&origin(), &own, &[]));
        assert!(leads_back(&origin(), &[], &["127.0.0.1:19351".to_owned()]));
        assert!(!leads_back(
            &origin(),
            &["127.0.0.1:1".to_owned()],
            &["127.0.0.1:2".to_owned()]
        ));
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_answer(status, &body);
        }

        #[test]
        fn any_text_in_an_answer_is_json(stream in ".*", ip in ".*") {
            let query = Query { stream, ip: ip.clone(), ..query() };
            let origin = Origin { ip, ..origin() };
            let json = answer(&query, Some(&origin));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }
    }
}
