//! Pages of the site's own: notices and help.

use maud::{Markup, html};
use weir_base::Tongue;

use super::frame::{Frame, Head, moment};
use super::home::{Made, WORDS_CHARS};
use crate::content::{Content, PageFacts, PageKind};
use crate::markdown::{excerpt, to_html};
use crate::target::Target;

/// Pages in one list.
const LISTED: usize = 500;

pub(super) fn list(content: &Content, frame: &Frame<'_>, kind: PageKind) -> Made {
    let words = frame.words();
    let title = match kind {
        PageKind::Notice => words.notices,
        PageKind::Help => words.help,
        PageKind::Category => words.categories,
    };
    let pages = content.pages_of(kind);
    let main = html! {
        div.heading { h1 { (title) } }
        @if pages.is_empty() { p.message { (words.nothing_yet) } }
        @else { (entries(frame, pages.into_iter().take(LISTED))) }
    };
    let head = Head {
        title: format!("{title} · weir"),
        words: title.into(),
        feed: (kind == PageKind::Notice).then(|| Target::NoticeFeed.path()),
        page: "pages",
        ..Head::default()
    };
    (head, main, format!("pages {}", kind.level()))
}

pub(super) fn page(
    content: &Content,
    frame: &Frame<'_>,
    kind: PageKind,
    slug: &str,
) -> Option<Made> {
    let (page, _) = content.find_page(kind, slug)?;
    let body = body(page, frame.tongue);
    let main = written(page, frame.tongue);
    let head = Head {
        title: format!("{} · weir", title(page, frame.tongue)),
        words: excerpt(body, WORDS_CHARS),
        page: "text",
        ..Head::default()
    };
    Some((head, main, format!("page-{}", page.id)))
}

/// A notice or a page of help.
pub(super) fn written(page: &PageFacts, tongue: Tongue) -> Markup {
    let is_dated = page.kind == PageKind::Notice && page.publish_ms != 0;
    html! {
        article.prose {
            h1 { (title(page, tongue)) }
            @if is_dated { p.ac-mail { (moment(page.publish_ms)) } }
            (to_html(body(page, tongue)))
        }
    }
}

/// A list of pages.
pub(super) fn entries<'a>(frame: &Frame<'_>, pages: impl Iterator<Item = &'a PageFacts>) -> Markup {
    html! {
        ul.channel-list { @for page in pages {
            li {
                a href=(frame.link(&Target::Page(page.kind, page.slug.clone()))) { (title(page, frame.tongue)) }
                @if page.kind == PageKind::Notice { " " (moment(page.publish_ms)) }
            }
        } }
    }
}

pub(crate) fn title(page: &PageFacts, tongue: Tongue) -> &str {
    match tongue {
        Tongue::Chinese if !page.title_zh.is_empty() => &page.title_zh,
        _ => &page.title,
    }
}

pub(crate) fn body(page: &PageFacts, tongue: Tongue) -> &str {
    match tongue {
        Tongue::Chinese if !page.body_zh.is_empty() => &page.body_zh,
        _ => &page.body,
    }
}
