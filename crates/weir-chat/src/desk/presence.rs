//! What somebody does in a room beside saying something: coming in, and giving it hearts.

use std::sync::Arc;

use super::author;
use crate::deny::{Denied, Deny};
use crate::house::House;
use crate::limits;
use crate::name::{GroupKind, GroupName};
use crate::post::{Draft, Lane};
use crate::room::Room;
use crate::who::{Guests, Standing, Who};
use crate::wire::PushKind;

/// Gives a room hearts.
///
/// # Errors
/// 101 for guests who only read, 103 where there is no room, 107 for no sensible number, 111 for too many, 201.
pub(crate) fn like(house: &House, who: &Who, room: &Arc<Room>, count: u32) -> Result<(), Denied> {
    if who.standing == Standing::Guest && house.config.guests != Guests::Write {
        return Err(Deny::Unauthenticated.into());
    }
    if !is_room(&room.name) {
        return Err(Denied::because(Deny::Forbidden, "hearts are for rooms"));
    }
    if !(1..=limits::HEARTS_AT_ONCE).contains(&count) {
        let words = format!("n is to be from 1 to {}", limits::HEARTS_AT_ONCE);
        return Err(Denied::because(Deny::BadRequest, words));
    }
    let now_ms = house.clock.wall_ms();
    house.with_silences(|silences| silences.may_speak(&who.user, now_ms))?;
    room.with_silences(|silences| silences.may_speak(&who.user, now_ms))?;
    let too_fast = |retry_ms| Denied::new(Deny::Rate).after_ms(retry_ms);
    house.may_like(&who.user, count).map_err(too_fast)?;
    house.like(room, count);
    Ok(())
}

/// Tells a room that somebody with an account came in, where that is told.
pub(crate) fn entered(house: &House, who: &Who, room: &Arc<Room>) {
    if who.standing == Standing::Guest || !is_room(&room.name) {
        return;
    }
    let at = (house.tick(), house.clock.now_us());
    if !room.tells_entry(&who.user, at, &house.config) {
        return;
    }
    let draft = Draft {
        lane: Lane::Lo,
        push: PushKind::Enter,
        fields: author(&who.user, &who.name, ""),
        user: who.user.clone(),
        once: None,
        wants_receipt: false,
    };
    house.put(room, draft.into(), Box::new(drop));
}

/// Whether it is a place where people meet, and not everybody's or somebody's own.
fn is_room(group: &GroupName) -> bool {
    group.kind() == GroupKind::Room && *group != GroupName::everybody()
}
