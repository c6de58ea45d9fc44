//! The matcher beside a table of every minute: which fields the clock of a zone read, minute for
//! minute, and nothing else.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use queue_core::clock::Timestamp;

use super::super::Cron;

const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Antarctica/Troll",
];

/// Days of one window.
const DAYS: i64 = 6;

/// Every minute of some days, as the zone's clock reads it.
struct Window {
    zone: TimeZone,
    start: Instant,
    /// Read once they are needed: a short run draws few of the windows.
    minutes: OnceCell<Vec<(Instant, DateTime)>>,
}

impl Window {
    fn new(zone: &TimeZone, start: Instant) -> Self {
        Self {
            zone: zone.clone(),
            start,
            minutes: OnceCell::new(),
        }
    }

    fn minutes(&self) -> &[(Instant, DateTime)] {
        self.minutes.get_or_init(|| {
            let minutes = (0..DAYS * 24 * 60).map(|minute| {
                let instant = self.start + SignedDuration::from_mins(minute);
                (instant, self.zone.to_datetime(instant))
            });
            minutes.collect()
        })
    }

    /// Windows around every change of the clock in some years.
    fn all() -> Vec<Self> {
        let mut windows = Vec::new();
        for name in ZONES {
            let zone = TimeZone::get(name).unwrap();
            for year in [1993, 2011, 2018, 2026, 2037] {
                let start: Instant = format!("{year}-01-02T00:00:00Z").parse().unwrap();
                let end = start + SignedDuration::from_hours(24 * 363);
                let changes = zone.following(start).map(|change| change.timestamp());
                let changes = changes.take_while(|change| *change < end);
                let quiet = start + SignedDuration::from_hours(24 * 100);
                for change in changes.chain([quiet]) {
                    windows.push(Self::new(
                        &zone,
                        change - SignedDuration::from_hours(24 * 3),
                    ));
                }
            }
        }
        windows
    }

    /// The times of a draw within the middle of the window, by looking at every minute of it.
    fn times(&self, draw: &Draw) -> BTreeSet<Instant> {
        let matching = |(_, civil): &&(Instant, DateTime)| draw.matches(*civil);
        let mut found = BTreeSet::new();
        if draw.hours.starts_with('*') {
            found.extend(self.minutes().iter().filter(matching).map(|(at, _)| *at));
        } else {
            let mut first = BTreeMap::new();
            for (at, civil) in self.minutes().iter().filter(matching) {
                first.entry(*civil).or_insert(*at);
            }
            found.extend(first.into_values());
            for pair in self.minutes().windows(2) {
                let ((before, old), (_, new)) = (pair[0], pair[1]);
                let mut civil = old + 1.minute();
                // Each minute that the clock left out comes as long after the last one it read.
                let mut late = before + SignedDuration::from_mins(1);
                while civil < new {
                    if draw.matches(civil) {
                        found.insert(late);
                    }
                    civil += 1.minute();
                    late += SignedDuration::from_mins(1);
                }
            }
        }
        let (begin, end) = self.middle();
        found.retain(|at| (begin..end).contains(at));
        found
    }

    fn middle(&self) -> (Instant, Instant) {
        let day = SignedDuration::from_hours(30);
        let last = self.start + SignedDuration::from_mins(DAYS * 24 * 60 - 1);
        (self.start + day, last - day)
    }
}

/// A drawn expression.
#[derive(Clone, Debug)]
struct Draw {
    minutes: String,
    hours: String,
    days: String,
    months: String,
    weekdays: String,
}

impl Draw {
    fn text(&self) -> String {
        let Self {
            minutes,
            hours,
            days,
            months,
            weekdays,
        } = self;
        format!("{minutes} {hours} {days} {months} {weekdays}")
    }

