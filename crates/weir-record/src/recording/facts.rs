//! What a recording is of: in a small file beside its blocks, and at the beginning of each of them.

use serde::{Deserialize, Serialize};
use weir_base::Id;

use crate::block::whole_piece;
use crate::piece::{HEAD_BYTES, PieceKind};

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name for ever.
    pub id: Id,
    /// Virtual host of the stream, often none.
    #[serde(default)]
    pub vhost: String,
    /// App of the stream.
    pub app: String,
    /// Name of the stream in its app.
    pub stream: String,
    /// When it began, Unix milliseconds.
    pub started_ms: i64,
    /// When it ended; `None` while it may go on.
    #[serde(default)]
    pub ended_ms: Option<i64>,
    /// What the packager has promised: no segment rounds to more than so many seconds. 0 where nothing is.
    #[serde(default)]
    pub target_s: u32,
    /// Since when all of it is in the store; `None` where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_ms: Option<i64>,
    /// Other nodes have parts of it, too: the stream moved between them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_shared: bool,
    /// Each time that the node that tells this came to own the stream, in order. Where nodes have recorded the same time,
    /// the one counts that came to own it last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<Owning>,
}

/// A node came to own a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owning {
    /// When, Unix milliseconds by a clock that all nodes ask.
    pub from_ms: i64,
    /// The epoch that it recorded in from then on.
    pub epoch: String,
}

impl Facts {
    /// When its node came to own the stream last, Unix milliseconds; `None` where it never did.
    pub fn owned_from_ms(&self) -> Option<i64> {
        self.owned.iter().map(|one| one.from_ms).max()
    }

    /// Bytes at the beginning of a block that have its facts in them: names have some hundred bytes, and JSON may need six
    /// for one.
    pub const BYTES: u64 = 8 << 10;

    /// What never changes of them, as a block has it.
    ///
    /// # Errors
    /// What no JSON can say.
    pub(crate) fn told(&self) -> std::io::Result<Vec<u8>> {
        let facts = Self {
            ended_ms: None,
            stored_ms: None,
            is_shared: false,
            owned: Vec::new(),
            ..self.clone()
        };
        serde_json::to_vec(&facts).map_err(std::io::Error::other)
    }

    /// What a block says of its recording, whose first [`Facts::BYTES`] these are; `None` where it says nothing.
    pub fn of_block(begin: &[u8]) -> Option<Self> {
        let head = whole_piece(begin).ok()?;
        let told = begin.get(HEAD_BYTES..head.whole_len())?;
        let facts: Self = (head.kind == PieceKind::Facts)
            .then(|| serde_json::from_slice(told).ok())
            .flatten()?;
        (facts.ended_ms.is_none() && facts.stored_ms.is_none()).then_some(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Epoch;
    use crate::piece::PieceHead;

    #[test]
    fn a_block_says_whose_it_is_and_nothing_that_may_change() {
        let facts = Facts {
            id: Id::first_of(1_800_000_000_000),
            vhost: "a.example".to_owned(),
            app: "live".to_owned(),
            stream: "直播 \u{1}".to_owned(),
            started_ms: 7,
            ended_ms: Some(9),
            target_s: 2,
            stored_ms: Some(10),
            is_shared: true,
            owned: vec![Owning {
                from_ms: 7,
                epoch: "lq3k9x01".to_owned(),
            }],
        };
        let told = facts.told().unwrap();
        let head = PieceHead {
            kind: PieceKind::Facts,
            is_independent: false,
            is_discontinuity: false,
            epoch: Epoch::new("lq3k9x01").unwrap(),
            msn: 0,
            part: 0,
            wall_us: 0,
            duration_us: 0,
            init_id: 0,
            pictures: 0,
            len: told.len() as u32,
        };
        let block = [&head.encode(&told)[..], &told, b"and what comes behind it"].concat();
        let read = Facts::of_block(&block).unwrap();
        let lasting = Facts {
            ended_ms: None,
            stored_ms: None,
            is_shared: false,
            owned: Vec::new(),
            ..facts
        };
        assert_eq!(read, lasting);
        for at in 0..HEAD_BYTES + told.len() {
            let mut changed = block.clone();
            changed[at] ^= 0x10;
            assert_eq!(Facts::of_block(&changed), None, "{at}");
            assert_eq!(Facts::of_block(&block[..at]), None, "{at}");
        }
    }
}
