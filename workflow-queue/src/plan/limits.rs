//! The arithmetic of limits: the number of tasks a claim may take from a limited queue.
//!
//! A rate is a bucket of starts that fills evenly. Only the time at which it is full again is
//! stored; every claim moves that time on.

use queue_core::clock::Timestamp;

use crate::limit::Rate;

/// A limit as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredLimit {
    /// Its number in `queue_limits`.
    pub(crate) id: i64,
    /// Number of tasks that may run at once.
    pub(crate) concurrency: Option<u32>,
    /// Starts per period.
    pub(crate) rate: Option<Rate>,
    /// Time at which the bucket of the rate is full again, in microseconds since 1970.
    pub(crate) full_at: i64,
}

/// The part of a limited queue that a claim may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Number of tasks.
    pub(crate) tasks: usize,
    /// Time at which more are allowed, if time alone brings them.
    pub(crate) more_at: Option<Timestamp>,
}

impl StoredLimit {
    /// The allowance of a claim while `running` tasks of the queue run.
    pub(crate) fn allowance(self, running: u64, now: Timestamp) -> Allowance {
        let mut allowance = match self.rate {
            Some(rate) => self.starts_left(rate, now),
            None => Allowance {
                tasks: usize::MAX,
                more_at: None,
            },
        };
        if let Some(bound) = self.concurrency {
            let free = u64::from(bound).saturating_sub(running);
            let free = usize::try_from(free).unwrap_or(usize::MAX);
            allowance.tasks = allowance.tasks.min(free);
        }
        allowance
    }

    /// The new time at which the bucket is full, once `tasks` more have started; `None` without a
    /// rate.
    pub(crate) fn full_after(self, tasks: usize, now: Timestamp) -> Option<i64> {
        let rate = self.rate.filter(|_| tasks > 0)?;
        Some(self.spent(rate, tasks, now))
    }

    /// The corrected time at which the bucket is full, if the clock was set back: uncorrected, the
    /// bucket would look empty until the clock reaches the old time again.
    pub(crate) fn full_after_set_back(self, now: Timestamp) -> Option<i64> {
        let rate = self.rate.filter(|rate| self.is_ahead(*rate, now))?;
        Some(self.spent(rate, 0, now))
    }

    /// Microseconds of a bucket that one start takes, rounded up so that the rate is never
    /// exceeded.
    fn interval(rate: Rate) -> i64 {
        (i64::from(rate.period_ms) * 1000 + i64::from(rate.starts) - 1)
            / i64::from(rate.starts).max(1)
    }

    /// Microseconds that the whole bucket takes to fill.
    fn capacity(rate: Rate) -> i64 {
        Self::interval(rate) * i64::from(rate.starts)
    }

    /// True if the bucket would take longer to fill than a whole bucket does: the clock was set
    /// back.
    fn is_ahead(self, rate: Rate, now: Timestamp) -> bool {
        self.full_at.saturating_sub(micros(now)) > Self::capacity(rate)
    }

    /// The starts left in the bucket.
    fn starts_left(self, rate: Rate, now: Timestamp) -> Allowance {
        if rate.starts == 0 {
            return Allowance {
                tasks: 0,
                more_at: None,
            };
        }
        let interval = Self::interval(rate);
        let capacity = Self::capacity(rate);
        let missing = (self.full_at - micros(now)).clamp(0, capacity);
        let left = (capacity - missing) / interval;
        let more = missing - (capacity - (left + 1) * interval);
        Allowance {
            tasks: usize::try_from(left).unwrap_or(0),
            more_at: (missing > 0).then(|| Timestamp(now.0 + more.div_euclid(1000) + 1)),
        }
    }

    /// The allowance of the rate, if it is used up.
    pub(crate) fn spent_rate(self, now: Timestamp) -> Option<Allowance> {
        let rate = self.rate.filter(|rate| !self.is_ahead(*rate, now))?;
        Some(self.starts_left(rate, now)).filter(|allowance| allowance.tasks == 0)
    }

    /// Time at which the bucket is full again once `tasks` more have started.
    fn spent(self, rate: Rate, tasks: usize, now: Timestamp) -> i64 {
        let interval = Self::interval(rate);
        let missing = (self.full_at - micros(now)).clamp(0, Self::capacity(rate));
        micros(now) + missing + interval * i64::try_from(tasks).unwrap_or(i64::MAX / interval)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.0.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::clock::Timestamp;

    use super::{Rate, StoredLimit};

    fn limit(rate: Rate, full_at: i64) -> StoredLimit {
        StoredLimit {
            id: 1,
            concurrency: None,
            rate: Some(rate),
            full_at,
        }
    }

    #[test]
    fn a_bucket_empties_and_fills_evenly() {
        let rate = Rate {
            starts: 4,
            period_ms: 1000,
        };
        let now = Timestamp(1_000_000);
        let full = limit(rate, 0);
        assert_eq!(full.starts_left(rate, now).tasks, 4);
        let empty = limit(rate, full.spent(rate, 4, now));
        let left = empty.starts_left(rate, now);
        assert_eq!(left.tasks, 0);
        assert!(left.more_at.is_some_and(|at| at >= Timestamp(1_000_250)));
        assert_eq!(empty.starts_left(rate, Timestamp(1_000_500)).tasks, 2);
        assert_eq!(empty.starts_left(rate, Timestamp(1_001_000)).tasks, 4);
        let zero = Rate { starts: 0, ..rate };
        assert_eq!(limit(zero, 0).starts_left(zero, now).tasks, 0);
    }

    #[test]
    fn a_bucket_says_when_it_holds_one_more_and_nothing_once_it_is_full() {
        let rate = Rate {
            starts: 3,
            period_ms: 1000,
        };
        let now = Timestamp(1_000_000);
        let full = limit(rate, 0);
        assert_eq!(full.starts_left(rate, now).more_at, None);
        for taken in 1..=3 {
            let more_at = 1_000_334;
            let used = limit(rate, full.spent(rate, taken, now));
            let left = used.starts_left(rate, now);
            assert_eq!(left.more_at, Some(Timestamp(more_at)), "{taken} taken");
            let later = used.starts_left(rate, Timestamp(more_at));
            assert_eq!(later.tasks, left.tasks + 1, "{taken} taken");
        }
    }

    #[test]
    fn a_bucket_takes_no_less_than_its_period_to_fill() {
        for starts in [1, 3, 7, 1000] {
            let rate = Rate {
                starts,
                period_ms: 1000,
            };
            assert!(StoredLimit::capacity(rate) >= 1_000_000, "{starts} starts");
        }
    }

    proptest! {
        #[test]
        fn a_clock_set_back_waits_one_period_at_most(
            starts in 1..5000_u32, period_ms in 1..100_000_u32, ahead in 0..1_i64 << 45,
        ) {
            prop_assume!(u64::from(starts) <= u64::from(period_ms) * 1000);
            let rate = Rate { starts, period_ms };
            let now = Timestamp(1_700_000_000_000);
            let limit = limit(rate, (now.0 + ahead) * 1000);
            let left = limit.starts_left(rate, now);
            let interval_ms = i64::from(period_ms) / i64::from(starts) + 2;
            prop_assert!(left.tasks > 0 || left.more_at.unwrap().0 - now.0 <= interval_ms);
            prop_assert!(left.tasks <= starts as usize);
        }
    }
}
