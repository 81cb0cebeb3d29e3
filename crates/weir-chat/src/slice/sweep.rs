//! Those whose time is up: once a second a look at strangers and at who is blocked, and in each second at another
//! part of the members for signs of life. No member has a timer.

use super::{Carrier, Slice};
use crate::bye::Bye;
use crate::limits;
use crate::wire::Encoding;

/// Microseconds beyond its end for which a token still does, so that a new one can be fetched.
const TOKEN_GRACE_MS: i64 = 25_000;
/// Microseconds of a turn beyond which the lo lane goes out less often.
const SLOW_TURN_US: i64 = 60_000;
/// Microseconds of a turn below which it goes out more often again.
const QUICK_TURN_US: i64 = 30_000;
/// How often the lo lane goes out in a second, from the best on.
const PACES: [u32; 4] = [limits::TICKS_PER_S, 8, 6, 4];

impl<C: Carrier> Slice<C> {
    pub(super) fn sweep(&mut self, now_us: i64) {
        self.let_strangers_go(now_us);
        let now_s = now_us.div_euclid(1_000_000);
        // A loop that was held up looks at all whose second it missed.
        let from_s = self.swept_s.max(now_s - i64::from(limits::PING_S)) + 1;
        self.swept_s = now_s;
        let every = i64::from(limits::PING_S);
        let is_due = |key: usize| {
            let turn = i64::try_from(key).unwrap_or(0).rem_euclid(every);
            (from_s..=now_s).any(|second| second.rem_euclid(every) == turn)
        };
        let blocked = |since_us: i64| now_us - since_us > limits::BLOCKED_US;
        let (mut over, mut ping) = (Vec::new(), Vec::new());
        let now_ms = self.house.clock.wall_ms();
        for (key, member) in &self.members {
            if member.blocked_us.is_some_and(blocked) {
                over.push((key, member.ending.unwrap_or(Bye::Slow)));
            } else if is_due(key) && member.ending.is_none() && member.who.is_some() {
                let silent_us = now_us - member.heard_us;
                let until_ms = member.who.as_ref().and_then(|who| who.until_ms);
                // Who reads events cannot answer: its carrier breaks where it is gone.
                let may_answer = member.encoding != Encoding::Events;
                if may_answer && silent_us > i64::from(limits::PING_S) * 1_000_000 + limits::PONG_US
                {
                    over.push((key, Bye::NoPong));
                } else if until_ms.is_some_and(|until_ms| now_ms > until_ms + TOKEN_GRACE_MS) {
                    over.push((key, Bye::Expired));
                } else {
                    ping.push(key);
                }
            }
        }
        for (key, bye) in over {
            match bye {
                // It takes nothing: it would not hear a goodbye.
                Bye::Slow => self.remove(key, bye),
                _ => self.close(key, bye),
            }
        }
        for key in ping {
            let Some(member) = self.members.get(key) else {
                continue;
            };
            let sign = self.house.framing.framed(member.encoding, &[]);
            self.say_framed(key, &sign);
        }
        for (_, part) in &mut self.parts {
            part.evict(now_us);
        }
    }

    fn let_strangers_go(&mut self, now_us: i64) {
        while let Some(&(until_us, key, serial)) = self.strangers.front() {
            if until_us > now_us {
                return;
            }
            self.strangers.pop_front();
            let is_stranger = self
                .members
                .get(key)
                .is_some_and(|member| member.serial == serial && member.who.is_none());
            if is_stranger {
                self.close(key, Bye::Stale);
            }
        }
    }

    /// A loop that cannot keep up sends the lo lane less often; the hi lane as ever.
    pub(super) fn set_pace(&mut self, turn_us: i64) {
        let at = PACES.iter().position(|pace| *pace == self.lo_pace);
        let at = at.unwrap_or(0);
        let next = if turn_us > SLOW_TURN_US {
            (at + 1).min(PACES.len() - 1)
        } else if turn_us < QUICK_TURN_US {
            at.saturating_sub(1)
        } else {
            at
        };
        if let Some(&pace) = PACES.get(next) {
            self.lo_pace = pace;
        }
    }
}
