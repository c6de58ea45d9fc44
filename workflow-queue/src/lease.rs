//! Leases: a claim's time-bounded ownership, on boot time, which no setting of a clock touches.

use std::time::Duration;

use queue_core::clock::BootTime;
use queue_core::error::{Error, Result};

/// The shortest lease: a heartbeat every third of it must be able to wait for another writer.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest lease. One that ends later than this from now was given in another boot.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Refuses a lease that no worker may have.
///
/// # Errors
/// [`Error::Invalid`] for one shorter than a second or longer than a day.
pub fn check_lease(lease: Duration) -> Result<()> {
    if (SHORTEST..=LONGEST).contains(&lease) {
        return Ok(());
    }
    Err(Error::invalid(
        "a lease must last from one second to one day",
    ))
}

/// Whether a lease has run out. A claim without one, made before leases were, is given up by the
/// recovery of its worker alone.
pub(crate) fn is_over(lease_until: Option<BootTime>, now: BootTime) -> bool {
    lease_until.is_some_and(|until| until <= now || until > now.after(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, is_over};
    use queue_core::clock::BootTime;

    #[test]
    fn a_lease_is_over_when_its_time_is_and_after_a_reboot() {
        let now = BootTime(1_000_000);
        assert!(!is_over(None, now));
        assert!(!is_over(Some(BootTime(1_000_001)), now));
        assert!(is_over(Some(now), now));
        let of_another_boot = now.after(LONGEST).after(LONGEST);
        assert!(is_over(Some(of_another_boot), now));
    }
}
