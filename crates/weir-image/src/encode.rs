//! A picture made anew. Nothing of the file but its pixels comes through.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits, RgbImage};

use crate::error::PictureError;
use crate::format::{Encoding, Sent, format_of};
use crate::kind::{Kind, Slot};
use crate::wire::Made;

/// Pixels of a picture that is sent, at most: telephones make 50 million.
const MAX_PIXELS: u64 = 64_000_000;
/// Pixels of one of its sides.
const MAX_SIDE: u32 = 16_384;
/// Bytes that a decoder may take.
const DECODER_BYTES: u64 = 320 * 1024 * 1024;
/// From 0 to 100.
const JPEG_QUALITY: u8 = 82;
/// From 0 to 100.
const WEBP_QUALITY: f32 = 78.0;

/// Decodes a picture and makes it anew in each size of its kind and each encoding.
///
/// # Errors
/// [`PictureError`] of whoever sent it.
pub fn make(file: &[u8], kind: Kind) -> Result<Vec<Made>, PictureError> {
    let picture = decoded(file, format_of(file)?)?;
    let mut all = Vec::new();
    for slot in kind.slots().iter().rev() {
        let pixels = filled(&picture, *slot);
        for encoding in Encoding::ALL {
            all.push(Made {
                slot: *slot,
                encoding,
                bytes: encoded(&pixels, encoding)?.into(),
            });
        }
    }
    Ok(all)
}

fn decoded(file: &[u8], format: Sent) -> Result<DynamicImage, PictureError> {
    let file = Cursor::new(file);
    match format {
        Sent::Jpeg => pixels(JpegDecoder::new(file)),
        Sent::Png => pixels(PngDecoder::with_limits(file, limits())),
        Sent::Webp => pixels(WebPDecoder::new(file)),
        Sent::Gif => pixels(GifDecoder::new(file)),
    }
}

/// The picture, upright: which way that is stands in words that are not kept.
fn pixels<D: ImageDecoder>(decoder: Result<D, ImageError>) -> Result<DynamicImage, PictureError> {
    let mut decoder = decoder.map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    let count = u64::from(width) * u64::from(height);
    if count == 0 {
        return Err(PictureError::broken("the picture has no pixels"));
    }
    if count > MAX_PIXELS || width.max(height) > MAX_SIDE {
        let words = format!(
            "{width} × {height} pixels are too many: at most {} million, {MAX_SIDE} a side",
            MAX_PIXELS / 1_000_000
        );
        return Err(PictureError::TooLarge(words.into()));
    }
    if decoder.total_bytes() > DECODER_BYTES {
        let words = "the picture has more colours than are kept: save it with 8 bits a channel";
        return Err(PictureError::TooLarge(words.into()));
    }
    decoder.set_limits(limits()).map_err(unreadable)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    limits
}

fn unreadable(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooLarge("the picture is too large".into()),
        // The decoder's words may repeat what stands in the file.
        _ => PictureError::broken("the picture cannot be read: it is damaged, or of a rare make"),
    }
}

/// The middle of the picture in the slot's shape and size, on white where it is clear.
fn filled(picture: &DynamicImage, slot: Slot) -> RgbImage {
    let sized = picture.resize_to_fill(slot.width, slot.height, FilterType::CatmullRom);
    if !sized.color().has_alpha() {
        return sized.into_rgb8();
    }
    let clear = sized.into_rgba8();
    RgbImage::from_fn(clear.width(), clear.height(), |x, y| {
        let [red, green, blue, alpha] = clear.get_pixel(x, y).0;
        let over = |colour: u8| {
            let (colour, alpha) = (u16::from(colour), u16::from(alpha));
            let mixed = (colour * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn encoded(pixels: &RgbImage, encoding: Encoding) -> Result<Vec<u8>, PictureError> {
    match encoding {
        Encoding::Jpeg => {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            let done = pixels.write_with_encoder(encoder);
            done.map_err(|error| PictureError::Fault(error.to_string()))?;
            Ok(bytes)
        }
        Encoding::Webp => {
            let encoder = webp::Encoder::from_rgb(pixels, pixels.width(), pixels.height());
            let done = encoder.encode_simple(false, WEBP_QUALITY);
            let bytes = done.map_err(|error| PictureError::Fault(format!("WebP: {error:?}")))?;
            Ok(bytes.to_vec())
        }
    }
}
