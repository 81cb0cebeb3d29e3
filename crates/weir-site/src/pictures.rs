//! Where the pictures of channels are. They are not ours to keep: a page names their addresses.

use weir_base::http_field::host_name;

/// Widths of covers that are kept, pixels, the smallest first; each is 16 to 9.
pub const COVER_WIDTHS: [u32; 3] = [320, 640, 1280];

/// What stands before `/i/` of a picture's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Pictures {
    /// Nothing: they are served with the pages.
    #[default]
    Here,
    /// This origin.
    At(String),
    /// This port of the name by which a page was reached, without TLS.
    Port(u16),
}

/// One size of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Where it is, with its origin.
    pub url: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Pictures {
    /// As `pictures` of the public addresses says it: an origin, or `:` with a port.
    pub fn of(said: Option<&str>) -> Self {
        match said {
            None => Self::Here,
            Some(said) => match said.strip_prefix(':').map(str::parse) {
                Some(Ok(port)) => Self::Port(port),
                _ => Self::At(said.trim_end_matches('/').to_owned()),
            },
        }
    }

    /// The JPEG of a cover, the widest of at most `most` pixels, for who reached the site at `origin`. None where the
    /// channel has no picture, where none is so small, or where nobody said how the public reaches the site.
    pub(crate) fn cover(&self, origin: &str, id: &str, most: (u32, u32)) -> Option<Thumbnail> {
        if id.is_empty() {
            return None;
        }
        let fits = |width: &&u32| **width <= most.0 && height(**width) <= most.1;
        let width = *COVER_WIDTHS.iter().rev().find(fits)?;
        Some(Thumbnail {
            url: format!("{}/i/{id}-{width}.jpg", self.before(origin)?),
            width,
            height: height(width),
        })
    }

    /// What stands before `/i/` for who is not on this site; none where nobody said how the public reaches it.
    fn before(&self, origin: &str) -> Option<String> {
        match self {
            Self::Here => (!origin.is_empty()).then(|| origin.to_owned()),
            Self::At(_) | Self::Port(_) => self.on_page(origin),
        }
    }

    /// What stands before `/i/` on a page of this site.
    pub(crate) fn on_page(&self, origin: &str) -> Option<String> {
        match self {
            Self::Here => Some(String::new()),
            Self::At(place) => Some(place.clone()),
            Self::Port(port) => {
                let (_, host) = origin.split_once("://")?;
                let host = host_name(host);
                Some(match host.contains(':') {
                    true => format!("http://[{host}]:{port}"),
                    false => format!("http://{host}:{port}"),
                })
            }
        }
    }
}

/// Of a cover of this width.
pub(crate) const fn height(width: u32) -> u32 {
    width * 9 / 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (u32, u32) = (u32::MAX, u32::MAX);

    fn url(said: Option<&str>, origin: &str) -> Option<String> {
        let cover = Pictures::of(said).cover(origin, "ab", ALL)?;
        Some(cover.url)
    }

    #[test]
    fn a_picture_is_where_the_operator_has_them() {
        let site = "https://tv.example:8443";
        let at = |url: &str| Some(url.to_owned());
        assert_eq!(url(None, site), at("https://tv.example:8443/i/ab-1280.jpg"));
        assert_eq!(
            url(Some("https://img.example/"), ""),
            at("https://img.example/i/ab-1280.jpg")
        );
        assert_eq!(
            url(Some(":8090"), site),
            at("http://tv.example:8090/i/ab-1280.jpg")
        );
        assert_eq!(
            url(Some(":8090"), "http://[::1]:80"),
            at("http://[::1]:8090/i/ab-1280.jpg")
        );
        assert_eq!((url(None, ""), url(Some(":8090"), "")), (None, None));
    }

    #[test]
    fn the_widest_that_fits_is_named_and_none_where_none_does() {
        let width = |most| {
            let cover = Pictures::Here.cover("https://tv.example", "ab", most);
            cover.map(|cover| (cover.width, cover.height))
        };
        assert_eq!(width(ALL), Some((1280, 720)));
        assert_eq!(width((1000, 1000)), Some((640, 360)));
        assert_eq!(width((1000, 200)), Some((320, 180)));
        assert_eq!(width((319, 1000)), None);
        assert_eq!(Pictures::Here.cover("https://tv.example", "", ALL), None);
    }
}
