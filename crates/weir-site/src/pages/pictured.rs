//! The picture of a channel on a page: WebP, and JPEG for browsers without, in the size that fits.

use maud::{Markup, html};

use super::frame::Frame;
use crate::pictures::{COVER_WIDTHS, height};

/// The cover of this id; nothing where there is none, or where a page that is for everybody cannot say where it is.
/// `sizes` is how wide it is on the page, as CSS says it.
pub(super) fn cover(frame: &Frame<'_>, id: &str, sizes: &str) -> Markup {
    let before = frame.pictures.on_page(frame.url);
    let Some(before) = before.filter(|_| !id.is_empty()) else {
        return html! {};
    };
    let at = |width: u32, ending: &str| format!("{before}/i/{id}-{width}.{ending}");
    let all = |ending: &str| {
        let each = COVER_WIDTHS.map(|width| format!("{} {width}w", at(width, ending)));
        each.join(", ")
    };
    let width = COVER_WIDTHS[1];
    html! {
        picture.picture.cover {
            source type="image/webp" srcset=(all("webp")) sizes=(sizes);
            img src=(at(width, "jpg")) srcset=(all("jpg")) sizes=(sizes) width=(width) height=(height(width))
                alt="" decoding="async" loading="lazy";
        }
    }
}
