//! A refusal as an HTTP answer: its status and its `Location` come from the code table.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use weir_base::{Code, Refusal};

/// A refusal as an answer.
pub(crate) struct Refused(pub(crate) Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self(code.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.code.entry().http).unwrap_or(StatusCode::BAD_REQUEST);
        let location = self.0.location.as_deref();
        let location = location.and_then(|url| HeaderValue::from_str(url).ok());
        let mut response = (status, axum::Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
