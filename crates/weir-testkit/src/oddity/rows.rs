//! The table of oddities.

use weir_media::{TrackKind, VideoCodec};

use super::bits::{Bits, escaped};
use super::clip::{Pictures, Unit};
use super::draft::Draft;
use super::{About, Carrier, Needs, Oddity, flv, sounds};

/// Within the first group of pictures of all clips.
const HEAD_US: i64 = 600_000;
/// Sound that is announced and does not come is waited for for so long at most, and somewhat longer.
const LATE_HEAD_US: i64 = 1_700_000;

/// A row about nothing.
pub(super) const PLAIN: Oddity = Oddity {
    name: "",
    about: About::Container,
    carriers: Carrier::ALL,
    pictures: None,
    sound: None,
    needs: Needs::Nothing,
    bend: |_| {},
    not_in_ts: false,
    mute: false,
    loose_times: false,
    head_us: HEAD_US,
};

const fn pictures(name: &'static str) -> Oddity {
    Oddity {
        name,
        about: About::Pictures,
        pictures: Some(name),
        ..PLAIN
    }
}

const fn sound(name: &'static str) -> Oddity {
    Oddity {
        name,
        about: About::Sound,
        sound: Some(name),
        ..PLAIN
    }
}

const fn units(name: &'static str, bend: fn(&mut Draft)) -> Oddity {
    Oddity {
        name,
        about: About::Units,
        needs: Needs::Nals,
        bend,
        ..PLAIN
    }
}

const fn lengths(name: &'static str, bend: fn(&mut Draft)) -> Oddity {
    Oddity {
        carriers: Carrier::LENGTHS,
        ..units(name, bend)
    }
}

const fn sets(name: &'static str, bend: fn(&mut Draft)) -> Oddity {
    Oddity {
        name,
        about: About::Sets,
        needs: Needs::Nals,
        bend,
        ..PLAIN
    }
}

const fn times(name: &'static str, carriers: &'static [Carrier], bend: fn(&mut Draft)) -> Oddity {
    Oddity {
        name,
        about: About::Times,
        carriers,
        bend,
        ..PLAIN
    }
}

/// In one group of pictures, so that whoever comes late begins with the first one.
const fn late(row: Oddity) -> Oddity {
    Oddity {
        pictures: Some("h264-one-group"),
        head_us: LATE_HEAD_US,
        ..row
    }
}

const fn container(
    name: &'static str,
    carriers: &'static [Carrier],
    bend: fn(&mut Draft),
) -> Oddity {
    Oddity {
        name,
        carriers,
        bend,
        ..PLAIN
    }
}

const fn aac(name: &'static str, sound: &'static str, bend: fn(&mut Draft)) -> Oddity {
    Oddity {
        name,
        about: About::Sound,
        sound: Some(sound),
        bend,
        ..PLAIN
    }
}

