//! State machine of an alert: two thresholds, and times for which a reading has to stay beyond them. What
//! it decides is stored, so that a new process goes on where the last one was.

use crate::clock::Timestamp;
use crate::queue::{AlertChange, AlertPhase, AlertRule, AlertState};

/// State after a reading, and the change to tell of. A reading that could not be taken changes nothing.
pub(super) fn step(
    rule: &AlertRule,
    state: AlertState,
    value: Option<i64>,
    now: Timestamp,
) -> (AlertState, Option<AlertChange>) {
    let Some(value) = value else {
        return (state, None);
    };
    let is_over = value > rule.over;
    let begun = |phase| AlertState {
        phase,
        since: now,
        clear_since: None,
        value: Some(value),
    };
    match state.phase {
        AlertPhase::Quiet if is_over && rule.for_ms == 0 => fired(begun(AlertPhase::Firing)),
        AlertPhase::Quiet if is_over => (begun(AlertPhase::Pending), None),
        AlertPhase::Pending if !is_over => (begun(AlertPhase::Quiet), None),
        AlertPhase::Pending if has_passed(state.since, rule.for_ms, now) => {
            fired(begun(AlertPhase::Firing))
        }
        // A clock that was set back: the time begins anew.
        AlertPhase::Pending if now < state.since => (begun(AlertPhase::Pending), None),
        AlertPhase::Quiet | AlertPhase::Pending => (state, None),
        AlertPhase::Firing if value > rule.clear => {
            let clear_since = None;
            (
                AlertState {
                    clear_since,
                    ..state
                },
                None,
            )
        }
        AlertPhase::Firing => {
            let since = state
                .clear_since
                .filter(|since| *since <= now)
                .unwrap_or(now);
            if has_passed(since, rule.keep_ms, now) {
                return (begun(AlertPhase::Quiet), Some(AlertChange::Cleared));
            }
            let clear_since = Some(since);
            (
                AlertState {
                    clear_since,
                    ..state
                },
                None,
            )
        }
    }
}

fn fired(state: AlertState) -> (AlertState, Option<AlertChange>) {
    (state, Some(AlertChange::Fired))
}

fn has_passed(since: Timestamp, millis: i64, now: Timestamp) -> bool {
    now.since(since) >= millis
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::step;
    use crate::clock::Timestamp;
    use crate::queue::{AlertChange, AlertKind, AlertPhase, AlertRule, AlertState};

    fn rule() -> AlertRule {
        AlertRule::new("a", AlertKind::Queued, 10)
            .clear(5)
            .times(100, 200)
    }

    /// Times and readings, and times and changes.
    type Case = (&'static [(i64, i64)], &'static [(i64, AlertChange)]);

    /// The changes of an alert that reads these values at these times, with their times.
    fn changes(readings: &[(i64, i64)]) -> Vec<(i64, AlertChange)> {
        let mut state = AlertState::default();
        let mut told = Vec::new();
        for (at, value) in readings {
            let (next, change) = step(&rule(), state, Some(*value), Timestamp(*at));
            state = next;
            told.extend(change.map(|change| (*at, change)));
        }
        told
    }

    #[test]
    fn an_alert_fires_after_its_time_above_and_clears_after_its_time_below() {
        use AlertChange::{Cleared, Fired};
        let cases: [Case; 6] = [
            (&[(0, 11), (99, 11), (100, 11), (300, 11)], &[(100, Fired)]),
            (&[(0, 11), (50, 10), (100, 11), (150, 11)], &[]),
            (
                &[(0, 11), (100, 11), (101, 5), (301, 5)],
                &[(100, Fired), (301, Cleared)],
            ),
            // Between the thresholds nothing changes; the time below begins anew.
            (
                &[(0, 11), (100, 11), (101, 5), (200, 6), (301, 5), (500, 5)],
                &[(100, Fired)],
            ),
            (
                &[(0, 11), (100, 11), (101, 5), (200, 11), (301, 5)],
                &[(100, Fired)],
            ),
            // The clock is set back while the alert is pending.
            (
                &[(500, 11), (10, 11), (109, 11), (110, 11)],
                &[(110, Fired)],
            ),
        ];
        for (readings, expected) in cases {
            assert_eq!(changes(readings), expected, "{readings:?}");
        }
    }

    #[test]
    fn an_alert_without_times_follows_its_reading() {
        let rule = AlertRule::new("a", AlertKind::Unserved, 0);
        let (state, change) = step(&rule, AlertState::default(), Some(1), Timestamp(7));
        assert_eq!(change, Some(AlertChange::Fired));
        let (same, change) = step(&rule, state, None, Timestamp(8));
        assert_eq!((same, change), (state, None));
        let (state, change) = step(&rule, state, Some(0), Timestamp(9));
        assert_eq!(
            (state.phase, change),
            (AlertPhase::Quiet, Some(AlertChange::Cleared))
        );
    }

    proptest! {
        #[test]
        fn fired_and_cleared_take_turns(values in prop::collection::vec((0..90_i64, 0..20_i64), 0..60)) {
            let mut at = 0;
            let readings: Vec<_> = values.into_iter().map(|(step, value)| {
                at += step;
                (at, value)
            }).collect();
            let told = changes(&readings);
            for (place, (_, change)) in told.into_iter().enumerate() {
                let expected = if place % 2 == 0 { AlertChange::Fired } else { AlertChange::Cleared };
                prop_assert_eq!(change, expected);
            }
        }
    }
}
