//! Pictures as strangers send them, and what the process that reads them says.

use weir_image::{Kind, Sent, format_of, read_answer};

/// What a file is, and that it is nothing else: what is taken is not taken with a page behind it. The decoders
/// behind this run in a process that may die, and are not ours.
pub(super) fn picture_file(data: &[u8]) {
    let Ok(format) = format_of(data) else {
        return;
    };
    let both = [data, b"<!doctype html>"].concat();
    if format != Sent::Jpeg {
        assert!(format_of(&both).is_err(), "{format:?} and a page");
    }
}

/// The first byte picks the kind.
pub(super) fn picture_answer(data: &[u8]) {
    let Some((first, answer)) = data.split_first() else {
        return;
    };
    let kind = Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    if let Ok(made) = read_answer(answer, kind) {
        assert!(made.iter().all(|file| kind.slots().contains(&file.slot)));
    }
}
