use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use queue_core::clock::Timestamp;

use super::{Cron, DayRule};

mod oracle;

fn cron(text: &str) -> Cron {
    Cron::parse(text, Some("nightly")).unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<Instant>().unwrap().as_millisecond())
}

/// The next times after `after`, as the zone's clock reads them.
fn next(text: &str, name: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (cron(text), zone(name));
    let mut time = at(after);
    let mut found = Vec::new();
    for _ in 0..count {
        time = cron.next_after(time, &zone).unwrap();
        let zoned = Instant::from_millisecond(time.0)
            .unwrap()
            .to_zoned_datetime(zone.clone());
        found.push(zoned.strftime("%F %H:%M %:z").to_string());
    }
    found
}

fn refused(text: &str) -> String {
    Cron::parse(text, None).unwrap_err().to_string()
}

#[test]
fn a_night_job_moves_by_the_hour_that_is_left_out() {
    let times = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
    assert_eq!(
        times,
        ["2026-03-29 03:30 +02:00", "2026-03-30 02:30 +02:00"]
    );
    let times = next("30 2,14 * * *", "Europe/Berlin", "2026-03-28T22:00:00Z", 2);
    assert_eq!(
        times,
        ["2026-03-29 03:30 +02:00", "2026-03-29 14:30 +02:00"]
    );
}

#[test]
fn a_night_job_runs_once_in_the_hour_that_comes_twice() {
    let times = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(
        times,
        ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]
    );
    // Also for a clock that asks between both.
    let times = next("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1);
    assert_eq!(times, ["2026-10-26 02:30 +01:00"]);
}

#[test]
fn a_job_of_every_hour_follows_the_clock_on_the_wall() {
    let times = next("0 */2 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 2);
    assert_eq!(
        times,
        ["2026-03-29 04:00 +02:00", "2026-03-29 06:00 +02:00"]
    );
    let times = next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", 4);
    assert_eq!(
        times,
        [
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:00 +01:00",
            "2026-10-25 02:30 +01:00",
            "2026-10-25 03:00 +01:00"
        ]
    );
}

#[test]
fn a_day_that_a_zone_left_out_moves_to_the_next() {
    let times = next("0 10 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 1);
    assert_eq!(times, ["2011-12-31 10:00 +14:00"]);
    // A missing midnight.
    let times = next("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", 1);
    assert_eq!(times, ["2018-11-04 01:00 -02:00"]);
    // Half an hour.
    let times = next(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        1,
    );
    assert_eq!(times, ["2026-10-04 02:45 +11:00"]);
}

#[test]
fn days_of_month_and_week_count_either_way_unless_one_begins_with_a_star() {
    assert_eq!(cron("0 0 13 * 5").day_rule(), DayRule::Either);
    let times = next("0 0 13 * 5", "UTC", "2026-11-07T00:00:00Z", 3);
    assert_eq!(times[0], "2026-11-13 00:00 +00:00");
    assert_eq!(times[1], "2026-11-20 00:00 +00:00");
    assert_eq!(cron("0 0 */2 * 5").day_rule(), DayRule::Both);
    let times = next("0 0 */2 * 5", "UTC", "2026-11-01T00:00:00Z", 2);
    assert_eq!(
        times,
        ["2026-11-13 00:00 +00:00", "2026-11-27 00:00 +00:00"]
    );
}

#[test]
fn last_nearest_and_numbered_days_are_found() {
    let first = |text: &str, after: &str| next(text, "UTC", after, 1).remove(0);
    assert_eq!(
        first("0 0 L 2 *", "2028-01-01T00:00:00Z"),
        "2028-02-29 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 LW * *", "2026-05-01T00:00:00Z"),
        "2026-05-29 00:00 +00:00"
    );
    // The 15th is a Sunday, the 1st a Saturday, the 31st a Sunday.
    assert_eq!(
        first("0 0 15W * *", "2026-11-01T00:00:00Z"),
        "2026-11-16 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 1W * *", "2026-07-31T12:00:00Z"),
        "2026-08-03 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 31W * *", "2026-05-02T00:00:00Z"),
        "2026-05-29 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 * * 5#3", "2026-11-01T00:00:00Z"),
        "2026-11-20 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 * * friL", "2026-11-01T00:00:00Z"),
        "2026-11-27 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 29 2 *", "2096-03-01T00:00:00Z"),
        "2104-02-29 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 * * sat-sun", "2026-11-02T00:00:00Z"),
        "2026-11-07 00:00 +00:00"
    );
    assert_eq!(
        first("0 0 * * 7", "2026-11-02T00:00:00Z"),
        "2026-11-08 00:00 +00:00"
    );
}

