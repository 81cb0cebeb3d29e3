//! A stream's key as the registry writes it.

use weir_base::{Code, Refusal};
use weir_cluster::StreamName;
use weir_hub::StreamKey;

/// `app/stream`, with `vhost:` before it where there is one.
///
/// # Errors
/// 3001 for names longer than the registry takes.
pub fn stream_name(key: &StreamKey) -> Result<StreamName, Refusal> {
    // `%` is in no key, so that nothing becomes ambiguous.
    let mut name = String::new();
    let mut utf8 = [0; 4];
    for c in key.to_string().chars() {
        if c.is_whitespace() {
            let bytes = c.encode_utf8(&mut utf8).bytes();
            name.extend(bytes.map(percent_encoding::percent_encode_byte));
        } else {
            name.push(c);
        }
    }
    StreamName::new(&name).map_err(|error| Refusal::new(Code::NotFound, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_of_all_kinds_are_written_out() {
        let name = |app, stream| {
            let key = StreamKey::new("v", app, stream).unwrap();
            stream_name(&key).unwrap().to_string()
        };
        assert_eq!(name("live", "a b"), "v:live/a%20b");
        assert_eq!(name("直播", "a\u{3000}b"), "v:直播/a%E3%80%80b");
    }
}
