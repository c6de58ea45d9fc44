//! Parsing and printing of points in time.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan, ZonedDateTime};

use crate::clock::Timestamp;

const EXAMPLES: &str = "write 2026-12-24T18:00:00Z, '2026-12-24 18:00' or 18:00 (local time), \
                        or @1798135200 (Unix seconds)";

/// Reads a point in time: RFC 3339 (a `[zone]` may follow), a local date and time, a local date (its midnight), a time of
/// day (its next occurrence after `now`), or `@` and Unix seconds.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    let moment = if let Some(seconds) = text.strip_prefix('@') {
        unix(seconds)
    } else if text.contains('[') {
        let zoned = text.parse::<ZonedDateTime>().ok();
        zoned.map(|zoned| Timestamp(zoned.timestamp().as_millisecond()))
    } else if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        Some(Timestamp(timestamp.as_millisecond()))
    } else if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b':')) {
        let time = text.parse::<Time>().ok().filter(|_| text.contains(':'));
        time.and_then(|time| next(time, now, zone))
    } else if let Ok(datetime) = text.parse::<DateTime>() {
        local(datetime, zone)
    } else if let Ok(date) = text.parse::<Date>() {
        local(date.to_datetime(Time::midnight()), zone)
    } else {
        None
    };
    let moment = moment.ok_or_else(|| format!("it is not a point in time; {EXAMPLES}"))?;
    if moment.0 < 0 || moment > Timestamp::MAX {
        return Err("a point in time must lie between the years 1970 and 9999".to_owned());
    }
    Ok(moment)
}

/// Unix seconds, with up to three decimals kept.
fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds.strip_prefix('-').unwrap_or(seconds)) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let millis: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    seconds
        .checked_mul(1000)?
        .checked_add(millis)
        .map(Timestamp)
}

fn local(datetime: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = datetime.to_zoned_datetime(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// The next moment after `now` at which clocks in `zone` show `time`.
fn next(time: Time, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = zoned(now, zone)?.date();
    let at = local(today.to_datetime(time), zone)?;
    if at > now {
        return Some(at);
    }
    local(today.checked_add(1.day()).ok()?.to_datetime(time), zone)
}

fn zoned(moment: Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let timestamp = jiff::Timestamp::from_millisecond(moment.0).ok()?;
    Some(timestamp.to_zoned_datetime(zone.clone()))
}

/// ISO 8601 in UTC with milliseconds: `2026-12-24T18:00:00.000Z`.
pub fn iso(moment: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => format!("@{}", moment.0),
    }
}

/// Local date and time to the second, for tables.
pub fn shown(moment: Timestamp, zone: &TimeZone) -> String {
    match zoned(moment, zone) {
        Some(zoned) => zoned.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("@{}", moment.0),
    }
}

/// Distance of `moment` from now in its two largest units: `3m12s ago`, `in 2d4h`.
pub fn relative(moment: Timestamp, now: Timestamp) -> String {
    let text = rough(away(moment, now));
    if moment > now {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// Distance of `moment` from now, ahead or back.
pub fn away(moment: Timestamp, now: Timestamp) -> std::time::Duration {
    SignedDuration::from_millis(moment.since(now)).unsigned_abs()
}

/// A duration in its two largest units; below ten seconds with one decimal.
pub fn rough(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let unit = match seconds {
        0..10 => return format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        10..3600 => 1,
        3600..86_400 => 60,
        86_400..604_800 => 3600,
        604_800.. => 86_400,
    };
    super::duration::show(std::time::Duration::from_secs(seconds / unit * unit))
}

/// As [`rough`], below a second in milliseconds.
pub fn took(duration: std::time::Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        _ => rough(duration),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{iso, parse, relative, shown};
    use crate::clock::Timestamp;

    /// 2026-12-24 17:30:00 in Berlin, where it is an hour later than in UTC.
    const NOW: Timestamp = Timestamp(1_798_129_800_000);

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn read(text: &str) -> String {
        iso(parse(text, NOW, &berlin()).unwrap())
    }

    #[test]
    fn every_documented_form_is_read() {
        assert_eq!(iso(NOW), "2026-12-24T16:30:00.000Z");
        for (text, expected) in [
            ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00.000Z"),
            ("2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00.000Z"),
            ("2026-12-24 18:00", "2026-12-24T17:00:00.000Z"),
            ("2026-12-24 18:00:05", "2026-12-24T17:00:05.000Z"),
            ("2026-07-01T12:00", "2026-07-01T10:00:00.000Z"),
            ("2026-12-25", "2026-12-24T23:00:00.000Z"),
            ("18:00", "2026-12-24T17:00:00.000Z"),
            ("17:30", "2026-12-25T16:30:00.000Z"),
            ("06:15:30", "2026-12-25T05:15:30.000Z"),
            ("@0", "1970-01-01T00:00:00.000Z"),
            ("@1798135200.5", "2026-12-24T18:00:00.500Z"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_point_in_time_is_refused_with_a_sentence() {
        for text in [
            "",
            "tomorrow",
            "25:00",
            "2026-02-30 10:00",
            "@",
            "@x",
            "@-1",
            "@1.",
            "@inf",
            "@NaN",
            "@99999999999999999999",
            "@253402300800",
            "1969-12-31T23:59:59Z",
            "18:00 PM",
            "1800",
            "18:00+01:00",
            "2026-12-24 18:00[Nowhere/City]",
        ] {
            let sentence = parse(text, NOW, &berlin()).unwrap_err();
            assert!(sentence.contains("point in time"), "{text}: {sentence}");
        }
    }

    #[test]
    fn a_local_time_that_clocks_skip_is_the_moment_after_the_gap() {
        assert_eq!(read("2026-03-29 02:30"), "2026-03-29T01:30:00.000Z");
    }

    #[test]
    fn moments_are_shown_local_and_relative() {
        assert_eq!(shown(NOW, &berlin()), "2026-12-24 17:30:00");
        let away = |millis| relative(Timestamp(NOW.0 + millis), NOW);
        assert_eq!(away(-1500), "1.5s ago");
        assert_eq!(away(192_000), "in 3m12s");
        assert_eq!(away(-187_300_000), "2d4h ago");
    }
}
