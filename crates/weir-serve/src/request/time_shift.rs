//! What of a stream's past a request for it asks for: `shift`, `window`, `from` and `to`, and the words that two
//! other platforms have for them. Read and bounded here; whether it is there is for whoever has the recording to say.

use weir_base::{Code, Refusal, time_text};

use super::parameter;

/// Microseconds that one list may span: a day of segments is what players still read at once.
pub const MAX_SPAN_US: i64 = 24 * 3_600_000_000;
/// Microseconds of the past that a list has at least: less is no list that a player can begin with.
const MIN_WINDOW_US: i64 = 30_000_000;
/// Microseconds of the past in a list that is merely late: what a list of what is live has, and some more.
const LATE_WINDOW_US: i64 = 60_000_000;
/// Unix milliseconds up to which times are taken for times: the year 9999.
const MAX_UNIX_MS: i64 = 253_402_300_799_999;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeShift {
    /// As it is live, but later, and with more of the past. The list slides on.
    Sliding {
        /// Microseconds that its end is behind what is live.
        behind_us: i64,
        /// Microseconds that it spans.
        window_us: i64,
    },
    /// From a time on, Unix microseconds.
    Range {
        /// The beginning.
        from_us: i64,
        /// The end; `None`: as long as the broadcast goes on, or a list may be.
        to_us: Option<i64>,
        /// It ends with what is there now, whatever comes.
        is_closed: bool,
    },
}

impl TimeShift {
    /// Reads a query; `None` where nothing of the past is asked for.
    ///
    /// # Errors
    /// 4004 for what is no time, or too much of it.
    pub fn read(query: &[(String, String)]) -> Result<Option<Self>, Refusal> {
        let asked = match Said::native(query)? {
            Some(asked) => asked,
            None if is_on(query, "txTimeshift") => Said::tencent(query)?,
            None if is_on(query, "aliyunols") => Said::alibaba(query)?,
            None => return Ok(None),
        };
        asked.judged().map(Some)
    }

    /// The time in a parameter of a query, Unix microseconds.
    ///
    /// # Errors
    /// 4004 where it is none.
    pub fn time(query: &[(String, String)], name: &str) -> Result<Option<i64>, Refusal> {
        read(query, name, time_us)
    }

    /// The same in the words of this server, whatever the words were.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let ms = |us: i64| format!("{}ms", us / 1000);
        match *self {
            Self::Sliding {
                behind_us,
                window_us,
            } => vec![("shift", ms(behind_us)), ("window", ms(window_us))],
            Self::Range {
                from_us,
                to_us,
                is_closed,
            } => {
                let mut pairs = vec![("from", (from_us / 1000).to_string())];
                pairs.extend(to_us.map(|to_us| ("to", (to_us / 1000).to_string())));
                pairs.extend(is_closed.then(|| ("closed", "1".to_owned())));
                pairs
            }
        }
    }

    /// The same as a query.
    pub fn query(&self) -> String {
        let pairs = self.pairs().into_iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}

/// What a query says, microseconds; nothing of it compared yet.
#[derive(Debug, Default)]
struct Said {
    behind_us: Option<i64>,
    window_us: Option<i64>,
    from_us: Option<i64>,
    to_us: Option<i64>,
    is_closed: bool,
}

impl Said {
    /// `shift`, `window`, `from` and `to`.
    fn native(query: &[(String, String)]) -> Result<Option<Self>, Refusal> {
        let asked = Self {
            behind_us: read(query, "shift", span_us)?,
            window_us: read(query, "window", span_us)?,
            from_us: read(query, "from", time_us)?,
            to_us: read(query, "to", time_us)?,
            is_closed: parameter(query, "closed") == Some("1"),
        };
        let is_asked = asked.behind_us.or(asked.window_us).or(asked.from_us);
        Ok(is_asked.or(asked.to_us).is_some().then_some(asked))
    }

    /// `txTimeshift=on` with `tsDelay`, or with `tsStart`, `tsEnd` and `tsFormat`.
    fn tencent(query: &[(String, String)]) -> Result<Self, Refusal> {
        let format = parameter(query, "tsFormat").unwrap_or("unix_s_0");
        let format = TimeFormat::read(format).ok_or_else(|| no_format("tsFormat"))?;
        let time = |text: &str| format.time_us(text);
        Ok(Self {
            behind_us: read(query, "tsDelay", span_us)?,
            from_us: read(query, "tsStart", time)?,
            to_us: read(query, "tsEnd", time)?,
            ..Self::default()
        })
    }

