//! Work on a whole file that no process uses: restore a backup, salvage readable rows, shrink.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::queue::{Queue, Repaired};
use crate::runtime::recover::recover_dead;
use crate::runtime::recovery::Recovered;
use crate::sqlite::OpenOptions;
use crate::sqlite::restore::{BackupFile, Replacement};
use crate::sqlite::salvage::Salvage;
pub use crate::sqlite::salvage::Salvaged;
pub use crate::sqlite::shrink::{Shrunk, shrink};

/// Result of a [`restore`].
#[derive(Debug)]
pub struct Restored {
    /// Path of the replaced file, if there was one.
    pub kept: Option<PathBuf>,
    /// Path of a file that an earlier, interrupted restore had set aside.
    pub found: Option<PathBuf>,
    /// Tasks that ran when the backup was made, with their fate.
    pub recovered: Vec<Recovered>,
    /// True if the backup belongs to another engine, which alone can work on it.
    pub foreign: bool,
}

/// Replaces the database at `path` with a backup, in a new epoch: no earlier claim is valid any
/// more, and no id is given out again. First ends the processes that a dead worker of the database
/// left. Tasks that ran when the backup was made return as if their worker had died. If this
/// process is killed, the database is either the old one or the new one.
///
/// `open` opens the engine on a file.
///
/// # Errors
/// [`Error::Busy`](crate::Error::Busy) while other processes have the database open;
/// [`Error::NotFound`](crate::Error::NotFound) without a backup;
/// [`Error::Unusable`](crate::Error::Unusable) for one that is damaged or not the engine's.
pub fn restore<Q: Queue>(
    path: &Path,
    backup: &Path,
    options: &OpenOptions,
    open: impl FnOnce(&Path, OpenOptions) -> Result<Q>,
) -> Result<Restored> {
    let backup = BackupFile::open(backup, path, options)?;
    let replacement = Replacement::begin(path, options)?;
    replacement.fill_from(backup)?;
    let queue = open(&replacement.staged(), replacement.options().clone())?;
    let recovered = void_claims(&queue, &replacement)?;
    let refusal = queue.refuses()?;
    drop(queue);
    let found = replacement.found.clone();
    Ok(Restored {
        kept: replacement.finish()?,
        found,
        recovered,
        foreign: refusal.is_some(),
    })
}

/// Result of a [`salvage`].
#[derive(Debug)]
pub struct Saved {
    /// Number of rows read and lost, by table.
    pub tables: Vec<Salvaged>,
    /// Repairs of rows that depended on lost ones.
    pub repaired: Vec<Repaired>,
    /// Tasks that were running, with their fate.
    pub recovered: Vec<Recovered>,
}

/// Copies every readable row of the database at `path` to a new one at `new`, in a new epoch, and
/// returns its running tasks. Only reads the old file. `None` if it belongs to another engine,
/// which alone can salvage it. If nothing is saved, nothing is left at `new`.
///
/// `open` opens the engine on a file.
///
/// # Errors
/// [`Error::Busy`](crate::Error::Busy) while other processes have the database open;
/// [`Error::Invalid`](crate::Error::Invalid) if there is something at `new`;
/// [`Error::Unusable`](crate::Error::Unusable) if not even the names of its tables can be read.
pub fn salvage<Q: Queue>(
    path: &Path,
    new: &Path,
    options: &OpenOptions,
    open: impl Fn(&Path, OpenOptions) -> Result<Q>,
) -> Result<Option<Saved>> {
    let old = Salvage::open(path, new, options)?;
    let mut replacement = Replacement::begin(new, options)?;
    let staged = replacement.create_staged()?;
    let first = old.begin_copy(&staged, options)?;
    let is_foreign = |queue: Q| Ok(queue.refuses()?.is_some());
    if open(&staged, replacement.options().clone()).and_then(is_foreign)? {
        return Ok(None);
    }
    let tables = old.copy_to(&staged, replacement.options(), first)?;
    let queue = open(&staged, replacement.options().clone())?;
    let recovered = void_claims(&queue, &replacement)?;
    let repaired = queue.repair()?;
    drop(queue);
    if !tables.iter().all(Salvaged::is_whole) {
        replacement.forget_watermark();
    }
    replacement.finish()?;
    Ok(Some(Saved {
        tables,
        repaired,
        recovered,
    }))
}

/// Returns every running task of the staged file, and removes its workers.
fn void_claims<Q: Queue>(queue: &Q, replacement: &Replacement) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    for (worker, origin, claims) in replacement.workers()? {
        let mut one = recover_dead(queue, replacement.sidecar(), (worker, origin), claims)?;
        // In the new epoch nothing runs; processes that could not be ended are reported.
        if !one.kept.is_empty() {
            one.tasks.extend(queue.reap(worker)?);
        }
        if !one.tasks.is_empty() || one.ended > 0 || !one.unreachable.is_empty() {
            recovered.push(one);
        }
    }
    Ok(recovered)
}
