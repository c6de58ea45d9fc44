//! The clock of a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use queue_core::clock::{BootTime, Clock, Now, Timestamp};

/// A clock that moves only on request.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    boot: AtomicI64,
}

impl ManualClock {
    /// Time of a new clock: 2026-01-01 UTC.
    pub const START: Timestamp = Timestamp(1_767_225_600_000);

    /// Moves wall time and boot time on.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.boot.fetch_add(millis, Ordering::SeqCst);
        self.jump(millis);
    }

    /// Moves wall time alone, as setting the clock does; `millis` may be negative.
    pub fn jump(&self, millis: i64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            wall: AtomicI64::new(Self::START.0),
            boot: AtomicI64::new(1_000),
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp(self.wall.load(Ordering::SeqCst)),
            boot: BootTime(self.boot.load(Ordering::SeqCst)),
        }
    }
}
