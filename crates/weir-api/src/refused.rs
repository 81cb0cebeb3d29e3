//! A refusal as an HTTP answer: problem details (RFC 9457) whose status and words come from the code table.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};
use weir_base::{Code, Refusal};

/// What the body of a refusal is.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// The page that explains a code: `{page}#e{code}`.
const EXPLAINED_AT: &str = "/docs";

/// A refusal as an answer, and what is said besides.
#[derive(Debug)]
pub(crate) struct Refused {
    refusal: Refusal,
    // Most refusals have none, and all go through results by value.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    errors: Vec<FieldError>,
    retry_after_ms: Option<u64>,
    next_best: Option<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where it stands in the request, as `rules[2].cidr`.
    #[schema(example = "title")]
    pub(crate) field: String,
    /// What is wrong with it.
    #[schema(example = "unknown field `titel`, expected `title`")]
    pub(crate) words: String,
}

/// How every refusal of the API looks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/docs#e3002", "title": "The stream is not live.", "status": 404, "detail": "live/a is not live",
    "code": 3002, "name": "not_live", "message": "The stream is not live.",
    "advice": "Try again when the broadcast has begun, or add ?wait=10 to wait for it.",
}))]
pub(crate) struct Problem {
    /// Where the code is explained.
    r#type: String,
    /// What happened, in one sentence, the same for each such refusal.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What was particular: a name, a size, a limit.
    detail: String,
    /// The code's number, stable.
    code: u16,
    /// The code's name, stable.
    name: &'static str,
    /// The same as `title`.
    message: &'static str,
    /// What to do next.
    advice: &'static str,
    /// Where to go instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    location: Option<String>,
    /// Milliseconds after which another try may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_ms: Option<u64>,
    /// What is wrong, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// The place to try later, where all are full.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false, required = false)]
    next_best: Option<Value>,
}

/// There is no such thing, or it is not for whoever asks to know of.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct NotThere(Problem);

impl Refused {
    /// With words of its own.
    pub(crate) fn new(code: Code, words: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Refusal::new(code, words).into()
    }

    /// A request that makes no sense in one field.
    pub(crate) fn field(code: Code, field: &str, words: impl Into<String>) -> Self {
        let error = FieldError {
            field: field.to_owned(),
            words: words.into(),
        };
        let mut refused = Self::new(code, format!("{field}: {}", error.words));
        refused.more().errors.push(error);
        refused
    }

    /// And when another try may succeed.
    #[must_use]
    pub(crate) fn retry_after_ms(mut self, after_ms: u64) -> Self {
        self.more().retry_after_ms = Some(after_ms);
        let seconds = after_ms.div_ceil(1000).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// And whom to try later.
    #[must_use]
    pub(crate) fn next_best(mut self, place: Option<Value>) -> Self {
        self.more().next_best = place;
        self
    }

    /// And one header more.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more().headers.push((name, value));
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Why.
    pub(crate) const fn code(&self) -> Code {
        self.refusal.code
    }

    /// Why, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.refusal.detail
    }

    /// The same reason under the status that the HTTP framework chose.
    pub(crate) fn into_response_as(self, status: StatusCode) -> Response {
        let Refusal {
            code,
            detail,
            location,
        } = self.refusal;
        let More {
            errors,
            retry_after_ms,
            next_best,
            headers: more_headers,
        } = self.more.map(|more| *more).unwrap_or_default();
        let entry = code.entry();
        let place = location.as_deref();
        let place = place.and_then(|url| HeaderValue::from_str(url).ok());
        let problem = Problem {
            r#type: format!("{EXPLAINED_AT}#e{}", entry.number),
            title: entry.message,
            status: status.as_u16(),
            detail: detail.into_owned(),
            code: entry.number,
            name: entry.name,
            message: entry.message,
            advice: entry.advice,
            location: location.map(String::from),
            retry_after_ms,
            errors,
            next_best,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        let fixed = HeaderValue::from_static;
        headers.insert(header::CONTENT_TYPE, fixed(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, fixed("Bearer"));
        }
        if let Some(place) = place {
            headers.insert(header::LOCATION, place);
        }
        headers.extend(more_headers);
        response
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            more: None,
        }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Refusal::from(code).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.code.entry().http);
        self.into_response_as(status.unwrap_or(StatusCode::BAD_REQUEST))
    }
}
