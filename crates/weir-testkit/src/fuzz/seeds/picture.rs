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

pub(in crate::fuzz) fn picture_stream() -> Vec<Vec<u8>> {
    let head = [
        &b"\0\nSMJPEG\0\0\0\0\0\0\0\0_TXT\0\0\0\x02hi"[..],
        b"_VID\0\0\0\x0c\0\0\0\0\x02\x80\x01hJFIFHEND",
    ];
    // A JPEG as far as it is looked at: 640 by 360.
    let jpeg = b"\xff\xd8\xff\xe0\0\x04\x01\x02\xff\xc0\0\x07\x08\x01\x68\x02\x80\xff\xd9";
    let picture = [&b"vidD\0\0\0\x07\0\0\0\x13"[..], jpeg].concat();
    let two = [&head.concat()[..], &picture, &picture].concat();
    [0, 1, 7]
        .map(|piece| [&[0, piece], &two[..]].concat())
        .to_vec()
}

pub(in crate::fuzz) fn picture_carried() -> Vec<Vec<u8>> {
    let sent = |kind: u8, head: &str, rest: &[u8]| {
        let length = u32::try_from(head.len()).unwrap_or_default().to_be_bytes();
        [&[kind], &length[..], head.as_bytes(), rest].concat()
    };
    let caption =
        r#""vhost":"","app":"live","stream":"a","reason":"first","taken_ms":7,"is_told":true"#;
    let shot = format!(
        r#"{{"id":"id",{caption},"codec":"h264","config_bytes":2,"width":640,"height":360,"rfc6381":"avc1"}}"#
    );
    let jpeg = b"\xff\xd8\xff\xe0\0\x04\x01\x02\xff\xc0\0\x07\x08\x01\x68\x02\x80\xff\xd9";
    vec![
        sent(0, &shot, b"cckeyframe"),
        sent(1, r#"{"id":"id","canvas":"wide"}"#, jpeg),
        sent(1, r#"{"id":"id","undecodable":"it is broken"}"#, b""),
        sent(2, &format!(r#"{{{caption},"canvas":"wide"}}"#), jpeg),
        sent(
            2,
            &format!(r#"{{{caption},"undecodable":"it is broken"}}"#),
            b"",
        ),
    ]
}
