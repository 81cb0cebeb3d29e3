//! Who may not speak, and who may not even be there: in one room, or everywhere.

use std::collections::HashMap;
use std::sync::Arc;

use crate::deny::{Denied, Deny};
use crate::limits;

/// See the file's words.
#[derive(Debug, Default)]
pub struct Silences {
    muted: HashMap<Arc<str>, i64>,
    banned: HashMap<Arc<str>, i64>,
    /// Up to when what a user showed was made that is good no more, and until when that is remembered.
    void: HashMap<Arc<str>, (i64, i64)>,
}

/// What is done to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Reads, and does not speak.
    Mute,
    /// Is not there.
    Ban,
}

impl Silences {
    /// Silences somebody until `until_ms` of the wall clock.
    ///
    /// # Errors
    /// 106 where too many are.
    pub fn set(
        &mut self,
        what: Silence,
        user: &Arc<str>,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<(), Denied> {
        let of = self.of_mut(what);
        if of.len() >= limits::SILENCED {
            of.retain(|_, until| *until > now_ms);
        }
        if of.len() >= limits::SILENCED && !of.contains_key(user) {
            return Err(Denied::because(Deny::Limit, "too many are silenced here"));
        }
        of.insert(user.clone(), until_ms);
        Ok(())
    }

    /// Whether one more may be silenced.
    pub fn has_room(&self, what: Silence, user: &str, now_ms: i64) -> bool {
        let of = match what {
            Silence::Mute => &self.muted,
            Silence::Ban => &self.banned,
        };
        let holds = |until: &&i64| **until > now_ms;
        of.contains_key(user) || of.values().filter(holds).count() < limits::SILENCED
    }

    /// What a user showed that was made before `before_ms` is good no more.
    pub fn void(&mut self, user: &Arc<str>, before_ms: i64, (until_ms, now_ms): (i64, i64)) {
        if self.void.len() >= limits::SILENCED {
            self.forget(now_ms);
        }
        if self.void.len() < limits::SILENCED {
            self.void.insert(user.clone(), (before_ms, until_ms));
        }
    }

    /// Whether what a user shows that was made then is good still.
    ///
    /// # Errors
    /// 109.
    pub fn may_show(&self, user: &str, since_ms: i64) -> Result<(), Denied> {
        match self.void.get(user) {
            Some((before_ms, _)) if since_ms <= *before_ms => Err(Deny::TokenExpired.into()),
            _ => Ok(()),
        }
    }

    /// Lets somebody speak again.
    pub fn lift(&mut self, what: Silence, user: &str) {
        self.of_mut(what).remove(user);
    }

    /// Whether somebody may be there.
    ///
    /// # Errors
    /// 202.
    pub fn may_enter(&self, user: &str, now_ms: i64) -> Result<(), Denied> {
        until(&self.banned, user, now_ms, Deny::Banned)
    }

    /// Whether somebody may speak.
    ///
    /// # Errors
    /// 202 and 201.
    pub fn may_speak(&self, user: &str, now_ms: i64) -> Result<(), Denied> {
        self.may_enter(user, now_ms)?;
        until(&self.muted, user, now_ms, Deny::Muted)
    }

    /// Whether nobody is silenced.
    pub fn is_empty(&self) -> bool {
        self.muted.is_empty() && self.banned.is_empty() && self.void.is_empty()
    }

    /// Forgets those whose time is over.
    pub fn forget(&mut self, now_ms: i64) {
        self.muted.retain(|_, until| *until > now_ms);
        self.banned.retain(|_, until| *until > now_ms);
        self.void.retain(|_, (_, until)| *until > now_ms);
    }

    const fn of_mut(&mut self, what: Silence) -> &mut HashMap<Arc<str>, i64> {
        match what {
            Silence::Mute => &mut self.muted,
            Silence::Ban => &mut self.banned,
        }
    }
}

fn until(of: &HashMap<Arc<str>, i64>, user: &str, now_ms: i64, why: Deny) -> Result<(), Denied> {
    match of.get(user) {
        Some(until_ms) if *until_ms > now_ms => Err(Denied::new(why).after_ms(until_ms - now_ms)),
        _ => Ok(()),
    }
}
