//! Decision about a due schedule: which of its slots fire, and which are recorded as skipped.
//!
//! A slot fires once. What did not run is recorded too, a contiguous range at a time, so that a
//! schedule of every second whose workers slept for a year leaves one row.

use std::time::Duration;

use queue_core::clock::Timestamp;

use super::spec::{CatchUp, Spec};

/// Delay up to which the newest slot fires under any rule.
pub const PUNCTUAL: Duration = Duration::from_secs(60);

/// Most slots that one catch-up fires.
pub const MOST_CAUGHT_UP: usize = 100;

/// Position of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The next slot that has been neither fired nor recorded. Only slots above `floor` count.
    pub next: Timestamp,
    /// Time up to which nothing fires any more.
    pub floor: Timestamp,
    /// Delay of this schedule's firings behind their slots.
    pub jitter: Duration,
}

/// Slots of one look at a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Slots to fire, in their order.
    pub fire: Vec<Timestamp>,
    /// First and last slot of a range that nobody fired in time.
    pub missed: Option<(Timestamp, Timestamp)>,
    /// Next slot; `None` if the schedule has ended.
    pub next: Option<Timestamp>,
}

/// Decides about the slots of a schedule at `now`. Nothing is due before `next` and the jitter.
pub fn due(spec: &Spec, position: Position, now: Timestamp) -> Due {
    let jitter = i64::try_from(position.jitter.as_millis()).unwrap_or(i64::MAX);
    // Slots whose firing time has come.
    let until = Timestamp(now.0.saturating_sub(jitter));
    let above_floor = Timestamp(position.floor.0.saturating_add(1));
    let since = position.next.max(above_floor);
    let Some(newest) = spec.last_until(until, since) else {
        return Due {
            next: spec.next_after(Timestamp(since.0.saturating_sub(1))),
            ..Due::default()
        };
    };
    let first = spec
        .next_after(Timestamp(since.0.saturating_sub(1)))
        .unwrap_or(newest);
    let fire = chosen(spec, until, (first, newest));
    let missed = missed(spec, (first, newest), fire.first().copied());
    Due {
        fire,
        missed,
        next: spec.next_after(newest),
    }
}

/// Slots between both that fire.
fn chosen(
    spec: &Spec,
    until: Timestamp,
    (first, newest): (Timestamp, Timestamp),
) -> Vec<Timestamp> {
    let rules = spec.rules();
    let age = |slot: Timestamp| u64::try_from(until.since(slot)).unwrap_or(0);
    let punctual = u128::from(age(newest)) <= PUNCTUAL.as_millis();
    let recent = punctual || age(newest) <= rules.window_ms;
    match rules.catch_up {
        CatchUp::Skip if !punctual => Vec::new(),
        CatchUp::Latest | CatchUp::All if !recent => Vec::new(),
        CatchUp::Skip | CatchUp::Latest => vec![newest],
        CatchUp::All => {
            let window = i64::try_from(rules.window_ms).unwrap_or(i64::MAX);
            let oldest = first.max(Timestamp(until.0.saturating_sub(window)));
            newest_from(spec, oldest, newest)
        }
    }
}

/// The newest slots between both, `newest` included, in their order.
fn newest_from(spec: &Spec, oldest: Timestamp, newest: Timestamp) -> Vec<Timestamp> {
    let mut slots = vec![newest];
    while slots.len() < MOST_CAUGHT_UP
        && let Some(last) = slots.last()
        && let Some(before) = spec.last_until(Timestamp(last.0 - 1), oldest)
    {
        slots.push(before);
    }
    slots.reverse();
    slots
}

/// Range of the slots from `first` that come before the first one that fires.
fn missed(
    spec: &Spec,
    (first, newest): (Timestamp, Timestamp),
    fires: Option<Timestamp>,
) -> Option<(Timestamp, Timestamp)> {
    let last = match fires {
        None => newest,
        Some(fires) if fires <= first => return None,
        Some(fires) => spec.last_until(Timestamp(fires.0 - 1), first)?,
    };
    Some((first, last))
}

#[cfg(test)]
mod tests;