    /// `aliyunols=on` with `lhs_{start|end|vodend|offset}_{unix|human}_{s|ms|us|ns}_{zone}`.
    fn alibaba(query: &[(String, String)]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        for (name, value) in query {
            let Some((what, format)) = name
                .strip_prefix("lhs_")
                .and_then(|rest| rest.split_once('_'))
            else {
                continue;
            };
            let format = TimeFormat::read(format).ok_or_else(|| no_format(name))?;
            let time = format.time_us(value).ok_or_else(|| no_time(name));
            match what {
                "start" => asked.from_us = Some(time?),
                "end" => asked.to_us = Some(time?),
                "vodend" => (asked.to_us, asked.is_closed) = (Some(time?), true),
                "offset" => {
                    let span = format.span_us(value).ok_or_else(|| no_span(name));
                    asked.behind_us = Some(span?);
                }
                _ => {
                    return Err(bad(format!(
                        "{name} is none of lhs_start, lhs_end, lhs_vodend, lhs_offset"
                    )));
                }
            }
        }
        Ok(asked)
    }

    /// What is finer than a millisecond is left out: nobody cuts as fine.
    fn in_ms(self) -> Self {
        let whole = |us: Option<i64>| us.map(|us| us / 1000 * 1000);
        Self {
            behind_us: whole(self.behind_us),
            window_us: whole(self.window_us),
            from_us: whole(self.from_us),
            to_us: whole(self.to_us),
            is_closed: self.is_closed,
        }
    }

    fn judged(self) -> Result<TimeShift, Refusal> {
        let Self {
            behind_us,
            window_us,
            from_us,
            to_us,
            is_closed,
        } = self.in_ms();
        if let Some(from_us) = from_us {
            if behind_us.or(window_us).is_some() {
                return Err(bad("either from a time on, or so much behind: not both"));
            }
            let span_us = to_us.map(|to_us| to_us.saturating_sub(from_us));
            if span_us.is_some_and(|span_us| span_us <= 0) {
                return Err(bad("it ends before it begins"));
            }
            if span_us.is_some_and(|span_us| span_us > MAX_SPAN_US) {
                return Err(bad("a list has 24 hours at most: ask for several"));
            }
            return Ok(TimeShift::Range {
                from_us,
                to_us,
                is_closed,
            });
        }
        if to_us.is_some() {
            return Err(bad("an end without a beginning"));
        }
        if behind_us.or(window_us).is_none() {
            return Err(bad("it does not say what of the past"));
        }
        let behind_us = behind_us.unwrap_or(0);
        let window_us = window_us.unwrap_or(LATE_WINDOW_US).max(MIN_WINDOW_US);
        if behind_us.max(window_us) > MAX_SPAN_US {
            return Err(bad("it is 24 hours at most"));
        }
        Ok(TimeShift::Sliding {
            behind_us,
            window_us,
        })
    }
}

/// How another platform says times: `{unix|human}_{s|ms|us|ns}_{hours east}`.
#[derive(Debug, Clone, Copy)]
struct TimeFormat {
    /// Digits behind the seconds.
    digits: u32,
    /// Hours that people's clocks are ahead of UTC.
    zone: i64,
}

