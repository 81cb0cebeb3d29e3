//! A channel's page: what is said about it, what is to come, what was, and where to watch. A script puts the player
//! into `#player`.

use maud::{Markup, html};
use weir_base::urls::StreamPath;

use super::frame::{Frame, Head, moment};
use super::home::{Made, WORDS_CHARS, category_title};
use super::linked;
use super::past;
use super::pictured;
use crate::content::{Content, Held};
use crate::markdown::{excerpt, to_html};
use crate::target::Target;

/// How wide its picture is on a channel's page.
const COVER_SIZES: &str = "min(100vw, 960px)";

pub(super) fn channel(content: &Content, frame: &Frame<'_>, name: &str) -> Option<Made> {
    let (held, _) = content.find(name)?;
    let facts = &held.facts;
    let words = frame.words();
    let feed = Target::ChannelFeed(facts.name.clone()).path();
    let main = html! {
        div.heading {
            h1 { (facts.title) }
            span.ac-role #standing { (if held.viewers.is_some() { words.is_live } else { words.not_live }) }
            span #follow data-channel=(facts.name) {}
        }
        div #player data-app=(facts.app) data-stream=(facts.name) data-channel=(facts.name) {
            @if held.viewers.is_none() { (pictured::cover(frame, &facts.cover, COVER_SIZES)) }
            @else {
                p { a.button href=(StreamPath::WATCH.of(&facts.app, &facts.name)) { (words.play) } }
            }
        }
        p.ac-mail {
            (facts.name) " · " (facts.followers) " "
            (if facts.followers == 1 { words.follower } else { words.followers })
            @if !facts.category.is_empty() {
                " · " a href=(frame.link(&Target::Category(facts.category.clone()))) {
                    (category_title(content, frame, &facts.category))
                }
            }
            @if !facts.language.is_empty() {
                " · " a href=(frame.link(&Target::Language(facts.language.clone()))) { (facts.language) }
            }
            " · " a href=(feed) { (words.feed) }
        }
        section.ac-card aria-labelledby="about" {
            h2 #about { (words.about) }
            @if facts.description.trim().is_empty() { p { (words.nothing_said) } }
            @else { div.prose { (to_html(&facts.description)) } }
        }
        (coming(content, frame, held))
        (past::section(frame, held))
        (elsewhere(frame, held))
    };
    let said = excerpt(&facts.description, WORDS_CHARS);
    let head = Head {
        title: format!("{} · weir", facts.title),
        words: if said.is_empty() {
            facts.title.clone()
        } else {
            said
        },
        is_hidden: !facts.is_listed,
        feed: Some(feed),
        page: "channel",
        player: Some(StreamPath::EMBED.of(&facts.app, &facts.name)),
        cover: facts.cover.clone(),
        linked: linked::channel(content, frame, held),
    };
    Some((head, main, format!("channel-{}", facts.id)))
}

fn coming(content: &Content, frame: &Frame<'_>, held: &Held) -> Markup {
    let mut coming = held.coming(content.now_ms()).peekable();
    html! {
        @if coming.peek().is_some() {
            section.ac-card aria-labelledby="coming" {
                h2 #coming { (frame.words().coming) }
                ul { @for one in coming {
                    li {
                        (moment(one.starts_ms)) " " strong { (one.title) }
                        @if !one.description.trim().is_empty() { div.prose { (to_html(&one.description)) } }
                    }
                } }
            }
        }
    }
}

/// Addresses of the stream for other players.
fn elsewhere(frame: &Frame<'_>, held: &Held) -> Markup {
    let facts = &held.facts;
    let forms = [
        ("HLS", StreamPath::HLS),
        ("HTTP-FLV", StreamPath::FLV),
        ("MPEG-TS", StreamPath::TS),
    ];
    html! {
        section.ac-card aria-labelledby="elsewhere" {
            h2 #elsewhere { (frame.words().watch_with) }
            ul { @for (name, form) in forms {
                @let path = form.of(&facts.app, &facts.name);
                li { (name) ": " a href=(path) { (frame.url) (path) } }
            } }
        }
    }
}
