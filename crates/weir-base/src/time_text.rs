//! Times as people and other programs read and write them (RFC 3339), in UTC.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// `2026-01-31T23:59:59.123Z`, of milliseconds since 1970.
pub fn rfc3339(ms: i64) -> String {
    let (year, month, day) = date(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, millis) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Milliseconds since 1970 of a time as RFC 3339 has it, of any zone: `2026-01-31T23:59:59.5+08:00`. What is finer
/// than a millisecond is left out.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    let zone_minutes = match zone {
        "Z" | "z" => 0,
        _ => offset_minutes(zone)?,
    };
    let ([year, month, day], [hour, minute, second]) = (fields(day, "-")?, fields(time, ":")?);
    if fraction.is_empty() {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3.3}").parse().ok()?;
    let whole = from_civil([year, month, day, hour, minute, second])?;
    Some(whole + ms - zone_minutes * 60_000)
}

/// Milliseconds since 1970 of year, month, day, hour, minute and second; none where there is no such time. A leap
/// second is the one after it.
pub fn from_civil([year, month, day, hour, minute, second]: [i64; 6]) -> Option<i64> {
    let is_real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..=23).contains(&hour)
        && (0..=59).contains(&minute)
        && (0..=60).contains(&second);
    if !is_real {
        return None;
    }
    let days = day_of(year, month, day);
    // The 31st of a month of 30 days is none.
    let exists = date(days) == (year, month, day);
    exists.then_some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000)
}

/// Three numbers of fixed width.
fn fields(text: &str, between: &str) -> Option<[i64; 3]> {
    let is_plain = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split(between);
    let mut next = || parts.next().filter(|part| is_plain(part))?.parse().ok();
    let found = [next()?, next()?, next()?];
    parts.next().is_none().then_some(found)
}

/// `+08:00`
fn offset_minutes(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let [hours, minutes, _] = fields(&format!("{}:00", zone.get(1..)?), ":")?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// The day since 1970 of a date in the Gregorian calendar, the other way of [`date`].
const fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years are counted from March, so that
/// the odd day is their last.
const fn date(day: i64) -> (i64, i64, i64) {
    // Eras of 400 years have as many days each, and begin on 1 March of the year 0.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let is_next_year = month_from_march >= 10;
    let month = if is_next_year {
        month_from_march - 9
    } else {
        month_from_march + 3
    };
    let year = year_of_era + era * 400 + if is_next_year { 1 } else { 0 };
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_calendars_have_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn times_are_read_as_calendars_have_them() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29t00:00:00.000z", Some(951_782_400_000)),
            ("2023-11-14T22:13:20.123456Z", Some(1_700_000_000_123)),
            ("2023-11-15T06:13:20.1+08:00", Some(1_700_000_000_100)),
            ("2023-11-14T12:43:20-09:30", Some(1_700_000_000_000)),
            ("2024-02-29 23:59:59Z", Some(1_709_251_199_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2023-11-14T22:13:20", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T24:13:20Z", None),
            ("2023-1-14T22:13:20Z00", None),
            ("2023-11-14T22:13:20+0800", None),
            ("", None),
        ] {
            assert_eq!(from_rfc3339(text), ms, "{text}");
        }
        for day in (0..60_000).step_by(17) {
            let ms = day * DAY_MS + 3_723_004;
            assert_eq!(from_rfc3339(&rfc3339(ms)), Some(ms));
        }
    }
}
