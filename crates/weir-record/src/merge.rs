//! What several nodes have of one recording, as one: in the order of time, and each moment once. Blocks are never
//! changed; of those whose time others have, too, a list shows what counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::block::{BlockName, Hole, HoleCause, Segment};
use crate::playlist::SEAM_US;
use crate::recording::{Block, Facts, Owning, View, begin_of};

/// All of a recording, made of what nodes have of it each; `None` of nothing. Where some have the same time, the segments
/// count of the one that came to own the stream last, and those of nodes that never did fill what is
/// missing. What lies between two nodes' segments is a hole with its reason.
pub fn merged(mut parts: Vec<View>) -> Option<View> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let facts = facts(&parts)?;
    let mut parts: Vec<NodePart> = parts.into_iter().map(NodePart::of).collect();
    forget_doubles(&mut parts);
    let mut pieces = pieces(&parts);
    pieces.sort_by_key(|piece| (piece.from_us, piece.block.name));
    let mut blocks = joined(pieces);
    tell_holes(&parts, &mut blocks);
    Some(View {
        facts,
        blocks: blocks.into_iter().map(|(_, block)| block).collect(),
    })
}

/// What one node has.
struct NodePart {
    owned: Vec<Owning>,
    /// In the order of time.
    blocks: Vec<Block>,
}

/// Some segments of a block in a row, or all of it.
struct Piece {
    part: usize,
    from_us: i64,
    block: Block,
    /// Which of its segments; `None`: the block as it is.
    segment: Option<usize>,
}

/// Who counts where two have the same time: the greater.
type Rank = (i64, BlockName);

impl NodePart {
    fn of(view: View) -> Self {
        let mut blocks = view.blocks;
        blocks.sort_by_key(|block| (begins(block), block.name));
        Self {
            owned: view.facts.owned,
            blocks,
        }
    }

    fn rank(&self, block: &Block) -> Rank {
        let of_epoch = self.owned.iter();
        let of_epoch = of_epoch.filter(|one| one.epoch == block.name.epoch.as_str());
        let from_ms = of_epoch.map(|one| one.from_ms).max();
        (from_ms.unwrap_or(i64::MIN), block.name)
    }

    /// Whether it has something of the time of another's block.
    fn has_time_of(&self, block: &Block) -> bool {
        let Some(last) = block.table.segments.last() else {
            return false;
        };
        let from_us = begins(block).saturating_add(SEAM_US);
        let to_us = last.end_us().saturating_sub(SEAM_US);
        let after = self.blocks.partition_point(|own| ends(own) <= from_us);
        let mut behind = self.blocks.iter().skip(after);
        behind.next().is_some_and(|own| begins(own) < to_us)
    }
}

/// The facts of all: as the node says that came to own the stream last.
fn facts(parts: &[View]) -> Option<Facts> {
    let facts = || parts.iter().map(|part| &part.facts);
    let newest = facts().max_by_key(|facts| (facts.owned_from_ms(), facts.started_ms))?;
    let mut owned: Vec<Owning> = facts().flat_map(|one| one.owned.iter().cloned()).collect();
    owned.sort_unstable();
    owned.dedup();
    Some(Facts {
        started_ms: facts().map(|one| one.started_ms).min()?,
        target_s: facts().map(|one| one.target_s).max()?,
        stored_ms: None,
        is_shared: true,
        owned,
        ..newest.clone()
    })
}

/// A block that two tell of is one of the first of them; that it is in the store may be known to the other alone.
fn forget_doubles(parts: &mut [NodePart]) {
    let mut is_stored: HashMap<BlockName, bool> = HashMap::new();
    for block in parts.iter().flat_map(|part| &part.blocks) {
        *is_stored.entry(block.name).or_default() |= block.is_stored;
    }
    for part in parts {
        part.blocks.retain_mut(|block| {
            let known = is_stored.remove(&block.name);
            block.is_stored |= known.unwrap_or(false);
            known.is_some()
        });
    }
}

