//! Register and deregister: adds and removes workers.

use queue_core::claim::WorkerId;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::WorkerInfo;
use queue_core::sqlite::verbs;

use super::take_back::take_back;
use super::transaction::Writing;

/// Registers a worker. Returns its position.
pub(crate) fn register(writing: &mut Writing<'_>, worker: &WorkerInfo) -> Result<u32> {
    take_back(writing)?;
    let position = verbs::register(writing.slice.connection, worker)?;
    let data = serde_json::json!({ "pid": worker.pid, "slots": worker.slots });
    let slice = &writing.slice;
    slice.write_note(EventKind::WorkerRegistered, Some(worker.id), Some(&data))?;
    Ok(position)
}

/// Removes a worker that holds no claims.
pub(crate) fn deregister(writing: &mut Writing<'_>, worker: WorkerId) -> Result<()> {
    if verbs::deregister(writing.slice.connection, worker)? {
        let slice = &writing.slice;
        slice.write_note(EventKind::WorkerEnded, Some(worker), None)?;
    }
    Ok(())
}