/// Oddities that are taken.
pub const ROWS: &[Oddity] = &[
    Oddity {
        name: "nothing odd",
        ..PLAIN
    },
    pictures("h264-b"),
    pictures("h264-flat-b"),
    pictures("h264-large"),
    pictures("h264-slices"),
    pictures("h264-interlaced"),
    pictures("h264-444"),
    pictures("h264-growing-groups"),
    pictures("h264-open-groups"),
    pictures("hevc"),
    pictures("hevc-b"),
    Oddity {
        carriers: Carrier::LENGTHS,
        ..pictures("av1")
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..pictures("vp9")
    },
    sound("aac-mono"),
    sound("aac-8k"),
    sound("aac-96k"),
    sound("aac-3.0"),
    sound("aac-2.1"),
    sound("aac-5.1"),
    sound("aac-5.1-side"),
    sound("aac-6.1"),
    sound("aac-7.1"),
    sound("aac-7.1-wide"),
    sound("opus"),
    sound("opus-mono"),
    sound("opus-60ms"),
    sound("opus-5.1"),
    Oddity {
        carriers: Carrier::LENGTHS,
        not_in_ts: true,
        ..sound("opus-apart")
    },
    sound("mp3"),
    sound("mp3-mono"),
    sound("ac3"),
    sound("ac3-mono"),
    sound("ac3-5.1"),
    sound("eac3-5.1"),
    Oddity {
        carriers: Carrier::LENGTHS,
        ..sound("flac")
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac("AAC with its rate in words", "aac", sounds::explicit_rate)
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac("HE-AAC told in front", "aac", sounds::sbr_in_front)
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac("HE-AAC v2 told in front", "aac-mono", sounds::ps_in_front)
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac("AAC with more behind its config", "aac", |draft| {
            draft.sound().config.extend([0; 9]);
        })
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac("AAC units too large for ADTS", "aac", sounds::large_units)
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac(
            "AAC layout told in each unit too",
            "aac-5.1-side",
            sounds::element_in_units,
        )
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        ..aac(
            "AAC layout told in units alone",
            "aac-5.1-side",
            sounds::element_only_in_units,
        )
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        not_in_ts: true,
        mute: true,
        ..aac("ER AAC LD", "aac", |draft| {
            draft.sound().config = Bits::default()
                .put(23, 5)
                .put(3, 4)
                .put(2, 4)
                .put(0, 19)
                .bytes();
        })
    },
    Oddity {
        carriers: Carrier::LENGTHS,
        not_in_ts: true,
        mute: true,
        ..aac("xHE-AAC", "aac", |draft| {
            let bits = Bits::default().put(31, 5).put(10, 6).put(3, 4).put(2, 4);
            draft.sound().config = bits.put(0, 21).bytes();
        })
    },
    lengths("empty units", |draft| {
        for unit in &mut draft.pictures().units {
            let parts = std::mem::take(&mut unit.parts);
            unit.parts = parts
                .into_iter()
                .flat_map(|part| [vec![], part, vec![]])
                .collect();
        }
    }),
    Oddity {
        pictures: Some("h264-tiny"),
        ..lengths("lengths of one byte", |draft| {
            // What an encoder says of itself is longer than such a length can say.
            for unit in &mut draft.pictures().units {
                unit.parts.retain(|part| part.len() < 256);
            }
            draft.length_bytes = 1;
        })
    },
    lengths("lengths of two bytes", |draft| draft.length_bytes = 2),
    lengths("lengths of three bytes", |draft| draft.length_bytes = 3),
    lengths("delimiters inside", |draft| {
        let delimiter = by_codec(draft, &[9, 0xF0], &[0x46, 1, 0x50]);
        each_unit(draft, |unit| unit.parts.insert(0, delimiter.clone()));
    }),
    units("filler units", |draft| {
        let filler = by_codec(draft, &[12, 0xFF, 0xFF, 0x80], &[0x4C, 1, 0xFF, 0xFF, 0x80]);
        each_unit(draft, |unit| unit.parts.push(filler.clone()));
    }),
    units("two hundred units", |draft| {
        let filler = by_codec(draft, &[12, 0xFF, 0x80], &[0x4C, 1, 0xFF, 0x80]);
        each_unit(draft, |unit| unit.parts.extend(vec![filler.clone(); 200]));
    }),
    units("units of reserved types", |draft| {
        let unknown = by_codec(draft, &[30, 1, 2, 3], &[0x7C, 1, 2, 3]);
        each_unit(draft, |unit| unit.parts.insert(0, unknown.clone()));
    }),
    lengths("units of one byte", |draft| {
        let byte = by_codec(draft, &[12], &[0x4C]);
        each_unit(draft, |unit| unit.parts.push(byte.clone()));
    }),
    units("the sequence ends with each group", |draft| {
        let end = by_codec(draft, &[10], &[0x48, 1]);
        let units = &mut draft.pictures().units;
        for at in 1..units.len() {
            if units[at].key {
                units[at - 1].parts.push(end.clone());
            }
        }
    }),
    lengths("a start code in a text", |draft| {
        let text = [
            &[5, 27][..],
            &[0x11; 16],
            b"ab",
            &[0, 0, 1, 0x65, 0x88],
            b"cdef",
            &[0x80],
        ]
        .concat();
        let head = by_codec(draft, &[6], &[0x4E, 1]);
        each_unit(draft, |unit| {
            unit.parts.insert(0, [&head[..], &text].concat());
        });
    }),
    lengths("zeros behind units", |draft| {
        each_unit(draft, |unit| {
            if let Some(last) = unit.parts.last_mut() {
                last.extend([0; 5]);
            }
        });
    }),
    sets("sets in keyframes too", |draft| draft.sets_inside = true),
    Oddity {
        carriers: Carrier::LENGTHS,
        ..sets("sets in keyframes alone", |draft| {
            draft.sets_inside = true;
            draft.sets_outside = false;
            draft.mp4.sets_in_samples = true;
        })
    },
    Oddity {
        needs: Needs::H264,
        ..sets("sixty PPS", |draft| {
            let sets = &mut draft.pictures().sets;
            let pps = sets
                .iter()
                .rfind(|set| set[0] & 31 == 8)
                .cloned()
                .expect("a PPS");
            sets.extend((1..60).map(|id| pps_with_id(&pps, id)));
        })
    },
    Oddity {
        needs: Needs::H264,
        carriers: Carrier::LENGTHS,
        ..sets("an SPS of 30,000 bytes", |draft| {
            draft.pictures().sets[0].extend([0; 30_000]);
        })
    },
    Oddity {
        needs: Needs::H264,
        pictures: Some("h264"),
        carriers: Carrier::TAGS,
        ..sets("another size by a new header", |draft| {
            draft.second_name = Some("h264-other");
        })
    },
    Oddity {
        needs: Needs::H264,
        pictures: Some("h264"),
        carriers: &[Carrier::Rtmp, Carrier::Flv, Carrier::WebM, Carrier::Ts],
        ..sets("another size in a keyframe", |draft| {
            draft.second_name = Some("h264-other");
            draft.change_outside = false;
        })
    },
    Oddity {
        pictures: Some("h264-flat-b"),
        ..times(
            "offsets below zero",
            &[Carrier::Rtmp, Carrier::Flv, Carrier::Fmp4, Carrier::Ts],
            show_early,
        )
    },
    // How far pictures move is seen one by one: those of the first group are late until then.
    Oddity {
        pictures: Some("h264-b"),
        loose_times: true,
        ..times(
            "offsets far below zero",
            &[Carrier::Rtmp, Carrier::Flv, Carrier::Fmp4, Carrier::Ts],
            show_early,
        )
    },
    Oddity {
        pictures: Some("hevc-b"),
        loose_times: true,
        ..times(
            "HEVC offsets below zero",
            &[Carrier::Rtmp, Carrier::Flv, Carrier::Fmp4, Carrier::Ts],
            show_early,
        )
    },
    times("a start after 20 hours", Carrier::ALL, |draft| {
        draft.start_us = 72_000_000_000;
    }),
    times(
        "a start before 32 bits of milliseconds end",
        Carrier::TAGS,
        |draft| {
            draft.start_us = ((1 << 32) - 1_000) * 1_000;
        },
    ),
    times(
        "a start before 33 bits of ticks end",
        &[Carrier::Ts],
        |draft| {
            draft.start_us = (1 << 33) * 100 / 9 - 2_000_000;
        },
    ),
    times(
        "a start after 2^50 microseconds",
        &[Carrier::Fmp4],
        |draft| draft.start_us = 1 << 50,
    ),
    times("32 bits of decode time", &[Carrier::Fmp4], |draft| {
        draft.mp4.short_times = true;
    }),
    Oddity {
        loose_times: true,
        ..times("pictures in pairs at one time", Carrier::ALL, |draft| {
            let units = &mut draft.pictures().units;
            for at in (1..units.len()).step_by(2) {
                units[at].dts_us = units[at - 1].dts_us;
            }
        })
    },
    times("sound 300 ms behind", Carrier::ALL, |draft| {
        shift(draft, TrackKind::Audio);
    }),
    times("pictures 300 ms behind", Carrier::ALL, |draft| {
        shift(draft, TrackKind::Video);
    }),
    Oddity {
        loose_times: true,
        ..times("a timescale of one", &[Carrier::Fmp4], |draft| {
            draft.mp4.timescales = (1, 48_000);
        })
    },
    times("a timescale of 44,100", &[Carrier::Fmp4], |draft| {
        draft.mp4.timescales = (44_100, 44_100);
    }),
    times("a timescale of 30,000", &[Carrier::Fmp4], |draft| {
        draft.mp4.timescales = (30_000, 1000);
    }),
    times("a timescale of 10 MHz", &[Carrier::Fmp4], |draft| {
        draft.mp4.timescales = (10_000_000, 10_000_000);
    }),
    times("a timescale of 32 bits", &[Carrier::Fmp4], |draft| {
        draft.mp4.timescales = (4_000_000_000, 4_000_000_000);
    }),
    times("ticks of a microsecond", &[Carrier::WebM], |draft| {
        draft.scale_ns = 1_000;
    }),
    Oddity {
        loose_times: true,
        ..times("ticks of ten milliseconds", &[Carrier::WebM], |draft| {
            draft.scale_ns = 10_000_000;
        })
    },
    Oddity {
        pictures: Some("h264"),
        ..container("unsigned offsets", &[Carrier::Fmp4], |draft| {
            draft.mp4.trun_version = 0;
        })
    },
    container("data by its place in the file", &[Carrier::Fmp4], |draft| {
        draft.mp4.absolute = true;
    }),
    container("a run for each sample", &[Carrier::Fmp4], |draft| {
        draft.mp4.many_runs = true;
    }),
    Oddity {
        needs: Needs::H264,
        ..container("H.264 by its FourCC", Carrier::TAGS, |draft| {
            draft.enhanced = true;
        })
    },
    container("no delimiters", &[Carrier::Ts], |draft| {
        draft.ts.delimiters = false;
    }),
    container("pictures that say their length", &[Carrier::Ts], |draft| {
        draft.ts.bounded = true;
    }),
    container("seven sounds in a PES", &[Carrier::Ts], |draft| {
        draft.ts.sounds_per_pes = 7;
    }),
    container("start codes of three bytes", &[Carrier::Ts], |draft| {
        draft.ts.short_codes = true;
    }),
    late(Oddity {
        mute: true,
        ..times("sound that never comes", Carrier::ALL, |draft| {
            draft.sound().units.clear();
        })
    }),
    late(times(
        "sound that comes after a second",
        Carrier::ALL,
        |draft| {
            draft.sound().units.retain(|unit| unit.dts_us > 1_000_000);
        },
    )),
    container("commands between the media", &[Carrier::Rtmp], |draft| {
        draft.chatter = &flv::COMMANDS;
    }),
    container("data between the media", Carrier::TAGS, |draft| {
        draft.chatter = &flv::DATA;
    }),
    lengths("every picture marked a keyframe", |draft| {
        draft.mark = Some(true);
    }),
    lengths("no picture marked a keyframe", |draft| {
        draft.mark = Some(false);
    }),
    lengths("start codes where lengths belong", |draft| {
        draft.start_codes = true;
    }),
    lengths("one length around units with start codes", |draft| {
        each_unit(draft, |unit| {
            let codes = unit.parts.iter();
            let codes = codes.flat_map(|part| [&[0, 0, 0, 1][..], part].concat());
            unit.parts = vec![codes.collect()];
        });
    }),
    Oddity {
        sound: Some("aac-mono"),
        carriers: Carrier::TAGS,
        about: About::Sound,
        mute: true,
        ..container("G.711 sound", Carrier::TAGS, |draft| {
            draft.is_foreign = true;
        })
    },
    Oddity {
        sound: Some("ac3-5.1"),
        ..container("AC-3 and more as DVB tells it", &[Carrier::Ts], |draft| {
            draft.ts.dvb = true;
        })
    },
    Oddity {
        sound: Some("eac3-5.1"),
        ..container("E-AC-3 and more as DVB tells it", &[Carrier::Ts], |draft| {
            draft.ts.dvb = true;
        })
    },
];

