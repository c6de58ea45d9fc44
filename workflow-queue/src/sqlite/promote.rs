//! Promotion: a file of fast-queue's becomes this engine's, for good, also while fast-queue's workers
//! run on it. Killed at any point it can be begun again.
//!
//! First the file is marked: every write of fast-queue looks for that within its own transaction,
//! takes nothing on any more and finishes what it has. Once no worker of before lives, one
//! transaction adds the workflow line and makes the file this engine's.

use std::path::Path;
use std::time::Duration;

use queue_core::error::Result;
use queue_core::queue::WorkerInfo;
use queue_core::sqlite::{CORE, Database, OpenOptions, WORKFLOW, promote, verbs};

use super::statements::{PROMOTE_CLOSE, PROMOTE_LEASE, PROMOTE_MARK};

/// The lease of what ran when the file was promoted. No worker holds it any more: it is of dead ones,
/// which are recovered by their locks, or of programs that claimed without registering. So it has
/// nothing to do with the leases that workers ask for.
const LEASE: Duration = Duration::from_secs(30);
/// How many workers learn of the mark at once; the others find it at their next claim.
const MANY: usize = 1024;

/// How far a promotion has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// The file is marked, and these workers have yet to finish what they have and leave.
    Waiting(Vec<WorkerInfo>),
    /// The file is this engine's.
    Done,
}

/// Promotes the file at `path` as far as that is possible now; call it again while it waits. A file
/// that is promoted already is left alone.
///
/// # Errors
/// [`Error::Unusable`](queue_core::Error::Unusable) for a file that is not there or holds no queue.
pub fn promote_file(path: &Path, options: OpenOptions) -> Result<Promotion> {
    let options = OpenOptions {
        create: false,
        ..options
    };
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
    database.coordination().wake(MANY);
    let mut living = Vec::new();
    for worker in database.read(verbs::workers)? {
        // Since the mark none can have joined, so those that live now are all there will be.
        if database.coordination().is_alive(worker.id)? {
            living.push(worker);
        }
    }
    if !living.is_empty() {
        return Ok(Promotion::Waiting(living));
    }
    let now = database.now();
    database.write(move |connection| {
        // Where another process was first, what runs has leases of its own by now.
        if promote(connection, &WORKFLOW, now.wall)? {
            connection
                .prepare_cached(PROMOTE_LEASE)?
                .execute([now.boot.after(LEASE).0])?;
        }
        Ok(())
    })?;
    Ok(Promotion::Done)
}
