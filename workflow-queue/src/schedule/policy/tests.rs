use std::time::Duration;

use proptest::prelude::*;
use queue_core::clock::Timestamp;

use super::{Due, MOST_CAUGHT_UP, Position, due};
use crate::schedule::spec::{CatchUp, Rules, Spec};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

fn every_minute(catch_up: CatchUp) -> Spec {
    let spec = Spec::every(Duration::from_secs(60), Timestamp(0), "UTC").unwrap();
    let rules = Rules {
        catch_up,
        ..Rules::default()
    };
    spec.with_rules(rules).unwrap()
}

fn at(next: i64, floor: i64) -> Position {
    Position {
        next: Timestamp(next),
        floor: Timestamp(floor),
        jitter: Duration::ZERO,
    }
}

fn times(minutes: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
    minutes
        .into_iter()
        .map(|minute| Timestamp(minute * MINUTE))
        .collect()
}

#[test]
fn a_punctual_slot_fires_under_every_rule() {
    for catch_up in [CatchUp::Skip, CatchUp::Latest, CatchUp::All] {
        let found = due(
            &every_minute(catch_up),
            at(5 * MINUTE, 0),
            Timestamp(5 * MINUTE + 40),
        );
        let expected = Due {
            fire: times([5]),
            missed: None,
            next: Some(Timestamp(6 * MINUTE)),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn slots_of_a_sleep_are_recorded_as_one_range() {
    let now = Timestamp(1_000 * DAY + 30_000);
    let found = due(&every_minute(CatchUp::Latest), at(5 * MINUTE, 0), now);
    assert_eq!(found.fire, [Timestamp(1_000 * DAY)]);
    assert_eq!(
        found.missed,
        Some((Timestamp(5 * MINUTE), Timestamp(1_000 * DAY - MINUTE)))
    );
    assert_eq!(found.next, Some(Timestamp(1_000 * DAY + MINUTE)));
}

#[test]
fn a_catch_up_of_all_fires_the_newest_hundred_of_its_window() {
    let now = Timestamp(1_000 * DAY);
    let found = due(&every_minute(CatchUp::All), at(MINUTE, 0), now);
    assert_eq!(found.fire.len(), MOST_CAUGHT_UP);
    assert_eq!(found.fire.last(), Some(&now));
    let first = found.fire[0];
    assert_eq!(
        found.missed,
        Some((Timestamp(MINUTE), Timestamp(first.0 - MINUTE)))
    );
}

#[test]
fn a_late_slot_is_caught_up_within_the_window_alone() {
    let spec = Spec::cron("nightly", "0 3 * * *", "UTC").unwrap();
    let slot = 10 * DAY + 180 * MINUTE;
    let late = |hours: i64| due(&spec, at(slot, 0), Timestamp(slot + hours * 60 * MINUTE));
    assert_eq!(late(23).fire, [Timestamp(slot)]);
    let window = Rules {
        window_ms: 3_600_000,
        ..Rules::default()
    };
    let spec = spec.clone().with_rules(window).unwrap();
    let found = due(&spec, at(slot, 0), Timestamp(slot + 120 * MINUTE));
    assert_eq!(found.fire, []);
    assert_eq!(found.missed, Some((Timestamp(slot), Timestamp(slot))));
}

#[test]
fn nothing_fires_at_or_below_the_floor() {
    let found = due(
        &every_minute(CatchUp::All),
        at(MINUTE, 5 * MINUTE),
        Timestamp(7 * MINUTE),
    );
    assert_eq!(found.fire, times([6, 7]));
    assert_eq!(found.missed, None);
}

#[test]
fn the_jitter_delays_a_firing_and_not_its_slot() {
    let position = Position {
        jitter: Duration::from_secs(20),
        ..at(5 * MINUTE, 0)
    };
    let spec = every_minute(CatchUp::Latest);
    let early = due(&spec, position, Timestamp(5 * MINUTE + 19_999));
    assert_eq!(early.fire, []);
    assert_eq!(early.next, Some(Timestamp(5 * MINUTE)));
    let found = due(&spec, position, Timestamp(5 * MINUTE + 20_000));
    assert_eq!(found.fire, times([5]));
}

#[test]
fn a_schedule_fires_its_last_slot_and_ends() {
    let rules = Rules {
        end: Some(Timestamp(5 * MINUTE)),
        ..Rules::default()
    };
    let spec = every_minute(CatchUp::Latest).with_rules(rules).unwrap();
    let found = due(&spec, at(5 * MINUTE, 0), Timestamp(5 * MINUTE));
    assert_eq!(
        found,
        Due {
            fire: times([5]),
            missed: None,
            next: None
        }
    );
}

proptest! {
    /// However the worker's looks fall, each slot is fired or recorded exactly once.
    #[test]
    fn every_slot_is_fired_or_recorded_once(
        interval in 1..400_u64,
        looks in prop::collection::vec(1..5_000_i64, 1..20),
        rule in 0..3_u8,
        window in 0..600_000_u64,
    ) {
        let spec = Spec::every(Duration::from_secs(interval), Timestamp(0), "UTC").unwrap();
        let catch_up = [CatchUp::Skip, CatchUp::Latest, CatchUp::All][usize::from(rule)];
        let rules = Rules { catch_up, window_ms: window, ..Rules::default() };
        let spec = spec.with_rules(rules).unwrap();
        let millis = i64::try_from(interval).unwrap() * 1_000;
        let (mut next, mut now, mut covered) = (millis, 0, 0);
        for pause in looks {
            now += pause * 1_000;
            let found = due(&spec, at(next, 0), Timestamp(now));
            if let Some((first, last)) = found.missed {
                prop_assert_eq!(first.0, covered + millis);
                covered = last.0;
            }
            for slot in found.fire {
                prop_assert_eq!(slot.0, covered + millis);
                covered = slot.0;
            }
            prop_assert_eq!(covered, now / millis * millis);
            next = found.next.unwrap().0;
            prop_assert_eq!(next, covered + millis);
        }
    }
}
