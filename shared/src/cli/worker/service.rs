//! Notifications to systemd by a worker that it started.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::{BootTime, Clock, SystemClock};

/// Sends a worker's state to systemd, if systemd asked for it.
#[derive(Debug)]
pub(super) struct Service {
    /// Interval of the watchdog, and the time of the last notification.
    watchdog: Option<(Duration, BootTime)>,
}

impl Service {
    /// Reports that the worker is registered, and ignores errors.
    pub(super) fn ready() -> Self {
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        let watchdog = sd_notify::watchdog_enabled();
        Self {
            // Half of what systemd allows, as it recommends.
            watchdog: watchdog.map(|limit| (limit / 2, SystemClock.now().boot)),
        }
    }

    /// Reports that the worker is alive, as often as the watchdog needs it.
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

    /// Reports that the worker is stopping.
    #[expect(clippy::unused_self, reason = "only a service that was ready stops")]
    pub(super) fn stopping(&self) {
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
    }
}
