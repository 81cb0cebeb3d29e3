//! Lists of channels: the first page, those of a category, of a language, and what a search found.

use maud::{Markup, html};
use weir_base::Tongue;
use weir_base::urls::StreamPath;

use super::Found;
use super::frame::{Frame, Head};
use super::pictured;
use crate::content::{Content, Held, LiveStream, PageFacts, PageKind};
use crate::markdown::{excerpt, to_html};
use crate::pages::texts;
use crate::target::Target;

/// Streams that are live on one page, those with most viewers.
const LIVE_SHOWN: usize = 60;
/// Channels below them, the newest.
const NEWEST_SHOWN: usize = 60;
/// Channels that are looked through for one list of a category or a language.
const LOOKED_THROUGH: usize = 20_000;
/// Notices on the first page.
const NOTICES_SHOWN: usize = 3;
/// Categories and languages that are linked to, those with most channels.
const LINKED: usize = 40;
/// How wide a picture is in a list of what is live.
const THUMB_SIZES: &str = "(max-width: 640px) 100vw, 320px";
/// Colours of pictures that stand for a channel.
const HUES: u32 = 12;
/// Characters of what is said about a page elsewhere.
pub(super) const WORDS_CHARS: usize = 200;

pub(super) type Made = (Head, Markup, String);

pub(super) fn home(content: &Content, frame: &Frame<'_>) -> Made {
    let words = frame.words();
    let on_air = content.on_air();
    let notices = content.pages_of(PageKind::Notice);
    let main = html! {
        (frame.search_field(""))
        // A script puts the same list here, which then follows what is live.
        div #home {
            div.heading { h1 { (words.live_now) } }
            section #live aria-label=(words.live_now) { (live(content, frame, on_air.iter(), words.none_live)) }
        }
        @if !notices.is_empty() {
            section.site-notices aria-labelledby="notices" {
                h2 #notices { (words.notices) }
                (texts::entries(frame, notices.iter().take(NOTICES_SHOWN).copied()))
                @if notices.len() > NOTICES_SHOWN {
                    p { a href=(frame.link(&Target::Pages(PageKind::Notice))) { (words.more_notices) } }
                }
            }
        }
        (links(content, frame))
        (channels(content, frame, content.newest().filter(|held| held.viewers.is_none()).take(NEWEST_SHOWN)))
    };
    let head = Head {
        title: "weir".into(),
        words: words.about_site.into(),
        feed: Some(Target::NoticeFeed.path()),
        page: "home",
        ..Head::default()
    };
    (head, main, "home lists".into())
}

pub(super) fn category(content: &Content, frame: &Frame<'_>, name: &str) -> Made {
    let page = content
        .find_page(PageKind::Category, name)
        .map(|(page, _)| page);
    let title = category_title(content, frame, name);
    let about = page.map(|page| texts::body(page, frame.tongue));
    narrowed(content, frame, title, about, |held| {
        held.facts.category == name
    })
}

pub(super) fn language(content: &Content, frame: &Frame<'_>, tag: &str) -> Made {
    narrowed(content, frame, tag, None, |held| held.facts.language == tag)
}

fn narrowed(
    content: &Content,
    frame: &Frame<'_>,
    title: &str,
    about: Option<&str>,
    fits: impl Fn(&Held) -> bool,
) -> Made {
    let words = frame.words();
    let found: Vec<&Held> = content
        .newest()
        .take(LOOKED_THROUGH)
        .filter(|held| fits(held))
        .collect();
    let is_ours = |stream: &&LiveStream| {
        let held = content.find(&stream.stream).map(|(held, _)| held);
        held.is_some_and(|held| held.facts.app == stream.app && held.facts.is_listed && fits(held))
    };
    let idle = found.iter().copied().filter(|held| held.viewers.is_none());
    let main = html! {
        div.heading { h1 { (title) } }
        (frame.search_field(""))
        @if let Some(about) = about { (self::about(about)) }
        section #live aria-label=(words.live_now) {
            (live(content, frame, content.on_air().iter().filter(is_ours), words.none_live))
        }
        (channels(content, frame, idle.take(NEWEST_SHOWN)))
    };
    let head = Head {
        title: format!("{title} · weir"),
        words: about.map_or_else(|| title.to_owned(), |about| excerpt(about, WORDS_CHARS)),
        page: "category",
        ..Head::default()
    };
    (head, main, "lists".into())
}

/// What a page says about a category.
pub(super) fn about(body: &str) -> Markup {
    html! { div.prose { (to_html(body)) } }
}

pub(super) fn found(
    content: &Content,
    frame: &Frame<'_>,
    asked: &str,
    found: Option<&[Found]>,
) -> (Head, Markup) {
    let words = frame.words();
    let main = html! {
        div.heading { h1 { (words.found) } }
        (frame.search_field(asked))
        @match found {
            Some([]) => p role="status" { (words.found_none) },
            Some(found) => ul.channel-list {
                @for one in found { (entry(content, frame, (&one.name, &one.title, &one.category))) }
            },
            None => {
                p role="status" { (words.search_later) }
                (live(content, frame, content.on_air().iter(), words.none_live))
            }
        }
    };
    let head = Head {
        title: format!("{} · weir", words.found),
        words: words.found.into(),
        is_hidden: true,
        page: "search",
        ..Head::default()
    };
    (head, main)
}

