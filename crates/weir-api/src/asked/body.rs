//! JSON in: strict about its type, its fields and its size.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use weir_base::Code;
use weir_base::urls::sealed;

use crate::refused::Refused;

/// How JSON writes a NUL.
const ESCAPED_NUL: &[u8] = b"\\u0000";
/// Bytes of words about one field that are kept.
const MAX_WORDS_CHARS: usize = 300;

/// The body of a request.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        check_type(request.headers())?;
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refused::new(Code::TooLarge, rejection.body_text()),
            _ => Refused::new(Code::BadRequest, rejection.body_text()),
        })?;
        read_json(&body).map(Self)
    }
}

/// Reads JSON that has to be a `T` to its last field.
///
/// # Errors
/// 6001 for what is no JSON, 6004 with the field for what makes no sense.
pub(crate) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    // A list of the fields' values would be taken for the object.
    if body.trim_ascii_start().starts_with(b"[") {
        let words = "an object is expected, not a list";
        return Err(Refused::field(Code::Unprocessable, "body", words));
    }
    if has_nul(body) {
        let words = "a text has a NUL in it, which is no character of any";
        return Err(Refused::field(Code::Unprocessable, "body", words));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let words = short(&error.inner().to_string());
        if error.inner().is_data() {
            let field = if field == "." { "body" } else { &field };
            Refused::field(Code::Unprocessable, field, words)
        } else {
            Refused::new(Code::BadRequest, format!("the body is no JSON: {words}"))
        }
    })?;
    reader.end().map_err(|error| {
        let words = format!("the body goes on behind its JSON: {error}");
        Refused::new(Code::BadRequest, words)
    })?;
    Ok(value)
}

/// Whether a string or a name in some JSON has a NUL, which one engine of the store keeps and the other refuses.
fn has_nul(body: &[u8]) -> bool {
    fn is_in(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(is_in),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| name.contains('\0') || is_in(value)),
            _ => false,
        }
    }
    // Only as an escape can it be in JSON. Most bodies have none, and are read once.
    let mut pairs = body.windows(ESCAPED_NUL.len());
    pairs.any(|bytes| bytes == ESCAPED_NUL)
        && serde_json::from_slice(body).is_ok_and(|value| is_in(&value))
}

/// Whether a body that a node sends is the one that its proof covers.
///
/// # Errors
/// 6003 where the address has another digest.
pub(crate) fn check_digest(uri: &Uri, body: &[u8]) -> Result<(), Refused> {
    let asked = uri.path_and_query().map_or("", |target| target.as_str());
    if asked != sealed(uri.path(), body) {
        let words = "this is not the digest of the body";
        return Err(Refused::field(Code::BadRequest, "sha256", words));
    }
    Ok(())
}

/// A body without a type is taken for JSON; one of another type is somebody's mistake.
fn check_type(headers: &HeaderMap) -> Result<(), Refused> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = value.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let words = format!("this is read as JSON, not as {}", short(&kind));
    Err(Refused::new(Code::WrongMediaType, words))
}

fn short(words: &str) -> String {
    words.chars().take(MAX_WORDS_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading it counts")]
    struct Room {
        rules: Vec<Rule>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading it counts")]
    struct Rule {
        size: u8,
    }

    fn refused(body: &str) -> (Code, String) {
        let refused = read_json::<Room>(body.as_bytes()).unwrap_err();
        (refused.code(), refused.detail().to_owned())
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let (code, words) = refused(r#"{"rules":[{"size":1},{"size":300}]}"#);
        assert_eq!(code, Code::Unprocessable);
        assert!(words.starts_with("rules[1].size: "), "{words}");
        let (code, words) = refused(r#"{"rules":[],"owner":true}"#);
        assert_eq!(code, Code::Unprocessable);
        assert!(words.contains("unknown field `owner`"), "{words}");
    }

    #[test]
    fn what_is_no_json_is_another_mistake() {
        assert_eq!(refused("{").0, Code::BadRequest);
        assert_eq!(refused("").0, Code::BadRequest);
        assert_eq!(refused(" [[]]").0, Code::Unprocessable);
        assert_eq!(refused(r#"{"rules":[]} x"#).0, Code::BadRequest);
        assert_eq!(
            refused(r#"{"rules":[],"a\u0000":1}"#).0,
            Code::Unprocessable
        );
    }

    #[test]
    fn a_nul_is_refused_and_a_text_that_looks_like_one_is_not() {
        let text = |body: &str| read_json::<Value>(body.as_bytes()).map_err(|it| it.code());
        assert_eq!(
            text(r#"{"a":["b",{"c":"d\u0000"}]}"#),
            Err(Code::Unprocessable)
        );
        assert_eq!(text(r#"{"a":"\\u0000"}"#).unwrap()["a"], r"\u0000");
    }

    #[test]
    fn a_form_is_not_taken_for_json() {
        let with = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            check_type(&headers).is_ok()
        };
        assert!(with("application/json"));
        assert!(with("Application/JSON; charset=utf-8"));
        assert!(with("application/merge-patch+json"));
        assert!(!with("application/x-www-form-urlencoded"));
        assert!(!with("text/plain"));
        assert!(check_type(&HeaderMap::new()).is_ok());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_json::<Room>(&body);
        }
    }
}
