//! Leases: a claim's time-bounded ownership, measured on boot time, which no setting of a clock
//! changes.

use std::time::Duration;

use queue_core::clock::BootTime;
use queue_core::error::{Error, Result};

/// The shortest lease: a heartbeat, due every third of it, must be able to wait for another writer.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest lease. A lease that ends later than this from now was given before a reboot.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Checks the duration of a lease.
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

/// True if a lease has run out. A claim without a lease, made before the file was promoted, ends only
/// through the recovery of its worker.
pub(crate) fn is_over(lease_until: Option<BootTime>, now: BootTime) -> bool {
    lease_until.is_some_and(|until| until <= now || until > now.after(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, is_over};
    use queue_core::clock::BootTime;

    #[test]
    fn a_lease_is_over_once_its_time_has_passed_and_after_a_reboot() {
        let now = BootTime(1_000_000);
        assert!(!is_over(None, now));
        assert!(!is_over(Some(BootTime(1_000_001)), now));
        assert!(is_over(Some(now), now));
        let of_another_boot = now.after(LONGEST).after(LONGEST);
        assert!(is_over(Some(of_another_boot), now));
    }
}