#[test]
fn a_name_chooses_the_values_of_h_for_good() {
    // Stored schedules depend on these.
    let times = |name: &str, text: &str| {
        let cron = Cron::parse(text, Some(name)).unwrap();
        let time = cron.next_after(at("2026-11-30T00:00:00Z"), &TimeZone::UTC);
        Instant::from_millisecond(time.unwrap().0)
            .unwrap()
            .to_string()
    };
    assert_eq!(times("backup", "H H * * *"), times("backup", "H H * * *"));
    assert_ne!(times("backup", "H H * * *"), times("report", "H H * * *"));
    let early = Cron::parse("H H(0-5) H * *", Some("backup")).unwrap();
    assert_eq!(early.minutes.count_ones(), 1);
    assert!(early.hours.trailing_zeros() < 6);
    let quarters = Cron::parse("H/15 * * * *", Some("backup")).unwrap();
    assert_eq!(quarters.minutes.count_ones(), 4);
    assert!(refused("H 0 * * *").contains("name of a schedule"));
}

#[test]
fn an_expression_that_is_refused_says_how_to_write_it() {
    let expected = [
        ("* * * * * *", "more than five fields"),
        ("* * * *", "write five fields"),
        ("5/15 * * * *", "write 5-59/15"),
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("0 0 * * fri-mon", "write 5-6,0-1"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("@reboot", "no time"),
        ("@every 5m", "--every"),
        ("@noon", "short forms"),
        ("60 * * * *", "numbers from 0 to 59"),
        ("* * 0 * *", "field for the day of month"),
        ("* * * foo *", "names as JAN and DEC"),
        ("*/0 * * * *", "a step is a number"),
        ("*/90 * * * *", "--every"),
        ("0-10/30 * * * *", "--every"),
        ("0 0 * * 5#6", "1 to 5"),
        ("0 0 * * L", "5L"),
        ("0 0 L-3 * *", "numbers from 1 to 31"),
        (", * * * *", "numbers from 0 to 59"),
        ("1,, * * * *", "numbers from 0 to 59"),
        ("-5 * * * *", "numbers from 0 to 59"),
        ("+5 * * * *", "numbers from 0 to 59"),
        ("0 0 ? * 1", "numbers from 1 to 31"),
        ("H(5) 0 * * *", "H(0-29)"),
    ];
    for (text, part) in expected {
        let message = refused(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn the_last_time_before_now_is_found_over_decades() {
    let (cron, zone) = (cron("*/7 3 29 2 *"), zone("Europe/Berlin"));
    let found = cron.last_until(
        at("2031-06-01T00:00:00Z"),
        at("1996-01-01T00:00:00Z"),
        &zone,
    );
    assert_eq!(found, Some(at("2028-02-29T02:56:00Z")));
    let none = cron.last_until(
        at("2031-06-01T00:00:00Z"),
        at("2029-01-01T00:00:00Z"),
        &zone,
    );
    assert_eq!(none, None);
    let now = at("2028-02-29T02:56:00Z");
    assert_eq!(cron.last_until(now, now, &zone), Some(now));
}

#[test]
fn a_schedule_beyond_the_calendar_has_no_next_time() {
    let after = at("9999-12-30T00:00:00Z");
    assert_eq!(cron("0 0 1 1 *").next_after(after, &TimeZone::UTC), None);
}
