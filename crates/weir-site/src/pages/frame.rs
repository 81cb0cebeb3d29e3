//! What stands around every page: the head with what is said of it elsewhere, the bar on top, the foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use weir_base::Tongue;
use weir_base::rfc3339;

use crate::pictures::Pictures;
use crate::shell::Shell;
use crate::target::Target;
use crate::words::{self, Words};

/// What a page is made for.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) shell: &'a Shell,
    pub(crate) target: &'a Target,
    pub(crate) tongue: Tongue,
    /// The address says the language: so do links to other pages.
    pub(crate) is_said: bool,
    /// Where the public reaches the site; may be empty.
    pub(crate) url: &'a str,
    pub(crate) pictures: &'a Pictures,
}

/// What a page says of itself.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) title: String,
    /// In a sentence or two.
    pub(crate) words: String,
    /// Search engines leave it out.
    pub(crate) is_hidden: bool,
    /// A path.
    pub(crate) feed: Option<String>,
    /// What stands there for scripts: the page's name.
    pub(crate) page: &'static str,
    /// Path of the player alone, where there is something to watch.
    pub(crate) player: Option<String>,
    /// Id of a cover; empty for none.
    pub(crate) cover: String,
    /// What it says to search engines, where it says something.
    pub(crate) linked: Option<Value>,
}

impl Frame<'_> {
    pub(crate) const fn words(&self) -> &'static Words {
        words::of(self.tongue)
    }

    /// The address of another page of the site.
    pub(crate) fn link(&self, target: &Target) -> String {
        self.link_to(&target.path())
    }

    /// The same of a path.
    pub(crate) fn link_to(&self, path: &str) -> String {
        match self.is_said {
            true => format!("{path}?lang={}", words::short(self.tongue)),
            false => path.to_owned(),
        }
    }

    /// The whole page.
    pub(crate) fn around(&self, head: &Head, main: &Markup) -> String {
        let page = html! {
            (DOCTYPE)
            html lang=(self.tongue.tag()) data-rendered=(head.page) {
                head { (self.head(head)) }
                body {
                    (self.bar())
                    main #main class={ "page rendered " (head.page) } { (main) }
                    (self.foot())
                }
            }
        };
        page.into_string()
    }

    fn head(&self, head: &Head) -> Markup {
        let path = self.target.path();
        let at = |lang: &str| format!("{}{path}?lang={lang}", self.url);
        html! {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
            meta name="color-scheme" content="light dark";
            title { (head.title) }
            meta name="description" content=(head.words);
            @if head.is_hidden { meta name="robots" content="noindex"; }
            meta property="og:site_name" content="weir";
            meta property="og:title" content=(head.title);
            meta property="og:description" content=(head.words);
            meta property="og:type" content=(if head.player.is_some() { "video.other" } else { "website" });
            (self.card(head))
            @if !self.url.is_empty() {
                meta property="og:url" content={ (self.url) (path) };
                link rel="canonical" href={ (self.url) (path) };
                link rel="alternate" hreflang="en" href=(at("en"));
                link rel="alternate" hreflang="zh" href=(at("zh"));
                link rel="alternate" hreflang="x-default" href={ (self.url) (path) };
                @if let Some(player) = &head.player {
                    meta property="og:video" content={ (self.url) (player) };
                    meta property="og:video:type" content="text/html";
                    link rel="alternate" type="application/json+oembed" title=(head.title)
                        href={ (self.url) "/api/v1/oembed?url=" (self.url) (path) };
                }
            }
            @if let Some(feed) = &head.feed {
                link rel="alternate" type="application/atom+xml" title=(head.title) href=(feed);
            }
            @if let Some(linked) = &head.linked {
                script type="application/ld+json" { (inert(linked)) }
            }
            (PreEscaped(&self.shell.head))
        }
    }

    /// The picture by which it is known elsewhere, as large as the page has one.
    fn card(&self, head: &Head) -> Markup {
        let cover = self
            .pictures
            .cover(self.url, &head.cover, (u32::MAX, u32::MAX));
        html! {
            @if let Some(cover) = cover {
                meta property="og:image" content=(cover.url);
                meta property="og:image:type" content="image/jpeg";
                meta property="og:image:width" content=(cover.width);
                meta property="og:image:height" content=(cover.height);
                meta name="twitter:card" content="summary_large_image";
                meta name="twitter:image" content=(cover.url);
            } @else {
                meta name="twitter:card" content="summary";
            }
        }
    }

    fn bar(&self) -> Markup {
        let words = self.words();
        let other = words::other(self.tongue);
        html! {
            header.top {
                a.skip href="#main" { (words.skip) }
                a.brand href=(self.link(&Target::Home)) aria-label=(words.home) { (mark()) span { "weir" } }
                span.tagline { (words.tagline) }
                a.plain.account-link href="/account" { (words.account) }
                a.plain.language href={ (self.target.path()) "?lang=" (other) }
                    lang=(words.other_tag) hreflang=(words.other_tag) data-lang=(other) { (words.other_tongue) }
            }
        }
    }

    fn foot(&self) -> Markup {
        use crate::content::PageKind::{Help, Notice};
        let words = self.words();
        html! {
            footer.page.foot {
                a href=(self.link(&Target::Pages(Notice))) { (words.notices) }
                " · "
                a href=(self.link(&Target::Pages(Help))) { (words.help) }
                " · "
                a href=(Target::NoticeFeed.path()) { (words.feed) }
                " · "
                a href="/studio" { (words.studio) }
            }
        }
    }

    /// The field to search in: a form, so that it needs no script.
    pub(crate) fn search_field(&self, asked: &str) -> Markup {
        let words = self.words();
        html! {
            form.search-field role="search" action="/search" method="get" {
                label.offscreen for="q" { (words.search_label) }
                input #q type="search" name="q" value=(asked) maxlength="200" placeholder=(words.search_label);
                @if self.is_said { input type="hidden" name="lang" value=(words::short(self.tongue)); }
                button.button.small type="submit" { (words.search) }
            }
        }
    }
}

/// The mark: two streamlines going over a weir.
fn mark() -> Markup {
    html! {
        svg.mark width="30" height="30" viewBox="0 0 32 32" aria-hidden="true" {
            rect width="32" height="32" rx="8" {}
            path d="M5 9.5h7.5c6 0 4.5 12 9 12 2.2 0 2.2-2 4.5-2" {}
            path d="M5 15h5c4.2 0 3.2 11.5 7.5 11.5 2.4 0 2.4-2 4.8-2s2.4 2 4.7 2" opacity=".62" {}
        }
    }
}

/// JSON in an element whose text is no markup: nothing in it can end the element (HTML, §4.12.1.3).
fn inert(json: &Value) -> PreEscaped<String> {
    PreEscaped(json.to_string().replace('<', "\\u003c"))
}

/// A moment, for people and for programs.
pub(crate) fn moment(ms: i64) -> Markup {
    let exact = rfc3339(ms);
    let shown = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    html! { time datetime=(exact) { (shown) " UTC" } }
}
