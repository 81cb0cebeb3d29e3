//! The pages: content in, markup out. What stands around each of them is in `frame`.

mod channel;
mod frame;
mod home;
mod linked;
mod past;
mod pictured;
mod texts;

use maud::{Markup, html};
use weir_base::Tongue;

pub(crate) use frame::Frame;

use crate::content::{Content, PageFacts, PageKind, Rev};
use crate::document::Document;
use crate::feeds;
use crate::target::Target;
use frame::Head;

/// For `Content-Type` of what people read.
const HTML: &str = "text/html; charset=utf-8";

/// A channel that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In its address.
    pub name: String,
    /// As it is shown.
    pub title: String,
    /// Empty for none.
    pub category: String,
}

/// What grows when the page has to be made anew; none where there is no such page.
pub(crate) fn rev(content: &Content, target: &Target) -> Option<Rev> {
    match target {
        Target::Home | Target::Pages(_) | Target::NoticeFeed => Some(content.lists_rev()),
        Target::Channel(name) | Target::ChannelFeed(name) => content.find(name).map(|(_, rev)| rev),
        Target::Category(name) => {
            let is_known = content.categories().contains_key(name)
                || content.find_page(PageKind::Category, name).is_some();
            is_known.then(|| content.lists_rev())
        }
        Target::Language(tag) => content
            .languages()
            .contains_key(tag)
            .then(|| content.lists_rev()),
        Target::Page(kind, slug) => content.find_page(*kind, slug).map(|(_, rev)| rev),
        Target::Map(part) => feeds::has_part(content, *part).then(|| content.map_rev()),
        Target::Robots => Some((0, 0)),
    }
}

/// The page; none where there is no such one.
pub(crate) fn render(content: &Content, frame: &Frame<'_>) -> Option<Document> {
    let (head, main, keys): (Head, Markup, String) = match frame.target {
        Target::Home => home::home(content, frame),
        Target::Category(name) => home::category(content, frame, name),
        Target::Language(tag) => home::language(content, frame, tag),
        Target::Channel(name) => channel::channel(content, frame, name)?,
        Target::Pages(kind) => texts::list(content, frame, *kind),
        Target::Page(kind, slug) => texts::page(content, frame, *kind, slug)?,
        other => return feeds::render(content, other, frame.url),
    };
    Some(Document::new(HTML, keys, frame.around(&head, &main)))
}

/// What a page of the site's own shows, draft or not: the markup that its readers get.
pub fn preview(page: &PageFacts, tongue: Tongue) -> String {
    let made = match page.kind {
        PageKind::Notice | PageKind::Help => texts::written(page, tongue),
        PageKind::Category => html! {
            div.heading { h1 { (texts::title(page, tongue)) } }
            (home::about(texts::body(page, tongue)))
        },
    };
    made.into_string()
}

pub(crate) fn search(
    content: &Content,
    frame: &Frame<'_>,
    words: &str,
    found: Option<&[Found]>,
) -> Document {
    let (head, main) = home::found(content, frame, words, found);
    Document::new(HTML, "search".into(), frame.around(&head, &main))
}
