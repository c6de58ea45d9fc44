//! Waiting for a condition in real time.

use std::time::{Duration, Instant};

/// How long a condition may take before a test gives up on it. Far above what any needs, so that
/// only a hang meets it.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The present, to measure real time from.
#[expect(
    clippy::disallowed_methods,
    reason = "processes and threads of their own go by the system's clock"
)]
pub fn present() -> Instant {
    Instant::now()
}

/// Waits until a condition holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = present();
    loop {
        let looked = present();
        if holds() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        // Looking must not slow down what is looked at.
        pause((looked.elapsed() * 4).max(Duration::from_millis(2)));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks at a condition"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
