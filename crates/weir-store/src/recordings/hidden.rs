//! Who has said that a recording is played nowhere, though it is kept.

/// Who hides a recording. A moderator's word is not an owner's to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HiddenBy {
    /// It is played.
    #[default]
    Nobody,
    /// Somebody who edits its channel.
    Owner,
    /// Somebody who looks after all recordings.
    Moderator,
}

impl HiddenBy {
    /// As a word of rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Owner => "owner",
            Self::Moderator => "moderator",
        }
    }

    /// Who is meant by this word. One that a newer release wrote hides, and is nobody's here to take back.
    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "" => Self::Nobody,
            "owner" => Self::Owner,
            _ => Self::Moderator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HiddenBy;

    #[test]
    fn a_word_of_a_newer_release_shows_nothing() {
        for by in [HiddenBy::Nobody, HiddenBy::Owner, HiddenBy::Moderator] {
            assert_eq!(HiddenBy::from_name(by.name()), by);
        }
        assert_eq!(HiddenBy::from_name("court"), HiddenBy::Moderator);
    }
}
