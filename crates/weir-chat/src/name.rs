//! What groups are called: a kind, a colon, and whose group of that kind it is.

use std::fmt;
use std::sync::Arc;

use crate::deny::{Denied, Deny};
use crate::limits;

/// A group's name, such as `r:live/demo` or `u:019f…`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// `r:`: a room, for whoever comes.
    Room,
    /// `u:`: one user, on all connections, private.
    User,
}

impl GroupName {
    /// Reads a name.
    ///
    /// # Errors
    /// 102 for a kind that is not known or a name that none can have.
    pub fn new(text: &str) -> Result<Self, Denied> {
        let unknown = || Denied::new(Deny::UnknownGroup);
        let (kind, whose) = text.split_once(':').ok_or_else(unknown)?;
        let is_known = matches!(kind, "r" | "u");
        let is_plain = |c: char| c.is_alphanumeric() || "-_./~@+".contains(c);
        if text.len() > limits::GROUP_NAME_BYTES
            || !is_known
            || whose.is_empty()
            || !whose.chars().all(is_plain)
        {
            return Err(unknown());
        }
        Ok(Self(text.into()))
    }

    /// The group of everybody.
    pub fn everybody() -> Self {
        Self("r:0".into())
    }

    /// A user's own group.
    pub fn of_user(user: &str) -> Self {
        Self(format!("u:{user}").into())
    }

    /// What it is for.
    pub fn kind(&self) -> GroupKind {
        match self.0.starts_with("u:") {
            true => GroupKind::User,
            false => GroupKind::Room,
        }
    }

    /// Whose group it is of its kind.
    pub fn whose(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, whose)| whose)
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_known_kind_and_plain_characters() {
        for good in [
            "r:0",
            "r:live/demo",
            "r:直播/演示",
            "u:019f-0",
            "r:a.b~c@d+e_f",
        ] {
            assert!(GroupName::new(good).is_ok(), "{good}");
        }
        let long = format!("r:{}", "x".repeat(limits::GROUP_NAME_BYTES));
        for bad in [
            "",
            "r",
            "r:",
            "x:1",
            "R:1",
            "r:a b",
            "r:\"",
            "r:\u{202e}",
            "r:a\n",
            &long,
        ] {
            assert_eq!(
                GroupName::new(bad).unwrap_err().why,
                Deny::UnknownGroup,
                "{bad:?}"
            );
        }
        assert_eq!(GroupName::everybody(), GroupName::new("r:0").unwrap());
        assert_eq!(GroupName::of_user("7").kind(), GroupKind::User);
        assert_eq!(
            GroupName::new("r:a:b").map(|_| ()).unwrap_err().why,
            Deny::UnknownGroup
        );
    }
}
