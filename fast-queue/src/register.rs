//! Register and deregister: adds and removes workers.

use queue_core::claim::WorkerId;
use queue_core::error::Result;
use queue_core::queue::WorkerInfo;
use queue_core::sqlite::{aside, verbs};

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Registers a worker.
pub(crate) fn register(queue: &FastQueue, worker: &WorkerInfo) -> Result<u32> {
    let worker = worker.clone();
    queue.change(Phase::Accepting, move |connection| {
        verbs::register(connection, &worker)
    })
}

/// Removes a worker that holds no claims.
pub(crate) fn deregister(queue: &FastQueue, worker: WorkerId) -> Result<()> {
    queue.change(Phase::Finishing, move |connection| {
        verbs::deregister(connection, worker).map(drop)
    })
}

/// Takes back tasks that were set aside and that this program can read.
pub(crate) fn take_back(queue: &FastQueue) -> Result<usize> {
    if queue.database().read(aside::readable)?.is_empty() {
        return Ok(0);
    }
    queue.change(Phase::Accepting, aside::take_back)
}
