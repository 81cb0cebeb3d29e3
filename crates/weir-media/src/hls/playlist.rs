//! The media playlist as text (§4.4), whole or as a delta update (§6.2.5.1).

use std::fmt::Write as _;

use super::name::Resource;
use super::packager::{Open, Packager};
use super::window::{Part, Segment};
use super::{Container, PlaylistOptions, crypt};

/// Parts are listed for that many target durations from the end (§6.2.2).
const PARTS_LISTED_TARGETS: i64 = 3;
/// `CAN-SKIP-UNTIL`, in target durations: the least allowed (§4.4.3.8).
const SKIP_TARGETS: i64 = 6;
/// `PART-HOLD-BACK`, in part targets: three are recommended (§4.4.3.8).
const PART_HOLD_BACK: i64 = 3;
/// Bytes of an entry, to guess the room a playlist needs.
const ENTRY_BYTES: usize = 160;

impl Packager {
    /// The media playlist as it is now.
    pub fn media_playlist(&self, options: &PlaylistOptions<'_>) -> String {
        let rooms = self.window.listed.len() * 2 + 16;
        let mut rendering = Rendering {
            packager: self,
            query: options.query,
            out: String::with_capacity(rooms * ENTRY_BYTES),
            end_us: self.window.duration_us()
                + self
                    .open
                    .iter()
                    .flat_map(|open| &open.parts)
                    .map(|part| part.duration_us)
                    .sum::<i64>(),
            at_us: 0,
            init_id: None,
            key_id: None,
        };
        rendering.header();
        rendering.segments(options.skip);
        if self.ended {
            rendering.line(format_args!("#EXT-X-ENDLIST"));
        } else if self.targets.part_us().is_some() {
            rendering.open_segment();
            rendering.reports(options);
        }
        rendering.out
    }

    /// Low latency is on and the first segment has told how long parts are.
    fn has_parts(&self) -> bool {
        self.targets.part_us().is_some()
    }
}

struct Rendering<'a> {
    packager: &'a Packager,
    query: &'a str,
    out: String,
    /// Duration of all there is in the playlist.
    end_us: i64,
    /// Where in it the next segment begins.
    at_us: i64,
    init_id: Option<u32>,
    key_id: Option<u32>,
}

