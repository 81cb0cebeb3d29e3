//! Whether a channel's broadcasts are recorded, in words.

/// What people say, and what it means; `None` is as the app says.
pub(super) const RECORD_WORDS: [(&str, Option<bool>); 3] =
    [("on", Some(true)), ("off", Some(false)), ("app", None)];

/// The word for what a row has.
pub(super) fn record_word(record: Option<bool>) -> &'static str {
    let known = RECORD_WORDS.into_iter().find(|(_, means)| *means == record);
    known.map_or("app", |(word, _)| word)
}
