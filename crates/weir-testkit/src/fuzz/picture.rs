//! Pictures as strangers send them, and what the process that reads them says.

use bytes::Bytes;
use weir_image::{Kind, Sent, format_of, read_answer};
use weir_snap::{Canvas, PictureReader, put_picture, put_shot, read_picture, read_shot};

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

/// What the decoder of live streams' keyframes writes. The first byte picks the canvas, the second the size of the
/// pieces that it comes in: pictures and their end are the same however it is cut.
pub(super) fn picture_stream(data: &[u8]) {
    let [canvas, piece, rest @ ..] = data else {
        return;
    };
    let canvas = Canvas::ALL[usize::from(*canvas) % Canvas::ALL.len()];
    let whole = pictures(canvas, [rest]);
    let cut = pictures(canvas, rest.chunks(usize::from(*piece).max(1)));
    assert_eq!(whole, cut);
}

/// What nodes send each other of pictures; the first byte picks what. What is read is written as it was read.
pub(super) fn picture_carried(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let bytes = Bytes::copy_from_slice(rest);
    match first % 3 {
        0 => {
            if let Ok((id, shot)) = read_shot(bytes) {
                let again = put_shot(&id, &shot).and_then(|sent| read_shot(sent).ok());
                let (again_id, again) = again.expect("a keyframe that was read can be sent");
                assert_eq!((again_id, again.payload), (id, shot.payload));
            }
        }
        1 => {
            if let Ok(Ok(picture)) = weir_snap::read_answer(bytes, "id") {
                assert!(picture.jpeg.starts_with(&[0xFF, 0xD8]));
            }
        }
        _ => {
            if let Ok((caption, picture)) = read_picture(bytes) {
                let of = picture.as_ref().map_err(String::as_str);
                let again = put_picture(&caption, of).and_then(|sent| read_picture(sent).ok());
                assert_eq!(again, Some((caption, picture)));
            }
        }
    }
}

/// All that is read, and whether it ended in something odd.
fn pictures<'a>(
    canvas: Canvas,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, Option<String>) {
    let mut reader = PictureReader::new(canvas);
    let mut read = Vec::new();
    for piece in pieces {
        reader.inbox().extend_from_slice(piece);
        loop {
            match reader.next_picture() {
                Ok(Some(picture)) => read.push(format!("{picture:?}")),
                Ok(None) => break,
                Err(odd) => return (read, Some(odd.to_string())),
            }
        }
    }
    (read, None)
}
