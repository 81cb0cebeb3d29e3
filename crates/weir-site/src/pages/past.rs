//! What was: broadcasts that can be watched again, as cards, and when there were others.

use maud::{Markup, html};
use weir_base::urls::StreamPath;

use super::frame::{Frame, moment};
use super::home::hue;
use crate::content::{Held, Past, Replay};

/// Milliseconds by which the beginning of a recording may miss that of its broadcast: it begins with a keyframe.
const BEGINS_WITHIN_MS: i64 = 60_000;

pub(super) fn section(frame: &Frame<'_>, held: &Held) -> Markup {
    let others: Vec<&Past> = held
        .past
        .iter()
        .filter(|past| !is_kept(held, past))
        .collect();
    html! {
        @if !held.replays.is_empty() || !others.is_empty() {
            section.ac-card.replays aria-labelledby="past" {
                h2 #past { (frame.words().past) }
                @if !held.replays.is_empty() {
                    ul { @for replay in &held.replays { li { (card(frame, held, replay)) } } }
                }
                @if !others.is_empty() {
                    ul.past-times { @for one in others {
                        li { (moment(one.started_ms)) " – " (moment(one.ended_ms)) }
                    } }
                }
            }
        }
    }
}

fn card(frame: &Frame<'_>, held: &Held, replay: &Replay) -> Markup {
    let facts = &held.facts;
    let initial: String = facts
        .name
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .collect();
    html! {
        a.replay-card href=(path(StreamPath::WATCH, held, replay)) data-replay=(replay.id) {
            span.replay-picture {
                @match &replay.poster {
                    Some(poster) => { img src=(poster) alt="" width="320" height="180" loading="lazy" decoding="async"; },
                    None => { span class={ "placeholder hue-" (hue(&facts.name)) } aria-hidden="true" { span { (initial) } } },
                }
                span.length { (if replay.goes_on { frame.words().goes_on.into() } else { length(replay.duration_ms) }) }
            }
            strong { (title(held, replay)) }
            span.when { (moment(replay.started_ms)) }
        }
    }
}

/// As it is shown.
pub(super) fn title<'a>(held: &'a Held, replay: &'a Replay) -> &'a str {
    match replay.title.trim() {
        "" => &held.facts.title,
        title => title,
    }
}

/// Where it is played.
pub(super) fn path(form: StreamPath, held: &Held, replay: &Replay) -> String {
    format!(
        "{}?r={}",
        form.of(&held.facts.app, &held.facts.name),
        replay.id
    )
}

/// Whether the broadcast can be watched again.
fn is_kept(held: &Held, past: &Past) -> bool {
    let is_of = |replay: &Replay| (replay.started_ms - past.started_ms).abs() <= BEGINS_WITHIN_MS;
    held.replays.iter().any(is_of)
}

/// "1:05", "1:02:03".
fn length(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    match h {
        0 => format!("{m}:{s:02}"),
        _ => format!("{h}:{m:02}:{s:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_as_clocks_do() {
        let said = [-5, 0, 65_999, 3_723_000, 100 * 3_600_000].map(length);
        assert_eq!(said, ["0:00", "0:00", "1:05", "1:02:03", "100:00:00"]);
    }
}
