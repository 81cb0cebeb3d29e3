//! Small pictures of each format.

/// A GIF of one pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// A lossless WebP of one pixel.
const WEBP: &[u8] =
    b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";

pub(in crate::fuzz) fn picture_file() -> Vec<Vec<u8>> {
    let png = crate::picture::png(3, 2);
    let kinds = [&png[..], GIF, WEBP].map(<[u8]>::to_vec);
    let jpeg = weir_image::make(&png, weir_image::Kind::Avatar)
        .into_iter()
        .flatten();
    let jpegs = jpeg.map(|made| made.bytes.to_vec());
    // The smallest of what is made: a JPEG and a WebP that is lossy.
    kinds.into_iter().chain(jpegs.skip(2)).collect()
}

pub(in crate::fuzz) fn picture_answer() -> Vec<Vec<u8>> {
    let file = b"\0\0\x40\0\x40\0\0\0\0\x04\xff\xd8\xff\xd9";
    [
        &file[..],
        b"\x01",
        b"\x02large",
        b"\x03broken",
        b"\x04fault",
    ]
    .map(|answer| [&[0], answer].concat())
    .to_vec()
}
