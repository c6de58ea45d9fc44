//! State machine for overdue claims: it counts for how long each has been overdue while writes were
//! possible. A lease runs out if its worker does not extend it; if the file refuses writes to
//! everybody, that is not the worker's fault. So a claim is returned only once this process itself
//! has written, repeatedly for a third of the lease, the rows that an extension would write.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::Claim;
use crate::clock::BootTime;

/// Longest pause between two of these writes.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Least number of writes in a third of the lease.
const WRITES: u32 = 4;

/// Claims that this process has seen overdue.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    third: Duration,
    pause: Duration,
    /// Time for which each has been overdue while this process could write.
    seen: BTreeMap<Claim, Duration>,
    /// End of the last write; `None` if one was refused since.
    wrote_at: Option<BootTime>,
    look_at: Option<BootTime>,
}

impl Overdue {
    /// Creates the state for leases of that length.
    pub(super) fn new(lease: Duration) -> Self {
        let third = lease / 3;
        Self {
            third,
            pause: (third / WRITES).min(LONGEST_PAUSE),
            ..Self::default()
        }
    }

    /// Takes in all claims that are overdue now. Returns those that have expired. While any claim
    /// is overdue, the caller tries a write and reports it with [`wrote`](Self::wrote) or
    /// [`refused`](Self::refused).
    pub(super) fn found(&mut self, overdue: &[Claim]) -> Vec<Claim> {
        self.look_at = None;
        self.seen.retain(|claim, _| overdue.contains(claim));
        for claim in overdue {
            self.seen.entry(*claim).or_default();
        }
        let over = self.seen.iter().filter(|(_, seen)| **seen >= self.third);
        over.map(|(claim, _)| *claim).collect()
    }

    /// Takes in a successful write with its start and end. Of the time since the last write, at
    /// most the pause counts: a process that was stopped, or suspended with the machine, has not
    /// tried meanwhile.
    pub(super) fn wrote(&mut self, began: BootTime, ended: BootTime) {
        let could = self
            .wrote_at
            .map_or(Duration::ZERO, |before| began.since(before));
        let could = could.min(self.pause);
        self.wrote_at = Some(ended);
        // Claims that have expired already need no earlier check.
        let waits = self.seen.values().any(|seen| *seen < self.third);
        for seen in self.seen.values_mut() {
            *seen += could;
        }
        let is_over = self.seen.values().all(|seen| *seen >= self.third);
        let next = if is_over {
            ended
        } else {
            ended.after(self.pause)
        };
        self.look_at = waits.then_some(next);
    }

    /// Restarts the count, after a refused write or a failed read of the overdue claims.
    pub(super) fn refused(&mut self) {
        self.wrote_at = None;
        self.look_at = None;
        self.seen.clear();
    }

    /// Time of the next check, if it is earlier than usual.
    pub(super) fn look_at(&self) -> Option<BootTime> {
        self.look_at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Overdue;
    use crate::claim::{Claim, WorkerId};
    use crate::clock::BootTime;
    use crate::task::TaskId;

    const LEASE: Duration = Duration::from_secs(12);
    /// A quarter of a third of the lease.
    const PAUSE: i64 = 1_000;

    fn claim(task: i64) -> Claim {
        Claim {
            task: TaskId(task),
            token: 1,
            worker: WorkerId(9),
        }
    }

    fn wrote(overdue: &mut Overdue, at: i64) {
        overdue.wrote(BootTime(at), BootTime(at));
    }

    /// A claim was returned as soon as its lease was over, even if nobody could have extended it:
    /// after minutes of a full disk all running tasks were ended and ran again. Now a third of the
    /// lease has to pass in which its worker could have written.
    #[test]
    fn a_claim_expires_after_writes_for_a_third_of_the_lease() {
        let mut overdue = Overdue::new(LEASE);
        for look in 0..=4 {
            assert_eq!(overdue.found(&[claim(1)]), [], "look {look}");
            let at = BootTime(look * PAUSE);
            assert!(overdue.look_at().is_none());
            wrote(&mut overdue, at.0);
            let next = if look < 4 { at.0 + PAUSE } else { at.0 };
            assert_eq!(overdue.look_at(), Some(BootTime(next)));
        }
        assert_eq!(overdue.found(&[claim(1)]), [claim(1)]);
        wrote(&mut overdue, 5 * PAUSE);
        assert_eq!(overdue.look_at(), None, "it is being returned");
    }

    #[test]
    fn a_refused_write_restarts_the_count() {
        let mut overdue = Overdue::new(LEASE);
        for at in 0..4 {
            overdue.found(&[claim(1)]);
            wrote(&mut overdue, at * PAUSE);
        }
        overdue.refused();
        assert_eq!(overdue.look_at(), None);
        // The first write after that proves nothing about the time before.
        for at in 10..=13 {
            assert_eq!(overdue.found(&[claim(1)]), []);
            wrote(&mut overdue, at * PAUSE);
        }
        assert_eq!(overdue.found(&[claim(1)]), []);
        wrote(&mut overdue, 14 * PAUSE);
        assert_eq!(overdue.found(&[claim(1)]), [claim(1)]);
    }

    #[test]
    fn time_that_passes_without_a_write_does_not_count() {
        let mut overdue = Overdue::new(LEASE);
        for at in [0, 3_600_000, 7_200_000, 10_800_000] {
            assert_eq!(overdue.found(&[claim(1)]), []);
            wrote(&mut overdue, at);
        }
        assert_eq!(overdue.found(&[claim(1)]), []);
        // Nor does the time for which a write had to wait.
        overdue.wrote(BootTime(10_800_000), BootTime(20_000_000));
        assert_eq!(overdue.found(&[claim(1)]), []);
    }

    #[test]
    fn an_extended_claim_is_counted_from_the_start_again() {
        let mut overdue = Overdue::new(LEASE);
        for at in 0..=4 {
            assert_eq!(overdue.found(&[claim(1), claim(2)]), []);
            wrote(&mut overdue, at * PAUSE);
        }
        assert_eq!(overdue.found(&[claim(2)]), [claim(2)]);
        assert_eq!(overdue.found(&[claim(1), claim(2)]), [claim(2)]);
        wrote(&mut overdue, 5 * PAUSE);
        assert_eq!(overdue.look_at(), Some(BootTime(6 * PAUSE)));
    }

    #[test]
    fn writes_for_a_long_lease_are_ten_seconds_apart() {
        let mut overdue = Overdue::new(Duration::from_secs(24 * 3_600));
        overdue.found(&[claim(1)]);
        wrote(&mut overdue, 0);
        assert_eq!(overdue.look_at(), Some(BootTime(10_000)));
    }
}
