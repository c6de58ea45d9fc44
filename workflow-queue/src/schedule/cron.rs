//! Cron expressions of five fields: minute, hour, day of month, month, day of week.
//!
//! Where the clocks change, the field for the hour decides. If it begins with `*`, every minute that
//! reads so counts: both of an hour that comes twice, none of an hour that is left out. Otherwise each
//! time of day counts once a day: a time that is left out moves by as much as the clock does, and one
//! that comes twice counts when it comes first.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp as Instant, ToSpan};
use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};

mod days;
mod field;

pub use days::DayRule;
use days::Days;
use field::{DAY_OF_MONTH, DAY_OF_WEEK, FieldText};
pub use field::{FIELDS, Field};

/// Short forms of expressions.
pub const SHORT_FORMS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Parsed cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    /// True if the field for the hour begins with `*`.
    any_hour: bool,
    days: Days,
    months: u64,
}

impl Cron {
    /// Reads an expression. `schedule` is the name from which `H` takes its values.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field, the part of it and the way to write it; also for an
    /// expression that no date ever matches.
    pub fn parse(text: &str, schedule: Option<&str>) -> Result<Self> {
        let fields = split(text)?;
        let field = |index: usize| FieldText {
            index,
            text: fields[index],
            schedule,
        };
        let values = |index: usize| -> Result<u64> {
            let field = field(index);
            let items = field.text.split(',').map(|part| field.item(part));
            items.reduce(|set, item| Ok(set? | item?)).unwrap_or(Ok(0))
        };
        let cron = Self {
            text: fields.join(" "),
            minutes: values(0)?,
            hours: values(1)?,
            any_hour: field(1).begins_with_star(),
            days: Days::parse(&field(DAY_OF_MONTH), &field(DAY_OF_WEEK))?,
            months: values(3)?,
        };
        // The calendar repeats after 400 years.
        let begin = date(2000, 1, 1).at(0, 0, 0, 0);
        let end = date(2400, 1, 1).at(0, 0, 0, 0);
        if cron.next_civil(begin, Some(end)).is_none() {
            return Err(Error::invalid(format!(
                "`{}` never comes: no month has such a day; change the field for the day of the \
                 month or the month",
                cron.text
            )));
        }
        Ok(cron)
    }

    /// Meaning of the two fields for days beside each other.
    pub fn day_rule(&self) -> DayRule {
        self.days.rule
    }

