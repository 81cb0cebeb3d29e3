//! Errors as one line for a log or another machine.

use std::error::Error;
use std::fmt::{Display, Write as _};

/// `what`, the error and its causes, down to the last.
pub fn in_words(what: &dyn Display, error: &dyn Error) -> String {
    let mut words = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    words
}
