//! What each node tells of a recording, and what all of them together come to: one recording, however often its stream
//! moved.

use serde::{Deserialize, Serialize};

use super::{RecordingNow, RecordingState, Recordings};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::Id;

/// Nodes that have parts of one recording, at most: more are not looked at.
const MAX_PARTS: i64 = 64;
/// Holes that are told of.
const MAX_HOLES: usize = 100;
/// Less than so much is missing nowhere, milliseconds.
const SEAM_MS: i64 = 50;
/// Why there is a hole between what two nodes have.
const ORIGIN: &str = "origin";

/// What a node has of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPart {
    /// Which node.
    pub node: String,
    /// Since when it owned the stream, the last time, milliseconds since 1970; 0: it never did.
    pub owned_ms: i64,
    /// When it began there.
    pub started_ms: i64,
    /// When it ended there; 0: it goes on.
    pub ended_ms: i64,
    /// What it has is of the time from here.
    pub from_ms: i64,
    /// Up to here.
    pub to_ms: i64,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: i64,
    /// Of these, the ones among the objects.
    pub stored_bytes: i64,
    /// JSON: where it recorded nothing.
    pub holes: String,
    /// When the node told so.
    pub told_ms: i64,
}
row!(RecordingPart {
    node,
    owned_ms,
    started_ms,
    ended_ms,
    from_ms,
    to_ms,
    duration_ms,
    bytes,
    stored_bytes,
    holes,
    told_ms
});

/// What all nodes together have of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSum {
    /// Where it stands.
    pub state: RecordingState,
    /// The node that owned its stream last.
    pub node: String,
    /// Nodes that have parts of it.
    pub nodes: usize,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; 0: it goes on.
    pub ended_ms: i64,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: i64,
    /// Of these, the ones among the objects.
    pub stored_bytes: i64,
    /// JSON: where nothing was recorded.
    pub holes: String,
    /// When that node told of it last.
    pub told_ms: i64,
}

/// As rows and nodes have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hole {
    at_ms: i64,
    duration_ms: i64,
    cause: String,
}

/// Some time, from and to.
type Span = (i64, i64);

impl Recordings<'_> {
    /// What each node has of a recording.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn parts(&self, id: Id) -> Result<Vec<RecordingPart>, StoreError> {
        let rows = sqlx::query_as(PARTS_SQL)
            .bind(id.to_string())
            .bind(MAX_PARTS);
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }
}

const PARTS_SQL: &str = "SELECT node, owned_ms, started_ms, ended_ms, from_ms, to_ms, duration_ms, bytes, stored_bytes, holes, \
     told_ms FROM recording_parts WHERE id = $1 ORDER BY node LIMIT $2";

/// Writes down what a node tells, unless it has told something newer, and says what all of them have.
pub(super) async fn tell_part(
    writing: &mut Writing,
    told: &RecordingNow,
) -> Result<RecordingSum, StoreError> {
    sqlx::query(
        "INSERT INTO recording_parts (id, node, owned_ms, started_ms, ended_ms, from_ms, to_ms, duration_ms, bytes, \
         stored_bytes, holes, told_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (id, node) DO UPDATE SET owned_ms = excluded.owned_ms, started_ms = excluded.started_ms, \
         ended_ms = excluded.ended_ms, from_ms = excluded.from_ms, to_ms = excluded.to_ms, \
         duration_ms = excluded.duration_ms, bytes = excluded.bytes, stored_bytes = excluded.stored_bytes, \
         holes = excluded.holes, told_ms = excluded.told_ms WHERE recording_parts.told_ms <= excluded.told_ms",
    )
    .bind(told.id.to_string())
    .bind(told.node.clone())
    .bind(told.owned_ms)
    .bind(told.started_ms)
    .bind(told.ended_ms)
    .bind(told.from_ms)
    .bind(told.to_ms)
    .bind(told.duration_ms)
    .bind(told.bytes)
    .bind(told.stored_bytes)
    .bind(told.holes.clone())
    .bind(told.told_ms)
    .execute(&mut **writing)
    .await?;
    let parts: Vec<RecordingPart> = sqlx::query_as(PARTS_SQL)
        .bind(told.id.to_string())
        .bind(MAX_PARTS)
        .fetch_all(&mut **writing)
        .await?;
    sum(&parts).ok_or_else(|| StoreError::Fault("a part that was written is not there".to_owned()))
}

