//! Ids as columns of this crate's tables have them.

pub use weir_base::{Id, Ids};

use crate::StoreError;

/// The id in a column.
pub(crate) fn stored(text: &str) -> Result<Id, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Damaged(format!("an id in a row: {text:?}")))
}

/// What all ids that count are less than.
pub(crate) fn upper(before: Option<Id>) -> String {
    before.map_or_else(|| "g".to_owned(), |id| id.to_string())
}
