//! Edit: changes waiting tasks, in whatever way they wait.

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::{Change, Edit};
use queue_core::task::TaskId;

use super::writing::Writing;
use crate::slice::{Slice, TaskChange};

impl<S: Slice> Writing<S> {
    /// Gives waiting tasks new values.
    pub(crate) fn edit(&mut self, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>> {
        let rows = self.slice.rows(ids)?;
        let fields = serde_json::json!({ "fields": edit.fields() });
        let mut changes = Vec::with_capacity(ids.len());
        for (id, row) in ids.iter().zip(rows) {
            let Some(row) = row else {
                changes.push(Change::NotFound);
                continue;
            };
            if !row.state.is_waiting() {
                changes.push(Change::Refused(row.state));
                continue;
            }
            let edited = TaskChange::new(EventKind::Edited, *id).data(&fields);
            self.slice.record(&edited)?;
            self.slice.edit(*id, edit)?;
            let state = match edit.run_at {
                Some(run_at) => self.set_time(*id, row, run_at)?,
                None => row.state,
            };
            changes.push(Change::Done(state));
        }
        Ok(changes)
    }
}
