//! Sections of the configuration file, each owned by the part that reads it: names, units, defaults,
//! meanings, and what a reload may change, said once.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// The longest duration that can be set, milliseconds: a day. Longer ones are a unit mistaken.
pub const MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// A value that has the right type and makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Senseless(pub String);

/// Refuses what is not in `range`, with the key's whole name.
///
/// # Errors
/// When it is not.
pub fn in_range<T>(key: &str, value: T, range: RangeInclusive<T>) -> Result<(), Senseless>
where
    T: PartialOrd + Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(Senseless(format!(
        "{key} is {value}: it has to be from {least} to {most}"
    )))
}

/// Refuses in these words what is not so.
///
/// # Errors
/// When it is not so.
pub fn sensible(is_so: bool, words: impl FnOnce() -> String) -> Result<(), Senseless> {
    if is_so {
        Ok(())
    } else {
        Err(Senseless(words()))
    }
}

/// When a changed key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// With the next reload.
    Reload,
    /// With the next start of the process.
    Restart,
}

/// One key of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, dotted from the top of the file.
    pub name: String,
    /// What it means, and in which unit.
    pub meaning: &'static str,
    /// When a change counts.
    pub takes: Takes,
}

/// A section of the configuration, as [`section!`](crate::section) makes it.
pub trait Section: Clone + Default + PartialEq {
    /// Appends its keys, each behind `prefix` (empty, or ending in a dot).
    fn keys(prefix: &str, keys: &mut Vec<Key>);

    /// Appends the names of keys whose values differ in `next` and count with a restart only.
    fn restarts(&self, next: &Self, prefix: &str, names: &mut Vec<String>);

    /// This section with all of `next` that counts with a reload.
    #[must_use]
    fn reloaded(&self, next: &Self) -> Self;
}

/// Makes a section of the configuration. Each key says when a change of it counts: `reload`, `restart`,
/// or `section` for a section inside, whose keys say it themselves.
///
/// ```
/// weir_base::section! {
///     /// Snapshots.
///     pub Snapshots {
///         /// Milliseconds between two.
///         reload every_ms: i64 = 10_000,
///         /// The folder they go to.
///         restart folder: String = "snapshots".into(),
///     }
/// }
/// assert_eq!(Snapshots::default().every_ms, 10_000);
/// ```
#[macro_export]
macro_rules! section {
    ($(#[doc = $doc:literal])* $vis:vis $name:ident {
        $($(#[doc = $meaning:literal])* $takes:ident $field:ident: $kind:ty = $default:expr,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        $vis struct $name {
            $($(#[doc = $meaning])* $vis $field: $kind,)*
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::section::Section for $name {
            fn keys(prefix: &str, keys: &mut ::std::vec::Vec<$crate::section::Key>) {
                $($crate::section!(@keys $takes, $kind, prefix, stringify!($field), concat!($($meaning),*), keys);)*
            }

            fn restarts(&self, next: &Self, prefix: &str, names: &mut ::std::vec::Vec<::std::string::String>) {
                $($crate::section!(@restarts $takes, self.$field, next.$field, prefix, stringify!($field), names);)*
            }

            fn reloaded(&self, next: &Self) -> Self {
                Self { $($field: $crate::section!(@reloaded $takes, self.$field, next.$field),)* }
            }
        }
    };

    (@keys section, $kind:ty, $prefix:expr, $name:expr, $meaning:expr, $keys:expr) => {
        <$kind as $crate::section::Section>::keys(&format!("{}{}.", $prefix, $name), $keys)
    };
    (@keys $takes:ident, $kind:ty, $prefix:expr, $name:expr, $meaning:expr, $keys:expr) => {
        $keys.push($crate::section::Key {
            name: format!("{}{}", $prefix, $name),
            meaning: $meaning.trim_ascii(),
            takes: $crate::section!(@takes $takes),
        })
    };

    (@takes reload) => { $crate::section::Takes::Reload };
    (@takes restart) => { $crate::section::Takes::Restart };

    (@restarts section, $old:expr, $new:expr, $prefix:expr, $name:expr, $names:expr) => {
        $crate::section::Section::restarts(&$old, &$new, &format!("{}{}.", $prefix, $name), $names)
    };
    (@restarts reload, $old:expr, $new:expr, $prefix:expr, $name:expr, $names:expr) => {};
    (@restarts restart, $old:expr, $new:expr, $prefix:expr, $name:expr, $names:expr) => {
        if $old != $new {
            $names.push(format!("{}{}", $prefix, $name));
        }
    };

    (@reloaded section, $old:expr, $new:expr) => {
        $crate::section::Section::reloaded(&$old, &$new)
    };
    (@reloaded reload, $old:expr, $new:expr) => { $new.clone() };
    (@reloaded restart, $old:expr, $new:expr) => { $old.clone() };
}

#[cfg(test)]
mod tests {
    use super::*;

    section! {
        /// The inner one.
        pub(super) Inner {
            /// Milliseconds of patience.
            reload wait_ms: i64 = 5,
            /// Where it listens.
            restart port: u16 = 80,
        }
    }

    section! {
        /// The outer one.
        pub(super) Outer {
            /// Its name.
            restart name: String = "a".into(),
            /// What is inside.
            section inner: Inner = Inner::default(),
        }
    }

    #[test]
    fn keys_are_dotted_and_say_what_they_mean_and_when_they_count() {
        let mut keys = Vec::new();
        Outer::keys("", &mut keys);
        let said: Vec<_> = keys
            .iter()
            .map(|key| (key.name.as_str(), key.meaning, key.takes))
            .collect();
        let expected = [
            ("name", "Its name.", Takes::Restart),
            ("inner.wait_ms", "Milliseconds of patience.", Takes::Reload),
            ("inner.port", "Where it listens.", Takes::Restart),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_reload_takes_what_it_may_and_names_the_rest() {
        let old = Outer::default();
        let mut next = old.clone();
        next.inner.wait_ms = 6;
        next.inner.port = 81;
        let mut names = Vec::new();
        old.restarts(&next, "", &mut names);
        assert_eq!(names, ["inner.port"]);
        let now = old.reloaded(&next);
        assert_eq!((now.inner.wait_ms, now.inner.port), (6, 80));
        names.clear();
        now.restarts(&next, "", &mut names);
        assert_eq!(names, ["inner.port"], "the next reload names it again");
    }
}
