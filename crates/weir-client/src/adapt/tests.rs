//! Whatever is dropped, a decoder never misses what it needs.

use bytes::Bytes;
use proptest::prelude::*;
use weir_media::flv::{TAG_AUDIO, TAG_VIDEO};

use super::*;

/// A picture in a model of a decoder: its number is its body.
#[derive(Debug, Clone)]
struct Picture {
    tag: ClipTag,
    /// Numbers of the pictures it refers to.
    refers_to: Vec<usize>,
}

fn tag(role: Role, number: usize, time_ms: i64, pts_ms: i64) -> ClipTag {
    ClipTag {
        kind: if role == Role::Sound {
            TAG_AUDIO
        } else {
            TAG_VIDEO
        },
        time_ms,
        pts_ms,
        body: Bytes::copy_from_slice(&(number as u64).to_be_bytes()),
        role,
        is_extra: false,
    }
}

fn number(tag: &ClipTag) -> usize {
    u64::from_be_bytes(tag.body[..].try_into().unwrap()) as usize
}

/// Groups as x264 makes them with two B-frames: I, then (P b b) again and again in decode order. In
/// open groups the first pictures after a keyframe are shown before it, and refer to the group
/// before. Sound between them.
fn stream(groups: &[(usize, bool)]) -> Vec<Picture> {
    let mut all: Vec<Picture> = Vec::new();
    let (mut slot, mut last_reference, mut before) = (0i64, None, None);
    for &(threes, is_open) in groups {
        for three in 0..=threes {
            let is_key = three == 0;
            let leads = is_key && is_open && last_reference.is_some();
            let anchor = all.len();
            let role = if is_key { Role::Key } else { Role::Picture };
            // With two pictures to be shown before it.
            let shown = slot + if is_key && !leads { 0 } else { 2 };
            let refers_to = match is_key {
                true => vec![],
                false => last_reference.into_iter().collect(),
            };
            let picture = |role, number, slot: i64, shown: i64, refers_to| Picture {
                tag: tag(role, number, slot * 40, shown * 40 + 80),
                refers_to,
            };
            all.push(picture(role, anchor, slot, shown, refers_to));
            slot += 1;
            before = last_reference.replace(anchor).or(before);
            if !is_key || leads {
                for b in 0..2 {
                    let refers_to = [before, last_reference].into_iter().flatten().collect();
                    let role = Role::Disposable;
                    all.push(picture(role, all.len(), slot, shown - 2 + b, refers_to));
                    slot += 1;
                }
            }
            before = last_reference;
            let sound = tag(Role::Sound, all.len(), slot * 40, slot * 40);
            all.push(Picture {
                tag: sound,
                refers_to: vec![],
            });
        }
    }
    all
}

/// Fails if a picture comes whose references did not.
#[derive(Default)]
struct Decoder {
    has: Vec<usize>,
}

impl Decoder {
    fn decode(&mut self, stream: &[Picture], tag: &ClipTag) {
        let number = number(tag);
        let missing = stream[number]
            .refers_to
            .iter()
            .find(|wanted| !self.has.contains(wanted));
        assert_eq!(missing, None, "picture {number} refers to it");
        assert!(self.has.last().is_none_or(|last| *last < number));
        self.has.push(number);
    }
}

fn roles(queue: &mut Queue, queue_ms: i64) -> Vec<(Role, usize)> {
    std::iter::from_fn(|| queue.pop(queue_ms))
        .map(|queued| (queued.tag.role, number(&queued.tag)))
        .collect()
}

fn filled(groups: &[(usize, bool)]) -> Queue {
    let mut queue = Queue::new(true);
    for picture in stream(groups) {
        queue.push(picture.tag);
    }
    queue
}

