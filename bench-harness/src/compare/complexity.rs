//! Counts of the schema objects in an engine's file.

use std::path::Path;

use queue_core::sqlite::Durability;
use rusqlite::Connection;

use crate::Result;
use crate::systems::EngineName;
use crate::systems::{Engine, Fast, Workflow};

const COUNT_OBJECTS: &str = include_str!("../../queries/count_objects.sql");

/// Schema objects of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Complexity {
    pub(super) engine: EngineName,
    pub(super) tables: u32,
    pub(super) columns: u32,
    pub(super) indexes: u32,
}

/// Counts for both engines.
pub(super) fn count(folder: &Path) -> Result<[Complexity; 2]> {
    Ok([of::<Fast>(folder)?, of::<Workflow>(folder)?])
}

fn of<E: Engine>(folder: &Path) -> Result<Complexity> {
    let file = tempfile::tempdir_in(folder)?;
    let path = file.path().join("tasks.db");
    // Keeps the file open: once its last user closes it, the log is gone.
    let _queue = E::open(&path, Durability::Fast)?;
    let counted = Connection::open(&path)?.query_row(COUNT_OBJECTS, [], |row| {
        Ok(Complexity {
            engine: E::NAME,
            tables: row.get(0)?,
            columns: row.get(1)?,
            indexes: row.get(2)?,
        })
    })?;
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn workflow_queue_has_all_of_fast_queue_and_more() {
        let folder = tempfile::tempdir().unwrap();
        let [fast, workflow] = count(folder.path()).unwrap();
        assert!(fast.tables > 0 && fast.columns > fast.tables);
        assert!(workflow.tables > fast.tables);
        assert!(workflow.columns > fast.columns);
        assert!(workflow.indexes >= fast.indexes);
    }
}
