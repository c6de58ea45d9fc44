//! Twenty lines as crontabs have them, in a year of Berlin: their number, and both nights, against lists
//! made by hand.

use jiff::Timestamp as Instant;
use jiff::civil::date;
use jiff::tz::TimeZone;
use queue_core::clock::Timestamp;

use super::super::{Crontab, CrontabForm};
use crate::schedule::spec::Spec;

const CRONTAB: &str = "CRON_TZ=Europe/Berlin
30 2 * * *         /usr/local/bin/backup
0 * * * *          cd / && run-parts --report /etc/cron.hourly
*/30 * * * *       /usr/bin/php /var/www/cron.php
0 3 * * *          certbot renew -q
0 2 * * *          pg_dump app | gzip > /backup/app.gz
15 2 * * 0         fsck-mirror
0 0 1 * *          logrotate /etc/logrotate.conf
45 1 * * *         rsync -a /srv/ backup:/srv/
0 9 * * 1-5        report --mail
0 4 8-14 * *       mdadm --check
30 2,14 * * *      sync-calendar
0 0-6/2 * * *      poll-night
0 */2 * * *        poll-day
@daily             find /tmp -mtime +7 -delete
@weekly            updatedb
@monthly           invoices
@yearly            close-books
17 2 29 3,4 *      quarter
5 2 25 10 *        anniversary
0 12 1-7 * 1       meeting
";

/// Number of times in the year; the times until 6:00 of the night in spring and of that in autumn, `|`
/// where the clock changes.
const BY_HAND: [(usize, &str, &str); 20] = [
    (365, "| 03:30", "02:30 |"),
    (
        8_760,
        "00:00 01:00 | 03:00 04:00 05:00",
        "00:00 01:00 02:00 | 02:00 03:00 04:00 05:00",
    ),
    (
        17_520,
        "00:00 00:30 01:00 01:30 | 03:00 03:30 04:00 04:30 05:00 05:30",
        "00:00 00:30 01:00 01:30 02:00 02:30 | 02:00 02:30 03:00 03:30 04:00 04:30 05:00 05:30",
    ),
    (365, "| 03:00", "| 03:00"),
    (365, "| 03:00", "02:00 |"),
    (52, "| 03:15", "02:15 |"),
    (12, "|", "|"),
    (365, "01:45 |", "01:45 |"),
    (261, "|", "|"),
    (84, "|", "|"),
    (730, "| 03:30", "02:30 |"),
    (1_460, "00:00 | 03:00 04:00", "00:00 02:00 | 04:00"),
    (4_380, "00:00 | 04:00", "00:00 02:00 | 02:00 04:00"),
    (365, "00:00 |", "00:00 |"),
    (52, "00:00 |", "00:00 |"),
    (12, "|", "|"),
    (1, "|", "|"),
    (2, "| 03:17", "|"),
    (1, "|", "02:05 |"),
    (124, "|", "|"),
];

/// The times from midnight of a day of 2026 until before `until` of the clock.
fn times(spec: &Spec, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let before = Timestamp(from.0 - 1);
    let next = |after: &Timestamp| spec.next_after(*after);
    let all = std::iter::successors(next(&before), next);
    all.take_while(|time| *time < until).collect()
}

fn midnight(zone: &TimeZone, year: i16, month: i8, day: i8) -> Timestamp {
    let midnight = date(year, month, day)
        .to_zoned_datetime(zone.clone())
        .unwrap();
    Timestamp(midnight.timestamp().as_millisecond())
}

/// Times of a night, with the change of the clock.
fn night(spec: &Spec, zone: &TimeZone, (month, day): (i8, i8)) -> String {
    let from = midnight(zone, 2026, month, day);
    let old = offset(zone, from);
    let until = date(2026, month, day)
        .at(6, 0, 0, 0)
        .to_zoned_datetime(zone.clone())
        .unwrap();
    let until = Timestamp(until.timestamp().as_millisecond());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for time in times(spec, from, until) {
        let instant = Instant::from_millisecond(time.0).unwrap();
        let text = instant
            .to_zoned_datetime(zone.clone())
            .strftime("%H:%M")
            .to_string();
        if offset(zone, time) == old {
            before.push(text);
        } else {
            after.push(text);
        }
    }
    format!("{} | {}", before.join(" "), after.join(" "))
        .trim()
        .to_owned()
}

fn offset(zone: &TimeZone, time: Timestamp) -> jiff::tz::Offset {
    zone.to_offset(Instant::from_millisecond(time.0).unwrap())
}

#[test]
fn twenty_lines_of_crontabs_fire_in_a_year_as_lists_made_by_hand_say() {
    let crontab = Crontab::read(CRONTAB.as_bytes(), &CrontabForm::User);
    assert_eq!(
        (crontab.refused, crontab.entries.len()),
        (Vec::new(), BY_HAND.len())
    );
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let year = (midnight(&zone, 2026, 1, 1), midnight(&zone, 2027, 1, 1));
    for (entry, (number, spring, autumn)) in crontab.entries.iter().zip(BY_HAND) {
        let spec = entry.schedule("UTC", "/").unwrap().spec;
        let all = times(&spec, year.0, year.1);
        assert_eq!(all.len(), number, "{}", entry.expression);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(night(&spec, &zone, (3, 29)), spring, "{}", entry.expression);
        assert_eq!(
            night(&spec, &zone, (10, 25)),
            autumn,
            "{}",
            entry.expression
        );
    }
}
