//! Reap: returns the tasks of a dead worker.

use queue_core::claim::{Claim, WorkerId};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::Reaped;
use queue_core::sqlite::verbs;

use super::transaction::Writing;

/// Returns the tasks of a dead worker except the kept ones; deletes its registration if none is
/// kept.
pub(crate) fn reap_except(
    writing: &mut Writing<'_>,
    worker: WorkerId,
    kept: &[Claim],
) -> Result<Vec<Reaped>> {
    let mut claims = verbs::claims_of(writing.slice.connection, worker)?;
    let running = claims.len();
    claims.retain(|claim| !kept.contains(claim));
    let reaped = writing.crash(&claims, false)?;
    if claims.len() == running {
        let was_registered = verbs::forget(writing.slice.connection, worker)?;
        if was_registered {
            let data = serde_json::json!({ "tasks": reaped.len() });
            let slice = &writing.slice;
            slice.write_note(EventKind::WorkerDied, Some(worker), Some(&data))?;
        }
    }
    Ok(reaped)
}
