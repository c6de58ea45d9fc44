//! Days that a cron expression selects.

use jiff::civil::Date;
use queue_core::error::Result;

use super::field::FieldText;

/// Meaning of the two fields for days beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayRule {
    /// A day counts if both fields select it. So it is unless both fields restrict the days.
    Both,
    /// A day counts if either field selects it.
    Either,
}

/// Days of a month, and days of a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) rule: DayRule,
    of_month: DaysOfMonth,
    of_week: DaysOfWeek,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DaysOfMonth {
    days: u64,
    last: bool,
    last_weekday: bool,
    /// Days whose nearest day from Monday to Friday counts.
    nearest_weekday: u64,
}

/// Days of the week, from Sunday.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DaysOfWeek {
    days: u64,
    /// Weeks of the month in which each counts, from 1, as bits.
    in_weeks: [u8; 7],
    /// Days that count at their last occurrence in a month.
    last: u64,
}

impl Days {
    /// Reads both fields.
    pub(super) fn parse(of_month: &FieldText<'_>, of_week: &FieldText<'_>) -> Result<Self> {
        let both = of_month.begins_with_star() || of_week.begins_with_star();
        Ok(Self {
            rule: if both { DayRule::Both } else { DayRule::Either },
            of_month: DaysOfMonth::parse(of_month)?,
            of_week: DaysOfWeek::parse(of_week)?,
        })
    }

    /// True if the expression selects the day.
    pub(super) fn contains(&self, date: Date) -> bool {
        let (of_month, of_week) = (self.of_month.contains(date), self.of_week.contains(date));
        match self.rule {
            DayRule::Both => of_month && of_week,
            DayRule::Either => of_month || of_week,
        }
    }
}

impl DaysOfMonth {
    fn parse(field: &FieldText<'_>) -> Result<Self> {
        let mut found = Self::default();
        for part in field.text.split(',') {
            let weekday = part
                .strip_suffix(['W', 'w'])
                .filter(|day| !day.contains(['-', '/', '*']));
            if part.eq_ignore_ascii_case("L") {
                found.last = true;
            } else if part.eq_ignore_ascii_case("LW") {
                found.last_weekday = true;
            } else if let Some(day) = weekday {
                found.nearest_weekday |= 1 << field.value(part, day)?;
            } else {
                found.days |= field.item(part)?;
            }
        }
        Ok(found)
    }

    fn contains(&self, date: Date) -> bool {
        let last = date.days_in_month();
        bit(self.days, date.day())
            || self.last && date.day() == last
            || self.last_weekday && date.day() == nearest_weekday(date, last)
            || self.nearest_weekday != 0
                && (1..=last)
                    .filter(|day| bit(self.nearest_weekday, *day))
                    .any(|day| date.day() == nearest_weekday(date, day))
    }
}

impl DaysOfWeek {
    fn parse(field: &FieldText<'_>) -> Result<Self> {
        let mut found = Self::default();
        for part in field.text.split(',') {
            if let Some((day, week)) = part.split_once('#') {
                let day = usize::from(field.value(part, day)? % 7);
                let weeks = week.parse::<u8>().ok();
                let Some(week) = weeks.filter(|week| (1..=5).contains(week)) else {
                    return Err(field.refused(part, "write a number from 1 to 5 after #"));
                };
                found.in_weeks[day] |= 1 << week;
            } else if let Some(day) = part.strip_suffix(['L', 'l']) {
                if day.is_empty() {
                    let reason = "write the day before L, as 5L for the last Friday of the month";
                    return Err(field.refused(part, reason));
                }
                found.last |= 1 << (field.value(part, day)? % 7);
            } else {
                found.days |= field.item(part)?;
            }
        }
        Ok(found)
    }

    fn contains(&self, date: Date) -> bool {
        let day = date.weekday().to_sunday_zero_offset();
        let week = (date.day() - 1) / 7 + 1;
        let weeks = usize::try_from(day).map_or(0, |day| self.in_weeks[day]);
        bit(self.days, day)
            || bit(weeks.into(), week)
            || bit(self.last, day) && date.day() + 7 > date.days_in_month()
    }
}

/// Day from Monday to Friday that is nearest to a day of the month of `date`, in the same month.
fn nearest_weekday(date: Date, day: i8) -> i8 {
    let last = date.days_in_month();
    let weekday = (date.weekday().to_monday_zero_offset() + day - date.day()).rem_euclid(7);
    match weekday {
        5 if day == 1 => 3,
        5 => day - 1,
        6 if day == last => day - 2,
        6 => day + 1,
        _ => day,
    }
}

fn bit(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}
