//! What a relay asks of the Redis that gives places, and what that answers: the whole of what has to be the same for
//! all nodes is in these four questions.

use std::sync::Arc;

use super::fact::Fact;
use crate::name::GroupName;

/// A question, and which of the Redis servers it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Under which number the answer is given.
    pub id: u64,
    /// Which of the shards.
    pub shard: usize,
    /// What is asked.
    pub op: Op,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Give posts their places, change facts, and tell all who listen.
    Append(Append),
    /// What there is behind a place, and all facts.
    Load {
        /// Of which group.
        group: GroupName,
        /// Behind this place: its numbering (empty for none), and the latest that is there.
        behind: (Arc<str>, u64),
    },
    /// How far groups have come.
    Check(Vec<GroupName>),
    /// Hearts for a group; how many has it in all?
    Like(Hearts),
    /// So many are here; how many are there in all?
    Online(Vec<(GroupName, u32)>),
}

/// Hearts that were given to a group here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearts {
    /// Which group.
    pub group: GroupName,
    /// Who counted them.
    pub sender: Box<str>,
    /// Which of its counts this is: the same one again is counted once.
    pub seq: u64,
    /// How many; 0 only asks.
    pub count: u64,
}

/// Posts and facts of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Of which group.
    pub group: GroupName,
    /// Posts: their name among those of the group (empty for none), their id, and what is kept of them.
    pub posts: Vec<(Box<str>, Box<str>, Vec<u8>)>,
    /// Facts, and as nodes tell them to each other.
    pub facts: Vec<(Fact, Vec<u8>)>,
    /// Asked again, and nobody knows whether it was done; with the numbering that it was asked in, where that is known.
    pub again: Option<Arc<str>>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To [`Op::Append`].
    Appended(Appended),
    /// To an [`Op::Append`] that was asked again: the numbering has begun anew since.
    Forgotten,
    /// To an [`Op::Append`] with more facts than a group may have.
    Full,
    /// To [`Op::Load`].
    Loaded(Loaded),
    /// To [`Op::Check`]: of each group, where there is any.
    Checked(Vec<Option<Checked>>),
    /// To [`Op::Like`]: how many there are in all.
    Liked(u64),
    /// To [`Op::Online`]: how many are there in all.
    Online(Vec<u32>),
    /// There is no answer, and nobody knows whether it was done.
    Away,
}

/// What became of posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The numbering.
    pub epoch: Arc<str>,
    /// How often facts have changed.
    pub version: u64,
    /// Of each post.
    pub told: Vec<Told>,
}

/// What became of one post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its place.
    pub offset: u64,
    /// Its id: that of the earlier post where it was posted before.
    pub id: Box<str>,
    /// It was posted before.
    pub is_again: bool,
}

/// What a group has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The numbering.
    pub epoch: Arc<str>,
    /// The place of the latest post.
    pub last: u64,
    /// How often facts have changed.
    pub version: u64,
    /// All facts.
    pub facts: Vec<Fact>,
    /// Posts behind the place that was asked for, as far as they are there and fit one answer: place and bytes.
    pub posts: Vec<(u64, Vec<u8>)>,
}

/// How far a group has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The numbering.
    pub epoch: Arc<str>,
    /// The place of the latest post.
    pub last: u64,
    /// How often facts have changed.
    pub version: u64,
}