    fn matches(&self, civil: DateTime) -> bool {
        let date = civil.date();
        let selects = |list: &str, value: i8, lowest: i8| {
            list.split(',').any(|item| selected(item, value, lowest))
        };
        let day = self.days.split(',').any(|item| match item {
            "L" => date.day() == date.days_in_month(),
            "LW" => date.day() == last_working_day(civil),
            _ => selected(item, date.day(), 1),
        });
        let of_week = date.weekday().to_sunday_zero_offset();
        let weekday = self.weekdays.split(',').any(|item| {
            if let Some((of, week)) = item.split_once('#') {
                of == of_week.to_string() && week == ((date.day() + 6) / 7).to_string()
            } else if let Some(of) = item.strip_suffix('L') {
                of == of_week.to_string() && date.day() > date.days_in_month() - 7
            } else {
                selected(item, of_week, 0)
            }
        });
        let both = self.days.starts_with('*') || self.weekdays.starts_with('*');
        selects(&self.minutes, civil.minute(), 0)
            && selects(&self.hours, civil.hour(), 0)
            && selects(&self.months, date.month(), 1)
            && if both { day && weekday } else { day || weekday }
    }
}

fn selected(item: &str, value: i8, lowest: i8) -> bool {
    let (range, step) = item.split_once('/').unwrap_or((item, "1"));
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (lowest, i8::MAX),
        Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        None => (range.parse().unwrap(), range.parse().unwrap()),
    };
    let step: i8 = step.parse().unwrap();
    (first..=last).contains(&value) && (value - first) % step == 0
}

fn last_working_day(civil: DateTime) -> i8 {
    let last = civil.date().days_in_month();
    let days = (1..=last).rev();
    let working = |day: &i8| {
        let date = civil.date().with().day(*day).build().unwrap();
        date.weekday().to_monday_zero_offset() < 5
    };
    days.into_iter().find(working).unwrap()
}

/// A field: some items out of a star, stars with steps, values, ranges and ranges with steps.
fn field(lowest: i8, highest: i8) -> impl Strategy<Value = String> {
    let value = lowest..=highest;
    let range = (value.clone(), value.clone()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let steps = 1..=(highest - lowest) / 2;
    let item = prop_oneof![
        4 => value.prop_map(|value| value.to_string()),
        2 => range.clone().prop_map(|(first, last)| format!("{first}-{last}")),
        1 => (range, steps.clone()).prop_map(|((first, last), step)| {
            format!("{first}-{last}/{}", step.min((last - first).max(1)))
        }),
        1 => steps.prop_map(|step| format!("*/{step}")),
    ];
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => prop::collection::vec(item, 1..4).prop_map(|items| items.join(",")),
    ]
}

fn draws() -> impl Strategy<Value = Draw> {
    let days = prop_oneof![
        5 => field(1, 31),
        1 => Just("L".to_owned()),
        1 => Just("LW".to_owned()),
        1 => Just("3,L".to_owned()),
    ];
    let weekdays = prop_oneof![
        5 => field(0, 6),
        1 => (0..7, 1..6).prop_map(|(day, week)| format!("{day}#{week}")),
        1 => (0..7).prop_map(|day| format!("{day}L")),
    ];
    // Nearly all of a year, so that most draws have a time in a window.
    let months = prop_oneof![8 => Just("*".to_owned()), 1 => field(1, 12)];
    let hours = prop_oneof![2 => field(0, 23), 1 => field(0, 4)];
    (field(0, 59), hours, days, months, weekdays).prop_map(
        |(minutes, hours, days, months, weekdays)| Draw {
            minutes,
            hours,
            days,
            months,
            weekdays,
        },
    )
}

/// `PROPTEST_CASES` sets the number of cases.
#[test]
fn the_matcher_agrees_with_a_table_of_every_minute() {
    let windows = Window::all();
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let draw = (draws(), 0..windows.len());
    TestRunner::new(config)
        .run(&draw, |(draw, window)| {
            let window = &windows[window];
            let text = draw.text();
            let cron = match Cron::parse(&text, None) {
                Ok(cron) => cron,
                Err(error) => {
                    let error = error.to_string();
                    prop_assert!(error.contains("never comes"), "{}", error);
                    prop_assert!(window.times(&draw).is_empty(), "{} was refused", text);
                    return Ok(());
                }
            };
            let (begin, end) = window.middle();
            let mut found = BTreeSet::new();
            let mut time = Timestamp(begin.as_millisecond() - 1);
            while let Some(next) = cron.next_after(time, &window.zone) {
                let instant = Instant::from_millisecond(next.0).unwrap();
                if instant >= end {
                    break;
                }
                found.insert(instant);
                time = next;
            }
            let expected = window.times(&draw);
            prop_assert_eq!(&found, &expected, "{} in {:?}", text, window.zone);
            Ok(())
        })
        .unwrap();
}