    /// First time after `after`; `None` if it lies beyond the year 9999.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = Instant::from_millisecond(after.0).ok()?;
        let mut from = after.checked_add(SignedDuration::from_nanos(1)).ok()?;
        loop {
            let span = SteadySpan::of(from, zone);
            if let Some(found) = self.next_in(&span, from) {
                return Some(Timestamp(found.as_millisecond()));
            }
            from = span.end?;
        }
    }

    /// Last time that is not after `now` and not before `since`.
    pub fn last_until(
        &self,
        now: Timestamp,
        since: Timestamp,
        zone: &TimeZone,
    ) -> Option<Timestamp> {
        let comes_after = |time: i64| {
            let next = self.next_after(Timestamp(time), zone);
            next.is_some_and(|next| next <= now)
        };
        // A time comes after `low` and until now, and none after `high`.
        let (mut low, mut high) = (since.0.saturating_sub(1), now.0);
        if !comes_after(low) {
            return None;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if comes_after(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(Timestamp(high))
    }

    /// Shortest time between two times of day, and between the last and the first of two days.
    pub(super) fn shortest_interval(&self) -> Duration {
        let mut minutes = Vec::new();
        for hour in (0..24).filter(|hour| self.hours >> hour & 1 == 1) {
            let of_hour = (0..60).filter(|minute| self.minutes >> minute & 1 == 1);
            minutes.extend(of_hour.map(|minute| hour * 60 + minute));
        }
        let first = minutes.first().copied().unwrap_or(0);
        let following = minutes.iter().copied().skip(1).chain([first + 24 * 60]);
        let shortest = minutes
            .iter()
            .zip(following)
            .map(|(this, next)| next - this);
        Duration::from_secs(shortest.min().unwrap_or(1) * 60)
    }

    /// First time of a span that is not before `from`.
    fn next_in(&self, span: &SteadySpan, from: Instant) -> Option<Instant> {
        let begin = whole_minute(span.offset.to_datetime(from))?;
        let end = span.end.map(|end| span.offset.to_datetime(end));
        let instant = |civil: DateTime, offset: Offset| offset.to_timestamp(civil).ok();
        let Some((start, before)) = span.start.filter(|_| !self.any_hour) else {
            return instant(self.next_civil(begin, end)?, span.offset);
        };
        // The clock as it read before and after its change. Times that it reads again do not count
        // again; times that it left out count as if it had not changed.
        let (old, new) = (before.to_datetime(start), span.offset.to_datetime(start));
        let plain = self.next_civil(begin.max(old), end);
        let plain = plain.and_then(|civil| instant(civil, span.offset));
        let left_out = whole_minute(before.to_datetime(from).max(old))
            .filter(|_| new > old)
            .and_then(|first| self.next_civil(first, Some(new)))
            .and_then(|civil| instant(civil, before));
        plain.into_iter().chain(left_out).min()
    }

    /// First date and time that the fields match, from `from` until before `until`.
    fn next_civil(&self, from: DateTime, until: Option<DateTime>) -> Option<DateTime> {
        let mut date = from.date();
        let mut time = Some((from.hour(), from.minute()));
        loop {
            if until.is_some_and(|until| date > until.date()) {
                return None;
            }
            if self.months >> date.month() & 1 == 0 {
                date = next_month(date)?;
                time = None;
                continue;
            }
            if self.days.contains(date)
                && let Some((hour, minute)) = self.next_time(time.unwrap_or((0, 0)))
            {
                let found = date.at(hour, minute, 0, 0);
                return Some(found).filter(|found| until.is_none_or(|until| *found < until));
            }
            date = date.tomorrow().ok()?;
            time = None;
        }
    }

    /// First time of day that is not before `(hour, minute)`.
    fn next_time(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        if self.hours >> hour & 1 == 1
            && let Some(minute) = next_bit(self.minutes, minute)
        {
            return Some((hour, minute));
        }
        Some((next_bit(self.hours, hour + 1)?, next_bit(self.minutes, 0)?))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Time in which a zone keeps its offset from UTC.
struct SteadySpan {
    /// Its first instant, and the offset before; `None` for the first span of a zone.
    start: Option<(Instant, Offset)>,
    offset: Offset,
    /// First instant of the next span.
    end: Option<Instant>,
}

impl SteadySpan {
    /// The span of an instant.
    fn of(instant: Instant, zone: &TimeZone) -> Self {
        let nanosecond = SignedDuration::from_nanos(1);
        let start = instant.checked_add(nanosecond).ok();
        let start = start.and_then(|after| zone.preceding(after).next());
        let start = start.map(|change| change.timestamp());
        let before = start.and_then(|start| start.checked_sub(nanosecond).ok());
        Self {
            start: start.zip(before.map(|before| zone.to_offset(before))),
            offset: zone.to_offset(instant),
            end: zone
                .following(instant)
                .next()
                .map(|change| change.timestamp()),
        }
    }
}

/// Splits an expression into its five fields.
fn split(text: &str) -> Result<[&str; 5]> {
    let refused = |reason: &str| {
        let text = text.trim().escape_debug();
        Error::invalid(format!("`{text}` is not a cron expression: {reason}"))
    };
    let text = text.trim();
    let mut expanded = text;
    if text.starts_with('@') {
        let short = SHORT_FORMS
            .iter()
            .find(|(short, _)| text.eq_ignore_ascii_case(short));
        let Some((_, long)) = short else {
            return Err(if text.to_ascii_lowercase().starts_with("@every") {
                refused("write `--every 90m` in its place")
            } else if text.eq_ignore_ascii_case("@reboot") {
                refused(
                    "a start of the machine is no time; enqueue the task from a service, or with \
                     the `@reboot` of cron itself",
                )
            } else {
                refused("the short forms are @hourly, @daily, @weekly, @monthly and @yearly")
            });
        };
        expanded = *long;
    }
    let fields: Vec<&str> = expanded.split_ascii_whitespace().collect();
    <[&str; 5]>::try_from(fields).map_err(|fields| match fields.len() {
        6 | 7 => refused(
            "it has more than five fields; seconds and years are not supported, write minute, \
             hour, day of month, month and day of week, or `--every 10s`",
        ),
        _ => refused("write five fields: minute, hour, day of month, month and day of week"),
    })
}

/// The next whole minute, unless it is one.
fn whole_minute(time: DateTime) -> Option<DateTime> {
    let minute = time.date().at(time.hour(), time.minute(), 0, 0);
    if minute == time {
        return Some(minute);
    }
    minute.checked_add(1.minute()).ok()
}

fn next_month(date: Date) -> Option<Date> {
    date.last_of_month().tomorrow().ok()
}

fn next_bit(bits: u64, from: i8) -> Option<i8> {
    let bits = bits & u64::MAX.checked_shl(u32::try_from(from).ok()?)?;
    (bits != 0).then(|| i8::try_from(bits.trailing_zeros()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