fn each_unit(draft: &mut Draft, change: impl Fn(&mut Unit)) {
    draft.pictures().units.iter_mut().for_each(change);
}

fn by_codec(draft: &Draft, h264: &[u8], hevc: &[u8]) -> Vec<u8> {
    match draft.clip.pictures.as_ref().map(|pictures| pictures.codec) {
        Some(VideoCodec::Hevc) => hevc.to_vec(),
        _ => h264.to_vec(),
    }
}

/// Decode times counted in the order of decoding from the first picture's time on.
fn show_early(draft: &mut Draft) {
    let first_us = draft.pictures().units[0].cts_us;
    each_unit(draft, |unit| unit.cts_us -= first_us);
}

fn shift(draft: &mut Draft, kind: TrackKind) {
    let units = match kind {
        TrackKind::Video => &mut draft.pictures().units,
        TrackKind::Audio => &mut draft.sound().units,
    };
    for unit in units {
        unit.dts_us += 300_000;
    }
}

/// The pictures behind those of a draft.
pub(super) fn after(mut second: Pictures, draft: &Draft) -> Pictures {
    let first = draft.clip.pictures.as_ref();
    let last_us = first
        .and_then(|first| first.units.last())
        .map_or(0, |unit| unit.dts_us);
    for unit in &mut second.units {
        unit.dts_us += last_us + 40_000;
    }
    second
}

/// A PPS under another number: it is the first thing in it.
fn pps_with_id(pps: &[u8], id: u32) -> Vec<u8> {
    let bits = Bits::of(&pps[1..]).trimmed();
    // The number 0 is one bit.
    let payload = Bits::default().golomb(id).rest(&bits, 1).bytes();
    [&pps[..1], &escaped(&payload)].concat()
}
