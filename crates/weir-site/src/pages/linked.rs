//! What a channel's page says to search engines (schema.org, JSON-LD 1.1): what is on now, what is to come, and what
//! can be watched again.

use serde_json::{Value, json};
use weir_base::rfc3339;
use weir_base::urls::StreamPath;

use super::frame::Frame;
use super::home::WORDS_CHARS;
use super::past;
use crate::content::{Coming, Content, Held, Replay};
use crate::markdown::excerpt;
use crate::target::Target;

/// Broadcasts to come that are told, the next first.
const COMING_TOLD: usize = 10;

/// None where there is nothing to tell, where the channel is in no list, or where nobody said how the public reaches
/// the site: addresses are whole here.
pub(super) fn channel(content: &Content, frame: &Frame<'_>, held: &Held) -> Option<Value> {
    if frame.url.is_empty() || !held.facts.is_listed {
        return None;
    }
    let now_ms = content.now_ms();
    let coming = held.coming(now_ms).filter(|one| one.starts_ms > now_ms);
    let coming = coming
        .take(COMING_TOLD)
        .map(|one| to_come(frame, held, one));
    let on_air = held.viewers.is_some().then(|| on_air(frame, held));
    // One that goes on is what is on now.
    let over = held.replays.iter().filter(|replay| !replay.goes_on);
    let again = over.map(|replay| to_replay(frame, held, replay));
    let told: Vec<Value> = on_air.into_iter().chain(coming).chain(again).collect();
    (!told.is_empty()).then(|| json!({ "@context": "https://schema.org", "@graph": told }))
}

fn on_air(frame: &Frame<'_>, held: &Held) -> Value {
    let facts = &held.facts;
    let since = rfc3339(held.live_since_ms);
    let said = excerpt(&facts.description, WORDS_CHARS);
    let embedded = StreamPath::EMBED.of(&facts.app, &facts.name);
    let mut video = json!({
        "@type": "VideoObject",
        "name": facts.title,
        "description": if said.is_empty() { &facts.title } else { &said },
        "url": page(frame, held),
        "embedUrl": format!("{}{embedded}", frame.url),
        "uploadDate": since,
        "publication": {
            "@type": "BroadcastEvent", "name": facts.title, "isLiveBroadcast": true, "startDate": since,
        },
    });
    let most = (u32::MAX, u32::MAX);
    if let Some(cover) = frame.pictures.cover(frame.url, &facts.cover, most) {
        video["thumbnailUrl"] = json!([cover.url]);
    }
    if !facts.language.is_empty() {
        video["inLanguage"] = json!(facts.language);
    }
    video
}

fn to_come(frame: &Frame<'_>, held: &Held, one: &Coming) -> Value {
    let mut event = json!({
        "@type": "BroadcastEvent",
        "name": one.title,
        "isLiveBroadcast": true,
        "startDate": rfc3339(one.starts_ms),
        "url": page(frame, held),
    });
    if one.ends_ms != 0 {
        event["endDate"] = json!(rfc3339(one.ends_ms));
    }
    event
}

fn to_replay(frame: &Frame<'_>, held: &Held, replay: &Replay) -> Value {
    let facts = &held.facts;
    let title = past::title(held, replay);
    let said = excerpt(&facts.description, WORDS_CHARS);
    let at = |form| format!("{}{}", frame.url, past::path(form, held, replay));
    let mut video = json!({
        "@type": "VideoObject",
        "name": title,
        "description": if said.is_empty() { title } else { &said },
        "url": at(StreamPath::WATCH),
        "embedUrl": at(StreamPath::EMBED),
        "uploadDate": rfc3339(replay.started_ms),
        "duration": format!("PT{}S", replay.duration_ms.max(0) / 1000),
    });
    let most = (u32::MAX, u32::MAX);
    let poster = replay
        .poster
        .as_ref()
        .map(|poster| match poster.starts_with('/') {
            true => format!("{}{poster}", frame.url),
            false => poster.clone(),
        });
    let cover = || Some(frame.pictures.cover(frame.url, &facts.cover, most)?.url);
    if let Some(picture) = poster.or_else(cover) {
        video["thumbnailUrl"] = json!([picture]);
    }
    if !facts.language.is_empty() {
        video["inLanguage"] = json!(facts.language);
    }
    video
}

fn page(frame: &Frame<'_>, held: &Held) -> String {
    let path = Target::Channel(held.facts.name.clone()).path();
    format!("{}{path}", frame.url)
}
