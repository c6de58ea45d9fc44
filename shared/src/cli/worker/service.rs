//! What systemd is told of a worker it started.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::{BootTime, Clock, SystemClock};

/// A worker's line to systemd; silent where systemd did not ask for it.
#[derive(Debug)]
pub(super) struct Service {
    /// How often the watchdog wants to hear of the worker, and when it did last.
    watchdog: Option<(Duration, BootTime)>,
}

impl Service {
    /// Tells that the worker is registered. Whether systemd hears that is systemd's concern.
    pub(super) fn ready() -> Self {
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        let watchdog = sd_notify::watchdog_enabled();
        Self {
            // Half of what systemd allows, as it recommends.
            watchdog: watchdog.map(|limit| (limit / 2, SystemClock.now().boot)),
        }
    }

    /// Tells that the worker is well, as often as the watchdog wants to hear it.
    pub(super) fn feed_watchdog(&mut self) {
        let Some((interval, last)) = &mut self.watchdog else {
            return;
        };
        let now = SystemClock.now().boot;
        if now.since(*last) >= *interval {
            *last = now;
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }

    /// Tells that the worker takes nothing more.
    #[expect(clippy::unused_self, reason = "only a service that was ready stops")]
    pub(super) fn stopping(&self) {
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
    }
}