/// All blocks whose time is theirs alone as they are, and of the others the segments that count.
fn pieces(parts: &[NodePart]) -> Vec<Piece> {
    let (mut pieces, mut crowded) = (Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        for block in &part.blocks {
            let mut others = parts.iter().enumerate().filter(|(other, _)| *other != at);
            if others.any(|(_, other)| other.has_time_of(block)) {
                let segments = block.table.segments.iter().enumerate();
                crowded.extend(
                    segments.map(|(index, segment)| (part.rank(block), segment, at, block, index)),
                );
            } else {
                pieces.push(Piece {
                    part: at,
                    from_us: begins(block),
                    block: block.clone(),
                    segment: None,
                });
            }
        }
    }
    crowded.sort_by_key(|(rank, segment, ..)| (std::cmp::Reverse(*rank), segment.wall_us));
    let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
    for (_, segment, part, block, index) in crowded {
        let (from_us, to_us) = (segment.wall_us, segment.end_us());
        let before = taken.range(..=from_us).next_back();
        let after = taken.range(from_us..).next();
        let is_taken = before.is_some_and(|(_, end_us)| end_us.saturating_sub(SEAM_US) > from_us)
            || after.is_some_and(|(begin_us, _)| begin_us.saturating_add(SEAM_US) < to_us);
        if is_taken {
            continue;
        }
        taken.insert(from_us, to_us);
        pieces.push(Piece {
            part,
            from_us,
            block: block.clone(),
            segment: Some(index),
        });
    }
    pieces
}

/// Segments of a block that follow one another become a block again, with them alone.
fn joined(pieces: Vec<Piece>) -> Vec<(usize, Block)> {
    let mut runs: Vec<(Piece, Vec<usize>)> = Vec::new();
    for piece in pieces {
        let last = runs.last_mut().filter(|(run, indices)| {
            let follows = |at: usize| indices.last().is_some_and(|last| last + 1 == at);
            run.block.name == piece.block.name && piece.segment.is_some_and(follows)
        });
        match (last, piece.segment) {
            (Some((_, indices)), Some(index)) => indices.push(index),
            (_, index) => runs.push((piece, index.into_iter().collect())),
        }
    }
    let whole = |(piece, indices): (Piece, Vec<usize>)| {
        let mut block = piece.block;
        let is_all = piece.segment.is_none() || indices.len() == block.table.segments.len();
        if !is_all {
            let table = Arc::make_mut(&mut block.table);
            let segments = indices.iter().filter_map(|at| table.segments.get(*at));
            table.segments = segments.cloned().collect();
            // They are told by places in the whole block: of these segments they are read out of the media.
            (table.samples, table.open) = (None, None);
        }
        (piece.part, block)
    };
    runs.into_iter().map(whole).collect()
}

/// Says before each block what is missing there: what its node knows of it, or that another had to take the stream over.
fn tell_holes(parts: &[NodePart], blocks: &mut [(usize, Block)]) {
    let all = parts.iter().flat_map(|part| &part.blocks);
    let mut known: Vec<Hole> = all.flat_map(|block| block.table.holes.clone()).collect();
    known.sort_by_key(|hole| hole.wall_us);
    let mut before: Option<(usize, i64)> = None;
    for (part, block) in blocks {
        let mut holes = Vec::new();
        for segment in &block.table.segments {
            if let Some((part_before, end_us)) = before {
                let gap_us = segment.wall_us.saturating_sub(end_us);
                let cause = match gap_us > SEAM_US {
                    false => None,
                    true => cause_within(&known, end_us, segment.wall_us)
                        .or((part_before != *part).then_some(HoleCause::Origin)),
                };
                holes.extend(cause.map(|cause| Hole {
                    wall_us: end_us,
                    duration_us: u32::try_from(gap_us).unwrap_or(u32::MAX),
                    cause,
                }));
            }
            let end_us = before.map_or(i64::MIN, |(_, end_us)| end_us);
            before = Some((*part, segment.end_us().max(end_us)));
        }
        if block.table.holes != holes {
            Arc::make_mut(&mut block.table).holes = holes;
        }
    }
}

/// Why nothing was recorded at some moment of this time, where a node knows.
fn cause_within(known: &[Hole], from_us: i64, to_us: i64) -> Option<HoleCause> {
    let before_end = known.partition_point(|hole| hole.wall_us < to_us);
    let last = known.get(before_end.checked_sub(1)?)?;
    let end_us = last.wall_us.saturating_add(i64::from(last.duration_us));
    (end_us > from_us).then_some(last.cause)
}

