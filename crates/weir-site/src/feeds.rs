//! What programs read: Atom (RFC 4287), the map for search engines (sitemaps.org 0.9), robots.txt (RFC 9309),
//! and what a page of somebody else's shows of a channel (oEmbed 1.0).

use maud::{Markup, PreEscaped, html};
use weir_base::rfc3339;
use weir_base::urls::StreamPath;

use crate::content::{ChannelFacts, Content, PageKind};
use crate::document::Document;
use crate::markdown::{excerpt, to_html};
use crate::pictures::{Pictures, Thumbnail};
use crate::target::Target;

/// Entries of a feed.
const ENTRIES: usize = 50;
/// Addresses in one part of the map; the format allows 50,000.
const PART: usize = 40_000;
const ATOM: &str = "application/atom+xml; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const DECLARATION: PreEscaped<&str> = PreEscaped(r#"<?xml version="1.0" encoding="utf-8"?>"#);
/// What nobody finds anything at, and what is not for everybody.
const ROBOTS: &str =
    "User-agent: *\nDisallow: /api/\nDisallow: /account\nDisallow: /console\nDisallow: /search\n";

/// A channel's player as a part of somebody else's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding {
    /// The channel's.
    pub title: String,
    /// Its picture, where it has one of this size.
    pub thumbnail: Option<Thumbnail>,
    /// The frame with the player, as markup.
    pub html: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// The player of a channel in a frame of at most so many pixels, 16 to 9.
pub(crate) fn embedding(
    origin: &str,
    facts: &ChannelFacts,
    pictures: &Pictures,
    (most_wide, most_high): (u32, u32),
) -> Embedding {
    let title = &facts.title;
    let width = most_wide.min(most_high.saturating_mul(16) / 9).max(1);
    let height = (width * 9 / 16).max(1);
    let path = StreamPath::EMBED.of(&facts.app, &facts.name);
    let frame = html! {
        iframe src={ (origin) (path) } width=(width) height=(height) title=(title)
            allow="autoplay; fullscreen; picture-in-picture" {}
    };
    Embedding {
        title: title.clone(),
        thumbnail: pictures.cover(origin, &facts.cover, (most_wide, most_high)),
        html: frame.into_string(),
        width,
        height,
    }
}

/// Whether the map has this part.
pub(crate) fn has_part(content: &Content, part: Option<usize>) -> bool {
    part.is_none_or(|part| {
        part.checked_mul(PART)
            .is_some_and(|at| at < addresses(content).count())
    })
}

pub(crate) fn render(content: &Content, target: &Target, url: &str) -> Option<Document> {
    let made = match target {
        Target::Robots => {
            let text = format!("{ROBOTS}Sitemap: {url}{}\n", Target::Map(None).path());
            Document::new(TEXT, "robots".into(), text)
        }
        Target::Map(part) => {
            Document::new(XML, "map".into(), map(content, *part, url).into_string())
        }
        Target::NoticeFeed => {
            Document::new(ATOM, "notices".into(), notices(content, url).into_string())
        }
        Target::ChannelFeed(name) => {
            let (held, _) = content.find(name)?;
            let keys = format!("channel-{}", held.facts.id);
            Document::new(ATOM, keys, channel(content, name, url)?.into_string())
        }
        _ => return None,
    };
    Some(made)
}

fn notices(content: &Content, url: &str) -> Markup {
    let pages = content.pages_of(PageKind::Notice);
    let newest = pages.iter().map(|page| page.changed_ms).max().unwrap_or(0);
    html! {
        (DECLARATION)
        feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en" {
            title { "weir" }
            id { (url) (Target::NoticeFeed.path()) }
            link rel="self" href={ (url) (Target::NoticeFeed.path()) } {}
            link href={ (url) (Target::Pages(PageKind::Notice).path()) } {}
            updated { (rfc3339(newest)) }
            author { name { "weir" } }
            @for page in pages.iter().take(ENTRIES) {
                @let path = Target::Page(page.kind, page.slug.clone()).path();
                entry {
                    title { (page.title) }
                    id { "urn:uuid:" (page.id) }
                    link href={ (url) (path) } {}
                    published { (rfc3339(page.publish_ms)) }
                    updated { (rfc3339(page.changed_ms)) }
                    content type="html" { (to_html(&page.body).into_string()) }
                }
            }
        }
    }
}

fn channel(content: &Content, name: &str, url: &str) -> Option<Markup> {
    let (held, _) = content.find(name)?;
    let facts = &held.facts;
    let page = Target::Channel(facts.name.clone()).path();
    let own = Target::ChannelFeed(facts.name.clone()).path();
    let newest = held.past.iter().map(|past| past.ended_ms).max();
    Some(html! {
        (DECLARATION)
        feed xmlns="http://www.w3.org/2005/Atom" {
            title { (facts.title) }
            subtitle { (excerpt(&facts.description, 300)) }
            id { "urn:uuid:" (facts.id) }
            link rel="self" href={ (url) (own) } {}
            link href={ (url) (page) } {}
            updated { (rfc3339(newest.unwrap_or(0).max(facts.changed_ms))) }
            author { name { (facts.title) } }
            @for one in held.coming(content.now_ms()).take(ENTRIES) {
                entry {
                    title { (one.title) }
                    id { "urn:uuid:" (one.id) }
                    link href={ (url) (page) } {}
                    updated { (rfc3339(one.starts_ms)) }
                    summary { (excerpt(&one.description, 300)) }
                }
            }
            @for past in &held.past {
                entry {
                    title { (facts.title) }
                    id { "urn:uuid:" (past.id) }
                    link href={ (url) (page) } {}
                    published { (rfc3339(past.started_ms)) }
                    updated { (rfc3339(past.ended_ms)) }
                    summary { (rfc3339(past.started_ms)) }
                }
            }
        }
    })
}

/// All addresses that search engines are told of.
fn addresses(content: &Content) -> impl Iterator<Item = Target> {
    let kinds = [PageKind::Notice, PageKind::Help];
    let fixed = [Target::Home].into_iter().chain(kinds.map(Target::Pages));
    let pages = kinds.into_iter().flat_map(|kind| content.pages_of(kind));
    let pages = pages.map(|page| Target::Page(page.kind, page.slug.clone()));
    let categories = content.categories().keys().cloned().map(Target::Category);
    let channels = content.newest();
    let channels = channels.map(|held| Target::Channel(held.facts.name.clone()));
    fixed.chain(pages).chain(categories).chain(channels)
}

fn map(content: &Content, part: Option<usize>, url: &str) -> Markup {
    const NAMESPACE: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";
    let parts = match part {
        None => addresses(content).count().div_ceil(PART),
        Some(_) => 1,
    };
    let skipped = part.unwrap_or(0) * PART;
    html! {
        (DECLARATION)
        @if parts > 1 {
            sitemapindex xmlns=(NAMESPACE) {
                @for part in 0..parts { sitemap { loc { (url) (Target::Map(Some(part)).path()) } } }
            }
        } @else {
            urlset xmlns=(NAMESPACE) {
                @for target in addresses(content).skip(skipped).take(PART) { url { loc { (url) (target.path()) } } }
            }
        }
    }
}
