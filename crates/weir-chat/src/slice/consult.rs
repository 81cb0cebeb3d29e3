//! Members that wait for the business behind the gateway: asked with a number, answered by the bell. What they say
//! meanwhile is kept, so that the order of each member's own words stays.

use std::sync::Arc;

use super::hold::{Hold, Wish};
use super::{Carrier, Slice};
use crate::business::{Allowed, Inquiry, Matter, Verdict};
use crate::bye::Bye;
use crate::deny::{Denied, Deny};
use crate::desk::Wanted;
use crate::house::Heard;
use crate::limits;
use crate::room::Room;
use crate::who::{Standing, Who};

/// A post that the business looks at.
pub(super) struct Posting {
    pub(super) room: Arc<Room>,
    pub(super) kind: String,
    pub(super) body: String,
    pub(super) once: Option<String>,
}

/// A question on its way.
pub(super) struct Asking {
    /// Told apart from questions that nobody waits for any more.
    ticket: u64,
    pub(super) verdict: Option<Verdict>,
}

impl<C: Carrier> Slice<C> {
    /// Whether the business wants to be asked for this.
    pub(super) fn is_asked(&self, call: Matter) -> bool {
        self.house.business().is_some_and(|of| of.wants(call))
    }

    /// Which question a greeting is, with groups beyond one's own or without.
    pub(super) fn greeting_call(&self, has_groups: bool) -> Option<Matter> {
        let calls = [(Matter::Connect, true), (Matter::Join, has_groups)];
        let asked = calls
            .into_iter()
            .find(|(call, is_meant)| *is_meant && self.is_asked(*call));
        asked.map(|(call, _)| call)
    }

    /// Asks the business; what the member wants is done when that has answered.
    pub(super) fn consult(&mut self, key: usize, i: Option<u64>, asked: Inquiry, wish: Wish) {
        let Some(business) = self.house.business().cloned() else {
            return;
        };
        let until_us = self.house.clock.now_us() + limits::BUSINESS_US;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        let serial = member.serial;
        self.holding.push((key, serial));
        let mut hold = Hold::new(until_us, Vec::new(), (i, wish));
        hold.asked = Some(Asking {
            ticket,
            verdict: None,
        });
        member.hold = Some(Box::new(hold));
        let bell = self.bell.clone();
        let saying = Box::new(move |verdict| {
            bell.tell(|inbox| {
                inbox.heard.push(Heard {
                    member: key,
                    serial,
                    ticket,
                    verdict,
                });
            });
        });
        business.ask(asked, saying);
    }

    /// Notes what the business says; who waited goes on with the next release.
    pub(super) fn note(&mut self, heard: Heard) {
        let member = self.members.get_mut(heard.member);
        let member = member.filter(|member| member.serial == heard.serial);
        let asking = member
            .and_then(|member| member.hold.as_mut())
            .and_then(|hold| hold.asked.as_mut());
        if let Some(asking) = asking.filter(|asking| asking.ticket == heard.ticket) {
            asking.verdict = Some(heard.verdict);
        }
    }

    /// Does what the business allows, or says why not.
    ///
    /// # Errors
    /// The goodbye to somebody who is not let in.
    pub(super) fn go_on(
        &mut self,
        key: usize,
        (i, wish): (Option<u64>, Wish),
        asking: Asking,
    ) -> Result<(), Bye> {
        let late = || {
            let words = "the business behind chat does not answer";
            Err(Denied::because(Deny::BusinessLate, words))
        };
        let verdict = asking.verdict.unwrap_or_else(late);
        let is_greeting = matches!(wish, Wish::Greet(..));
        let allowed = match verdict {
            Ok(allowed) => allowed,
            Err(denied) => {
                self.refuse(key, i, &denied);
                return match (is_greeting, denied.why.is_temporary()) {
                    (false, _) => Ok(()),
                    (true, true) => {
                        self.may_greet_again(key);
                        Ok(())
                    }
                    (true, false) => Err(Bye::Banned),
                };
            }
        };
        match wish {
            Wish::Greet(groups, _) => self.when_known(key, i, Wish::Greet(groups, allowed.refused)),
            Wish::Join(group, at) if !allowed.refused.contains(&group) => {
                self.when_known(key, i, Wish::Join(group, at))
            }
            Wish::Join(..) => {
                self.refuse(key, i, &kept_closed());
                Ok(())
            }
            Wish::Post(posting) => {
                if let Err(denied) = self.post(key, i, *posting, allowed) {
                    self.refuse(key, i, &denied);
                }
                Ok(())
            }
            Wish::Answer => {
                self.reply(key, i, allowed.body.as_deref().unwrap_or("{}"));
                Ok(())
            }
        }
    }

    /// The house's own rules are asked now, with what the business made of the post: who was muted meanwhile stays so.
    fn post(
        &mut self,
        key: usize,
        i: Option<u64>,
        posting: Posting,
        allowed: Allowed,
    ) -> Result<(), Denied> {
        let Posting {
            room,
            kind,
            body,
            once,
        } = posting;
        let body = allowed.body.unwrap_or(body);
        let wanted = Wanted {
            kind: &kind,
            body: &body,
            once: once.as_deref(),
        };
        let room = self.room_of(key, room.name.as_str())?;
        self.put(key, i, &room, wanted)
    }

    /// The business was away: who it did not let in may ask again on the same connection.
    fn may_greet_again(&mut self, key: usize) {
        let until_us = self.house.clock.now_us() + limits::GREETING_US;
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        let Some(who) = member.who.take() else {
            return;
        };
        let number = who.user.trim_start_matches("g-").to_owned();
        // A token is shown again; a cookie was looked up at the handshake.
        let known = (who.standing > Standing::Guest && member.is_presented).then(|| (*who).clone());
        member.presented = Some(Box::new((known, number)));
        self.strangers.push_back((until_us, key, member.serial));
        self.house.leave(&who.user);
    }
}

/// A question without payload.
pub(super) fn question(who: &Who, call: Matter, groups: Vec<String>) -> Inquiry {
    Inquiry {
        call,
        user: who.user.to_string(),
        name: who.name.to_string(),
        standing: match who.standing {
            Standing::Guest => "guest",
            Standing::User => "user",
            Standing::Moderator => "moderator",
        },
        groups,
        kind: String::new(),
        body: String::new(),
        once: None,
    }
}

/// Of groups that the business keeps closed for somebody.
pub(super) fn kept_closed() -> Denied {
    Denied::because(
        Deny::Forbidden,
        "this group is not open to you, says this site",
    )
}
