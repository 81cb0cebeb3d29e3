//! What a client asks of the dispatcher, read and checked.

use std::net::IpAddr;

use serde::Deserialize;
use utoipa::ToSchema;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::geo::Locality;
use weir_cluster::limits::PLACES;
use weir_cluster::place::Purpose;
use weir_cluster::{LeaseKey, Name, Scheme};

use super::form::Form;

/// Bytes of an ask as JSON: the longest names and query, and some lists.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// Bytes of a query that is passed on: a signed URL has some 200.
const MAX_QUERY_BYTES: usize = 2_048;
/// Nodes that an ask may exclude: those that were tried before it.
const MAX_EXCEPT: usize = 32;
/// Protocols that an ask may name.
const MAX_PROTOCOLS: usize = 16;
/// Places named when nobody says how many.
const DEFAULT_COUNT: usize = 3;

/// The body of `POST /api/v1/dispatch/{purpose}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "app": "live", "stream": "demo", "protocols": ["http-flv", "hls"] }))]
pub(crate) struct DispatchRequest {
    /// All levels of the app.
    app: String,
    /// The stream's name.
    stream: String,
    /// A virtual host; those that are not known mean the default one.
    vhost: String,
    /// How, best first: `slsp`, `rtmp`, `rtmps`, `http-flv`, `ws-flv`, `http-ts`, `hls`, `chat`. Unknown ones are
    /// passed over; none means all.
    protocols: Vec<String>,
    /// Of the client, when somebody else asks for it.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub(crate) ip: Option<IpAddr>,
    /// Its region, when it knows better.
    #[schema(value_type = Option<String>)]
    pub(crate) region: Option<Name>,
    /// Its ISP, when it knows better.
    #[schema(value_type = Option<String>)]
    pub(crate) isp: Option<Name>,
    /// Nodes that were tried; at most 32.
    #[schema(value_type = Vec<String>)]
    except: Vec<Name>,
    /// How many places.
    count: Option<usize>,
    /// Passed on behind every URL.
    query: String,
    /// Only with TLS, or only without.
    tls: Option<bool>,
}

/// A request that makes sense.
#[derive(Debug)]
pub(crate) struct CheckedRequest {
    /// To do what.
    pub(crate) purpose: Purpose,
    /// Which stream; chat may do without.
    pub(crate) name: Option<StreamName>,
    /// The key of its lease.
    pub(crate) key: Option<LeaseKey>,
    /// How, best first.
    pub(crate) forms: Vec<Form>,
    /// Only with TLS, or only without.
    pub(crate) tls: Option<bool>,
    /// What an address must speak, best first.
    pub(crate) schemes: Vec<Scheme>,
    /// Nodes that are not wanted.
    pub(crate) except: Vec<Name>,
    /// How many places.
    pub(crate) count: usize,
    /// The query of the URLs, without its question mark.
    pub(crate) query: String,
    /// Who it is for, as far as is known; who asks often is counted by it.
    pub(crate) ip: Option<IpAddr>,
    /// Where the client is.
    pub(crate) whereabouts: Locality,
}

impl DispatchRequest {
    /// For a URL that a player follows: one protocol, and the query as it came.
    pub(crate) fn to_play(app: &str, stream: &str, vhost: &str, form: Form, query: &str) -> Self {
        Self {
            app: app.to_owned(),
            stream: stream.to_owned(),
            vhost: vhost.to_owned(),
            protocols: vec![form.name().to_owned()],
            query: query.to_owned(),
            count: Some(1),
            ..Self::default()
        }
    }

    /// Checks it. `vhosts` are those that count.
    ///
    /// # Errors
    /// 4004 for what makes no sense, 3001/2002 for impossible names.
    pub(crate) fn check(
        self,
        purpose: Purpose,
        vhosts: &[String],
    ) -> Result<CheckedRequest, Refusal> {
        let forms = forms(purpose, &self.protocols)?;
        if self.except.len() > MAX_EXCEPT {
            return Err(wrong(format!("except names more than {MAX_EXCEPT} nodes")));
        }
        let is_query = |c: char| c.is_ascii_graphic() && !"#\"<>\\".contains(c);
        if self.query.len() > MAX_QUERY_BYTES || !self.query.chars().all(is_query) {
            let words = "the query is no query of a URL, percent-encoded, of at most 2048 bytes";
            return Err(wrong(words.to_owned()));
        }
        let vhost = known_vhost(&self.vhost, vhosts);
        let nameless = purpose == Purpose::Chat && self.app.is_empty() && self.stream.is_empty();
        let name = if nameless {
            None
        } else {
            Some(StreamName::new(&vhost, &self.app, &self.stream)?)
        };
        let mut schemes = Vec::new();
        for form in &forms {
            for scheme in form.schemes(self.tls) {
                if !schemes.contains(scheme) {
                    schemes.push(*scheme);
                }
            }
        }
        Ok(CheckedRequest {
            purpose,
            key: name.as_ref().map(LeaseKey::of).transpose()?,
            query: with_vhost(self.query, &vhost),
            name,
            forms,
            tls: self.tls,
            schemes,
            except: self.except,
            count: self.count.unwrap_or(DEFAULT_COUNT).clamp(1, PLACES),
            ip: self.ip,
            whereabouts: Locality {
                region: self.region,
                isp: self.isp,
            },
        })
    }
}

