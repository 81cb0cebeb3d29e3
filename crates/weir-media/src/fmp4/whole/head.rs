//! Writes the head: headers of version 1 and 64-bit places of chunks where 32 bits do not do.

use bytes::Bytes;

use super::super::boxes::{put_box, put_full_box, put_u16, put_u32, put_zeros};
use super::super::init::{LANGUAGE_UNDETERMINED, UNITY_MATRIX};
use super::super::{AUDIO_TRACK_ID, VIDEO_TRACK_ID};
use super::{Track, WholeFile, scaled};
use crate::TrackKind;

/// Ticks per second of the movie header, in which edits are written.
const MOVIE_TIMESCALE: i64 = 90_000;
/// A file from this size on has 64-bit places of chunks: some readers take 32 bits as signed.
const WIDE_BYTES: u64 = 1 << 31;
/// Bytes that the head may have: some more than what tables of all samples take.
const MAX_HEAD_BYTES: u64 = 256 << 20;

/// The head, and where in it places of chunks are.
#[derive(Debug, Default)]
pub(super) struct Writing {
    out: Vec<u8>,
    is_wide: bool,
    /// Where a table of places begins in the head, and how many it has.
    places: Vec<(usize, usize)>,
}

impl Writing {
    /// All of it; places are counted from the beginning of the data.
    pub(super) fn put(&mut self, file: &WholeFile, data_bytes: u64) {
        self.is_wide = data_bytes + MAX_HEAD_BYTES >= WIDE_BYTES;
        let tracks = [
            (TrackKind::Video, file.video.as_ref()),
            (TrackKind::Audio, file.audio.as_ref()),
        ];
        let tracks: Vec<(TrackKind, &Track)> = tracks
            .into_iter()
            .filter_map(|(kind, track)| Some((kind, track?)))
            .filter(|(_, track)| !track.tables.sizes.is_empty())
            .collect();
        let shown = tracks
            .iter()
            .map(|(_, track)| movie_ticks(track, track.tables.shown_first()));
        let zero = shown.min().unwrap_or(0);
        let mut out = std::mem::take(&mut self.out);
        put_box(&mut out, b"ftyp", |out| {
            out.extend_from_slice(b"isom");
            put_u32(out, 0x200);
            out.extend_from_slice(b"isomiso2mp41");
        });
        put_box(&mut out, b"moov", |out| {
            let ends = tracks
                .iter()
                .map(|(_, track)| TrackEdit::of(track, zero).end());
            put_movie_header(out, ends.max().unwrap_or(0));
            for (kind, track) in &tracks {
                self.put_track(out, *kind, track, zero);
            }
        });
        self.out = out;
    }

    /// With the header of the data behind it, and places counted from the beginning of the file.
    pub(super) fn finish(mut self, data_bytes: u64) -> Bytes {
        let whole = data_bytes + 8;
        match u32::try_from(whole) {
            Ok(whole) => put_u32(&mut self.out, whole),
            Err(_) => put_u32(&mut self.out, 1),
        }
        self.out.extend_from_slice(b"mdat");
        if whole > u64::from(u32::MAX) {
            self.out.extend_from_slice(&(data_bytes + 16).to_be_bytes());
        }
        let head_bytes = self.out.len() as u64;
        let width = if self.is_wide { 8 } else { 4 };
        for (from, count) in self.places {
            let table = self.out.get_mut(from..from + count * width);
            for place in table.unwrap_or_default().chunks_exact_mut(width) {
                let at = place.iter().fold(0, |at, byte| at << 8 | u64::from(*byte));
                let moved = (at + head_bytes).to_be_bytes();
                place.copy_from_slice(moved.get(8 - width..).unwrap_or_default());
            }
        }
        self.out.into()
    }

    fn put_track(&mut self, out: &mut Vec<u8>, kind: TrackKind, track: &Track, zero: i64) {
        let edit = TrackEdit::of(track, zero);
        put_box(out, b"trak", |out| {
            put_track_header(out, kind, track, edit.end());
            edit.put(out);
            put_box(out, b"mdia", |out| {
                put_media_header(out, track);
                put_full_box(out, b"hdlr", 0, 0, |out| {
                    put_u32(out, 0);
                    out.extend_from_slice(match kind {
                        TrackKind::Video => b"vide",
                        TrackKind::Audio => b"soun",
                    });
                    put_zeros(out, 12);
                    out.extend_from_slice(b"weir\0");
                });
                put_box(out, b"minf", |out| {
                    match kind {
                        TrackKind::Video => {
                            put_full_box(out, b"vmhd", 0, 1, |out| put_zeros(out, 8));
                        }
                        TrackKind::Audio => {
                            put_full_box(out, b"smhd", 0, 0, |out| put_zeros(out, 4));
                        }
                    }
                    put_box(out, b"dinf", |out| {
                        put_full_box(out, b"dref", 0, 0, |out| {
                            put_u32(out, 1);
                            put_full_box(out, b"url ", 0, 1, |_| ()); // in this file
                        });
                    });
                    put_box(out, b"stbl", |out| self.put_tables(out, kind, track));
                });
            });
        });
    }