#[test]
fn over_half_a_second_only_what_nobody_refers_to_is_left_out() {
    let mut queue = filled(&[(3, false)]);
    queue.trim(501, GROUP_TARGET_MS);
    let mut same = filled(&[(3, false)]);
    assert_eq!(roles(&mut same, 500).len(), 14);
    let left = roles(&mut queue, 501);
    assert!(left.iter().all(|(role, _)| *role != Role::Disposable));
    assert_eq!(left.len(), 8);
    assert_eq!(queue.dropped().pictures, 6);
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn over_two_seconds_the_newest_keyframe_is_next_and_sound_is_kept() {
    let mut queue = filled(&[(5, false), (5, false), (2, false)]);
    queue.trim(2001, GROUP_TARGET_MS);
    let left = roles(&mut queue, 0);
    let sounds = left.iter().filter(|(role, _)| *role == Role::Sound).count();
    let first = left.iter().find(|(role, _)| *role != Role::Sound).unwrap();
    assert_eq!(sounds, 15);
    assert_eq!(first.0, Role::Key);
    assert_eq!(left.len() - sounds, 7, "{left:?}");
}

#[test]
fn of_a_group_that_is_too_long_itself_only_the_keyframe_stays_up_to_the_next_one() {
    let all = stream(&[(12, false), (1, false)]);
    let next_key = all
        .iter()
        .rposition(|picture| picture.tag.role == Role::Key)
        .unwrap();
    let mut queue = Queue::new(true);
    for picture in &all[..next_key - 4] {
        queue.push(picture.tag.clone());
    }
    queue.trim(2001, GROUP_TARGET_MS);
    for picture in &all[next_key - 4..] {
        queue.push(picture.tag.clone());
    }
    let pictures: Vec<_> = roles(&mut queue, 0)
        .into_iter()
        .filter(|(role, _)| *role != Role::Sound)
        .map(|(_, number)| number)
        .collect();
    let is_picture = |at: &usize| all[*at].tag.role != Role::Sound;
    let expected: Vec<usize> = std::iter::once(0)
        .chain((next_key..all.len()).filter(is_picture))
        .collect();
    assert_eq!(pictures, expected);
}

#[test]
fn sound_is_left_out_last() {
    let mut queue = filled(&[(40, false)]);
    queue.trim(4000, GROUP_TARGET_MS);
    assert_eq!(queue.dropped().sounds, 0);
    queue.trim(4001, GROUP_TARGET_MS);
    let sounds = queue.dropped().sounds;
    assert!(
        (10..20).contains(&sounds),
        "{sounds} of 41, three seconds stay"
    );
}

#[test]
fn headers_are_never_left_out() {
    let mut queue = Queue::new(true);
    for role in [Role::Metadata, Role::VideoConfig, Role::AudioConfig] {
        queue.push(tag(role, 0, 0, 0));
    }
    for picture in stream(&[(20, false)]) {
        queue.push(picture.tag);
    }
    queue.require_key();
    queue.trim(60_000, 0);
    let left = roles(&mut queue, 60_000);
    let headers = [Role::Metadata, Role::VideoConfig, Role::AudioConfig];
    assert_eq!(left[..3].iter().map(|at| at.0).collect::<Vec<_>>(), headers);
}

#[test]
fn nothing_is_left_out_where_all_is_wanted() {
    let mut queue = Queue::new(false);
    let all = stream(&[(30, true), (30, true)]);
    for picture in &all {
        queue.push(picture.tag.clone());
        queue.trim(60_000, 0);
    }
    assert_eq!(roles(&mut queue, 60_000).len(), all.len());
    assert_eq!(queue.dropped(), Dropped::default());
}

#[test]
fn a_jump_of_the_sources_clock_is_no_queue() {
    let mut queue = Queue::new(true);
    for time_ms in [5000, 5040, 900_000, 900_040, 100, 140] {
        queue.push(tag(Role::Key, 0, time_ms, time_ms));
    }
    assert_eq!(queue.newest_ms(), 120);
}

#[test]
fn after_a_loss_pictures_that_lead_the_keyframe_are_left_out_too() {
    let all = stream(&[(2, true), (2, true), (2, true)]);
    let keys: Vec<usize> = (0..all.len())
        .filter(|at| all[*at].tag.role == Role::Key)
        .collect();
    let mut queue = Queue::new(true);
    for picture in &all[1..] {
        queue.push(picture.tag.clone());
    }
    queue.require_key();
    let left = roles(&mut queue, 0);
    let numbers: Vec<usize> = left
        .iter()
        .filter(|(role, _)| *role != Role::Sound)
        .map(|at| at.1)
        .collect();
    assert_eq!(numbers[0], keys[1]);
    assert!(!numbers.contains(&(keys[1] + 1)) && !numbers.contains(&(keys[1] + 2)));
    assert!(numbers.contains(&(keys[2] + 1)), "that group is whole");
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Pop(usize, i64),
    Trim(i64, i64),
    /// What was sent is lost.
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..20).prop_map(Step::Push),
        4 => (1usize..20, 0i64..1000).prop_map(|(count, queue_ms)| Step::Pop(count, queue_ms)),
        1 => (0i64..6000, 0i64..2500).prop_map(|(queue_ms, keep_ms)| Step::Trim(queue_ms, keep_ms)),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_decoder_never_gets_a_picture_whose_reference_was_left_out(
        groups in proptest::collection::vec((1usize..9, any::<bool>()), 1..12),
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let all = stream(&groups);
        let (mut queue, mut decoder) = (Queue::new(true), Decoder::default());
        let mut source = all.iter();
        let mut out = 0;
        for step in steps {
            match step {
                Step::Push(count) => {
                    for picture in source.by_ref().take(count) {
                        queue.push(picture.tag.clone());
                    }
                }
                Step::Pop(count, queue_ms) => {
                    for queued in (0..count).map_while(|_| queue.pop(queue_ms)) {
                        out += 1;
                        if queued.tag.role != Role::Sound {
                            decoder.decode(&all, &queued.tag);
                        }
                    }
                }
                Step::Trim(queue_ms, keep_ms) => queue.trim(queue_ms, keep_ms),
                Step::Lose => {
                    queue.require_key();
                    decoder.has.clear();
                }
            }
        }
        let waiting = queue.waiting.len();
        prop_assert_eq!(queue.bytes(), waiting * 8);
        let dropped = queue.dropped();
        let came = all.len() - source.count();
        prop_assert_eq!(came, out + waiting + (dropped.pictures + dropped.sounds) as usize);
    }
}