/// What these come to; none of none.
fn sum(parts: &[RecordingPart]) -> Option<RecordingSum> {
    let newest = parts
        .iter()
        .max_by_key(|part| (part.owned_ms, part.started_ms, part.told_ms))?;
    let (duration_ms, holes) = match parts {
        [alone] => (alone.duration_ms, alone.holes.clone()),
        _ => (lasts_ms(parts), holes_json(parts)),
    };
    let total = |of: fn(&RecordingPart) -> i64| parts.iter().map(of).sum();
    Some(RecordingSum {
        state: match (newest.ended_ms, duration_ms) {
            (0, _) => RecordingState::Recording,
            (_, 0) => RecordingState::Failed,
            _ => RecordingState::Ready,
        },
        node: newest.node.clone(),
        nodes: parts.len(),
        started_ms: parts.iter().map(|part| part.started_ms).min()?,
        ended_ms: newest.ended_ms,
        duration_ms,
        bytes: total(|part| part.bytes),
        stored_bytes: total(|part| part.stored_bytes),
        holes,
        told_ms: newest.told_ms,
    })
}

/// Milliseconds that one of them has, but for the time in which nobody published.
fn lasts_ms(parts: &[RecordingPart]) -> i64 {
    let mut all: Vec<Span> = parts.iter().flat_map(had).collect();
    let covered: i64 = united(&mut all).iter().map(|(from, to)| to - from).sum();
    let quiet = parts.iter().map(|part| {
        let had: i64 = had(part).iter().map(|(from, to)| to - from).sum();
        (had - part.duration_ms).max(0)
    });
    let most = parts.iter().map(|part| part.duration_ms).max().unwrap_or(0);
    (covered - quiet.sum::<i64>()).max(most)
}

/// What none of them has: where a node has a hole and no other has that time, and between what two of them have.
fn holes_json(parts: &[RecordingPart]) -> String {
    let mut had: Vec<Span> = parts.iter().flat_map(had).collect();
    let had = united(&mut had);
    let known: Vec<Hole> = parts.iter().flat_map(holes_of).collect();
    let mut holes = Vec::new();
    for pair in had.windows(2) {
        let &[(_, at_ms), (to_ms, _)] = pair else {
            continue;
        };
        if to_ms - at_ms <= SEAM_MS {
            continue;
        }
        let cause = known
            .iter()
            .find(|hole| hole.at_ms < to_ms && hole.at_ms + hole.duration_ms > at_ms);
        holes.push(Hole {
            at_ms,
            duration_ms: to_ms - at_ms,
            cause: cause.map_or_else(|| ORIGIN.to_owned(), |hole| hole.cause.clone()),
        });
    }
    holes.truncate(MAX_HOLES);
    serde_json::to_string(&holes).unwrap_or_else(|_| "[]".to_owned())
}

fn holes_of(part: &RecordingPart) -> Vec<Hole> {
    let mut holes: Vec<Hole> = serde_json::from_str(&part.holes).unwrap_or_default();
    holes.retain(|hole| hole.duration_ms > 0);
    holes.sort_by_key(|hole| hole.at_ms);
    holes
}

/// The time that a node has: all of it but its holes.
fn had(part: &RecordingPart) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from_ms = part.from_ms;
    for hole in holes_of(part) {
        if hole.at_ms > from_ms {
            spans.push((from_ms, hole.at_ms.min(part.to_ms)));
        }
        from_ms = from_ms.max(hole.at_ms.saturating_add(hole.duration_ms));
    }
    if part.to_ms > from_ms {
        spans.push((from_ms, part.to_ms));
    }
    spans
}

