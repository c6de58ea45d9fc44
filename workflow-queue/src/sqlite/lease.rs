//! Leases: a claim's time-bounded ownership, on boot time, which no setting of a clock touches.

use std::time::Duration;

use queue_core::claim::{Claim, Held, WorkerId};
use queue_core::clock::BootTime;
use queue_core::error::{Error, Result};
use queue_core::sqlite::{rows, verbs};
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::statements::{HEARTBEAT, HEARTBEAT_LEASES, HEARTBEAT_PROBE};

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
pub(super) fn is_over(lease_until: Option<BootTime>, now: BootTime) -> bool {
    lease_until.is_some_and(|until| until <= now || until > now.after(LONGEST))
}

/// Extends the leases of claims that hold, and tells of each how it stands.
pub(super) fn heartbeat(
    connection: &Connection,
    claims: &[Claim],
    until: BootTime,
) -> Result<Vec<Held>> {
    let mut update = connection.prepare_cached(HEARTBEAT)?;
    for claim in claims {
        update.execute((claim.task.0, claim.token, claim.worker.0, until.0))?;
    }
    verbs::held(connection, claims)
}

/// Writes the rows that a heartbeat of these claims would write, and leaves them as they were: a page
/// that was changed is written at the commit, whatever it holds by then.
pub(super) fn probe(connection: &Connection, claims: &[Claim]) -> Result<()> {
    let mut update = connection.prepare_cached(HEARTBEAT_PROBE)?;
    for by in [1, -1] {
        for claim in claims {
            update.execute((claim.task.0, claim.token, claim.worker.0, by))?;
        }
    }
    Ok(())
}

/// A claim and how long it is held; `None` for one made before leases were.
pub(super) type Leased = (Claim, Option<BootTime>);

/// The claims of all running tasks; only running rows are looked at.
pub(super) fn running(connection: &Connection) -> Result<Vec<Leased>> {
    rows::all(connection, HEARTBEAT_LEASES, [], |row| {
        let claim = Claim {
            task: TaskId(row.get(0)?),
            token: row.get(1)?,
            worker: WorkerId(row.get(2)?),
        };
        Ok((claim, row.get::<_, Option<i64>>(3)?.map(BootTime)))
    })
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
