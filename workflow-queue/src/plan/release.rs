//! Release: lets held tasks go on as after the end of their last dependency, so that their times and
//! limits still apply.

use std::collections::BTreeMap;

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::Change;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::writing::Writing;
use crate::slice::{Slice, TaskChange};

impl<S: Slice> Writing<S> {
    /// Releases held tasks.
    pub(crate) fn release(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let rows = self.slice.rows(ids)?;
        let open = self.open_dependencies(ids)?;
        let mut changes = Vec::with_capacity(ids.len());
        let (mut free, mut places) = (Vec::new(), Vec::new());
        let mut first: BTreeMap<TaskId, usize> = BTreeMap::new();
        let mut repeated = Vec::new();
        for (place, ((id, row), open)) in ids.iter().zip(rows).zip(open).enumerate() {
            changes.push(match row {
                None => Change::NotFound,
                Some(row) if !row.state.is_waiting() => Change::Refused(row.state),
                Some(row) if !row.is_held => Change::Already(row.state),
                Some(row) if first.contains_key(id) => {
                    repeated.push(place);
                    Change::Already(row.state)
                }
                Some(_) => {
                    first.insert(*id, place);
                    let released = TaskChange::new(EventKind::Released, *id);
                    self.slice.record(&released)?;
                    self.slice.end_hold(*id)?;
                    if open > 0 {
                        self.slice.set_pending(*id, open)?;
                    } else {
                        free.push(*id);
                        places.push(place);
                    }
                    Change::Done(State::Blocked)
                }
            });
        }
        for (place, state) in places.into_iter().zip(self.release_met(&free)?) {
            changes[place] = state.map_or(Change::NotFound, Change::Done);
        }
        for place in repeated {
            if let Some(Change::Done(state)) = first.get(&ids[place]).map(|first| changes[*first]) {
                changes[place] = Change::Already(state);
            }
        }
        Ok(changes)
    }
}
