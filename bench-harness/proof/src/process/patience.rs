//! Real time: stopwatch, and waiting for a condition.

use std::time::{Duration, Instant};

use crate::Result;

/// Time limit for a condition: far longer than any needs, so that only a hang exceeds it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Measures elapsed time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "processes run in real time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits until `condition` holds.
///
/// # Errors
/// The error of `condition`; or, after [`PATIENCE`], a sentence that names `what`.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let watch = Stopwatch::start();
    while !condition()? {
        if watch.elapsed() > PATIENCE {
            return Err(format!("waited in vain until {what}").into());
        }
        pause(Duration::from_millis(1));
    }
    Ok(())
}

/// Sleeps: until the moment of a kill, or between two polls of a condition.
#[expect(
    clippy::disallowed_methods,
    reason = "the moment of a kill is a time, not a condition"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
