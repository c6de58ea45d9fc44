//! The last hour on the first page: rates, waits and failures as a drawing, with a table behind.

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::words::{number, took};
use super::layout::{columns, table};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::journal::{AttemptEnd, Rollup, Span, Sums};
use crate::queue::Queue;
use crate::text::moment;

/// Minutes of the drawing.
const MINUTES: i64 = 60;

/// Minutes of a row of the table.
const ROW: usize = 10;

/// Width of the drawing, and height of its bars.
const WIDTH: u64 = 600;
const HEIGHT: u64 = 60;

/// The section; nothing for a file without a log.
pub(super) fn section<Q: Queue>(dashboard: &Dashboard<Q>, now: Timestamp) -> Result<Markup> {
    if !dashboard.queue.keeps_log() {
        return Ok(html! {});
    }
    let from = Span::Minute.start(Timestamp(now.0 - (MINUTES - 1) * 60_000));
    let minutes = minutes(&dashboard.queue.rollups(Span::Minute, from)?, from);
    Ok(html! {
        section.rates aria-labelledby="rates" {
            h2 #rates { "The last hour" }
            div #rates-drawing data-live { (drawing(&minutes)) }
            details {
                summary { "As a table" }
                (table("rates-rows", "The last hour, in steps of ten minutes",
                    &columns(&["From", "#Enqueued", "#Ended", "#Unsuccessful", "#Mean wait", "#Mean run"]),
                    &html! { @for (at, sums) in rows(&minutes, from) { (row(at, &sums)) } }))
            }
        }
    })
}

/// The sums of each minute from `from` on, of all queues together.
fn minutes(rollups: &[Rollup], from: Timestamp) -> Vec<Sums> {
    let mut minutes = vec![Sums::default(); usize::try_from(MINUTES).unwrap_or(0)];
    for one in rollups {
        let place = usize::try_from(one.start.since(from) / 60_000);
        if let Some(sums) = place.ok().and_then(|place| minutes.get_mut(place)) {
            sums.add(&one.sums);
        }
    }
    minutes
}

/// The sums of each row of the table, the newest first, with the times at which they begin.
fn rows(minutes: &[Sums], from: Timestamp) -> Vec<(Timestamp, Sums)> {
    let mut at = from;
    let mut rows: Vec<(Timestamp, Sums)> = minutes
        .chunks(ROW)
        .map(|minutes| {
            let mut sums = Sums::default();
            for one in minutes {
                sums.add(one);
            }
            let row = (at, sums);
            at = at.after(std::time::Duration::from_mins(ROW as u64));
            row
        })
        .collect();
    rows.reverse();
    rows
}

fn row(at: Timestamp, sums: &Sums) -> Markup {
    let time = |time: Option<std::time::Duration>| time.map_or_else(|| "–".to_owned(), took);
    let shown = moment::shown(at, &jiff::tz::TimeZone::system());
    html! {
        tr {
            td.main { time datetime=(moment::iso(at)) { (shown) } }
            td.number { (number(sums.enqueued)) }
            td.number { (number(sums.all_ended())) }
            td.number { (number(unsuccessful(sums))) }
            td.number { (time(sums.wait.mean())) }
            td.number { (time(sums.run.mean())) }
        }
    }
}

fn unsuccessful(sums: &Sums) -> u64 {
    let ends = [
        AttemptEnd::Failed,
        AttemptEnd::Retrying,
        AttemptEnd::Crashed,
    ];
    let counts = ends.map(|end| sums.ended(end));
    counts.into_iter().fold(0, u64::saturating_add)
}