fn live<'a>(
    content: &Content,
    frame: &Frame<'_>,
    streams: impl Iterator<Item = &'a LiveStream>,
    none: &str,
) -> Markup {
    let shown: Vec<(&LiveStream, Option<&Held>)> = streams
        .filter(|stream| !content.hides(stream))
        .map(|stream| {
            let held = content.find(&stream.stream).map(|(held, _)| held);
            (stream, held.filter(|held| held.facts.app == stream.app))
        })
        .take(LIVE_SHOWN)
        .collect();
    html! {
        @if shown.is_empty() { p.message { (none) } }
        @else {
            ul.grid { @for (stream, held) in shown { li { (card(content, frame, stream, held)) } } }
        }
    }
}

fn card(content: &Content, frame: &Frame<'_>, stream: &LiveStream, held: Option<&Held>) -> Markup {
    let words = frame.words();
    let (title, address, category) = match held {
        Some(held) => (
            held.facts.title.as_str(),
            frame.link(&Target::Channel(held.facts.name.clone())),
            category_title(content, frame, &held.facts.category),
        ),
        None => (
            stream.stream.as_str(),
            StreamPath::WATCH.of(&stream.app, &stream.stream),
            "",
        ),
    };
    let initial: String = stream
        .stream
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .collect();
    html! {
        article.card data-stream={ (stream.app) "/" (stream.stream) } {
            div.thumb {
                @match &stream.poster {
                    Some(poster) => { img.poster src=(poster) alt="" width="640" height="360" loading="lazy"; },
                    None => {
                        div class={ "placeholder hue-" (hue(&stream.stream)) } aria-hidden="true" { span { (initial) } }
                        @if let Some(held) = held { (pictured::cover(frame, &held.facts.cover, THUMB_SIZES)) }
                    },
                }
                span.badge.live { (words.is_live) }
                span.badge.right { (stream.viewers) " " (words.watching) }
            }
            div.about {
                strong { a href=(address) { (title) } }
                span.app { (if category.is_empty() { stream.app.as_str() } else { category }) }
            }
        }
    }
}

fn channels<'a>(
    content: &Content,
    frame: &Frame<'_>,
    channels: impl Iterator<Item = &'a Held>,
) -> Markup {
    let words = frame.words();
    let mut channels = channels.peekable();
    html! {
        @if channels.peek().is_some() {
            section aria-labelledby="channels" {
                h2 #channels { (words.channels) }
                ul.channel-list {
                    @for held in channels {
                        (entry(content, frame, (&held.facts.name, &held.facts.title, &held.facts.category)))
                    }
                }
            }
        }
    }
}

fn entry(
    content: &Content,
    frame: &Frame<'_>,
    (name, title, category): (&str, &str, &str),
) -> Markup {
    html! {
        li {
            a href=(frame.link(&Target::Channel(name.to_owned()))) { (title) }
            " " span.app { (name) }
            @if !category.is_empty() {
                " " a.app href=(frame.link(&Target::Category(category.to_owned()))) {
                    (category_title(content, frame, category))
                }
            }
        }
    }
}

/// What a category is called: as its page is, else as the operator said, else by its name.
pub(super) fn category_title<'a>(
    content: &'a Content,
    frame: &Frame<'_>,
    name: &'a str,
) -> &'a str {
    let page = content.find_page(PageKind::Category, name);
    if let Some((page, _)) = page {
        return texts::title(page, frame.tongue);
    }
    let Some(facts) = content.titles_of(name) else {
        return name;
    };
    let is_chinese = frame.tongue == Tongue::Chinese && !facts.title_zh.is_empty();
    match (is_chinese, facts.title.is_empty()) {
        (true, _) => &facts.title_zh,
        (false, false) => &facts.title,
        (false, true) => name,
    }
}

/// Categories and languages that channels are in.
fn links(content: &Content, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let pages = content.pages_of(PageKind::Category);
    let told: Vec<&PageFacts> = pages
        .iter()
        .copied()
        .filter(|page| !content.categories().contains_key(&page.slug))
        .collect();
    let categories = most(content.categories());
    let languages = most(content.languages());
    html! {
        @if !categories.is_empty() || !told.is_empty() {
            nav.link-list aria-labelledby="categories" {
                h2 #categories { (words.categories) }
                ul {
                    @for (name, count) in categories {
                        li { a href=(frame.link(&Target::Category(name.clone()))) { (category_title(content, frame, name)) } " " (count) }
                    }
                    @for page in told {
                        li { a href=(frame.link(&Target::Category(page.slug.clone()))) {
                            (texts::title(page, frame.tongue))
                        } }
                    }
                }
            }
        }
        @if !languages.is_empty() {
            nav.link-list aria-labelledby="languages" {
                h2 #languages { (words.languages) }
                ul {
                    @for (tag, count) in languages {
                        li { a href=(frame.link(&Target::Language(tag.clone()))) { (tag) } " " (count) }
                    }
                }
            }
        }
    }
}

fn most(counts: &std::collections::BTreeMap<String, usize>) -> Vec<(&String, usize)> {
    let mut all: Vec<(&String, usize)> = counts.iter().map(|(word, n)| (word, *n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all.truncate(LINKED);
    all
}

/// The colour of a name.
pub(super) fn hue(name: &str) -> u32 {
    let sum = name.chars().fold(7_u32, |sum, c| {
        sum.wrapping_mul(31).wrapping_add(u32::from(c))
    });
    sum % HUES
}
