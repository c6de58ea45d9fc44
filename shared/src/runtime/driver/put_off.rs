//! Recoveries that have to be begun anew after a while: tasks were kept of which a process lives that
//! cannot be ended, or cannot be seen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::{Claim, WorkerId};
use crate::clock::BootTime;
use crate::runtime::recovery::Recovered;

/// The first time a recovery is put off; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(32);

/// The workers whose recovery was put off; those that only let leases run out apart.
#[derive(Debug, Default)]
pub(super) struct PutOff(BTreeMap<(WorkerId, bool), Entry>);

#[derive(Debug)]
struct Entry {
    until: BootTime,
    pause: Duration,
    times: u32,
    elsewhere: bool,
    unreachable: Vec<u32>,
    kept: Vec<Claim>,
}

impl PutOff {
    /// Whether the dead worker is to be left alone for now.
    pub(super) fn is_put_off(&self, worker: WorkerId, now: BootTime) -> bool {
        let entry = self.0.get(&(worker, false));
        entry.is_some_and(|entry| now < entry.until)
    }

    /// Whether leases of the worker that ran out are to be left alone for now. Those of one that died
    /// elsewhere are what there is to go by.
    pub(super) fn are_put_off(&self, worker: WorkerId, now: BootTime) -> bool {
        let of = |expired| self.0.get(&(worker, expired));
        let entries = of(true).into_iter().chain(of(false));
        let mut waiting = entries.filter(|entry| now < entry.until);
        waiting.any(|entry| !entry.elsewhere)
    }

    /// Puts a recovery off that kept tasks. Returns whether that is to be told: at first, where
    /// something has changed, and ever more rarely as long as nothing does.
    pub(super) fn put_off(&mut self, recovered: &Recovered, now: BootTime) -> bool {
        let key = (recovered.worker, recovered.expired);
        let before = self.0.get(&key);
        let same = before.filter(|entry| {
            recovered.tasks.is_empty()
                && entry.unreachable == recovered.unreachable
                && entry.kept == recovered.kept
        });
        let times = same.map_or(1, |entry| entry.times.saturating_add(1));
        let pause = same.map_or(FIRST, |entry| (entry.pause * 2).min(LONGEST));
        let entry = Entry {
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

    /// A recovery kept nothing.
    pub(super) fn is_over(&mut self, recovered: &Recovered) {
        self.0.remove(&(recovered.worker, recovered.expired));
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, PutOff};
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
    fn a_recovery_is_tried_and_told_of_ever_more_rarely_until_something_changes() {
        let (mut put_off, mut now, mut told) = (PutOff::default(), BootTime(0), Vec::new());
        for time in 1..=9 {
            assert!(!put_off.is_put_off(WorkerId(7), now));
            if put_off.put_off(&kept(40), now) {
                told.push(time);
            }
            assert!(put_off.is_put_off(WorkerId(7), now.after(LONGEST / 32)));
            while put_off.is_put_off(WorkerId(7), now) {
                now = now.after(LONGEST / 32);
            }
        }
        assert_eq!(told, [1, 2, 4, 8]);
        assert!(put_off.put_off(&kept(41), now), "another process");
        put_off.is_over(&kept(41));
        assert!(!put_off.is_put_off(WorkerId(7), now));
    }

    #[test]
    fn leases_of_a_worker_that_died_elsewhere_are_not_put_off_with_it() {
        for elsewhere in [false, true] {
            let (mut put_off, worker) = (PutOff::default(), WorkerId(7));
            let recovered = Recovered {
                elsewhere,
                ..kept(40)
            };
            put_off.put_off(&recovered, BootTime(0));
            assert!(put_off.is_put_off(worker, BootTime(1)));
            assert_eq!(put_off.are_put_off(worker, BootTime(1)), !elsewhere);
        }
    }
}
