//! What moderators may do by `rpc`, and what everybody may do with one's own.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use weir_base::Id;

use super::quoted;
use crate::bye::Bye;
use crate::deny::{Denied, Deny};
use crate::house::House;
use crate::limits;
use crate::name::GroupName;
use crate::post::{Draft, Lane};
use crate::room::Room;
use crate::room::mode::ModeChange;
use crate::room::silence::Silence;
use crate::who::{Standing, Who};
use crate::wire::PushKind;

/// Somebody who is meant, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    u: String,
    /// Seconds; none for ever.
    #[serde(default)]
    s: Option<i64>,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: Id,
}

/// Does what is ordered in a group, and answers with JSON.
///
/// # Errors
/// 103 for who may not, 104 for what there is not, 107 for what makes no sense.
pub fn order(
    house: &House,
    who: &Who,
    room: &Arc<Room>,
    (method, body): (&str, &str),
) -> Result<String, Denied> {
    let is_moderator = who.standing == Standing::Moderator;
    if method == "delete" {
        let Named { id } = read(body)?;
        let post = room.find(id);
        let is_own = post.as_ref().is_some_and(|post| post.user == who.user);
        if !is_moderator && !is_own {
            return Err(Deny::Forbidden.into());
        }
        return delete(house, room, id);
    }
    if !is_moderator {
        return Err(Deny::Forbidden.into());
    }
    tracing::info!(target: "audit", moderator = %who.user, group = %room.name, method, "chat order: {body}");
    match method {
        "mute" => silence(house, room, Silence::Mute, read(body)?),
        "ban" => silence(house, room, Silence::Ban, read(body)?),
        "unmute" => lift(house, room, Silence::Mute, read(body)?),
        "unban" => lift(house, room, Silence::Ban, read(body)?),
        "kick" => {
            let Meant { u, .. } = read(body)?;
            house.let_go(&u.as_str().into(), None, Bye::Kicked);
            Ok("{}".into())
        }
        "clear" => {
            let Meant { u, .. } = read(body)?;
            clear(house, room, &u.as_str().into())
        }
        "pin" => {
            let Named { id } = read(body)?;
            let post = room.find(id);
            let post = post
                .ok_or_else(|| Denied::because(Deny::BadRequest, "this post is not remembered"))?;
            room.pin(Some(post.clone()));
            tell(
                house,
                room,
                PushKind::Pin,
                format!("\"post\":{{{},", post.fields),
            )
        }
        "unpin" => {
            room.pin(None);
            tell(house, room, PushKind::Pin, "\"post\":null,".into())
        }
        "mode" => {
            let change: ModeChange = read(body)?;
            if !change.is_sensible() {
                return Err(Deny::BadRequest.into());
            }
            let mode = room.mode().changed(change);
            room.set_mode(mode);
            tell(
                house,
                room,
                PushKind::State,
                format!("\"d\":{},", mode.json()),
            )
        }
        _ => Err(Deny::UnknownCommand.into()),
    }
}

fn delete(house: &House, room: &Arc<Room>, id: Id) -> Result<String, Denied> {
    room.take(|post| post.id == id);
    tell(house, room, PushKind::Delete, format!("\"id\":\"{id}\","))
}

fn clear(house: &House, room: &Arc<Room>, user: &Arc<str>) -> Result<String, Denied> {
    room.take(|post| post.user == *user);
    tell(
        house,
        room,
        PushKind::Clear,
        format!("\"u\":{},", quoted(user)),
    )
}

/// Silences somebody in a room, or everywhere where the room is everybody's; and says so, to all and to the one.
fn silence(house: &House, room: &Arc<Room>, what: Silence, meant: Meant) -> Result<String, Denied> {
    let now_ms = house.clock.wall_ms();
    let lasts_ms = meant
        .s
        .map_or(limits::SILENCE_MS, |s| s.saturating_mul(1_000));
    if !(1..=limits::SILENCE_MS).contains(&lasts_ms) {
        return Err(Denied::because(
            Deny::BadRequest,
            "s is to be the seconds, from 1 to ten years",
        ));
    }
    let until_ms = now_ms + lasts_ms;
    let user: Arc<str> = meant.u.as_str().into();
    let is_everywhere = room.name == GroupName::everybody();
    match is_everywhere {
        true => house.with_silences(|of| of.set(what, &user, until_ms, now_ms)),
        false => room.with_silences(|of| of.set(what, &user, until_ms, now_ms)),
    }?;
    let word = match what {
        Silence::Mute => "muted",
        Silence::Ban => "banned",
    };
    // Who is silenced is told, wherever it is: nobody talks to a wall here.
    if let Ok(own) = GroupName::new(&format!("u:{user}")) {
        let own = house.room(&own)?;
        let (group, why) = (&room.name, quoted(&meant.why));
        let told = format!("\"d\":{{\"{word}\":\"{group}\",\"until\":{until_ms},\"why\":{why}}},");
        tell(house, &own, PushKind::State, told)?;
    }
    if what == Silence::Ban {
        let group = (!is_everywhere).then_some(&room.name);
        house.let_go(&user, group, Bye::Banned);
        room.take(|post| post.user == user);
        let cleared = format!("\"u\":{},\"until\":{until_ms},", quoted(&user));
        tell(house, room, PushKind::Clear, cleared)?;
    }
    Ok(format!("{{\"until\":{until_ms}}}"))
}

fn lift(house: &House, room: &Arc<Room>, what: Silence, meant: Meant) -> Result<String, Denied> {
    match room.name == GroupName::everybody() {
        true => house.with_silences(|of| of.lift(what, &meant.u)),
        false => room.with_silences(|of| of.lift(what, &meant.u)),
    }
    Ok("{}".into())
}

/// Says in the hi lane what has changed, so that whoever comes back hears of it too.
fn tell(house: &House, room: &Arc<Room>, push: PushKind, fields: String) -> Result<String, Denied> {
    let draft = Draft {
        lane: Lane::Hi,
        push,
        fields,
        user: "".into(),
        once: None,
        wants_receipt: false,
    };
    house.put(room, draft, Box::new(drop));
    Ok("{}".into())
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, Denied> {
    serde_json::from_str(body)
        .map_err(|error| Denied::because(Deny::BadRequest, format!("d makes no sense: {error}")))
}