/// In order, and those that touch as one.
fn united(spans: &mut [Span]) -> Vec<Span> {
    spans.sort_unstable();
    let mut united: Vec<Span> = Vec::new();
    for (from, to) in spans.iter().copied() {
        match united.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => united.push((from, to)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(node: &str, owned_ms: i64, span: Span, holes: &[(i64, i64, &str)]) -> RecordingPart {
        let told: Vec<Hole> = holes
            .iter()
            .map(|(at_ms, duration_ms, cause)| Hole {
                at_ms: *at_ms,
                duration_ms: *duration_ms,
                cause: (*cause).to_owned(),
            })
            .collect();
        let missing: i64 = holes.iter().map(|(_, duration_ms, _)| duration_ms).sum();
        RecordingPart {
            node: node.to_owned(),
            owned_ms,
            started_ms: span.0,
            ended_ms: 0,
            from_ms: span.0,
            to_ms: span.1,
            duration_ms: span.1 - span.0 - missing,
            bytes: 10,
            stored_bytes: 5,
            holes: serde_json::to_string(&told).unwrap(),
            told_ms: span.1,
        }
    }

    fn holes(sum: &RecordingSum) -> Vec<(i64, i64, String)> {
        let holes: Vec<Hole> = serde_json::from_str(&sum.holes).unwrap();
        let told = holes.into_iter();
        told.map(|hole| (hole.at_ms, hole.duration_ms, hole.cause))
            .collect()
    }

    #[test]
    fn what_two_nodes_have_is_one_recording_with_a_hole_between_and_ends_with_the_later_owner() {
        let dead = part("a", 1_000, (1_000, 9_000), &[(2_000, 500, "full")]);
        let mut next = part("b", 12_000, (12_000, 20_000), &[]);
        let of = |parts: &[RecordingPart]| sum(parts).unwrap();
        let told = of(&[dead.clone(), next.clone()]);
        assert_eq!(
            (told.state, &*told.node, told.nodes),
            (RecordingState::Recording, "b", 2)
        );
        assert_eq!((told.started_ms, told.duration_ms), (1_000, 7_500 + 8_000));
        assert_eq!(
            (told.bytes, told.stored_bytes, told.told_ms),
            (20, 10, 20_000)
        );
        let expected = [
            (2_000, 500, "full".to_owned()),
            (9_000, 3_000, "origin".to_owned()),
        ];
        assert_eq!(holes(&told), expected);
        next.ended_ms = 20_000;
        let told = of(&[next, dead]);
        assert_eq!((told.state, told.ended_ms), (RecordingState::Ready, 20_000));
        assert_eq!(holes(&told), expected);
    }

    #[test]
    fn time_that_two_have_counts_once_and_what_one_has_is_no_hole_of_the_other() {
        let owner = part(
            "a",
            1_000,
            (1_000, 9_000),
            &[(2_000, 1_000, "slow"), (6_000, 1_000, "full")],
        );
        let copy = part("b", 0, (1_500, 6_500), &[]);
        let told = sum(&[owner, copy]).unwrap();
        assert_eq!(told.node, "a");
        assert_eq!(told.duration_ms, 7_500);
        assert_eq!(holes(&told), [(6_500, 500, "full".to_owned())]);
    }

    #[test]
    fn a_node_alone_is_believed_as_it_tells() {
        let mut alone = part("a", 1_000, (1_000, 9_000), &[(2_000, 0, "other")]);
        alone.duration_ms = 3_000;
        let told = sum(std::slice::from_ref(&alone)).unwrap();
        assert_eq!((told.duration_ms, told.holes), (3_000, alone.holes));
        assert!(sum(&[]).is_none());
    }
}
