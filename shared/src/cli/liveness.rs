//! Which workers live. A worker holds the lock on its file as long as its process lives, however
//! it ends; the row alone proves nothing.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;

use crate::error::Result;
use crate::queue::{Queue, WorkerInfo};
use crate::runtime::sidecar::Sidecar;

/// Every registered worker whose process lives.
///
/// # Errors
/// Whatever reading the database meets.
pub(crate) fn living<Q: Queue>(queue: &Q) -> Result<Vec<WorkerInfo>> {
    let mut workers = queue.workers()?;
    workers.retain(|worker| lives(queue.sidecar(), worker));
    Ok(workers)
}

/// Whether a worker's process lives. What cannot be looked at is taken to live.
pub(crate) fn lives(sidecar: &Sidecar, worker: &WorkerInfo) -> bool {
    let path = sidecar.worker_lock(worker.id);
    match open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK),
        Err(error) => error != Errno::NOENT,
    }
}