impl Rendering<'_> {
    fn header(&mut self) {
        let packager = self.packager;
        let target_s = packager.targets.target_s();
        // Delta updates need 9, EXT-X-MAP for anything but I-frames 6 (§8).
        let version = if packager.has_parts() { 9 } else { 6 };
        self.line(format_args!("#EXTM3U"));
        self.line(format_args!("#EXT-X-VERSION:{version}"));
        self.line(format_args!("#EXT-X-TARGETDURATION:{target_s}"));
        if let Some(part_us) = packager.targets.part_us() {
            let part_target = Seconds(part_us);
            self.line(format_args!(
                "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},\
                 CAN-SKIP-UNTIL={:.1},HOLD-BACK={:.1}",
                Seconds(PART_HOLD_BACK * part_us),
                (SKIP_TARGETS * target_s) as f64,
                (3 * target_s) as f64,
            ));
            self.line(format_args!("#EXT-X-PART-INF:PART-TARGET={part_target}"));
        }
        let window = &packager.window;
        let first = window
            .listed
            .front()
            .map_or(window.next_msn, |segment| segment.msn);
        self.line(format_args!("#EXT-X-MEDIA-SEQUENCE:{first}"));
        if window.discontinuity_sequence > 0 {
            let sequence = window.discontinuity_sequence;
            self.line(format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{sequence}"));
        }
        if packager.independent_segments() {
            self.line(format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
        }
    }

    /// Number of the first segment whose parts are near enough to the end to be listed.
    fn first_with_parts(&self) -> u64 {
        let target_us = self.packager.targets.target_us();
        let mut left_us = self.end_us;
        for segment in &self.packager.window.listed {
            left_us -= segment.duration_us;
            if left_us < PARTS_LISTED_TARGETS * target_us {
                return segment.msn;
            }
        }
        self.packager.window.next_msn
    }

    fn segments(&mut self, skip: bool) {
        let packager = self.packager;
        let skipped = if skip && packager.has_parts() && !packager.ended {
            self.skippable()
        } else {
            0
        };
        let first_with_parts = self.first_with_parts();
        for (at, segment) in packager.window.listed.iter().enumerate() {
            if at < skipped {
                // The client has the tags that were in force there.
                self.init_id = Some(segment.init_id);
                self.key_id = segment.key_id;
            } else {
                if at == skipped && skipped > 0 {
                    self.line(format_args!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"));
                }
                self.segment(segment, segment.msn >= first_with_parts);
            }
            self.at_us += segment.duration_us;
        }
    }

    /// Segments that lie wholly before the skip boundary.
    fn skippable(&self) -> usize {
        let boundary_us = self.end_us - SKIP_TARGETS * self.packager.targets.target_us();
        let mut end_us = 0;
        let older = self.packager.window.listed.iter().take_while(|segment| {
            end_us += segment.duration_us;
            end_us < boundary_us
        });
        older.count()
    }

    fn segment(&mut self, segment: &Segment, with_parts: bool) {
        self.segment_head(segment.discontinuity, segment.init_id, segment.wall_us);
        self.key(segment.key_id, segment.msn);
        if with_parts && segment.list_parts {
            self.parts(segment.msn, &segment.parts);
        }
        self.line(format_args!("#EXTINF:{},", Seconds(segment.duration_us)));
        let name = Resource::segment(self.packager.config.container, segment.msn);
        let (name, query) = (self.packager.name(name), self.query);
        self.line(format_args!("{name}{query}"));
    }

    fn segment_head(&mut self, discontinuity: bool, init_id: u32, wall_us: i64) {
        if discontinuity {
            self.line(format_args!("#EXT-X-DISCONTINUITY"));
        }
        let fresh = self.init_id != Some(init_id) || discontinuity;
        if self.packager.config.container == Container::Fmp4 && fresh {
            if self.key_id.take().is_some() {
                // Init segments are in the clear.
                self.line(format_args!("#EXT-X-KEY:METHOD=NONE"));
            }
            let name = self.packager.name(Resource::Init { id: init_id });
            let query = self.query;
            self.line(format_args!("#EXT-X-MAP:URI=\"{name}{query}\""));
            self.init_id = Some(init_id);
        }
        self.line(format_args!(
            "#EXT-X-PROGRAM-DATE-TIME:{}",
            DateTime(wall_us)
        ));
    }

    /// The KEY tag holds until the next one, but its IV is per segment: so each segment has one.
    fn key(&mut self, key_id: Option<u32>, msn: u64) {
        let Some(id) = key_id else { return };
        let name = self.packager.name(Resource::Key { id });
        let iv = u128::from_be_bytes(crypt::iv(msn));
        let query = self.query;
        self.line(format_args!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"{name}{query}\",IV=0x{iv:032X}"
        ));
        self.key_id = Some(id);
    }

    fn parts(&mut self, msn: u64, parts: &[Part]) {
        for (index, part) in parts.iter().enumerate() {
            let name = self.packager.name(Resource::Part {
                msn,
                part: index as u32,
            });
            let independent = if part.independent {
                ",INDEPENDENT=YES"
            } else {
                ""
            };
            let (duration, query) = (Seconds(part.duration_us), self.query);
            self.line(format_args!(
                "#EXT-X-PART:DURATION={duration},URI=\"{name}{query}\"{independent}"
            ));
        }
    }

    /// The parts of the segment under construction, and what comes next.
    fn open_segment(&mut self) {
        let packager = self.packager;
        let msn = packager.window.next_msn;
        let mut next_part = 0;
        if let Some(Open {
            parts,
            list_parts: true,
            discontinuity,
            wall_us,
            ..
        }) = &packager.open
            && !parts.is_empty()
        {
            self.segment_head(*discontinuity, packager.init_id, *wall_us);
            self.parts(msn, parts);
            next_part = parts.len() as u32;
        }
        let name = packager.name(Resource::Part {
            msn,
            part: next_part,
        });
        let query = self.query;
        self.line(format_args!(
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}{query}\""
        ));
    }

    fn reports(&mut self, options: &PlaylistOptions<'_>) {
        for report in options.reports {
            let (uri, msn) = (&report.uri, report.last_msn);
            let _ = write!(
                self.out,
                "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn}"
            );
            if let Some(part) = report.last_part {
                let _ = write!(self.out, ",LAST-PART={part}");
            }
            self.out.push('\n');
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
        self.out.push('\n');
    }
}

/// Microseconds as seconds, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Unix microseconds as ISO 8601 with milliseconds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub i64);

impl std::fmt::Display for DateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0.max(0) / 1_000;
        let (days, ms_of_day) = (ms / 86_400_000, ms % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (s, ms) = (ms_of_day / 1_000, ms_of_day % 1_000);
        let (hour, minute, second) = (s / 3_600, s / 60 % 60, s % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// Year, month and day of a day since 1970-01-01, not before it. Years are counted from March, so
/// that the leap day is the last of them.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = |us| DateTime(us).to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399_999_000), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400_000_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_732_133_880_123_456), "2024-11-20T20:18:00.123Z");
    }

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(Seconds(2_000_001).to_string(), "2.000001");
    }
}
