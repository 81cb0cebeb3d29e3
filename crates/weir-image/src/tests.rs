//! Pictures of people, and files of those who wish nobody well. Shows R28.

use std::io::Cursor;
use std::path::PathBuf;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;

use crate::wire::write_answer;
use crate::{Encoding, Kind, Made, PictureError, PictureMaker, Slot, make, read_answer};

const FORMATS: [ImageFormat; 4] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Gif,
];
const SECRET: &[u8] = b"51.5007N 0.1246W";

/// Red at the left, blue at the right.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| match x * 2 < width {
        true => Rgb([220, 20, 20]),
        false => Rgb([20, 20, 220]),
    })
}

fn file(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let picture = DynamicImage::from(picture.clone());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn of(made: &[Made], slot: Slot, encoding: Encoding) -> RgbImage {
    let found = made
        .iter()
        .find(|m| m.slot == slot && m.encoding == encoding);
    image::load_from_memory(&found.unwrap().bytes)
        .unwrap()
        .into_rgb8()
}

fn is_red(pixel: &Rgb<u8>) -> bool {
    pixel[0] > 150 && pixel[2] < 100
}

fn is_blue(pixel: &Rgb<u8>) -> bool {
    pixel[2] > 150 && pixel[0] < 100
}

/// A JPEG with one more segment behind its first two bytes.
fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, marker]);
    out.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
    out.extend(content);
    out.extend(&jpeg[2..]);
    out
}

/// Exif that says how the camera was held (CIPA DC-008, tag 0x0112), and a secret behind it.
fn exif(orientation: u8) -> Vec<u8> {
    let mut out = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    out.extend([orientation, 0, 0, 0, 0, 0, 0]);
    out.extend(SECRET);
    out
}

fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(content);
    // CRC-32 of ISO 3309, bit by bit.
    let crc = out[4..].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    out.extend((!crc).to_be_bytes());
    out
}

