//! Fragmented MP4 (ISO/IEC 14496-12 §8.8), a fragment for each half second. The sample entries are
//! weir's own: what they say of a codec is not what is odd here.

use weir_media::TrackKind;
use weir_media::fmp4::init_segment;

use super::clip::{Unit, tracks_of};
use super::draft::{Draft, Piece};

/// Microseconds of media in a fragment.
const FRAGMENT_US: i64 = 200_000;
const VIDEO_ID: u32 = 1;
const AUDIO_ID: u32 = 2;

/// Samples of one track in one fragment.
struct Run<'a> {
    id: u32,
    timescale: u32,
    samples: Vec<(&'a Unit, Vec<u8>)>,
    /// Where the next sample would begin.
    end_us: i64,
}

/// The init segment and the fragments of a draft.
pub fn file(draft: &Draft) -> Vec<Piece> {
    let init = init(draft);
    let mut position = init.len() as u64;
    let mut out = vec![Piece {
        at_us: 0,
        bytes: init,
    }];
    let last_us = |units: &[Unit]| units.last().map_or(0, |unit| unit.dts_us);
    let clip = &draft.clip;
    let video = clip
        .pictures
        .as_ref()
        .map_or(&[][..], |pictures| &pictures.units);
    let audio = clip.sound.as_ref().map_or(&[][..], |sound| &sound.units);
    let end_us = last_us(video).max(last_us(audio)) + 1;
    let mut at_us = 0;
    for number in 1.. {
        if at_us >= end_us {
            break;
        }
        let until_us = at_us + FRAGMENT_US;
        let mut runs = Vec::new();
        if let Some(pictures) = &clip.pictures {
            let payload = |unit: &Unit| draft.payload(pictures, unit);
            let scale = draft.mp4.timescales.0;
            runs.extend(run(VIDEO_ID, scale, video, at_us..until_us, payload));
        }
        let scale = draft.mp4.timescales.1;
        runs.extend(run(AUDIO_ID, scale, audio, at_us..until_us, Unit::whole));
        let bytes = fragment(draft, number, position, &runs);
        position += bytes.len() as u64;
        out.push(Piece { at_us, bytes });
        at_us = until_us;
    }
    out
}

fn run<'a>(
    id: u32,
    timescale: u32,
    units: &'a [Unit],
    span: std::ops::Range<i64>,
    payload: impl Fn(&Unit) -> Vec<u8>,
) -> Option<Run<'a>> {
    let own = units.iter().filter(|unit| span.contains(&unit.dts_us));
    let samples: Vec<_> = own.map(|unit| (unit, payload(unit))).collect();
    let next = units.iter().find(|unit| unit.dts_us >= span.end);
    let last = samples.last()?.0;
    let end_us = next.map_or(last.dts_us + 40_000, |unit| unit.dts_us);
    Some(Run {
        id,
        timescale,
        samples,
        end_us,
    })
}