/// A virtual host as keys have it: as the operator wrote it in small letters, or the default one.
pub(crate) fn known_vhost(vhost: &str, vhosts: &[String]) -> String {
    let known = vhosts.iter().any(|known| known.eq_ignore_ascii_case(vhost));
    if known {
        vhost.to_ascii_lowercase()
    } else {
        String::new()
    }
}

fn forms(purpose: Purpose, asked: &[String]) -> Result<Vec<Form>, Refusal> {
    let known = Form::of(purpose);
    if asked.is_empty() {
        return Ok(known.to_vec());
    }
    let mut forms = Vec::new();
    for key in asked.iter().take(MAX_PROTOCOLS) {
        // A newer client may know more protocols than this node.
        let form = known.iter().copied().find(|form| form.name() == key);
        if let Some(form) = form.filter(|form| !forms.contains(form)) {
            forms.push(form);
        }
    }
    if forms.is_empty() {
        let names: Vec<_> = known.iter().map(|form| form.name()).collect();
        return Err(wrong(format!("protocols: none of {}", names.join(", "))));
    }
    Ok(forms)
}

/// The node the client is sent to is called by another name, so the virtual host has to be said.
fn with_vhost(mut query: String, vhost: &str) -> String {
    if vhost.is_empty() {
        return query;
    }
    let said =
        form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == "vhost" || key == "domain");
    if !said {
        let pair = form_urlencoded::Serializer::new(String::new())
            .append_pair("vhost", vhost)
            .finish();
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&pair);
    }
    query
}

fn wrong(words: String) -> Refusal {
    Refusal::new(Code::ProtocolError, words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(json: &str, purpose: Purpose) -> Result<CheckedRequest, Refusal> {
        let request: DispatchRequest =
            serde_json::from_str(json).map_err(|_| Code::Unprocessable)?;
        request.check(purpose, &["school.example".to_owned()])
    }

    #[test]
    fn who_names_no_protocol_gets_what_fits() {
        let wanted = check(r#"{"app":"live","stream":"a"}"#, Purpose::Play).unwrap();
        assert_eq!(wanted.forms.first(), Some(&Form::HttpFlv));
        let all = [Scheme::Https, Scheme::Http, Scheme::Rtmp, Scheme::Rtmps];
        assert_eq!(wanted.schemes, all);
        assert_eq!(wanted.key.unwrap().as_str(), "live/a");
    }

    #[test]
    fn protocols_keep_their_order_and_unknown_ones_are_passed_over() {
        let json =
            r#"{"app":"a","stream":"b","tls":false,"protocols":["moq","rtmp","hls","rtmp"]}"#;
        let wanted = check(json, Purpose::Play).unwrap();
        assert_eq!(wanted.forms, [Form::Rtmp, Form::Hls]);
        assert_eq!(wanted.schemes, [Scheme::Rtmp, Scheme::Http]);
        let refused = check(json, Purpose::Publish).unwrap();
        assert_eq!(refused.forms, [Form::Rtmp]);
    }

    #[test]
    fn a_virtual_host_counts_where_it_is_known_and_is_said_to_the_node() {
        let with = |vhost: &str, query: &str| {
            let json = format!(r#"{{"app":"a","stream":"b","vhost":"{vhost}","query":"{query}"}}"#);
            let wanted = check(&json, Purpose::Play).unwrap();
            (wanted.key.unwrap().to_string(), wanted.query)
        };
        let own = "school.example:a/b".to_owned();
        assert_eq!(
            with("School.Example", "key=1"),
            (own.clone(), "key=1&vhost=school.example".into())
        );
        assert_eq!(
            with("school.example", "vhost=school.example"),
            (own, "vhost=school.example".into())
        );
        assert_eq!(with("other.example", ""), ("a/b".into(), String::new()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let code = |json| check(json, Purpose::Play).unwrap_err().code;
        assert_eq!(code(r#"{"app":"live","stream":""}"#), Code::NotFound);
        assert_eq!(code(r#"{"app":"api","stream":"x"}"#), Code::AppDisabled);
        let json = r#"{"app":"a","stream":"b","query":"x=1\r\nSet-Cookie: y"}"#;
        assert_eq!(code(json), Code::ProtocolError);
        let json = r#"{"app":"a","stream":"b","protocols":["slsp"]}"#;
        assert_eq!(code(json), Code::ProtocolError);
        let json = r#"{"app":"a","stream":"b","except":["no such:key"]}"#;
        assert_eq!(code(json), Code::Unprocessable);
        let json = r#"{"app":"a","stream":"b","streem":"c"}"#;
        assert_eq!(code(json), Code::Unprocessable);
    }

    #[test]
    fn chat_may_do_without_a_stream() {
        assert!(check("{}", Purpose::Chat).unwrap().name.is_none());
        assert!(check("{}", Purpose::Play).is_err());
    }

    proptest! {
        #[test]
        fn no_field_panics(app in ".{0,40}", query in ".{0,40}", protocol in ".{0,10}") {
            let json = serde_json::json!({ "app": app, "stream": "s", "query": query, "protocols": [protocol] });
            let _ = check(&json.to_string(), Purpose::Play);
        }
    }
}