/// A PNG of these sides and bits, with nothing in it.
fn hollow_png(width: u32, height: u32, depth: u8, colours: u8) -> Vec<u8> {
    let mut head = width.to_be_bytes().to_vec();
    head.extend(height.to_be_bytes());
    head.extend([depth, colours, 0, 0, 0]);
    let chunks = [
        png_chunk(b"IHDR", &head),
        png_chunk(b"IDAT", b"x"),
        png_chunk(b"IEND", b""),
    ];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

#[test]
fn each_format_is_made_anew_in_each_size() {
    for format in FORMATS {
        let made = make(&file(&halves(500, 300), format), Kind::Cover).unwrap();
        assert_eq!(made.len(), 6);
        for slot in Kind::Cover.slots() {
            for encoding in Encoding::ALL {
                let picture = of(&made, *slot, encoding);
                assert_eq!(picture.dimensions(), (slot.width, slot.height));
                assert!(is_red(picture.get_pixel(5, 5)), "{format:?} {encoding:?}");
                assert!(is_blue(picture.get_pixel(slot.width - 5, 5)));
            }
        }
    }
}

#[test]
fn nothing_of_the_file_but_its_pixels_is_kept() {
    let jpeg = file(&halves(80, 80), ImageFormat::Jpeg);
    let jpeg = with_segment(&with_segment(&jpeg, 0xfe, SECRET), 0xe1, &exif(1));
    let png = file(&halves(80, 80), ImageFormat::Png);
    let told = [&png[..33], &png_chunk(b"tEXt", SECRET), &png[33..]].concat();
    for sent in [jpeg, told] {
        assert!(sent.windows(SECRET.len()).any(|bytes| bytes == SECRET));
        for made in make(&sent, Kind::Avatar).unwrap() {
            let kept = &made.bytes;
            assert!(!kept.windows(SECRET.len()).any(|bytes| bytes == SECRET));
            assert!(!kept.windows(4).any(|bytes| bytes == b"Exif"));
        }
    }
}

#[test]
fn a_camera_that_was_held_upright_makes_an_upright_picture() {
    let jpeg = file(&halves(80, 80), ImageFormat::Jpeg);
    // 6: turn it by 90 degrees clockwise, so what was left is above.
    let made = make(&with_segment(&jpeg, 0xe1, &exif(6)), Kind::Avatar).unwrap();
    let picture = of(&made, Kind::Avatar.slots()[1], Encoding::Jpeg);
    assert!(is_red(picture.get_pixel(200, 40)), "above");
    assert!(is_blue(picture.get_pixel(40, 200)), "below");
}

#[test]
fn what_is_no_picture_is_none() {
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#;
    let others: [&[u8]; 9] = [
        b"",
        svg,
        b"<?xml version=\"1.0\"?><svg/>",
        b"<!doctype html><script>",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"BM\x3a\0\0\0",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x1cftypavif",
    ];
    for other in others {
        assert_eq!(make(other, Kind::Avatar), Err(PictureError::Format));
    }
}

#[test]
fn a_file_that_is_two_things_is_refused() {
    let others: [&[u8]; 4] = [
        b"<script>alert(1)</script>",
        b"PK\x03\x04 and so on",
        b"%PDF-1.7\n",
        b"\0\0\0\0\x7fELF",
    ];
    for format in FORMATS {
        let picture = file(&halves(40, 30), format);
        assert!(make(&picture, Kind::Avatar).is_ok(), "{format:?}");
        let padded = [&picture[..], &[0; 100]].concat();
        assert!(make(&padded, Kind::Avatar).is_ok(), "{format:?}");
        for other in others {
            let both = make(&[&picture, other].concat(), Kind::Avatar);
            assert!(matches!(both, Err(PictureError::Broken(_))), "{format:?}");
        }
    }
    let jpeg = file(&halves(40, 30), ImageFormat::Jpeg);
    let film = b"\0\0\0\x18ftypmp42and so on";
    assert!(make(&[&jpeg[..], film].concat(), Kind::Avatar).is_ok());
    assert!(make(&[&jpeg[..], &jpeg].concat(), Kind::Avatar).is_ok());
}

#[test]
fn a_small_file_that_becomes_a_large_picture_is_refused_before_it_does() {
    let large = [
        hollow_png(60_000, 60_000, 8, 2),
        hollow_png(16_000, 16_000, 8, 6),
        // Few enough pixels, too many bits.
        hollow_png(8_000, 7_900, 16, 6),
    ];
    for bomb in large {
        let refused = make(&bomb, Kind::Cover);
        assert!(
            matches!(refused, Err(PictureError::TooLarge(_))),
            "{refused:?}"
        );
    }
    let mut gif = file(&halves(40, 30), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert!(matches!(
        make(&gif, Kind::Cover),
        Err(PictureError::TooLarge(_))
    ));
}

#[test]
fn a_picture_that_is_cut_off_is_refused_at_each_byte() {
    for format in FORMATS {
        let whole = file(&halves(24, 16), format);
        for end in 0..whole.len() {
            let cut = make(&whole[..end], Kind::Avatar);
            // A JPEG has an end wherever two of its bytes say so; the others say how long they are.
            assert!(cut.is_err(), "{format:?}: {end} of {}", whole.len());
        }
    }
}

#[test]
fn an_answer_says_what_was_made_or_why_not() {
    let made = make(&file(&halves(80, 80), ImageFormat::Png), Kind::Avatar).unwrap();
    let answer = write_answer(&Ok(made.clone()));
    assert_eq!(read_answer(&answer, Kind::Avatar), Ok(made.clone()));
    let is_fault =
        |answer: &[u8], kind| matches!(read_answer(answer, kind), Err(PictureError::Fault(_)));
    assert!(is_fault(&answer, Kind::Cover), "sizes of another kind");
    for end in 0..answer.len() {
        assert!(is_fault(&answer[..end], Kind::Avatar), "{end}");
    }
    let twice = write_answer(&Ok([made.clone(), made.clone()].concat()));
    assert!(is_fault(&twice, Kind::Avatar));
    let mut page = made;
    page[0].bytes = Bytes::from_static(b"<!doctype html>");
    assert!(is_fault(&write_answer(&Ok(page)), Kind::Avatar));
    for why in [
        PictureError::Format,
        PictureError::TooLarge("large".into()),
        PictureError::broken("broken"),
    ] {
        let said = read_answer(&write_answer(&Err(why.clone())), Kind::Avatar);
        assert_eq!(said, Err(why));
    }
}

#[tokio::test]
async fn a_process_that_dies_or_talks_nonsense_harms_nobody() {
    let picture: Bytes = file(&halves(40, 30), ImageFormat::Png).into();
    let make = async |program: &str| {
        let maker = PictureMaker::new(PathBuf::from(program));
        maker.make(picture.clone(), Kind::Avatar).await
    };
    assert!(matches!(
        make("/bin/false").await,
        Err(PictureError::Broken(_))
    ));
    // It ends well and says its own arguments.
    assert!(matches!(
        make("/bin/echo").await,
        Err(PictureError::Fault(_))
    ));
    // It says them without end.
    assert!(matches!(
        make("/usr/bin/yes").await,
        Err(PictureError::Broken(_))
    ));
    let nowhere = make("/nowhere/weir").await;
    assert!(matches!(nowhere, Err(PictureError::Fault(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_damage_panics(
        format in prop::sample::select(FORMATS.to_vec()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut sent = file(&halves(24, 16), format);
        for (at, byte) in damage {
            let at = at.index(sent.len());
            sent[at] = byte;
        }
        let _ = make(&sent, Kind::Avatar);
    }

    #[test]
    fn no_answer_panics(answer in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_answer(&answer, Kind::Avatar).is_err());
    }
}