impl TimeFormat {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, '_');
        let kind = words.next()?;
        let digits = match words.next()? {
            "s" => 0,
            "ms" => 3,
            "us" => 6,
            "ns" => 9,
            _ => return None,
        };
        let zone: i64 = words.next()?.parse().ok()?;
        let is_known = matches!(kind, "unix" | "human") && (-12..=14).contains(&zone);
        is_known.then_some(Self { digits, zone })
    }

    /// Fourteen digits are a time as people write it, with or without marks between, whatever the format says:
    /// the platforms' own samples mix them up.
    fn time_us(self, text: &str) -> Option<i64> {
        let is_mark = |byte: u8| matches!(byte, b'-' | b':' | b'T' | b'Z' | b' ' | b'/' | b'.');
        let has_other = text
            .bytes()
            .any(|byte| !byte.is_ascii_digit() && !is_mark(byte));
        if has_other || text.len() > 40 {
            return None;
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if let (14 | 17, Some((day, _))) = (digits.len(), digits.split_at_checked(14)) {
            return self.human_us(day, digits.get(14..)?);
        }
        let unix = self.span_us(text)?;
        (unix / 1000 <= MAX_UNIX_MS).then_some(unix)
    }

    fn human_us(self, whole: &str, ms: &str) -> Option<i64> {
        let field = |from: usize, to: usize| whole.get(from..to)?.parse().ok();
        let civil = [
            field(0, 4)?,
            field(4, 6)?,
            field(6, 8)?,
            field(8, 10)?,
            field(10, 12)?,
            field(12, 14)?,
        ];
        let ms: i64 = if ms.is_empty() { 0 } else { ms.parse().ok()? };
        let unix_ms = time_text::from_civil(civil)? + ms;
        unix_ms
            .checked_sub(self.zone * 3_600_000)?
            .checked_mul(1000)
    }

    fn span_us(self, text: &str) -> Option<i64> {
        let number = plain(text)?;
        match self.digits {
            0 => number.checked_mul(1_000_000),
            3 => number.checked_mul(1000),
            6 => Some(number),
            _ => Some(number / 1000),
        }
    }
}

/// `30`, `30s`, `1500ms`, `10m`, `4h`.
fn span_us(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text.get(digits.len()..)? {
        "" | "s" => 1_000_000,
        "ms" => 1000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    plain(digits)?.checked_mul(factor)
}

/// Unix milliseconds, or RFC 3339.
fn time_us(text: &str) -> Option<i64> {
    let ms = match plain(text) {
        Some(ms) => ms,
        // A `+` that nobody escaped is a blank by now.
        None => time_text::from_rfc3339(text).or_else(|| {
            let (time, zone) = text.rsplit_once(' ')?;
            time_text::from_rfc3339(&format!("{time}+{zone}"))
        })?,
    };
    (0..=MAX_UNIX_MS).contains(&ms).then_some(ms * 1000)
}

fn plain(text: &str) -> Option<i64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}

fn is_on(query: &[(String, String)], name: &str) -> bool {
    parameter(query, name).is_some_and(|value| value.eq_ignore_ascii_case("on"))
}

fn read(
    query: &[(String, String)],
    name: &str,
    as_us: impl Fn(&str) -> Option<i64>,
) -> Result<Option<i64>, Refusal> {
    let Some(text) = parameter(query, name) else {
        return Ok(None);
    };
    let is_span = matches!(name, "shift" | "window" | "tsDelay");
    let no = if is_span { no_span } else { no_time };
    as_us(text).map(Some).ok_or_else(|| no(name))
}

fn no_time(name: &str) -> Refusal {
    bad(format!(
        "{name} is no time: say Unix milliseconds, or RFC 3339"
    ))
}

fn no_span(name: &str) -> Refusal {
    bad(format!("{name} is no length: say 30s, 1500ms, 10m or 4h"))
}

fn no_format(name: &str) -> Refusal {
    bad(format!(
        "{name} is none of unix and human, s and ms, and hours: unix_s_8"
    ))
}