fn begins(block: &Block) -> i64 {
    begin_of(&block.table)
}

fn ends(block: &Block) -> i64 {
    let last = block.table.segments.last();
    last.map_or(i64::MAX, Segment::end_us)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_base::Id;

    use super::*;
    use crate::block::Table;
    use crate::epoch::Epoch;
    use crate::playlist::{Stretch, playlist};

    const S: i64 = 1_000_000;
    const START_S: i64 = 1_800_000_000;

    /// A block of segments of two seconds that begin at these seconds.
    fn block(epoch: &str, number: u32, seconds: &[i64]) -> Block {
        let segment = |at: &i64| Segment {
            msn: *at as u64,
            wall_us: (START_S + at) * S,
            duration_us: 2 * S as u32,
            init_id: 0,
            is_discontinuity: false,
            is_independent: true,
            place: 0..9,
            bytes: 9,
        };
        let table = Table {
            segments: seconds.iter().map(segment).collect(),
            samples: Some(0..9),
            ..Table::default()
        };
        Block {
            name: BlockName {
                epoch: Epoch::new(epoch).unwrap(),
                number,
            },
            table: Arc::new(table),
            is_sealed: true,
            is_stored: false,
            is_here: false,
        }
    }

    fn part(owned: &[(i64, &str)], ended_s: Option<i64>, blocks: Vec<Block>) -> View {
        let ms = |s: i64| (START_S + s) * 1000;
        let first = blocks.first().map_or(0, |block| begins(block) / 1000);
        View {
            facts: Facts {
                id: Id::first_of(START_S * 1000),
                vhost: String::new(),
                app: "live".to_owned(),
                stream: "a".to_owned(),
                started_ms: first,
                ended_ms: ended_s.map(ms),
                target_s: 2,
                stored_ms: Some(1),
                is_shared: false,
                owned: owned.iter().map(|one| owning(one.0, one.1)).collect(),
            },
            blocks,
        }
    }

    fn owning(s: i64, epoch: &str) -> Owning {
        Owning {
            from_ms: (START_S + s) * 1000,
            epoch: epoch.to_owned(),
        }
    }

    /// What is shown: epochs and seconds.
    fn shown(view: &View) -> Vec<(String, i64)> {
        let all = view.segments();
        let all = all.map(|(block, one)| (block.name.epoch.to_string(), one.wall_us / S - START_S));
        all.collect()
    }

    fn holes(view: &View) -> Vec<(i64, u32, &'static str)> {
        let hole = |hole: &Hole| {
            (
                hole.wall_us / S - START_S,
                hole.duration_us,
                hole.cause.name(),
            )
        };
        view.holes().map(hole).collect()
    }

    fn of(epoch: &str, seconds: &[i64]) -> Vec<(String, i64)> {
        seconds.iter().map(|s| (epoch.to_owned(), *s)).collect()
    }

    #[test]
    fn a_takeover_is_one_recording_with_a_hole_that_says_why() {
        let dead = part(
            &[(0, "e1")],
            None,
            vec![block("e1", 0, &[0, 2, 4]), block("e1", 1, &[6])],
        );
        let next = part(&[(12, "e2")], Some(20), vec![block("e2", 0, &[11, 13])]);
        for parts in [vec![dead.clone(), next.clone()], vec![next, dead]] {
            let view = merged(parts).unwrap();
            assert_eq!(
                shown(&view),
                [of("e1", &[0, 2, 4, 6]), of("e2", &[11, 13])].concat()
            );
            assert_eq!(holes(&view), [(8, 3 * S as u32, "origin")]);
            assert_eq!(view.facts.started_ms, START_S * 1000);
            assert_eq!(view.facts.ended_ms, Some((START_S + 20) * 1000));
            assert!(
                view.blocks
                    .iter()
                    .all(|block| block.table.samples.is_some())
            );
            let text = playlist(&view, Stretch::ALL);
            assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
            assert_eq!(text.matches("#EXT-X-MAP").count(), 2);
            assert!(text.ends_with("#EXT-X-ENDLIST\n"));
        }
    }

    #[test]
    fn of_two_origins_after_a_partition_the_one_counts_that_took_the_stream_over() {
        let cut_off = part(
            &[(0, "e1")],
            Some(12),
            vec![block("e1", 0, &[0, 2, 4, 6, 8, 10])],
        );
        let next = part(&[(6, "e2")], None, vec![block("e2", 0, &[5, 7, 9, 11, 13])]);
        let view = merged(vec![cut_off.clone(), next.clone()]).unwrap();
        assert_eq!(
            shown(&view),
            [of("e1", &[0, 2]), of("e2", &[5, 7, 9, 11, 13])].concat()
        );
        assert_eq!(
            view.facts.ended_ms, None,
            "it goes on where it was taken to"
        );
        // It comes back to the first, whose later words count then.
        let mut back = cut_off;
        back.blocks.push(block("e3", 0, &[12, 14, 16]));
        back.facts.owned.push(owning(12, "e3"));
        let view = merged(vec![back, next]).unwrap();
        let expected = [
            of("e1", &[0, 2]),
            of("e2", &[5, 7, 9]),
            of("e3", &[12, 14, 16]),
        ];
        assert_eq!(shown(&view), expected.concat());
    }

    #[test]
    fn a_node_that_never_owned_the_stream_fills_what_is_missing_and_changes_nothing_else() {
        let mut owner = part(&[(0, "e1")], Some(14), vec![block("e1", 0, &[0, 2, 8, 10])]);
        Arc::make_mut(&mut owner.blocks[0].table).holes.push(Hole {
            wall_us: (START_S + 4) * S,
            duration_us: 4 * S as u32,
            cause: HoleCause::Full,
        });
        assert_eq!(holes(&merged(vec![owner.clone()]).unwrap()).len(), 1);
        let copy = part(
            &[],
            Some(14),
            vec![block("e9", 0, &[0, 2, 4, 6, 8, 10, 12])],
        );
        let view = merged(vec![owner.clone(), copy]).unwrap();
        let expected = [
            of("e1", &[0, 2]),
            of("e9", &[4, 6]),
            of("e1", &[8, 10]),
            of("e9", &[12]),
        ];
        assert_eq!(shown(&view), expected.concat());
        assert_eq!(holes(&view), [], "nothing is missing any more");
        let half = part(&[], Some(14), vec![block("e9", 0, &[4])]);
        let view = merged(vec![owner, half]).unwrap();
        assert_eq!(
            holes(&view),
            [(6, 2 * S as u32, "full")],
            "and what is says why"
        );
    }

    #[test]
    fn a_block_that_the_store_and_its_node_have_is_there_once() {
        let node = part(
            &[(0, "e1")],
            None,
            vec![block("e1", 0, &[0, 2]), block("e1", 1, &[4])],
        );
        let mut store = node.clone();
        store.blocks.pop();
        store.blocks[0].is_stored = true;
        let view = merged(vec![node, store]).unwrap();
        assert_eq!(shown(&view), of("e1", &[0, 2, 4]));
        let stored: Vec<_> = view.blocks.iter().map(|block| block.is_stored).collect();
        assert_eq!(stored, [true, false]);
    }

    proptest! {
        #[test]
        fn whatever_nodes_have_no_moment_is_there_twice_and_none_is_lost_that_one_of_them_has(
            parts in proptest::collection::vec((0_i64..40, proptest::collection::btree_set(0_i64..20, 1..20)), 1..4),
        ) {
            let views: Vec<View> = parts.iter().enumerate().map(|(at, (owned, seconds))| {
                let seconds: Vec<i64> = seconds.iter().map(|s| s * 2).collect();
                let (first, second) = seconds.split_at(seconds.len() / 2);
                let epoch = format!("e{at}");
                part(&[(*owned, &epoch)], None, vec![block(&epoch, 0, first), block(&epoch, 1, second)])
            }).collect();
            let view = merged(views).unwrap();
            let mut seconds: Vec<i64> = shown(&view).into_iter().map(|(_, s)| s).collect();
            // They are on one grid, so that each second is somebody's.
            let mut expected: Vec<i64> = parts.iter().flat_map(|(_, all)| all.iter().map(|s| s * 2)).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert!(seconds.is_sorted());
            seconds.dedup();
            prop_assert_eq!(seconds.len(), view.segments().count());
            prop_assert_eq!(seconds, expected);
        }
    }
}
