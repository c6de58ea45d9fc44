//! Verify and repair: checks and repairs the invariants of the file.

use queue_core::error::Result;
use queue_core::queue::{Invariant, Repaired};
use queue_core::sqlite::verify::{self, CORE_CHECKS};

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Checks every invariant.
pub(crate) fn verify(queue: &FastQueue) -> Result<Vec<Invariant>> {
    verify::verify(queue.database(), &[], |_| Ok(Vec::new()))
}

/// Repairs rows that can be computed anew.
pub(crate) fn repair(queue: &FastQueue) -> Result<Vec<Repaired>> {
    queue.change(Phase::Accepting, |_| Ok(()))?;
    let broken = |connection: &_| verify::broken(connection, CORE_CHECKS);
    let mut repaired = Vec::new();
    for check in queue.database().read(broken)? {
        repaired.extend(queue.change(Phase::Accepting, move |connection| {
            verify::repair(connection, &[check])
        })?);
    }
    Ok(repaired)
}
