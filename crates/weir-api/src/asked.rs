//! How requests are read: bodies, queries and paths, pages of lists, conditions. What cannot be read is
//! refused with a code and with the field that is wrong.

mod body;
mod client;
mod etag;
mod page;
mod query;

pub(crate) use body::{JsonBody, check_digest, read_json};
pub(crate) use client::Client;
pub(crate) use etag::Etag;
pub(crate) use page::{Page, PageParams, at_most};
pub(crate) use query::{PathParts, QueryParts};
