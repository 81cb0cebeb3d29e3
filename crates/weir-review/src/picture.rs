//! What a picture of ours looks like: read again and hashed. It was written by our own decoder, and still is believed
//! in nothing: sizes are bounded, and what cannot be read has no hash.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

use crate::pdq::Pdq;

/// Pixels on a side at most: pictures are taken with 640.
const MAX_SIDE: u32 = 1_280;
/// Bytes that reading one may take.
const MAX_ALLOC_BYTES: u64 = 32 * 1024 * 1024;

/// What a picture looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// Near to those of pictures that look alike.
    pub hash: Pdq,
    /// How much there is to tell by, 0 to 100.
    pub quality: u8,
}

/// Of a JPEG; none where it cannot be read. It takes some milliseconds: not on a thread that serves others.
pub fn looks_of(jpeg: &[u8]) -> Option<Looks> {
    let mut reader = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC_BYTES);
    reader.limits(limits);
    let picture = reader.decode().ok()?.into_rgb8();
    let (width, height) = picture.dimensions();
    let brightness = picture.pixels().map(|pixel| {
        let [red, green, blue] = pixel.0.map(f32::from);
        0.299 * red + 0.587 * green + 0.114 * blue
    });
    let (hash, quality) = Pdq::of(brightness.collect(), width as usize, height as usize)?;
    Some(Looks { hash, quality })
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{Rgb, RgbImage};

    use super::*;

    fn jpeg(width: u32, height: u32, quality: u8) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let ring = (x * x + y * y) / (width / 4).max(1) % 256;
            Rgb([
                u8::try_from(ring).unwrap(),
                40,
                u8::try_from(x % 256).unwrap(),
            ])
        });
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, quality);
        picture.write_with_encoder(encoder).unwrap();
        file
    }

    #[test]
    fn a_picture_that_was_written_worse_is_near_to_itself() {
        let (good, bad) = (jpeg(640, 360, 95), jpeg(640, 360, 40));
        let (good, bad) = (looks_of(&good).unwrap(), looks_of(&bad).unwrap());
        assert!(good.hash.distance(bad.hash) <= 20);
    }

    #[test]
    fn what_is_no_picture_or_too_large_has_no_looks() {
        assert_eq!(looks_of(b""), None);
        assert_eq!(looks_of(&jpeg(64, 64, 80)[..200]), None);
        assert_eq!(looks_of(&jpeg(MAX_SIDE + 1, 8, 80)), None);
    }
}
