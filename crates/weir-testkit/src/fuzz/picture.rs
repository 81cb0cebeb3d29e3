//! Pictures as strangers send them, and what the process that reads them says.

use weir_image::{Encoding, Kind, make, read_answer};

/// The first byte picks the kind.
pub(super) fn picture_file(data: &[u8]) {
    let Some((first, file)) = data.split_first() else {
        return;
    };
    let kind = Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    if let Ok(made) = make(file, kind) {
        assert_eq!(made.len(), kind.slots().len() * Encoding::ALL.len());
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
