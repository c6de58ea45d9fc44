//! How long something goes on: until so much is done, or so much time is up.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// What may be spent.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    began: Instant,
    seconds: Option<Duration>,
    count: Option<u64>,
}

impl Budget {
    /// Until `count` is reached or the time is up, whichever comes first; for ever if neither is
    /// given. The time begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is measured in real time; nothing that is proved depends on it"
    )]
    #[must_use]
    pub fn new(count: Option<u64>, seconds: Option<u64>) -> Self {
        Self {
            began: Instant::now(),
            seconds: seconds.map(Duration::from_secs),
            count,
        }
    }

    /// Whether to stop, with so much done.
    #[must_use]
    pub fn is_spent(&self, done: u64) -> bool {
        let in_time = self.seconds.is_none_or(|most| self.began.elapsed() < most);
        !in_time || self.count.is_some_and(|count| done >= count)
    }

    /// Since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does `work` again and again on every processor, until it returns false there.
    pub fn on_all_processors(&self, work: impl Fn() -> bool + Sync) {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| while work() {});
            }
        });
    }
}
