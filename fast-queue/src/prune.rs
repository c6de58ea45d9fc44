//! Prune: deletes old ended tasks.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::PruneRequest;
use queue_core::sqlite::verbs;
use queue_core::sqlite::verbs::{Keeper, Pruned};
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::{Guard, Phase};
use crate::queue::FastQueue;

/// Deletes ended tasks in steps, while `go_on` returns true.
pub(crate) fn prune_while(
    queue: &FastQueue,
    request: &PruneRequest,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    verbs::prune(queue.database(), &queue.guard, request, go_on)
}

/// Deletes the logs of tasks that are gone.
pub(crate) fn delete_logs(queue: &FastQueue) -> Result<()> {
    verbs::delete_logs(queue.database(), &queue.guard)
}

impl Keeper for Guard {
    fn check(&self, connection: &Connection) -> Result<()> {
        Self::check(self, connection, Phase::Accepting)
    }

    fn keeps(&self, _: &Connection, _: TaskId) -> Result<bool> {
        Ok(false)
    }

    fn clear(&self, _: &Connection, _: TaskId) -> Result<()> {
        Ok(())
    }

    fn record(&self, _: &Connection, _: Timestamp, _: &[Pruned]) -> Result<()> {
        Ok(())
    }
}
