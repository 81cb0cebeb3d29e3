//! Pictures as encoders write them, and as they mark them.

use std::slice::from_ref;

use proptest::prelude::*;

use super::*;
use crate::bits::BitWriter;
use crate::codec::vp9::tests::KEY as VP9_KEY;
use crate::codec::{av1, hevc as hevc_codec};

const I: u32 = 7;
const P: u32 = 5;
const MARKED: FrameKind = FrameKind::Key;
const PLAIN: FrameKind = FrameKind::Inter;

fn ue(bits: &mut BitWriter, value: u32) {
    let width = 32 - (value + 1).leading_zeros();
    bits.bits(0, width - 1);
    bits.bits(value + 1, width);
}

/// An H.264 slice of this NAL header: where it begins, its type, its parameter set.
fn slice(header: u8, first: u32, kind: u32, pps: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    [first, kind, pps]
        .iter()
        .for_each(|value| ue(&mut bits, *value));
    bits.bits(0x5555, 16);
    [vec![header], bits.finish()].concat()
}

fn recovery_point(pictures: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    ue(&mut bits, pictures);
    bits.bits(0b1100, 4);
    let body = bits.finish();
    // Behind a message that is longer than 255 bytes, as encoders' settings are.
    [
        &[6, 5, 255, 10][..],
        &[7; 265],
        &[6, body.len() as u8],
        &body,
        &[0x80],
    ]
    .concat()
}

fn payload(units: &[Vec<u8>]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat())
        .collect()
}

fn avc(judge: &mut PictureJudge, mark: FrameKind, units: &[Vec<u8>]) -> FrameKind {
    let kind = judge.judge(VideoCodec::H264, mark, &payload(units));
    kind.unwrap().expect("a picture")
}

fn check(table: &[(&str, &[Vec<u8>], FrameKind, FrameKind)]) {
    for (what, units, mark, expected) in table {
        let kind = avc(&mut PictureJudge::default(), *mark, units);
        assert_eq!(kind, *expected, "{what}");
    }
}

#[test]
fn a_picture_that_a_decoder_can_begin_with_is_a_keyframe_whatever_its_mark() {
    let (idr, i) = (slice(0x65, 0, I, 0), slice(0x61, 0, I, 0));
    let p = slice(0x41, 0, P, 0);
    let key = FrameKind::Key;
    check(&[
        ("IDR", from_ref(&idr), MARKED, key),
        ("IDR, not marked", from_ref(&idr), PLAIN, key),
        (
            "IDR and P field",
            &[idr.clone(), slice(0x21, 0, P, 0)],
            PLAIN,
            key,
        ),
        ("open GOP", &[recovery_point(0), i.clone()], PLAIN, key),
        (
            "intra refresh",
            &[recovery_point(30), p.clone()],
            PLAIN,
            key,
        ),
        ("I, marked", from_ref(&i), MARKED, key),
        ("I and P field, marked", &[i.clone(), p], MARKED, key),
        ("unreadable, marked", &[vec![0x41, 0, 0]], MARKED, key),
    ]);
}

#[test]
fn a_picture_that_needs_others_is_no_keyframe_whatever_its_mark() {
    let (i, p) = (slice(0x61, 0, I, 0), slice(0x41, 0, P, 0));
    let unneeded = slice(0x01, 0, 6, 0);
    let mixed = [i.clone(), slice(0x61, 40, P, 0)];
    check(&[
        ("P, marked", from_ref(&p), MARKED, PLAIN),
        ("P", from_ref(&p), PLAIN, PLAIN),
        (
            "recovery point on P",
            &[recovery_point(0), p.clone()],
            MARKED,
            PLAIN,
        ),
        ("I and P slices, marked", &mixed, MARKED, PLAIN),
        ("I, not marked", from_ref(&i), PLAIN, PLAIN),
        ("B", from_ref(&unneeded), PLAIN, FrameKind::Disposable),
        (
            "B, marked",
            from_ref(&unneeded),
            MARKED,
            FrameKind::Disposable,
        ),
    ]);
}

#[test]
fn where_all_is_intra_each_picture_is_a_keyframe() {
    let mut judge = PictureJudge::default();
    let mut next = |units: &[Vec<u8>]| avc(&mut judge, PLAIN, units);
    next(&[slice(0x65, 0, I, 0)]);
    let kinds: Vec<_> = (0..10).map(|_| next(&[slice(0x61, 0, I, 0)])).collect();
    assert!(kinds.ends_with(&[FrameKind::Key; 8]), "{kinds:?}");
    next(&[slice(0x41, 0, P, 0)]);
    assert_eq!(
        next(&[slice(0x61, 0, I, 0)]),
        PLAIN,
        "a scene's cut among predicted ones"
    );
}

#[test]
fn unmarked_intra_pictures_are_believed_once_nothing_better_comes() {
    let mut judge = PictureJudge::default();
    let mut keys = Vec::new();
    for at in 0..400u32 {
        let kind = if at % 25 == 0 { I } else { P };
        if avc(&mut judge, PLAIN, &[slice(0x61, 0, kind, 0)]) == FrameKind::Key {
            keys.push(at);
        }
    }
    assert_eq!(keys, [25, 350], "the first after a second, then rarely");
}

