//! Names of what a playlist refers to: flat, relative to the playlist, and read back strictly.

use std::fmt;

use super::{Container, Selection};

/// Bytes of an epoch in a name.
const MAX_EPOCH_BYTES: usize = 64;

/// The name of one resource. `Display` writes it, [`parse_name`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// Life of the stream it belongs to.
    pub epoch: String,
    /// Rendition it belongs to.
    pub selection: Selection,
    /// What it is.
    pub resource: Resource,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `init-{epoch}-{id}.mp4`
    Init {
        /// Which init segment.
        id: u32,
    },
    /// `seg-{epoch}-{msn}.m4s`
    Segment {
        /// Media sequence number.
        msn: u64,
    },
    /// `seg-{epoch}-{msn}-{count}.m4s`: so many segments in a row, as one
    Segments {
        /// Media sequence number of the first of them.
        msn: u64,
        /// How many.
        count: u32,
    },
    /// `seg-{epoch}-{msn}.ts`
    TsSegment {
        /// Media sequence number.
        msn: u64,
    },
    /// `part-{epoch}-{msn}-{part}.m4s`
    Part {
        /// Media sequence number of the parent segment.
        msn: u64,
        /// Index in it.
        part: u32,
    },
    /// `key-{epoch}-{id}.key`
    Key {
        /// Which key.
        id: u32,
    },
}

impl Resource {
    pub(super) const fn segment(container: Container, msn: u64) -> Self {
        match container {
            Container::Fmp4 => Self::Segment { msn },
            Container::Ts => Self::TsSegment { msn },
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, suffix) = (&self.epoch, self.selection.suffix());
        match self.resource {
            Resource::Init { id } => write!(f, "init-{epoch}-{id}{suffix}.mp4"),
            Resource::Segment { msn } => write!(f, "seg-{epoch}-{msn}{suffix}.m4s"),
            Resource::Segments { msn, count } => {
                write!(f, "seg-{epoch}-{msn}-{count}{suffix}.m4s")
            }
            Resource::TsSegment { msn } => write!(f, "seg-{epoch}-{msn}{suffix}.ts"),
            Resource::Part { msn, part } => write!(f, "part-{epoch}-{msn}-{part}{suffix}.m4s"),
            Resource::Key { id } => write!(f, "key-{epoch}-{id}{suffix}.key"),
        }
    }
}

/// Reads a name; `None` for anything `Display` would not write.
pub fn parse_name(name: &str) -> Option<Name> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut fields: Vec<&str> = stem.splitn(6, '-').collect();
    let selection = match fields.last() {
        Some(&"v") => Selection::VideoOnly,
        Some(&"a") => Selection::AudioOnly,
        _ => Selection::Both,
    };
    if selection != Selection::Both {
        fields.pop();
    }
    let resource = match (fields.as_slice(), extension) {
        (["init", _, id], "mp4") => Resource::Init { id: number(id)? },
        (["seg", _, msn], "m4s") => Resource::Segment { msn: number(msn)? },
        (["seg", _, msn, count], "m4s") => Resource::Segments {
            msn: number(msn)?,
            count: number(count)?,
        },
        (["seg", _, msn], "ts") => Resource::TsSegment { msn: number(msn)? },
        (["part", _, msn, part], "m4s") => Resource::Part {
            msn: number(msn)?,
            part: number(part)?,
        },
        (["key", _, id], "key") => Resource::Key { id: number(id)? },
        _ => return None,
    };
    let epoch = fields
        .get(1)
        .copied()
        .filter(|epoch| is_epoch(epoch))?
        .to_owned();
    Some(Name {
        epoch,
        selection,
        resource,
    })
}

/// A number as it is written: no sign, no leading zeros.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    if plain && !leading {
        text.parse().ok()
    } else {
        None
    }
}

fn is_epoch(text: &str) -> bool {
    (1..=MAX_EPOCH_BYTES).contains(&text.len()) && text.chars().all(is_epoch_char)
}

const fn is_epoch_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What of `epoch` may stand in a name; `0` if nothing may.
pub(super) fn clean_epoch(epoch: &str) -> String {
    let clean: String = epoch
        .chars()
        .filter(|&c| is_epoch_char(c))
        .take(MAX_EPOCH_BYTES)
        .collect();
    if clean.is_empty() {
        "0".to_owned()
    } else {
        clean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_read_back_as_written() {
        for selection in [Selection::Both, Selection::VideoOnly, Selection::AudioOnly] {
            for resource in [
                Resource::Init { id: 3 },
                Resource::Segment { msn: 0 },
                Resource::Segments { msn: 4, count: 6 },
                Resource::TsSegment { msn: u64::MAX },
                Resource::Part { msn: 12, part: 7 },
                Resource::Key { id: 1 },
            ] {
                let name = Name {
                    epoch: "9f_A".into(),
                    selection,
                    resource,
                };
                assert_eq!(parse_name(&name.to_string()), Some(name));
            }
        }
    }

    #[test]
    fn what_is_never_written_is_never_read() {
        for name in [
            "seg-a-01.ts",
            "seg-a-+1.ts",
            "seg--1.ts",
            "seg-a-1.mp4",
            "part-a-1.m4s",
            "key-a-1-x.key",
            "init-a/../b-1.mp4",
            "init-é-1.mp4",
            "seg-a-1-v-v.ts",
            "seg-a-1-v-a.m4s",
            "",
        ] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_reads_is_the_name_that_writes(text in "(init|seg|part|key)-[a-z0-9_-]{0,12}\\.(mp4|m4s|ts|key)") {
            if let Some(name) = parse_name(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
