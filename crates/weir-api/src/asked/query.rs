//! Queries and paths, refused with the API's own codes.

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;
use weir_base::Code;

use crate::refused::Refused;

/// The query of a request; fields that `T` does not know are refused where it says so.
#[derive(Debug)]
pub(crate) struct QueryParts<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParts<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            let words = "a text has a NUL in it, which is no character of any";
            return Err(Refused::field(Code::BadRequest, "query", words));
        }
        let read = Query::<T>::from_request_parts(parts, state).await;
        let refused = |rejection: axum::extract::rejection::QueryRejection| {
            Refused::field(Code::BadRequest, "query", rejection.body_text())
        };
        read.map(|Query(query)| Self(query)).map_err(refused)
    }
}

/// The parts of a path.
#[derive(Debug)]
pub(crate) struct PathParts<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParts<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let refused = |rejection: axum::extract::rejection::PathRejection| {
            Refused::field(Code::BadRequest, "path", rejection.body_text())
        };
        read.map(|Path(path)| Self(path)).map_err(refused)
    }
}