#[test]
fn a_picture_of_a_parameter_set_that_never_came_cannot_be_decoded() {
    let mut judge = PictureJudge::default();
    let record = avc::tests::record(4);
    judge.record(VideoCodec::H264, &record);
    let mut kind = |units: &[Vec<u8>]| judge.judge(VideoCodec::H264, PLAIN, &payload(units));
    let other = slice(0x65, 0, I, 3);
    let headless = Err(MediaError::NoCodecHeader(TrackKind::Video));
    assert_eq!(kind(&[slice(0x65, 0, I, 0)]), Ok(Some(FrameKind::Key)));
    assert_eq!(kind(from_ref(&other)), headless);
    let mut bits = BitWriter::default();
    [3, 0].iter().for_each(|value| ue(&mut bits, *value));
    let pps = [vec![0x68], bits.finish()].concat();
    assert_eq!(kind(&[pps, other.clone()]), Ok(Some(FrameKind::Key)));
    assert_eq!(kind(&[other]), Ok(Some(FrameKind::Key)), "it came before");
}

#[test]
fn what_belongs_to_a_picture_is_none() {
    let mut judge = PictureJudge::default();
    for (codec, units) in [
        (
            VideoCodec::H264,
            payload(&[vec![9, 0xF0], recovery_point(0)]),
        ),
        (
            VideoCodec::Hevc,
            payload(&[vec![35 << 1, 1], vec![39 << 1, 1, 0]]),
        ),
        (VideoCodec::Av1, av1::tests::KEY[..15].to_vec()),
        (VideoCodec::Vp9, Vec::new()),
    ] {
        assert_eq!(judge.judge(codec, MARKED, &units), Ok(None), "{codec:?}");
    }
}

fn hevc(kind: u8, slice_type: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.bits(1, 1);
    if kind >= 16 {
        bits.bits(0, 1);
    }
    ue(&mut bits, 0);
    ue(&mut bits, slice_type);
    bits.bits(0x5555, 16);
    [vec![kind << 1, 1], bits.finish()].concat()
}

#[test]
fn hevc_pictures_are_told_by_their_types_and_slices() {
    let record = Bytes::from_static(hevc_codec::tests::RECORD);
    let sei = vec![39 << 1, 1, 6, 1, 0b0100_1111, 0x80];
    let zero = vec![39 << 1, 1, 6, 1, 0xE0, 0x80];
    for (what, units, mark, expected) in [
        ("IDR_W_RADL", vec![hevc(19, 2)], PLAIN, FrameKind::Key),
        ("CRA", vec![hevc(21, 2)], PLAIN, FrameKind::Key),
        ("BLA", vec![hevc(16, 2)], PLAIN, FrameKind::Key),
        (
            "a reserved random access type",
            vec![hevc(22, 2)],
            PLAIN,
            FrameKind::Key,
        ),
        ("P, marked", vec![hevc(1, 1)], MARKED, PLAIN),
        ("I, marked", vec![hevc(1, 2)], MARKED, FrameKind::Key),
        ("I", vec![hevc(1, 2)], PLAIN, PLAIN),
        (
            "gradual refresh",
            vec![sei, hevc(1, 1)],
            PLAIN,
            FrameKind::Key,
        ),
        ("recovery point on P", vec![zero, hevc(1, 1)], MARKED, PLAIN),
        ("RASL_N", vec![hevc(8, 0)], MARKED, FrameKind::Disposable),
    ] {
        let mut judge = PictureJudge::default();
        judge.record(VideoCodec::Hevc, &record);
        let kind = judge.judge(VideoCodec::Hevc, mark, &payload(&units));
        assert_eq!(kind, Ok(Some(expected)), "{what}");
    }
}

#[test]
fn av1_and_vp9_keyframes_are_told_by_their_headers() {
    let inter = [0x32, 2, 0x30, 0];
    for (codec, frame, mark, expected) in [
        (VideoCodec::Av1, av1::tests::KEY, PLAIN, FrameKind::Key),
        (VideoCodec::Av1, &inter, MARKED, PLAIN),
        (
            VideoCodec::Av1,
            &inter,
            FrameKind::Disposable,
            FrameKind::Disposable,
        ),
        (VideoCodec::Vp9, VP9_KEY, PLAIN, FrameKind::Key),
        (VideoCodec::Vp9, &[0x86, 0, 0x40], MARKED, PLAIN),
    ] {
        let kind = PictureJudge::default().judge(codec, mark, frame);
        assert_eq!(kind, Ok(Some(expected)), "{codec:?} {mark:?}");
    }
    let noise = PictureJudge::default().judge(VideoCodec::Vp9, MARKED, &[0x12, 0x34]);
    assert!(noise.is_err());
}

proptest! {
    #[test]
    fn arbitrary_pictures_never_panic(frames: Vec<(Vec<u8>, u8, bool)>) {
        let mut judge = PictureJudge::default();
        for (bytes, header, marked) in frames {
            let mark = if marked { MARKED } else { PLAIN };
            let unit = [vec![header], bytes.clone()].concat();
            for codec in [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1, VideoCodec::Vp9] {
                judge.record(codec, &Bytes::from(bytes.clone()));
                let _ = judge.judge(codec, mark, &payload(from_ref(&unit)));
                let _ = judge.judge(codec, mark, &bytes);
            }
        }
    }
}