fn bad(words: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::ProtocolError, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::query;

    const NOON_US: i64 = 1_800_000_000_000_000;

    fn asked(raw: &str) -> Option<TimeShift> {
        TimeShift::read(&query(Some(raw))).unwrap_or_else(|refused| panic!("{raw}: {refused}"))
    }

    fn range(from_us: i64, to_us: Option<i64>) -> Option<TimeShift> {
        Some(TimeShift::Range {
            from_us,
            to_us,
            is_closed: false,
        })
    }

    fn sliding(behind_s: i64, window_s: i64) -> Option<TimeShift> {
        Some(TimeShift::Sliding {
            behind_us: behind_s * 1_000_000,
            window_us: window_s * 1_000_000,
        })
    }

    #[test]
    fn lengths_and_times_are_read_in_the_words_of_this_server() {
        assert_eq!(asked("wait=3&key=x"), None);
        assert_eq!(asked("shift=30s"), sliding(30, 60));
        assert_eq!(asked("shift=90"), sliding(90, 60));
        assert_eq!(asked("shift=10m&window=1h"), sliding(600, 3600));
        assert_eq!(asked("window=4h"), sliding(0, 4 * 3600));
        assert_eq!(asked("window=1s"), sliding(0, 30));
        assert_eq!(asked("shift=0ms"), sliding(0, 60));
        assert_eq!(asked("from=1800000000000"), range(NOON_US, None));
        let both = "from=2027-01-15T08:00:00Z&to=2027-01-15T16:01:00%2B08:00";
        assert_eq!(asked(both), range(NOON_US, Some(NOON_US + 60_000_000)));
        let unescaped = "from=2027-01-15T16:00:00+08:00";
        assert_eq!(asked(unescaped), range(NOON_US, None));
    }

    #[test]
    fn the_words_of_other_platforms_are_read_as_they_write_them() {
        for raw in [
            "txTimeshift=on&tsFormat=unix_s_8&tsStart=1800000000&tsEnd=1800000060",
            "txTimeshift=on&tsFormat=unix_ms_0&tsStart=1800000000000&tsEnd=1800000060000",
            "txTimeshift=on&tsFormat=human_s_8&tsStart=20270115160000&tsEnd=20270115160100",
            // Its own sample has these two words together.
            "txTimeshift=on&tsFormat=unix_s_8&tsStart=20270115160000&tsEnd=20270115160100",
            "txTimeshift=on&tsFormat=human_s_-3&tsStart=20270115050000&tsEnd=20270115050100&tsCodecname=hd",
            "aliyunols=on&lhs_start_unix_s_0=1800000000&lhs_end_unix_s_0=1800000060",
            "aliyunols=on&lhs_start_human_s_8=2027-01-15T16:00:00&lhs_end_human_s_8=2027-01-15+16:01:00",
            "aliyunols=on&lhs_start_unix_ns_0=1800000000000000000&lhs_end_unix_us_0=1800000060000000",
        ] {
            assert_eq!(
                asked(raw),
                range(NOON_US, Some(NOON_US + 60_000_000)),
                "{raw}"
            );
        }
        assert_eq!(asked("txTimeshift=on&tsDelay=30"), sliding(30, 60));
        assert_eq!(
            asked("aliyunols=on&lhs_offset_unix_s_0=30"),
            sliding(30, 60)
        );
        let closed = "aliyunols=on&lhs_start_unix_s_0=1800000000&lhs_vodend_unix_s_0=1800000060";
        let Some(TimeShift::Range { is_closed, .. }) = asked(closed) else {
            panic!("{closed}")
        };
        assert!(is_closed);
        assert_eq!(asked("txTimeshift=off&tsDelay=30"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_words() {
        for (raw, words) in [
            ("shift=soon", "shift is no length"),
            ("shift=-3s", "shift is no length"),
            ("shift=25h", "24 hours"),
            ("window=99999999999999999999", "window is no length"),
            ("from=yesterday", "from is no time"),
            ("from=253402300800000", "from is no time"),
            ("from=2&to=1", "before it begins"),
            ("from=0&to=86400001", "24 hours at most"),
            ("to=1800000000000", "without a beginning"),
            ("from=1&shift=3", "not both"),
            ("txTimeshift=on", "does not say"),
            ("txTimeshift=on&tsStart=1&tsFormat=unix_h_8", "tsFormat"),
            (
                "txTimeshift=on&tsStart=20271315160000&tsFormat=unix_s_8",
                "tsStart is no time",
            ),
            ("aliyunols=on&lhs_begin_unix_s_0=1", "lhs_begin_unix_s_0"),
        ] {
            let refused = TimeShift::read(&query(Some(raw))).unwrap_err();
            assert_eq!(refused.code, Code::ProtocolError);
            assert!(refused.detail.contains(words), "{raw}: {refused}");
        }
    }

    #[test]
    fn what_was_read_is_written_in_the_words_of_this_server() {
        for raw in [
            "shift=30s",
            "window=4h",
            "from=5&to=7",
            "from=1800000000000",
            "aliyunols=on&lhs_start_unix_s_0=1&lhs_vodend_unix_s_0=2",
        ] {
            let first = asked(raw);
            assert_eq!(asked(&first.unwrap().query()), first, "{raw}");
        }
    }
}