/// Bars of the attempts that ended in each minute, the unsuccessful ones below, and a line of the enqueued
/// tasks.
fn drawing(minutes: &[Sums]) -> Markup {
    let counts = minutes
        .iter()
        .map(|sums| sums.enqueued.max(sums.all_ended()));
    let most = counts.max().unwrap_or(0);
    if most == 0 {
        return html! { p.none { "Nothing was enqueued, and nothing ended." } };
    }
    let height =
        |count: u64| u64::try_from(u128::from(count) * u128::from(HEIGHT) / u128::from(most));
    let height = |count: u64| {
        height(count)
            .unwrap_or(HEIGHT)
            .max(u64::from(count > 0))
            .min(HEIGHT)
    };
    let step = WIDTH / minutes.len().max(1) as u64;
    let places = || (0_u64..).map(|place| place * step).zip(minutes);
    let points: Vec<String> = places()
        .map(|(x, sums)| format!("{},{}", x + step / 2, HEIGHT - height(sums.enqueued)))
        .collect();
    let sum = |of: fn(&Sums) -> u64| minutes.iter().map(of).fold(0, u64::saturating_add);
    let ended = sum(Sums::all_ended);
    let (enqueued, failed) = (sum(|sums| sums.enqueued), sum(unsuccessful));
    let said = format!(
        "{} enqueued, {} attempts ended, {} of them unsuccessful; at most {} in a minute",
        number(enqueued),
        number(ended),
        number(failed),
        number(most),
    );
    html! {
        svg.rates-bars viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label=(said) {
            @for (x, sums) in places() {
                @let (all, bad) = (height(sums.all_ended()), height(unsuccessful(sums)));
                @if all > 0 {
                    rect.s-succeeded x=(x) y=(HEIGHT - all) width=(step - 1) height=(all) {}
                }
                @if bad > 0 {
                    rect.s-failed x=(x) y=(HEIGHT - bad) width=(step - 1) height=(bad) {}
                }
            }
            polyline points=(points.join(" ")) {}
        }
        p.none.small { (said) "." }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rollup, Span, Sums, drawing, minutes, rows};
    use crate::clock::Timestamp;

    const FROM: Timestamp = Timestamp(1_800_000_000_000);

    fn rollup(minute: i64, enqueued: u64, ended: [u64; 5]) -> Rollup {
        let mut sums = Sums::default();
        (sums.enqueued, sums.attempts) = (enqueued, ended);
        Rollup::new(Timestamp(FROM.0 + minute * 60_000), "q", sums)
    }

    #[test]
    fn minutes_of_all_queues_are_drawn_in_their_places() {
        assert_eq!(Span::Minute.start(FROM), FROM);
        let rollups = [
            rollup(0, 4, [1, 0, 0, 0, 0]),
            rollup(0, 2, [1, 1, 0, 0, 0]),
            rollup(59, 1, [0, 0, 0, 1, 0]),
            rollup(60, 9, [9, 0, 0, 0, 0]),
        ];
        let minutes = minutes(&rollups, FROM);
        assert_eq!((minutes.len(), minutes[0].enqueued), (60, 6));
        let rows = rows(&minutes, FROM);
        assert_eq!((rows.len(), rows[0].1.enqueued, rows[5].0), (6, 1, FROM));
        let text = drawing(&minutes).into_string();
        assert!(
            text.contains("7 enqueued, 4 attempts ended, 2 of them unsuccessful"),
            "{text}"
        );
        // Three of six are half of the height, one unsuccessful one a sixth.
        assert!(
            text.contains("<rect class=\"s-succeeded\" x=\"0\" y=\"30\""),
            "{text}"
        );
        assert!(
            text.contains("<rect class=\"s-failed\" x=\"0\" y=\"50\""),
            "{text}"
        );
        assert!(text.contains("x=\"590\""), "{text}");
        assert!(text.contains("points=\"5,0 15,60"), "{text}");
    }

    #[test]
    fn an_hour_without_anything_is_a_sentence() {
        let text = drawing(&minutes(&[], FROM)).into_string();
        assert!(
            text.contains("Nothing was enqueued") && !text.contains("<svg"),
            "{text}"
        );
        let largest = rollup(3, u64::MAX, [u64::MAX, u64::MAX, 0, 0, 0]);
        drawing(&minutes(&[largest], FROM));
    }
}
