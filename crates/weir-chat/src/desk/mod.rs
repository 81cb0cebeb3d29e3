//! The business behind the gateway: who may post what, and what moderators may do.
//!
//! The gateway hands over a payload as it came; here, and only here, it is looked into.

mod order;
mod presence;
mod words;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use order::is_order;
pub use order::{Obeyed, order, void};
pub(crate) use presence::{entered, like};
use words::Words;

use crate::change::Answer;
use crate::deny::{Denied, Deny};
use crate::house::{House, lane_of};
use crate::name::{GroupKind, GroupName};
use crate::post::{Draft, Lane};
use crate::room::Room;
use crate::who::{Guests, Standing, Who};
use crate::wire::PushKind;

/// What a client says in chat.
pub const CHAT: &str = "chat";
/// What moderators tell a room.
const NOTICE: &str = "notice";

/// A post as somebody wants it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What it is.
    pub kind: &'a str,
    /// The payload, JSON.
    pub body: &'a str,
    /// Names the post.
    pub once: Option<&'a str>,
}

/// A post of the site's own service: nobody's, and as it says.
#[derive(Debug, Clone)]
pub struct Ordered<'a> {
    /// What is posted.
    pub wanted: Wanted<'a>,
    /// In which lane; by its kind where nobody says.
    pub lane: Option<Lane>,
    /// In whose name: user and name.
    pub from: Option<(Arc<str>, &'a str)>,
    /// Wants a receipt.
    pub wants_receipt: bool,
}

/// Posts what a client wants to, if it may.
pub fn publish(house: &House, who: &Who, room: &Arc<Room>, wanted: Wanted<'_>, answer: Answer) {
    match draft(house, who, room, wanted) {
        Ok(draft) => house.put(room, draft.into(), answer),
        Err(denied) => answer(Err(denied)),
    }
}

/// Posts what the site's own service wants to.
///
/// # Errors
/// 106 for too many groups, 107 for what makes no sense.
pub fn publish_ordered(
    house: &House,
    group: &GroupName,
    ordered: &Ordered<'_>,
    answer: Answer,
) -> Result<(), Denied> {
    let Wanted { kind, body, once } = ordered.wanted;
    crate::wire::command::check_kind(kind)?;
    if body.len() > house.config.post_bytes {
        return Err(Deny::TooLong.into());
    }
    let body = one_line(body)?;
    let lane = ordered.lane.unwrap_or_else(|| lane_of(kind));
    if ordered.wants_receipt && lane == Lane::Lo {
        let words = "only posts of the hi lane can want a receipt";
        return Err(Denied::because(Deny::BadRequest, words));
    }
    let (user, from) = match &ordered.from {
        Some((user, name)) => (user.clone(), author(user, name, "")),
        None => ("".into(), String::new()),
    };
    let draft = Draft {
        lane,
        push: PushKind::Message,
        fields: format!("\"k\":\"{kind}\",{from}\"d\":{body},"),
        user,
        once: once.map(str::to_owned),
        wants_receipt: ordered.wants_receipt,
    };
    house.put(&house.room(group)?, draft.into(), answer);
    Ok(())
}

/// Whether somebody may post this, pace and repetition apart: those count when it is posted.
///
/// # Errors
/// Why not.
pub(crate) fn may_post(
    house: &House,
    who: &Who,
    room: &Arc<Room>,
    wanted: Wanted<'_>,
) -> Result<(), Denied> {
    allowed(house, who, room, wanted).map(drop)
}

/// What somebody may post, and in which lane.
fn allowed<'a>(
    house: &House,
    who: &Who,
    room: &Arc<Room>,
    wanted: Wanted<'a>,
) -> Result<(Lane, Words<'a>), Denied> {
    may_write(house, who, &room.name)?;
    if wanted.body.len() > house.config.post_bytes {
        return Err(Deny::TooLong.into());
    }
    let is_moderator = who.standing == Standing::Moderator;
    let lane = match wanted.kind {
        CHAT => Lane::Lo,
        NOTICE if is_moderator => Lane::Hi,
        _ => {
            let words = "posts of this kind come from the site's own service";
            return Err(Denied::because(Deny::Forbidden, words));
        }
    };
    let said = Words::read(wanted.body, house.config.message_chars)?;
    let now_ms = house.clock.wall_ms();
    if !is_moderator {
        house.with_silences(|silences| silences.may_speak(&who.user, now_ms))?;
        room.with_silences(|silences| silences.may_speak(&who.user, now_ms))?;
        let mode = room.mode();
        if mode.is_closed {
            return Err(Deny::Closed.into());
        }
        if mode.is_emote_only && !said.is_emotes() {
            return Err(Deny::EmoteOnly.into());
        }
        house.filters.check(&room.name, said.text())?;
    }
    Ok((lane, said))
}

fn draft(house: &House, who: &Who, room: &Arc<Room>, wanted: Wanted<'_>) -> Result<Draft, Denied> {
    let (lane, said) = allowed(house, who, room, wanted)?;
    if who.standing != Standing::Moderator {
        let too_fast = |retry_ms| Denied::new(Deny::Rate).after_ms(retry_ms);
        house.may_post(&who.user).map_err(too_fast)?;
        let now_us = house.clock.now_us();
        let may = room.may_say(&who.user, said.digest(), now_us);
        may.map_err(|(retry_ms, is_repetition)| {
            let why = if is_repetition {
                Deny::Duplicate
            } else {
                Deny::Slow
            };
            Denied::new(why).after_ms(retry_ms)
        })?;
    }
    let mark = match who.standing {
        Standing::Guest => ",\"r\":\"guest\"",
        Standing::User => "",
        Standing::Moderator => ",\"r\":\"mod\"",
    };
    let body = one_line(wanted.body)?;
    let from = author(&who.user, &who.name, mark);
    Ok(Draft {
        lane,
        push: PushKind::Message,
        fields: format!("\"k\":\"{}\",{from}\"d\":{body},", wanted.kind),
        user: who.user.clone(),
        once: wanted.once.map(str::to_owned),
        wants_receipt: false,
    })
}

/// Whether somebody writes in such a group at all.
fn may_write(house: &House, who: &Who, group: &GroupName) -> Result<(), Denied> {
    let is_moderator = who.standing == Standing::Moderator;
    if who.standing == Standing::Guest && house.config.guests != Guests::Write {
        return Err(Deny::Unauthenticated.into());
    }
    let is_private = group.kind() == GroupKind::User;
    if is_private || (*group == GroupName::everybody() && !is_moderator) {
        let words = "posts in this group come from the site's own service";
        return Err(Denied::because(Deny::Forbidden, words));
    }
    Ok(())
}

/// The field of who says it, with the comma behind it.
fn author(user: &str, name: &str, mark: &str) -> String {
    format!(
        "\"f\":{{\"u\":{},\"n\":{}{mark}}},",
        quoted(user),
        quoted(name)
    )
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A payload that has no line ends between its tokens, which would end the line that it is put into.
fn one_line(body: &str) -> Result<String, Denied> {
    /// Any JSON.
    #[derive(Deserialize)]
    struct Payload<'a>(#[serde(borrow)] &'a RawValue);
    let makes_no_sense = |_| Denied::because(Deny::BadRequest, "d is no JSON");
    let payload: Payload<'_> = serde_json::from_str(body).map_err(makes_no_sense)?;
    // Inside a text a line end is escaped; between tokens it is a blank like others.
    Ok(payload.0.get().replace(['\n', '\r'], " "))
}
