//! In which order people see things: risk counts as age. An item that waits is behind those of a higher risk that are
//! not much younger, and behind none for ever: whatever comes a head start later than it is behind it.

/// Why an item is risky: bits, as rows have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(i64);

impl Marks {
    /// A picture of it cannot be decoded: hiding by a broken stream must not pay.
    pub const UNDECODABLE: Self = Self(1);
    /// A picture of it is near to a known one.
    pub const KNOWN: Self = Self(1 << 1);
    /// Few of its pictures were approved yet.
    pub const NEW: Self = Self(1 << 2);
    /// A machine says that somebody should look.
    pub const FLAGGED: Self = Self(1 << 3);
    /// Somebody handed it on.
    pub const ESCALATED: Self = Self(1 << 4);

    /// Each with its name in the API.
    const NAMES: [(Self, &'static str); 5] = [
        (Self::UNDECODABLE, "undecodable"),
        (Self::KNOWN, "known"),
        (Self::NEW, "new"),
        (Self::FLAGGED, "flagged"),
        (Self::ESCALATED, "escalated"),
    ];

    /// As a row has them.
    pub const fn stored(bits: i64) -> Self {
        Self(bits)
    }

    /// For a row.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// With these too.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With these too where `is_so`.
    #[must_use]
    pub const fn with_if(self, other: Self, is_so: bool) -> Self {
        if is_so { self.with(other) } else { self }
    }

    /// Whether all of these are among them.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let mine = move |(mark, _): &(Self, _)| self.has(*mark);
        Self::NAMES.into_iter().filter(mine).map(|(_, name)| name)
    }
}

/// What is known of an item's risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Risk {
    /// Of what kind.
    pub marks: Marks,
    /// Viewers who reported it.
    pub reports: u32,
    /// Who watch it.
    pub viewers: u32,
}

const MINUTE_MS: i64 = 60_000;
/// What cannot be decoded counts as so much older.
const UNDECODABLE_MS: i64 = 60 * MINUTE_MS;
/// What is near to a known picture.
const KNOWN_MS: i64 = 45 * MINUTE_MS;
/// What a machine flagged.
const FLAGGED_MS: i64 = 35 * MINUTE_MS;
/// Each doubling of reports times viewers,
const DOUBLING_MS: i64 = 2 * MINUTE_MS;
/// and all of them together at most.
const REPORTS_MS: i64 = 30 * MINUTE_MS;
/// Who was hardly ever looked at.
const NEW_MS: i64 = MINUTE_MS;

/// How much older than it is an item counts as, milliseconds: at most an hour and what stands below it together.
pub fn head_start_ms(risk: Risk) -> i64 {
    let of = |mark, ms| if risk.marks.has(mark) { ms } else { 0 };
    let weight = u64::from(risk.reports) * (u64::from(risk.viewers) + 1);
    let doublings = i64::from(u64::BITS - weight.leading_zeros());
    let worst = [
        of(Marks::UNDECODABLE, UNDECODABLE_MS),
        of(Marks::KNOWN, KNOWN_MS),
        of(Marks::FLAGGED, FLAGGED_MS),
        (doublings * DOUBLING_MS).min(REPORTS_MS),
    ];
    let worst = worst.into_iter().max().unwrap_or_default();
    worst + of(Marks::NEW, NEW_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(marks: Marks) -> Risk {
        Risk {
            marks,
            ..Risk::default()
        }
    }

    fn reported(reports: u32, viewers: u32) -> Risk {
        Risk {
            reports,
            viewers,
            ..Risk::default()
        }
    }

    #[test]
    fn the_worst_is_first_and_of_equals_the_older() {
        let falling = [
            marked(Marks::UNDECODABLE.with(Marks::NEW)),
            marked(Marks::UNDECODABLE),
            marked(Marks::KNOWN),
            marked(Marks::FLAGGED),
            reported(100, 10_000),
            reported(2, 100),
            reported(1, 0),
            marked(Marks::NEW),
            Risk::default(),
        ];
        for pair in falling.windows(2) {
            assert!(head_start_ms(pair[0]) > head_start_ms(pair[1]), "{pair:?}");
        }
        assert_eq!(head_start_ms(Risk::default()), 0);
    }

    #[test]
    fn no_number_of_reports_puts_anything_before_what_cannot_be_seen() {
        let most = head_start_ms(reported(u32::MAX, u32::MAX));
        assert!(most < head_start_ms(marked(Marks::FLAGGED)));
        assert_eq!(most, REPORTS_MS);
    }

    #[test]
    fn marks_have_their_names() {
        let marks = Marks::KNOWN
            .with_if(Marks::NEW, true)
            .with_if(Marks::FLAGGED, false);
        assert_eq!(marks.names().collect::<Vec<_>>(), ["known", "new"]);
        assert_eq!(Marks::stored(marks.bits()), marks);
    }
}
