//! Which page an address means. The path comes from outside.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::content::PageKind;

/// Bytes of one level of a path that are looked at, in the clear: encoded it has up to three times as many.
const MAX_LEVEL_BYTES: usize = 512;
/// What stands as it is in a level of a path (RFC 3986 §2.3).
const LEVEL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A page of the site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// What is live, and what else there is.
    Home,
    /// A channel, by its name.
    Channel(String),
    /// What happens on it, as Atom.
    ChannelFeed(String),
    /// Channels of a category.
    Category(String),
    /// Channels in a language.
    Language(String),
    /// All pages of a kind.
    Pages(PageKind),
    /// One of them.
    Page(PageKind, String),
    /// Notices, as Atom.
    NoticeFeed,
    /// The map for search engines, or a part of it.
    Map(Option<usize>),
    /// What they may look at.
    Robots,
}

impl Target {
    /// The page at a path, as it stands in a request.
    pub fn of(path: &str) -> Option<Self> {
        let mut levels = path.strip_prefix('/')?.splitn(4, '/');
        let first = levels.next()?;
        let second = levels.next().filter(|level| !level.is_empty());
        let third = levels.next().filter(|level| !level.is_empty());
        if levels.next().is_some() {
            return None;
        }
        let second = second.map(decoded);
        let second = match second {
            Some(None) => return None,
            Some(level) => level,
            None => None,
        };
        Some(match (first, second, third) {
            ("", None, None) => Self::Home,
            ("robots.txt", None, None) => Self::Robots,
            ("sitemap.xml", None, None) => Self::Map(None),
            ("sitemap", Some(part), None) => {
                Self::Map(Some(part.strip_suffix(".xml")?.parse().ok()?))
            }
            ("c", Some(name), None) => Self::Channel(name.into_owned()),
            ("c", Some(name), Some("feed.xml")) => Self::ChannelFeed(name.into_owned()),
            ("category", Some(name), None) => Self::Category(name.into_owned()),
            ("language", Some(tag), None) => Self::Language(tag.into_owned()),
            ("notices", None, None) => Self::Pages(PageKind::Notice),
            ("notices", Some(name), None) if name == "feed.xml" => Self::NoticeFeed,
            ("notices", Some(slug), None) => Self::Page(PageKind::Notice, slug.into_owned()),
            ("help", None, None) => Self::Pages(PageKind::Help),
            ("help", Some(slug), None) => Self::Page(PageKind::Help, slug.into_owned()),
            _ => return None,
        })
    }

    /// What comes behind the origin in its address.
    pub fn path(&self) -> String {
        match self {
            Self::Home => "/".into(),
            Self::Channel(name) => format!("/c/{}", level(name)),
            Self::ChannelFeed(name) => format!("/c/{}/feed.xml", level(name)),
            Self::Category(name) => format!("/category/{}", level(name)),
            Self::Language(tag) => format!("/language/{}", level(tag)),
            Self::Pages(kind) => format!("/{}", kind.level()),
            Self::Page(kind, slug) => format!("/{}/{}", kind.level(), level(slug)),
            Self::NoticeFeed => "/notices/feed.xml".into(),
            Self::Map(None) => "/sitemap.xml".into(),
            Self::Map(Some(part)) => format!("/sitemap/{part}.xml"),
            Self::Robots => "/robots.txt".into(),
        }
    }

    /// People read it: there is one in each language.
    pub fn is_for_people(&self) -> bool {
        !matches!(
            self,
            Self::ChannelFeed(_) | Self::NoticeFeed | Self::Map(_) | Self::Robots
        )
    }
}

fn level(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, LEVEL).into()
}

fn decoded(level: &str) -> Option<Cow<'_, str>> {
    if level.len() > 3 * MAX_LEVEL_BYTES {
        return None;
    }
    let text = percent_decode_str(level).decode_utf8().ok()?;
    let is_one = text.len() <= MAX_LEVEL_BYTES && !text.contains(['\0', '/']);
    is_one.then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_has_one_address() {
        for target in [
            Target::Home,
            Target::Channel("安 a".into()),
            Target::ChannelFeed("ann".into()),
            Target::Category("games".into()),
            Target::Language("zh-Hans".into()),
            Target::Pages(PageKind::Help),
            Target::Page(PageKind::Notice, "new".into()),
            Target::NoticeFeed,
            Target::Map(Some(3)),
            Target::Robots,
        ] {
            assert_eq!(Target::of(&target.path()).as_ref(), Some(&target));
        }
        for path in [
            "",
            "x",
            "/c",
            "/c/",
            "/c/a/b",
            "/c/a/feed.xml/x",
            "/c/%ff",
            "/c/a%2fb",
            "/sitemap/x.xml",
        ] {
            assert_eq!(Target::of(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "(/|c|%|help|.|[0-9a-f]{2}){0,20}") {
            let _ = Target::of(&path);
        }
    }
}
