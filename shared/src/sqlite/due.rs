//! Times at which to look for scheduled tasks that came due. A look costs a statement, so a claim
//! looks only when a known task is due, or when other processes may have scheduled one meanwhile.

use crate::clock::{BootTime, Now, SMALL_STEP_MS, Timestamp};

/// Milliseconds between looks while no known task is due: the longest delay until a claim notices a
/// task that another process scheduled.
const LOOK_EVERY_MS: u128 = 100;

/// Result of the last look. The default has never looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    looked_at: Option<BootTime>,
    next: Option<Timestamp>,
    /// Most milliseconds by which the wall clock was ahead of boot time since the last look.
    ahead_ms: Option<i64>,
}

impl Due {
    /// Result of a look at `now` that found `next` as the next due time.
    pub fn found(next: Option<Timestamp>, now: Now) -> Self {
        Self {
            looked_at: Some(now.boot),
            next,
            ahead_ms: Some(now.ahead_ms()),
        }
    }

    /// Takes in a task that was scheduled at `now`: the next claim looks.
    #[must_use]
    pub fn scheduled(self, now: Now) -> Self {
        Self {
            ahead_ms: self.ahead_ms.max(Some(now.ahead_ms())),
            ..Self::default()
        }
    }

    /// True if the wall clock was set back: run times that were set by it may now be far off.
    pub fn is_set_back(self, now: Now) -> bool {
        self.ahead_ms
            .is_some_and(|before| before.saturating_sub(now.ahead_ms()) > SMALL_STEP_MS)
    }

    /// True if a claim at `now` has to look again.
    pub fn must_look(self, now: Now) -> bool {
        self.is_set_back(now)
            || self.next.is_some_and(|next| next <= now.wall)
            || self
                .looked_at
                .is_none_or(|at| now.boot.since(at).as_millis() >= LOOK_EVERY_MS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Due, LOOK_EVERY_MS};
    use crate::clock::{BootTime, Now, SMALL_STEP_MS, Timestamp};

    fn at(millis: i64) -> Now {
        Now {
            wall: Timestamp(1_000_000 + millis),
            boot: BootTime(millis),
        }
    }

    #[test]
    fn a_claim_looks_at_first_when_due_and_every_100_ms() {
        assert!(Due::default().must_look(at(0)));
        let found = Due::found(Some(Timestamp(1_000_050)), at(0));
        assert!(!found.must_look(at(49)));
        assert!(found.must_look(at(50)));
        let nothing = Due::found(None, at(0));
        assert!(!nothing.must_look(at(99)));
        assert!(nothing.must_look(at(100)));
    }

    #[test]
    fn a_task_scheduled_meanwhile_is_looked_for_at_once() {
        let found = Due::found(None, at(0));
        assert!(!found.must_look(at(1)));
        assert!(found.scheduled(at(1)).must_look(at(1)));
    }

    /// Clock that was set back by `back`, at `later` milliseconds after the start.
    fn set_back(later: i64, back: i64) -> Now {
        let now = at(later);
        Now {
            wall: Timestamp(now.wall.0 - back),
            ..now
        }
    }

    proptest! {
        #[test]
        fn a_claim_looks_for_each_of_its_reasons_and_no_other(
            next in proptest::option::of(0..300_i64),
            later in 0..300_i64,
            back in prop_oneof![Just(0), SMALL_STEP_MS..=SMALL_STEP_MS + 1, 0..2 * SMALL_STEP_MS],
        ) {
            let found = Due::found(next.map(|next| Timestamp(1_000_000 + next)), at(0));
            let now = set_back(later, back);
            let is_due = next.is_some_and(|next| next <= later - back);
            let is_set_back = back > SMALL_STEP_MS;
            prop_assert_eq!(found.is_set_back(now), is_set_back);
            let is_old = later.unsigned_abs() >= u64::try_from(LOOK_EVERY_MS).unwrap();
            prop_assert_eq!(found.must_look(now), is_due || is_set_back || is_old);
        }

        #[test]
        fn a_clock_set_back_is_measured_from_its_latest_time(
            earlier in 0..20_000_i64, back in 0..20_000_i64,
        ) {
            let ahead = Now { wall: Timestamp(at(0).wall.0 + earlier), ..at(0) };
            let due = Due::found(None, at(0)).scheduled(ahead).scheduled(at(0));
            prop_assert_eq!(due.is_set_back(set_back(0, back)), earlier + back > SMALL_STEP_MS);
        }
    }
}
