//! Waiting for a condition in real time.

use std::time::{Duration, Instant};

/// Time after which a test gives up on a condition. Far more than any condition needs, so that only
/// a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The current instant of the system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes and threads use the system's clock"
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
        // The check must not slow down the tested program.
        pause((looked.elapsed() * 4).max(Duration::from_millis(2)));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two checks of a condition"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
