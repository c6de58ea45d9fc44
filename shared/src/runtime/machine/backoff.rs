//! Backoff of a worker whose calls the database refuses.

use std::time::Duration;

use crate::clock::{BootTime, Now};

/// First delay after a refused call; it doubles up to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// Time before which a refused call is not repeated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    delay: Duration,
    pub(super) until: BootTime,
}

impl Backoff {
    pub(super) fn refused(&mut self, now: Now) {
        self.delay = (self.delay * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        self.until = now.boot.after(self.delay);
    }

    pub(super) fn over(&mut self) {
        *self = Self::default();
    }
}
