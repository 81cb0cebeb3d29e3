//! What moderators may do by `rpc`, and what everybody may do with one's own.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use weir_base::Id;

use super::quoted;
use crate::bus::{Entry, Fact, message};
use crate::change::Change;
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

/// Orders that there are.
const ORDERS: [&str; 10] = [
    "delete", "mute", "ban", "unmute", "unban", "kick", "clear", "pin", "unpin", "mode",
];

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

/// What an order comes to: what happens to its group, what is said to who gave it, and what happens elsewhere then.
struct Ruling {
    change: Change,
    told: String,
    then: Option<(GroupName, Change)>,
}

/// Whether there is such an order.
pub(crate) fn is_order(method: &str) -> bool {
    ORDERS.contains(&method)
}

/// Called once with what is said to who gave an order, JSON.
pub type Obeyed = Box<dyn FnOnce(Result<String, Denied>) + Send>;

/// Does what is ordered in a group.
///
/// # Errors
/// 103 for who may not, 104 for what there is not, 107 for what makes no sense. Whether it was done says the answer.
pub fn order(
    house: &Arc<House>,
    who: &Who,
    room: &Arc<Room>,
    (method, body): (&str, &str),
    answer: Obeyed,
) -> Result<(), Denied> {
    let Ruling { change, told, then } = rule(house, who, room, (method, body))?;
    let (next_house, room) = (house.clone(), room.clone());
    let answer = Box::new(move |result: Result<_, Denied>| {
        if let (Ok(_), Some((group, change))) = (&result, then)
            && let Ok(room) = next_house.room(&group)
        {
            next_house.put(&room, change, Box::new(drop));
        }
        answer(result.map(|_| told));
    });
    house.put(&room, change, answer);
    Ok(())
}

/// Whatever a user has shown up to now is good no more, on all nodes: for whoever looks after accounts.
pub fn void(house: &House, user: &str) {
    let change = Change {
        facts: vec![Fact::void(user, house.clock.wall_ms())],
        draft: None,
    };
    if let Ok(room) = house.room(&GroupName::everybody()) {
        house.put(&room, change, Box::new(drop));
    }
}

fn rule(
    house: &House,
    who: &Who,
    room: &Arc<Room>,
    (method, body): (&str, &str),
) -> Result<Ruling, Denied> {
    let is_moderator = who.standing == Standing::Moderator;
    if method == "delete" {
        let Named { id } = read(body)?;
        let post = room.find(id);
        let is_own = post.as_ref().is_some_and(|post| post.user == who.user);
        if !is_moderator && !is_own {
            return Err(Deny::Forbidden.into());
        }
        return Ok(said(PushKind::Delete, format!("\"id\":\"{id}\",")).into());
    }
    if !is_moderator {
        return Err(Deny::Forbidden.into());
    }
    tracing::info!(target: "audit", moderator = %who.user, group = %room.name, method, "chat order: {body}");
    match method {
        "mute" => silence(house, room, Silence::Mute, read(body)?),
        "ban" => silence(house, room, Silence::Ban, read(body)?),
        "unmute" => Ok(Fact::lift(Silence::Mute, &meant(body)?).into()),
        "unban" => Ok(Fact::lift(Silence::Ban, &meant(body)?).into()),
        "kick" => {
            let id = house.next_id()?;
            Ok(Fact::kick(&meant(body)?, id, house.clock.wall_ms()).into())
        }
        "clear" => {
            let user = quoted(&meant(body)?);
            Ok(said(PushKind::Clear, format!("\"u\":{user},")).into())
        }
        "pin" => {
            let Named { id } = read(body)?;
            let post = room.find(id);
            let post = post
                .ok_or_else(|| Denied::because(Deny::BadRequest, "this post is not remembered"))?;
            let pinned = message::post_line(&Entry::of(&post));
            let fields = format!("\"post\":{{{},", post.fields);
            Ok(both(Fact::pin(Some(pinned)), said(PushKind::Pin, fields)))
        }
        "unpin" => {
            let fields = said(PushKind::Pin, "\"post\":null,".into());
            Ok(both(Fact::pin(None), fields))
        }
        "mode" => {
            let change: ModeChange = read(body)?;
            if !change.is_sensible() {
                return Err(Deny::BadRequest.into());
            }
            let mode = room.mode().changed(change);
            let fields = format!("\"d\":{},", mode.json());
            Ok(both(Fact::mode(mode), said(PushKind::State, fields)))
        }
        _ => Err(Deny::UnknownCommand.into()),
    }
}

/// Silences somebody in a room, or everywhere where the room is everybody's; and says so, to all and to the one.
fn silence(house: &House, room: &Room, what: Silence, meant: Meant) -> Result<Ruling, Denied> {
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
    let user = named(&meant.u)?;
    let has_room = match room.name == GroupName::everybody() {
        true => house.with_silences(|of| of.has_room(what, user, now_ms)),
        false => room.with_silences(|of| of.has_room(what, user, now_ms)),
    };
    if !has_room {
        return Err(Denied::because(Deny::Limit, "too many are silenced here"));
    }
    let (word, draft) = match what {
        Silence::Mute => ("muted", None),
        Silence::Ban => {
            let cleared = format!("\"u\":{},\"until\":{until_ms},", quoted(user));
            ("banned", Some(said(PushKind::Clear, cleared)))
        }
    };
    // Who is silenced is told, wherever it is: nobody talks to a wall here.
    let (group, why) = (&room.name, quoted(&meant.why));
    let told = format!("\"d\":{{\"{word}\":\"{group}\",\"until\":{until_ms},\"why\":{why}}},");
    let own = GroupName::new(&format!("u:{user}")).ok();
    Ok(Ruling {
        change: Change {
            facts: vec![Fact::silence(what, user, until_ms)],
            draft,
        },
        told: format!("{{\"until\":{until_ms}}}"),
        then: own.map(|own| (own, said(PushKind::State, told).into())),
    })
}

/// Who is meant by an order that needs no more.
fn meant(body: &str) -> Result<String, Denied> {
    let Meant { u, .. } = read(body)?;
    named(&u)?;
    Ok(u)
}

/// A user's id of a length that one may have.
fn named(user: &str) -> Result<&str, Denied> {
    if user.is_empty() || user.len() > limits::GROUP_NAME_BYTES {
        return Err(Denied::because(Deny::BadRequest, "u is to be a user's id"));
    }
    Ok(user)
}

/// What is said in the hi lane has changed, so that whoever comes back hears of it too.
fn said(push: PushKind, fields: String) -> Draft {
    Draft {
        lane: Lane::Hi,
        push,
        fields,
        user: "".into(),
        once: None,
        wants_receipt: false,
    }
}

fn both(fact: Fact, draft: Draft) -> Ruling {
    Ruling {
        change: Change {
            facts: vec![fact],
            draft: Some(draft),
        },
        told: "{}".into(),
        then: None,
    }
}

impl From<Draft> for Ruling {
    fn from(draft: Draft) -> Self {
        Self {
            change: draft.into(),
            told: "{}".into(),
            then: None,
        }
    }
}

impl From<Fact> for Ruling {
    fn from(fact: Fact) -> Self {
        Self {
            change: Change {
                facts: vec![fact],
                draft: None,
            },
            told: "{}".into(),
            then: None,
        }
    }
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, Denied> {
    serde_json::from_str(body)
        .map_err(|error| Denied::because(Deny::BadRequest, format!("d makes no sense: {error}")))
}
