//! What pictures are for, and in which sizes they are kept.

/// What a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Of an account: square.
    Avatar,
    /// Of a channel: 16 to 9.
    Cover,
}

/// A size in which it is kept. The picture fills it, and what stands out is cut off evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Pixels, and its name.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Avatar, Self::Cover];

    /// Its name, for the process that makes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::Cover => "cover",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its sizes, the smallest first.
    pub const fn slots(self) -> &'static [Slot] {
        const fn slot(width: u32, height: u32) -> Slot {
            Slot { width, height }
        }
        match self {
            Self::Avatar => const { &[slot(64, 64), slot(256, 256)] },
            Self::Cover => const { &[slot(320, 180), slot(640, 360), slot(1280, 720)] },
        }
    }
}
