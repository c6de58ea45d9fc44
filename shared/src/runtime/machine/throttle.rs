//! Throttle of a worker while the machine is short of resources that commands need: the worker uses
//! fewer slots, pauses before it claims again, and tries more slots once nothing has failed for a
//! while.

use std::time::Duration;

use crate::clock::{BootTime, Now};

/// First pause after a shortage. It doubles with every following one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Least time without a failure before more slots are tried.
const QUIET: Duration = Duration::from_secs(1);

/// Limit on the slots that a worker uses.
#[derive(Debug, Default)]
pub(super) struct Throttle(Option<SlotLimit>);

#[derive(Debug)]
struct SlotLimit {
    slots: usize,
    pause: Duration,
    /// No claim is made before this time.
    until: BootTime,
    /// Time at which more slots are tried.
    grows_at: BootTime,
}

impl Throttle {
    /// Takes in that a task could not be started while `running` others ran. If a shortage begins
    /// with it, returns the number of slots to use from now on.
    ///
    /// Several failures at the same time count as one shortage.
    pub(super) fn short(&mut self, now: Now, running: usize, slots: usize) -> Option<usize> {
        let begins = self.0.is_none();
        let limit = self.0.get_or_insert(SlotLimit {
            slots,
            pause: Duration::ZERO,
            until: now.boot,
            grows_at: now.boot,
        });
        // The running tasks show how many fit. If none runs, other programs use the resources.
        limit.slots = match running {
            0 => (limit.slots / 2).max(1),
            running => limit.slots.min(running),
        };
        if limit.until <= now.boot {
            limit.pause = (limit.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            limit.until = now.boot.after(limit.pause);
        }
        limit.grows_at = limit.until.after(limit.pause.max(QUIET));
        begins.then_some(limit.slots)
    }

    /// Tries more slots if it is time to. Returns true if all are used again.
    pub(super) fn grow(&mut self, now: Now, slots: usize) -> bool {
        let Some(limit) = &mut self.0 else {
            return false;
        };
        if limit.grows_at > now.boot {
            return false;
        }
        limit.slots += (limit.slots / 4).max(1);
        limit.grows_at = now.boot.after(limit.pause.max(QUIET));
        let over = limit.slots >= slots;
        if over {
            self.0 = None;
        }
        over
    }

    /// Number of slots to use of `slots`.
    pub(super) fn slots(&self, slots: usize) -> usize {
        self.0
            .as_ref()
            .map_or(slots, |limit| limit.slots.min(slots))
    }

    /// Returns true if a claim may be made.
    pub(super) fn allows(&self, now: Now) -> bool {
        self.0.as_ref().is_none_or(|limit| limit.until <= now.boot)
    }

    /// Time at which a claim may be made again, or more slots are tried.
    pub(super) fn next(&self, now: Now) -> Option<BootTime> {
        let limit = self.0.as_ref()?;
        let pauses = limit.until > now.boot;
        Some(if pauses { limit.until } else { limit.grows_at })
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, Throttle};
    use crate::clock::{BootTime, Now, Timestamp};

    fn at(millis: i64) -> Now {
        Now {
            wall: Timestamp(millis),
            boot: BootTime(millis),
        }
    }

    #[test]
    fn the_running_tasks_show_how_many_slots_can_be_used() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.short(at(0), 11, 40), Some(11));
        assert_eq!(throttle.short(at(0), 11, 40), None, "it is said once");
        assert_eq!(throttle.slots(40), 11);
        assert!(!throttle.allows(at(99)) && throttle.allows(at(100)));
    }

    #[test]
    fn without_running_tasks_one_task_is_tried_ever_more_rarely() {
        let mut throttle = Throttle::default();
        let (mut now, mut tries) = (0, 0);
        while now < 60_000 {
            throttle.short(at(now), 0, 40);
            tries += 1;
            now = throttle.next(at(now)).unwrap().0;
        }
        assert_eq!(throttle.slots(40), 1);
        assert!(tries < 20, "{tries}");
        throttle.short(at(now), 0, 40);
        let pause = throttle.next(at(now)).unwrap();
        assert_eq!(pause, BootTime(now).after(LONGEST_PAUSE));
    }

    #[test]
    fn all_slots_come_back_by_themselves() {
        let mut throttle = Throttle::default();
        throttle.short(at(0), 1, 8);
        let mut now = at(0);
        let mut used = Vec::new();
        while !throttle.grow(now, 8) {
            used.push(throttle.slots(8));
            now = at(throttle.next(now).unwrap().0);
        }
        used.dedup();
        assert_eq!(used, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((throttle.slots(8), throttle.next(now)), (8, None));
        assert!(now.boot.0 < 10_000, "{now:?}");
    }

    #[test]
    fn after_a_repeated_shortage_slots_are_tried_less_often() {
        let mut throttle = Throttle::default();
        let mut now = at(0);
        let mut gaps = Vec::new();
        for _ in 0..7 {
            throttle.short(now, 4, 8);
            let began = now.boot;
            while throttle.slots(8) == 4 {
                now = at(throttle.next(now).unwrap().0);
                throttle.grow(now, 8);
            }
            gaps.push(now.boot.since(began));
        }
        assert!(gaps.is_sorted() && gaps[0] < gaps[6], "{gaps:?}");
    }
}
