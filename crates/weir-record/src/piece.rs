//! One piece of a block: a box of type `uuid` (ISO/IEC 14496-12 §11.1), which players pass over, and the bytes
//! that it speaks of. Each piece can be checked by itself, so that a block that was torn off is whole up to there.

use bytes::{Buf as _, BufMut as _};

use crate::epoch::{Epoch, MAX_EPOCH_BYTES};

/// Bytes of a piece's box, without what it speaks of.
pub const HEAD_BYTES: usize = 84;
/// Bytes that one piece may speak of: a part is far below.
pub const MAX_PIECE_BYTES: usize = 64 << 20;
/// The type of weir's boxes, version 5 form of no name space but its own.
const USER_TYPE: [u8; 16] = [
    0x3c, 0x5e, 0x77, 0x65, 0x69, 0x72, 0x4f, 0x1b, 0x9d, 0x42, 0x72, 0x65, 0x63, 0x2e, 0x31, 0x0a,
];
const VERSION: u8 = 1;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// An init segment (`ftyp` and `moov`) follows the box.
    Init,
    /// A part (`moof` and `mdat`) follows the box.
    Part,
    /// The segment of the parts before it is complete, and lasts so long.
    SegmentEnd,
    /// Nothing was recorded from `wall_us` on for `duration_us`, for the reason in `init_id`.
    Hole,
    /// The table of the block, inside the box. Nothing comes behind it.
    Table,
    /// Where the samples of the block's segments are, inside the box.
    Samples,
    /// What the recording is of, inside the box: a block begins with it, so that it needs nobody to say whose it is.
    Facts,
}

impl PieceKind {
    const fn number(self) -> u8 {
        match self {
            Self::Init => 1,
            Self::Part => 2,
            Self::SegmentEnd => 3,
            Self::Hole => 4,
            Self::Table => 5,
            Self::Samples => 6,
            Self::Facts => 7,
        }
    }

    /// Whether what it speaks of stands in the box, and not behind it.
    const fn is_inside(self) -> bool {
        matches!(self, Self::Table | Self::Samples | Self::Facts)
    }

    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Init,
            2 => Self::Part,
            3 => Self::SegmentEnd,
            4 => Self::Hole,
            5 => Self::Table,
            6 => Self::Samples,
            7 => Self::Facts,
            _ => return None,
        })
    }
}

/// What is said of a piece. Fields that its kind has no use for are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceHead {
    /// See there.
    pub kind: PieceKind,
    /// Begins with a keyframe.
    pub is_independent: bool,
    /// What comes before it in the recording has another clock or other codecs, or is missing.
    pub is_discontinuity: bool,
    /// The packager's life that numbers and names belong to.
    pub epoch: Epoch,
    /// Media sequence number of the segment.
    pub msn: u64,
    /// Which part of it.
    pub part: u32,
    /// Wall clock at its start, Unix microseconds.
    pub wall_us: i64,
    /// Microseconds that it lasts.
    pub duration_us: u32,
    /// The init segment that it needs, or is; of a hole: why.
    pub init_id: u32,
    /// Pictures in the segment.
    pub pictures: u32,
    /// Bytes that it speaks of.
    pub len: u32,
}

/// Bytes that are no piece that was written whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPiece {
    /// They end before it does.
    #[error("it ends before its length")]
    Short,
    /// They begin with something else.
    #[error("there is no piece of a recording")]
    Foreign,
    /// A release that is not known wrote it.
    #[error("it was written by a newer release")]
    Newer,
    /// It is not what was written.
    #[error("its checksum is another")]
    Checksum,
}

