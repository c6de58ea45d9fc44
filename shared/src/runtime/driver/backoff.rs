//! Backoff of recoveries that kept tasks because a process of theirs cannot be ended, or cannot be
//! seen. They are started again after a while.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::{Claim, WorkerId};
use crate::clock::BootTime;
use crate::runtime::recovery::Recovered;

/// First pause; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(32);

/// Postponed recoveries, by worker. The flag marks those of expired claims.
#[derive(Debug, Default)]
pub(super) struct RecoveryBackoff(BTreeMap<(WorkerId, bool), Postponed>);

#[derive(Debug)]
struct Postponed {
    until: BootTime,
    pause: Duration,
    times: u32,
    elsewhere: bool,
    unreachable: Vec<u32>,
    kept: Vec<Claim>,
}

impl RecoveryBackoff {
    /// Returns true if the recovery of the dead worker has to wait.
    pub(super) fn is_waiting(&self, worker: WorkerId, now: BootTime) -> bool {
        let entry = self.0.get(&(worker, false));
        entry.is_some_and(|entry| now < entry.until)
    }

    /// Returns true if the recovery of the worker's expired claims has to wait. If the worker died
    /// elsewhere, only its leases show that, so they do not wait.
    pub(super) fn leases_wait(&self, worker: WorkerId, now: BootTime) -> bool {
        let of = |expired| self.0.get(&(worker, expired));
        let entries = of(true).into_iter().chain(of(false));
        let mut waiting = entries.filter(|entry| now < entry.until);
        waiting.any(|entry| !entry.elsewhere)
    }

    /// Postpones a recovery that kept tasks. Returns true if that is to be reported: the first
    /// time, after a change, and otherwise ever more rarely.
    pub(super) fn postpone(&mut self, recovered: &Recovered, now: BootTime) -> bool {
        let key = (recovered.worker, recovered.expired);
        let before = self.0.get(&key);
        let same = before.filter(|entry| {
            recovered.tasks.is_empty()
                && entry.unreachable == recovered.unreachable
                && entry.kept == recovered.kept
        });
        let times = same.map_or(1, |entry| entry.times.saturating_add(1));
        let pause = same.map_or(FIRST, |entry| (entry.pause * 2).min(LONGEST));
        let entry = Postponed {
            until: now.after(pause),
            pause,
            times,
            elsewhere: recovered.elsewhere,
            unreachable: recovered.unreachable.clone(),
            kept: recovered.kept.clone(),
        };
        self.0.insert(key, entry);
        times.is_power_of_two()
    }

    /// Forgets the recovery: it kept nothing.
    pub(super) fn reset(&mut self, recovered: &Recovered) {
        self.0.remove(&(recovered.worker, recovered.expired));
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, RecoveryBackoff};
    use crate::claim::{Claim, WorkerId};
    use crate::clock::BootTime;
    use crate::runtime::recovery::Recovered;
    use crate::task::TaskId;

    fn kept(unreachable: u32) -> Recovered {
        let worker = WorkerId(7);
        let claim = Claim {
            task: TaskId(1),
            token: 1,
            worker,
        };
        Recovered {
            unreachable: vec![unreachable],
            kept: vec![claim],
            ..Recovered::of(worker)
        }
    }

    #[test]
    fn a_recovery_is_tried_and_reported_ever_more_rarely_until_something_changes() {
        let (mut backoff, mut now, mut told) =
            (RecoveryBackoff::default(), BootTime(0), Vec::new());
        for time in 1..=9 {
            assert!(!backoff.is_waiting(WorkerId(7), now));
            if backoff.postpone(&kept(40), now) {
                told.push(time);
            }
            assert!(backoff.is_waiting(WorkerId(7), now.after(LONGEST / 32)));
            while backoff.is_waiting(WorkerId(7), now) {
                now = now.after(LONGEST / 32);
            }
        }
        assert_eq!(told, [1, 2, 4, 8]);
        assert!(backoff.postpone(&kept(41), now), "another process");
        backoff.reset(&kept(41));
        assert!(!backoff.is_waiting(WorkerId(7), now));
    }

    #[test]
    fn expired_claims_of_a_worker_that_died_elsewhere_are_not_postponed() {
        for elsewhere in [false, true] {
            let (mut backoff, worker) = (RecoveryBackoff::default(), WorkerId(7));
            let recovered = Recovered {
                elsewhere,
                ..kept(40)
            };
            backoff.postpone(&recovered, BootTime(0));
            assert!(backoff.is_waiting(worker, BootTime(1)));
            assert_eq!(backoff.leases_wait(worker, BootTime(1)), !elsewhere);
        }
    }
}
