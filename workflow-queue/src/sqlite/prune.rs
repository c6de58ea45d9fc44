//! Prune: the tasks it keeps, and the rows it deletes with a task.

use std::borrow::Cow;
use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{Actor, EventKind};
use queue_core::sqlite::verbs::{Keeper, Pruned};
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::statements::PRUNE_ATTEMPTS;
use super::{edges, journal, schedules, sums};

/// The rules that this engine adds to prune: a task stays while a dependent may still read its
/// output, and its edges and old attempts are deleted with it. Its events stay in the log as long as
/// all others, and its enqueue in the sums.
#[derive(Clone, Debug)]
pub(crate) struct Dependents {
    /// Who asks for it.
    pub(crate) actor: Option<Arc<Actor>>,
}

impl Keeper for Dependents {
    fn check(&self, _: &Connection) -> Result<()> {
        Ok(())
    }

    fn keeps(&self, connection: &Connection, task: TaskId) -> Result<bool> {
        edges::is_needed(connection, task)
    }

    fn clear(&self, connection: &Connection, task: TaskId) -> Result<()> {
        edges::forget(connection, task)?;
        schedules::forget_task(connection, task)?;
        forget_attempts(connection, task)
    }

    fn record(&self, connection: &Connection, now: Timestamp, pruned: &[Pruned]) -> Result<()> {
        sums::fold_pruned(connection, pruned, now)?;
        let mut data = journal::pruned(pruned).to_string();
        if let Some(actor) = &self.actor {
            data = actor.added_to(Some(&data));
        }
        let data = Some(Cow::Owned(data));
        journal::note(connection, now, EventKind::TasksPruned, None, data)
    }
}

/// Deletes the recorded attempts of a task.
fn forget_attempts(connection: &Connection, id: TaskId) -> Result<()> {
    connection.prepare_cached(PRUNE_ATTEMPTS)?.execute([id.0])?;
    Ok(())
}
