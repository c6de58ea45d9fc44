//! What is done to a whole file while nothing works on it: restored from a backup, saved as far as
//! it can be read, or shrunk.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::queue::{Queue, Repaired};
use crate::runtime::recovery::Recovered;
use crate::runtime::system::recover_dead;
use crate::sqlite::OpenOptions;
use crate::sqlite::restore::{BackupFile, Replacement};
use crate::sqlite::salvage::Salvage;
pub use crate::sqlite::salvage::Salvaged;
pub use crate::sqlite::shrink::{Shrunk, shrink};

/// What a [`restore`] did.
#[derive(Debug)]
pub struct Restored {
    /// Where the file is kept that was there before.
    pub kept: Option<PathBuf>,
    /// What an earlier restore, which was interrupted, had set aside.
    pub found: Option<PathBuf>,
    /// What became of the tasks that ran when the backup was made.
    pub recovered: Vec<Recovered>,
    /// The backup is of another engine, which alone can work on it.
    pub foreign: bool,
}

/// Puts a backup in the place of the database at `path`, with a new epoch: no claim made before is
/// good any more, and no id is given out again. What ran when the backup was made is returned as if
/// its worker had died, after processes that a dead worker of the database left were ended. Whoever
/// is killed here leaves the database as it was or as it is to be.
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

/// What a [`salvage`] saved.
#[derive(Debug)]
pub struct Saved {
    /// Of each table, what was read and what was not.
    pub tables: Vec<Salvaged>,
    /// What was computed anew, since it hung on what is lost.
    pub repaired: Vec<Repaired>,
    /// What became of the tasks that ran.
    pub recovered: Vec<Recovered>,
}

/// Copies every row that can be read of the database at `path` to a new one at `new`, with a new
/// epoch; what ran is returned. The old file is only read. `None` if it is another engine's, which
/// alone can save it. Where nothing is saved nothing is left at `new`.
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
        replacement.forget_past();
    }
    replacement.finish()?;
    Ok(Some(Saved {
        tables,
        repaired,
        recovered,
    }))
}

/// Returns whatever runs in the staged file, and forgets its workers.
fn void_claims<Q: Queue>(queue: &Q, replacement: &Replacement) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    for (worker, origin, claims) in replacement.workers()? {
        let mut one = recover_dead(queue, replacement.sidecar(), (worker, origin), claims)?;
        // In the new epoch nothing runs; what could not be ended is reported.
        if !one.kept.is_empty() {
            one.tasks.extend(queue.reap(worker)?);
        }
        if !one.tasks.is_empty() || one.ended > 0 || !one.unreachable.is_empty() {
            recovered.push(one);
        }
    }
    Ok(recovered)
}