    fn put_tables(&mut self, out: &mut Vec<u8>, kind: TrackKind, track: &Track) {
        let tables = &track.tables;
        put_full_box(out, b"stsd", 0, 0, |out| {
            put_u32(out, track.entries.len() as u32);
            track
                .entries
                .iter()
                .for_each(|entry| out.extend_from_slice(entry));
        });
        put_full_box(out, b"stts", 0, 0, |out| {
            put_u32(out, tables.durations.len() as u32);
            for (count, ticks) in &tables.durations {
                put_u32(out, *count);
                put_u32(out, *ticks);
            }
        });
        if tables.offsets.iter().any(|(_, cts)| *cts != 0) {
            put_full_box(out, b"ctts", 1, 0, |out| {
                put_u32(out, tables.offsets.len() as u32);
                for (count, cts) in &tables.offsets {
                    put_u32(out, *count);
                    put_u32(out, *cts as u32);
                }
            });
        }
        if kind == TrackKind::Video && tables.keys.len() < tables.sizes.len() {
            put_full_box(out, b"stss", 0, 0, |out| {
                put_u32(out, tables.keys.len() as u32);
                tables.keys.iter().for_each(|key| put_u32(out, *key));
            });
        }
        put_full_box(out, b"stsc", 0, 0, |out| {
            put_u32(out, tables.shapes.len() as u32);
            for (first, count, entry) in &tables.shapes {
                put_u32(out, *first);
                put_u32(out, *count);
                put_u32(out, entry + 1);
            }
        });
        put_full_box(out, b"stsz", 0, 0, |out| {
            put_u32(out, 0);
            put_u32(out, tables.sizes.len() as u32);
            tables.sizes.iter().for_each(|size| put_u32(out, *size));
        });
        let kind = if self.is_wide { b"co64" } else { b"stco" };
        put_full_box(out, kind, 0, 0, |out| {
            put_u32(out, tables.chunks.len() as u32);
            self.places.push((out.len(), tables.chunks.len()));
            for at in &tables.chunks {
                match self.is_wide {
                    true => out.extend_from_slice(&at.to_be_bytes()),
                    false => put_u32(out, *at as u32),
                }
            }
        });
    }
}

/// How a track's clock lies on the file's, in ticks of the movie header: the first picture or sound of all is the
/// beginning, and what begins later has an empty edit in front (§8.6.6).
struct TrackEdit {
    empty: i64,
    media_time: i64,
    shown: i64,
}

impl TrackEdit {
    fn of(track: &Track, zero: i64) -> Self {
        let tables = &track.tables;
        let media_time = i64::from(tables.first_cts.max(0));
        Self {
            empty: movie_ticks(track, tables.shown_first()) - zero,
            media_time,
            shown: movie_ticks(track, tables.duration()),
        }
    }

    const fn end(&self) -> i64 {
        self.empty + self.shown
    }

    fn put(&self, out: &mut Vec<u8>) {
        let is_wide = self.end() > i64::from(u32::MAX);
        let put = |out: &mut Vec<u8>, lasts: i64, media_time: i64| {
            match is_wide {
                true => {
                    out.extend_from_slice(&lasts.to_be_bytes());
                    out.extend_from_slice(&media_time.to_be_bytes());
                }
                false => {
                    put_u32(out, lasts as u32);
                    put_u32(out, media_time as u32);
                }
            }
            put_u32(out, 0x1_0000); // at its own pace
        };
        put_box(out, b"edts", |out| {
            put_full_box(out, b"elst", u8::from(is_wide), 0, |out| {
                put_u32(out, 1 + u32::from(self.empty > 0));
                if self.empty > 0 {
                    put(out, self.empty, -1);
                }
                put(out, self.shown, self.media_time);
            });
        });
    }
}

fn movie_ticks(track: &Track, ticks: i64) -> i64 {
    scaled(ticks, i64::from(track.timescale), MOVIE_TIMESCALE)
}

/// A time of 32 bits, or of 64 where it needs them.
fn put_duration(out: &mut Vec<u8>, value: i64) {
    match u32::try_from(value) {
        Ok(value) => put_u32(out, value),
        Err(_) => out.extend_from_slice(&value.to_be_bytes()),
    }
}

/// 1 where a duration needs 64 bits; then so do the times before it.
fn version_of(duration: i64) -> (u8, usize) {
    match u32::try_from(duration) {
        Ok(_) => (0, 8),
        Err(_) => (1, 16),
    }
}

fn put_movie_header(out: &mut Vec<u8>, duration: i64) {
    let (version, times) = version_of(duration);
    put_full_box(out, b"mvhd", version, 0, |out| {
        put_zeros(out, times); // created, modified
        put_u32(out, MOVIE_TIMESCALE as u32);
        put_duration(out, duration);
        put_u32(out, 0x1_0000); // rate 1.0
        put_u16(out, 0x0100); // volume 1.0
        put_zeros(out, 10);
        UNITY_MATRIX.iter().for_each(|&value| put_u32(out, value));
        put_zeros(out, 24);
        put_u32(out, 3); // next track id
    });
}

fn put_track_header(out: &mut Vec<u8>, kind: TrackKind, track: &Track, duration: i64) {
    let (version, times) = version_of(duration);
    put_full_box(out, b"tkhd", version, 3, |out| {
        put_zeros(out, times); // created, modified
        put_u32(
            out,
            match kind {
                TrackKind::Video => VIDEO_TRACK_ID,
                TrackKind::Audio => AUDIO_TRACK_ID,
            },
        );
        put_u32(out, 0);
        put_duration(out, duration);
        put_zeros(out, 8);
        put_u32(out, 0); // layer, alternate group
        put_u16(out, if kind == TrackKind::Audio { 0x0100 } else { 0 });
        put_u16(out, 0);
        UNITY_MATRIX.iter().for_each(|&value| put_u32(out, value));
        put_u32(out, track.width);
        put_u32(out, track.height);
    });
}

fn put_media_header(out: &mut Vec<u8>, track: &Track) {
    let duration = track.tables.duration();
    let (version, times) = version_of(duration);
    put_full_box(out, b"mdhd", version, 0, |out| {
        put_zeros(out, times); // created, modified
        put_u32(out, track.timescale);
        put_duration(out, duration);
        put_u16(out, LANGUAGE_UNDETERMINED);
        put_u16(out, 0);
    });
}
