//! How a provider is asked. No HTTP is known here: whoever composes the node brings it.

use std::future::Future;
use std::pin::Pin;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct WireRequest<'a> {
    /// Where.
    pub url: &'a str,
    /// `POST` with this as `application/x-www-form-urlencoded`; `GET` for none.
    pub form: Option<&'a str>,
    /// The value of `Authorization`; none for empty.
    pub authorization: &'a str,
    /// Internal networks in which it may be, beside the public ones.
    pub allow: &'a [String],
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    /// HTTP's.
    pub status: u16,
    /// As it came, bounded.
    pub body: Vec<u8>,
}

/// An answer that is on its way; in words why there is none.
pub type WireAnswered<'a> = Pin<Box<dyn Future<Output = Result<WireAnswer, String>> + Send + 'a>>;

/// Asks providers, each within a bounded time, for a bounded answer, following no redirect.
pub trait OidcWire: Send + Sync {
    /// Asks once.
    fn ask<'a>(&'a self, request: WireRequest<'a>) -> WireAnswered<'a>;
}
