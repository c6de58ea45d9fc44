//! Fields of a cron expression: the table of the grammar, and the values that a field selects.

use std::fmt::Display;

use queue_core::error::{Error, Result};

use crate::schedule::hash::stable_hash;

/// Field of a cron expression.
#[derive(Debug)]
pub struct Field {
    /// Name of the field.
    pub name: &'static str,
    /// Lowest value.
    pub lowest: u8,
    /// Highest value.
    pub highest: u8,
    /// Names of the values, from `lowest` on.
    pub names: &'static [&'static str],
    /// Further forms that only this field has, each with its meaning.
    pub forms: &'static [(&'static str, &'static str)],
}

/// The five fields, in their order.
pub const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        lowest: 0,
        highest: 59,
        names: &[],
        forms: &[],
    },
    Field {
        name: "hour",
        lowest: 0,
        highest: 23,
        names: &[],
        forms: &[],
    },
    Field {
        name: "day of month",
        lowest: 1,
        highest: 31,
        names: &[],
        forms: &[
            ("L", "the last day of the month"),
            ("LW", "the last day of the month from Monday to Friday"),
            (
                "15W",
                "the day from Monday to Friday that is nearest to the 15th, in the same month",
            ),
        ],
    },
    Field {
        name: "month",
        lowest: 1,
        highest: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        forms: &[],
    },
    Field {
        name: "day of week",
        lowest: 0,
        highest: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
        forms: &[
            ("5#3", "the third Friday of the month"),
            ("5L", "the last Friday of the month"),
        ],
    },
];

pub(super) const DAY_OF_MONTH: usize = 2;
pub(super) const DAY_OF_WEEK: usize = 4;

/// Field of one expression: its text, and the name of the schedule, from which `H` takes its value.
pub(super) struct FieldText<'a> {
    pub(super) index: usize,
    pub(super) text: &'a str,
    pub(super) schedule: Option<&'a str>,
}

impl FieldText<'_> {
    fn field(&self) -> &'static Field {
        &FIELDS[self.index]
    }

    /// True if the field begins with `*`, which decides its meaning beside other fields.
    pub(super) fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    /// Error that names the field and the part of it.
    pub(super) fn refused(&self, part: &str, reason: impl Display) -> Error {
        let name = self.field().name;
        Error::invalid(format!(
            "`{}` in the field for the {name}: {reason}",
            part.escape_debug()
        ))
    }

    /// Highest value of `*` and of open ranges: Sunday is 0 there, not 7 too.
    fn last(&self) -> u8 {
        if self.index == DAY_OF_WEEK {
            6
        } else {
            self.field().highest
        }
    }

    /// Reads one value: a number or a name.
    pub(super) fn value(&self, part: &str, text: &str) -> Result<u8> {
        let field = self.field();
        let named = field
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(position) = named {
            return Ok(field.lowest + u8::try_from(position).unwrap_or(0));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits);
        let value = value.filter(|value| (field.lowest..=field.highest).contains(value));
        value.ok_or_else(|| {
            let or_names = match field.names {
                [first, .., last] => format!(" or names as {first} and {last}"),
                _ => String::new(),
            };
            let (lowest, highest) = (field.lowest, field.highest);
            self.refused(
                part,
                format!("write numbers from {lowest} to {highest}{or_names}"),
            )
        })
    }

    /// Reads an item of the list: `*`, a value, a range, `H`, each but a value with an optional step.
    /// Returns the set of values as bits.
    pub(super) fn item(&self, part: &str) -> Result<u64> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        if range.starts_with(['H', 'h']) {
            return self.hashed(part, range, step);
        }
        let (first, last) = if range == "*" {
            (self.field().lowest, self.last())
        } else if let Some((first, last)) = range.split_once('-') {
            self.range(part, first, last)?
        } else {
            let value = self.value(part, range)?;
            if let Some(step) = step {
                let fix = format!("{value}-{}/{step}", self.last());
                return Err(self.refused(part, format!("a step needs a range; write {fix}")));
            }
            (value, value)
        };
        let step = step.unwrap_or(1);
        if step > 1 && step > last - first {
            let width = last - first + 1;
            return Err(self.refused(
                part,
                format!(
                    "the step is not smaller than the {width} values of the range, so that only \
                     {first} would count; write {first}, or `--every` for a fixed interval"
                ),
            ));
        }
        Ok(self.bits(first, last, step))
    }

    fn range(&self, part: &str, first: &str, last: &str) -> Result<(u8, u8)> {
        let (first, mut last) = (self.value(part, first)?, self.value(part, last)?);
        // Sunday is also the day after Saturday.
        if self.index == DAY_OF_WEEK && last == 0 && first > 0 {
            last = 7;
        }
        if first <= last {
            return Ok((first, last));
        }
        let (lowest, highest) = (self.field().lowest, self.last());
        let fix = format!("{},{}", spelled(first, highest), spelled(lowest, last));
        Err(self.refused(part, format!("a range does not run backwards; write {fix}")))
    }

    fn step(&self, part: &str, text: &str) -> Result<u8> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let step = text.parse::<u8>().ok().filter(|step| digits && *step > 0);
        let highest = self.last();
        step.ok_or_else(|| self.refused(part, format!("a step is a number from 1 to {highest}")))
    }

    /// Values of `H`, `H(0-29)`, and of both with a step: chosen by the name of the schedule, so that
    /// schedules spread over the range, and each keeps its own.
    fn hashed(&self, part: &str, text: &str, step: Option<u8>) -> Result<u64> {
        let (mut first, mut last) = (self.field().lowest, self.last());
        if self.index == DAY_OF_MONTH {
            // The days that every month has.
            last = 28;
        }
        if text.len() > 1 {
            let range = text[1..].strip_prefix('(');
            let range = range.and_then(|range| range.strip_suffix(')'));
            let range = range.and_then(|range| range.split_once('-'));
            let Some((from, to)) = range else {
                return Err(self.refused(part, "write H, H(0-29), H/15 or H(0-29)/15"));
            };
            (first, last) = self.range(part, from, to)?;
        }
        let Some(schedule) = self.schedule else {
            let reason = "H takes its value from the name of a schedule, and none was given";
            return Err(self.refused(part, reason));
        };
        let width = u64::from(last - first) + 1;
        let Some(step) = step else {
            let value = first + u8::try_from(self.hash(schedule) % width).unwrap_or(0);
            return Ok(self.bits(value, value, 1));
        };
        if u64::from(step) > width {
            return Err(self.refused(part, format!("the range has only {width} values")));
        }
        let start = first + u8::try_from(self.hash(schedule) % u64::from(step)).unwrap_or(0);
        Ok(self.bits(start, last, step))
    }

    fn hash(&self, schedule: &str) -> u64 {
        stable_hash(schedule, u8::try_from(self.index).unwrap_or(0))
    }

    fn bits(&self, first: u8, last: u8, step: u8) -> u64 {
        let values = (first..=last).step_by(usize::from(step));
        values.fold(0, |bits, value| {
            let sunday = self.index == DAY_OF_WEEK && value == 7;
            bits | 1 << if sunday { 0 } else { value }
        })
    }
}

/// Range as one writes it.
fn spelled(first: u8, last: u8) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}