fn fragment(draft: &Draft, number: u32, position: u64, runs: &[Run<'_>]) -> Vec<u8> {
    // Once to know how long the header is, once with the places of the data behind it.
    let moof = moof(draft, number, position, runs, 0);
    let data_at = moof.len() as u64 + 8;
    let mut out = self::moof(draft, number, position, runs, data_at);
    let data: Vec<u8> = runs
        .iter()
        .flat_map(|run| run.samples.iter().flat_map(|(_, payload)| payload.clone()))
        .collect();
    out.extend(boxed(b"mdat", &data));
    out
}

fn moof(draft: &Draft, number: u32, position: u64, runs: &[Run<'_>], data_at: u64) -> Vec<u8> {
    let mut body = full(b"mfhd", 0, 0, &number.to_be_bytes());
    let mut data_at = data_at;
    for run in runs {
        body.extend(traf(draft, position, run, data_at));
        let bytes = run.samples.iter().map(|(_, payload)| payload.len() as u64);
        data_at += bytes.sum::<u64>();
    }
    boxed(b"moof", &body)
}

fn traf(draft: &Draft, position: u64, run: &Run<'_>, data_at: u64) -> Vec<u8> {
    let shape = draft.mp4;
    let ticks = |us: i64| {
        let us = i128::from(us + draft.start_us);
        (us * i128::from(run.timescale)).div_euclid(1_000_000) as i64
    };
    let mut tfhd = run.id.to_be_bytes().to_vec();
    if shape.absolute {
        tfhd.extend_from_slice(&position.to_be_bytes());
    }
    let mut body = full(
        b"tfhd",
        0,
        if shape.absolute { 1 } else { 0x02_0000 },
        &tfhd,
    );
    let first = ticks(run.samples[0].0.dts_us);
    body.extend(if shape.short_times {
        full(b"tfdt", 0, 0, &(first as u32).to_be_bytes())
    } else {
        full(b"tfdt", 1, 0, &first.to_be_bytes())
    });
    let mut entries = Vec::new();
    for (at, (unit, payload)) in run.samples.iter().enumerate() {
        let next_us = run
            .samples
            .get(at + 1)
            .map_or(run.end_us, |next| next.0.dts_us);
        let duration = ticks(next_us) - ticks(unit.dts_us);
        let cts = ticks(unit.dts_us + unit.cts_us) - ticks(unit.dts_us);
        let is_key = run.id == AUDIO_ID || draft.is_marked(unit);
        let flags: u32 = if is_key { 0x0200_0000 } else { 0x0101_0000 };
        let fields = [duration as u32, payload.len() as u32, flags, cts as u32];
        let entry: Vec<u8> = fields
            .iter()
            .flat_map(|field| field.to_be_bytes())
            .collect();
        entries.push((payload.len() as u64, entry));
    }
    let runs = if shape.many_runs { entries.len() } else { 1 };
    let mut data_at = data_at;
    for entries in entries.chunks(entries.len().div_ceil(runs)) {
        let mut trun = (entries.len() as u32).to_be_bytes().to_vec();
        trun.extend_from_slice(&(data_at as u32).to_be_bytes());
        for (bytes, entry) in entries {
            trun.extend_from_slice(entry);
            data_at += bytes;
        }
        // Data offset, durations, sizes, flags and composition offsets.
        body.extend(full(b"trun", shape.trun_version, 0xF01, &trun));
    }
    boxed(b"traf", &body)
}

fn init(draft: &Draft) -> Vec<u8> {
    let clip = &draft.clip;
    let config = clip.pictures.as_ref().map_or_else(Vec::new, |pictures| {
        pictures.config(draft.length_bytes, draft.sets_outside)
    });
    let written = init_segment(&tracks_of(clip, &config)).unwrap();
    let mut moov = full(
        b"mvhd",
        0,
        0,
        &[&[0; 8][..], &1000_u32.to_be_bytes(), &[0; 84]].concat(),
    );
    let mut mvex = Vec::new();
    let kinds = [
        (
            TrackKind::Video,
            VIDEO_ID,
            clip.pictures.is_some(),
            draft.mp4.timescales.0,
        ),
        (
            TrackKind::Audio,
            AUDIO_ID,
            clip.sound.is_some(),
            draft.mp4.timescales.1,
        ),
    ];
    let mut descriptions = boxes_named(&written, b"stsd").into_iter();
    for (kind, id, _, timescale) in kinds.into_iter().filter(|(_, _, is_there, _)| *is_there) {
        let mut stsd = descriptions.next().expect("a sample description");
        if draft.mp4.sets_in_samples && kind == TrackKind::Video {
            // Size, type, version, count, size: then the name of the entry.
            let name = match &stsd[20..24] {
                b"hvc1" => b"hev1",
                _ => b"avc3",
            };
            stsd[20..24].copy_from_slice(name);
        }
        moov.extend(trak(kind, id, timescale, &stsd));
        let trex: Vec<u8> = [id, 1, 0, 0, 0]
            .iter()
            .flat_map(|field| field.to_be_bytes())
            .collect();
        mvex.extend(full(b"trex", 0, 0, &trex));
    }
    moov.extend(boxed(b"mvex", &mvex));
    [boxed(b"ftyp", b"iso6\0\0\0\0iso6"), boxed(b"moov", &moov)].concat()
}

fn trak(kind: TrackKind, id: u32, timescale: u32, stsd: &[u8]) -> Vec<u8> {
    let handler: &[u8] = match kind {
        TrackKind::Video => b"vide",
        TrackKind::Audio => b"soun",
    };
    let zero = |name| full(name, 0, 0, &[0; 4]);
    let stbl = [stsd.to_vec(), zero(b"stts"), zero(b"stsc"), zero(b"stco")].concat();
    let stbl = [stbl, full(b"stsz", 0, 0, &[0; 8])].concat();
    let hdlr = full(b"hdlr", 0, 0, &[&[0; 4], handler, &[0; 13]].concat());
    let mdhd = [
        &[0; 8][..],
        &timescale.to_be_bytes(),
        &[0; 4],
        &[0x55, 0xC4, 0, 0],
    ]
    .concat();
    let minf = boxed(b"minf", &boxed(b"stbl", &stbl));
    let mdia = [full(b"mdhd", 0, 0, &mdhd), hdlr, minf].concat();
    let tkhd = full(
        b"tkhd",
        0,
        3,
        &[&[0; 8][..], &id.to_be_bytes(), &[0; 68]].concat(),
    );
    boxed(b"trak", &[tkhd, boxed(b"mdia", &mdia)].concat())
}

/// All boxes of this name, wherever they are: it is looked for by its letters.
fn boxes_named(data: &[u8], name: &[u8; 4]) -> Vec<Vec<u8>> {
    let places = (4..data.len()).filter(|at| data[*at..].starts_with(name));
    places
        .map(|at| {
            let size = u32::from_be_bytes(data[at - 4..at].try_into().unwrap());
            data[at - 4..at - 4 + size as usize].to_vec()
        })
        .collect()
}

fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

fn full(name: &[u8; 4], version: u8, flags: u32, body: &[u8]) -> Vec<u8> {
    let head = (u32::from(version) << 24 | flags).to_be_bytes();
    boxed(name, &[&head[..], body].concat())
}
