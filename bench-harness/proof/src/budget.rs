//! Limit on a proof: a number of cases, a time, or both.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Limit on the number of cases and on the time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    began: Instant,
    seconds: Option<Duration>,
    count: Option<u64>,
}

impl Budget {
    /// Starts the time. The budget is spent once `count` is reached or the time is up, whichever comes
    /// first; without either it never is.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time limit is real time; no result depends on it"
    )]
    #[must_use]
    pub fn new(count: Option<u64>, seconds: Option<u64>) -> Self {
        Self {
            began: Instant::now(),
            seconds: seconds.map(Duration::from_secs),
            count,
        }
    }

    /// Returns true once `done` cases, or the time, exhaust the budget.
    #[must_use]
    pub fn is_spent(&self, done: u64) -> bool {
        let in_time = self.seconds.is_none_or(|most| self.began.elapsed() < most);
        !in_time || self.count.is_some_and(|count| done >= count)
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Calls `work` repeatedly on every processor, on each until it returns false there.
    pub fn on_all_processors(&self, work: impl Fn() -> bool + Sync) {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| while work() {});
            }
        });
    }
}