impl PieceHead {
    /// The box, for these bytes of it.
    pub fn encode(&self, bytes: &[u8]) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        let inside = if self.kind.is_inside() {
            bytes.len()
        } else {
            0
        };
        let flags = u16::from(self.is_independent) | u16::from(self.is_discontinuity) << 1;
        // The box has room for all of these: their sum is compared at compile time, below.
        let mut at = &mut head[..];
        at.put_u32((HEAD_BYTES + inside) as u32);
        at.put_slice(b"uuid");
        at.put_slice(&USER_TYPE);
        at.put_slice(&[VERSION, self.kind.number()]);
        at.put_u16(flags);
        at.put_u32(self.part);
        at.put_u64(self.msn);
        at.put_i64(self.wall_us);
        at.put_u32(self.duration_us);
        at.put_u32(self.init_id);
        at.put_u32(self.pictures);
        at.put_u32(bytes.len() as u32);
        at.put_slice(&self.epoch.padded());
        let checksum = checksum(&head, bytes);
        if let Some(place) = head.last_chunk_mut::<4>() {
            *place = checksum.to_be_bytes();
        }
        head
    }

    /// What stands in front of `bytes`, with the checksum still to be compared by [`PieceHead::check`].
    ///
    /// # Errors
    /// See [`BadPiece`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadPiece> {
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            let begun = &bytes[bytes.len().min(4)..];
            let ours: Vec<u8> = [&b"uuid"[..], &USER_TYPE].concat();
            return Err(match ours.starts_with(begun) || begun.starts_with(&ours) {
                true => BadPiece::Short,
                false => BadPiece::Foreign,
            });
        };
        let mut at = &head[..];
        let size = at.get_u32();
        let (mut name, mut user_type) = ([0; 4], [0; 16]);
        at.copy_to_slice(&mut name);
        at.copy_to_slice(&mut user_type);
        if name != *b"uuid" || user_type != USER_TYPE {
            return Err(BadPiece::Foreign);
        }
        let (version, kind, flags) = (at.get_u8(), at.get_u8(), at.get_u16());
        let (part, msn, wall_us) = (at.get_u32(), at.get_u64(), at.get_i64());
        let (duration_us, init_id) = (at.get_u32(), at.get_u32());
        let (pictures, len) = (at.get_u32(), at.get_u32());
        let mut epoch = [0; MAX_EPOCH_BYTES];
        at.copy_to_slice(&mut epoch);
        let epoch = Epoch::from_padded(epoch).ok_or(BadPiece::Foreign)?;
        let kind = match (version, PieceKind::from_number(kind)) {
            (VERSION, Some(kind)) => kind,
            _ => return Err(BadPiece::Newer),
        };
        let inside = if kind.is_inside() { len } else { 0 };
        let is_sized = size.checked_sub(inside) == Some(HEAD_BYTES as u32);
        if !is_sized || len as usize > MAX_PIECE_BYTES {
            return Err(BadPiece::Foreign);
        }
        Ok(Self {
            kind,
            is_independent: flags & 1 != 0,
            is_discontinuity: flags & 2 != 0,
            epoch,
            msn,
            part,
            wall_us,
            duration_us,
            init_id,
            pictures,
            len,
        })
    }

    /// Whether a piece is what was written: `whole` is the box with the bytes that it speaks of.
    ///
    /// # Errors
    /// See [`BadPiece`].
    pub fn check(whole: &[u8]) -> Result<(), BadPiece> {
        let (head, bytes) = whole
            .split_first_chunk::<HEAD_BYTES>()
            .ok_or(BadPiece::Short)?;
        let said = head.last_chunk::<4>().map(|said| u32::from_be_bytes(*said));
        match said == Some(checksum(head, bytes)) {
            true => Ok(()),
            false => Err(BadPiece::Checksum),
        }
    }

    /// Bytes of the box and of what it speaks of.
    pub const fn whole_len(&self) -> usize {
        HEAD_BYTES + self.len as usize
    }
}

/// CRC-32 (ISO 3309) of the box up to the checksum and of the bytes.
fn checksum(head: &[u8; HEAD_BYTES], bytes: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&head[..HEAD_BYTES - 4]);
    checksum.update(bytes);
    checksum.finalize()
}

// The epoch and the checksum end the box.
const _: () = assert!(64 + MAX_EPOCH_BYTES + 4 == HEAD_BYTES);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(kind: PieceKind) -> PieceHead {
        PieceHead {
            kind,
            is_independent: true,
            is_discontinuity: false,
            epoch: Epoch::new("lq3k9x01").unwrap(),
            msn: 371_000_123,
            part: 3,
            wall_us: 1_800_000_000_123_456,
            duration_us: 200_000,
            init_id: 1,
            pictures: 50,
            len: 5,
        }
    }

    #[test]
    fn a_piece_reads_as_it_was_written() {
        for kind in [PieceKind::Init, PieceKind::Part, PieceKind::Table] {
            let head = head(kind);
            let whole = [&head.encode(b"bytes")[..], b"bytes"].concat();
            assert_eq!(PieceHead::decode(&whole), Ok(head));
            assert_eq!(PieceHead::check(&whole), Ok(()));
            assert_eq!(whole.len(), head.whole_len());
        }
    }

    #[test]
    fn a_piece_that_was_torn_off_or_changed_is_told() {
        let head = head(PieceKind::Part);
        let whole = [&head.encode(b"bytes")[..], b"bytes"].concat();
        for len in 0..whole.len() {
            let torn = &whole[..len];
            let told = PieceHead::decode(torn).map(|_| PieceHead::check(torn));
            assert!(
                matches!(told, Err(BadPiece::Short) | Ok(Err(BadPiece::Checksum))),
                "{len}: {told:?}"
            );
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let read = PieceHead::decode(&changed);
            let is_told = match read {
                Err(_) => true,
                Ok(read) => {
                    let end = read.whole_len();
                    end > changed.len() || PieceHead::check(&changed[..end]).is_err()
                }
            };
            assert!(is_told, "{at}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_breaks(bytes: Vec<u8>) {
            let _ = PieceHead::decode(&bytes);
            let _ = PieceHead::check(&bytes);
        }
    }
}
