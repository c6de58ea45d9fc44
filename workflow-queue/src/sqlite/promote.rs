//! Promotion: a file of fast-queue becomes a file of this engine, for good, even while fast-queue's
//! workers use it. A promotion that was killed at any point can be started again.
//!
//! First the file is marked. Every write of fast-queue looks for the mark within its own
//! transaction; from then on fast-queue claims and adds nothing, and finishes the tasks it has.
//! Once no earlier worker lives, one transaction adds the workflow tables and makes the file this
//! engine's.

use std::path::Path;
use std::time::Duration;

use queue_core::ReadyTasks;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::WorkerInfo;
use queue_core::sqlite::{CORE, Database, OpenOptions, WORKFLOW, promote, verbs};

use super::journal;
use super::statements::{PROMOTE_CLOSE, PROMOTE_HELD, PROMOTE_HOLDS, PROMOTE_LEASE, PROMOTE_MARK};

/// The lease given to tasks that were running at the promotion. No live worker holds them: they
/// belong to dead workers, which are recovered through their locks, or to programs that claimed
/// without registering. So it does not depend on the leases that workers ask for.
const LEASE: Duration = Duration::from_secs(30);
/// Number of workers woken at the mark; the others find it at their next claim.
const MANY: usize = 1024;

/// State of a promotion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// The file is marked; these workers have yet to finish their tasks and leave.
    Waiting(Vec<WorkerInfo>),
    /// The file belongs to this engine.
    Done,
}

/// Promotes the file at `path` as far as possible now; call it again while it waits. A promoted
/// file stays as it is.
///
/// # Errors
/// [`Error::Unusable`](queue_core::Error::Unusable) for a file that does not exist or holds no
/// queue.
pub fn promote_file(path: &Path, options: OpenOptions) -> Result<Promotion> {
    let options = options.create(false);
    let database = Database::open(path, options, &[CORE])?;
    let lines = database.lines()?;
    if lines.iter().any(|line| line.name == WORKFLOW.name) {
        return Ok(Promotion::Done);
    }
    database.write(|connection| {
        connection.prepare_cached(PROMOTE_MARK)?.execute([])?;
        connection.prepare_cached(PROMOTE_CLOSE)?.execute([])?;
        Ok(())
    })?;
    database.coordination().wake(&ReadyTasks::anywhere(MANY));
    let mut living = Vec::new();
    for worker in database.read(verbs::workers)? {
        // No worker can have joined since the mark: the live workers are all there will be.
        if database.coordination().is_alive(worker.id)? {
            living.push(worker);
        }
    }
    if !living.is_empty() {
        return Ok(Promotion::Waiting(living));
    }
    let now = database.now();
    database.write(move |connection| {
        // If another process was first, running tasks have leases of their own by now.
        if promote(connection, &WORKFLOW, now.wall)? {
            journal::note(connection, now.wall, EventKind::FilePromoted, None, None)?;
            connection
                .prepare_cached(PROMOTE_LEASE)?
                .execute([now.boot.after(LEASE).0])?;
            connection.prepare_cached(PROMOTE_HELD)?.execute([])?;
            connection.prepare_cached(PROMOTE_HOLDS)?.execute([])?;
        }
        Ok(())
    })?;
    Ok(Promotion::Done)
}
