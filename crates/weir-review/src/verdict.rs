//! What people may say of an item, and what somebody else looks at again.

/// Milliseconds for which a claim is good: a page renews its own three times in that.
pub const CLAIM_MS: i64 = 60_000;
/// Milliseconds for which a verdict can be taken back.
pub const UNDO_MS: i64 = 10_000;
/// Items of one claim at most.
pub const MAX_CLAIM: u32 = 40;
/// Items that one reviewer may have at once: a page, the next one, and one more that was left open somewhere.
pub const MAX_HELD: u32 = 60;
/// A hash of a lower quality is of a picture with nothing to tell by: nothing is near to it.
pub const LEAST_QUALITY: u8 = 50;
/// A ban that lasts longer is looked at by somebody else.
const LONG_BAN_MS: i64 = 24 * 3_600_000;
/// Of all verdicts one in so many is looked at by somebody else.
const ONE_IN: u8 = 50;

/// Milliseconds after which what waits is late: as long as a viewer needs to tell others.
const LATE_MS: i64 = 30_000;
/// Milliseconds after which it is very late.
const VERY_LATE_MS: i64 = 120_000;

/// How bad it is that something waits for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// It is as it should be.
    None,
    /// Somebody should hurry.
    Late,
    /// Somebody should call others.
    VeryLate,
}

/// Of the oldest that waits.
pub const fn alarm_of(age_ms: i64) -> Alarm {
    match age_ms {
        VERY_LATE_MS.. => Alarm::VeryLate,
        LATE_MS.. => Alarm::Late,
        _ => Alarm::None,
    }
}

impl Alarm {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Late => "late",
            Self::VeryLate => "very_late",
        }
    }
}

/// What somebody says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong with it.
    Ok,
    /// Something is, and it goes on.
    Warn,
    /// The broadcast ends; the next may begin.
    End,
    /// The broadcast ends, and whoever publishes may not for a while.
    Ban,
    /// Somebody who leads should say.
    Escalate,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Warn, Self::End, Self::Ban, Self::Escalate];

    /// As a word: in rows, in the API and in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::End => "end",
            Self::Ban => "ban",
            Self::Escalate => "escalate",
        }
    }

    /// The verdict of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Whether whoever it hits is told why.
    pub const fn takes_reason(self) -> bool {
        !matches!(self, Self::Ok)
    }
}

/// Whether somebody else looks at it again, blind: hard acts always, others by chance. `ban_ms` is how long a ban
/// lasts, none for one that somebody has to lift; `chance` is any byte that nobody can foretell.
pub fn needs_second_look(verdict: Verdict, ban_ms: Option<i64>, chance: u8) -> bool {
    let is_hard = verdict == Verdict::Ban && ban_ms.is_none_or(|ms| ms > LONG_BAN_MS);
    // 5 of 256 are one in 51.
    is_hard || (verdict != Verdict::Escalate && chance < u8::MAX / ONE_IN)
}

/// Whether two verdicts come to the same end: that nothing is wrong, or that something is.
pub fn agree(first: &str, second: &str) -> bool {
    let is_ok = |verdict: &str| verdict == Verdict::Ok.name();
    is_ok(first) == is_ok(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_acts_and_one_in_fifty_others_are_looked_at_again() {
        let day = 24 * 3_600_000;
        assert!(needs_second_look(Verdict::Ban, None, 255));
        assert!(needs_second_look(Verdict::Ban, Some(day + 1), 255));
        assert!(!needs_second_look(Verdict::Ban, Some(day), 255));
        let by_chance = |verdict| {
            (0..=u8::MAX).filter(move |&chance| needs_second_look(verdict, Some(1), chance))
        };
        assert_eq!(by_chance(Verdict::Ok).count(), 5, "2 % of 256");
        assert_eq!(by_chance(Verdict::Escalate).count(), 0);
    }

    #[test]
    fn the_alarm_goes_by_what_is_oldest() {
        let names = [0, 29_999, 30_000, 119_999, 120_000, i64::MAX].map(|age| alarm_of(age).name());
        assert_eq!(
            names,
            ["none", "none", "late", "late", "very_late", "very_late"]
        );
    }

    #[test]
    fn verdicts_have_their_names() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_name(verdict.name()), Some(verdict));
        }
        assert!(agree("ban", "warn") && agree("ok", "ok") && !agree("ok", "end"));
    }
}
