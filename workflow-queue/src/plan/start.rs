//! Start: lets waiting tasks start before their time. Everything else they wait for stays.

use std::collections::BTreeMap;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::Change;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::writing::Writing;
use crate::slice::{Slice, TaskChange, TaskRow};

impl<S: Slice> Writing<S> {
    /// Clears the times of waiting tasks that lie ahead.
    pub(crate) fn start(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let now = self.now().wall;
        let rows = self.slice.rows(ids)?;
        let mut started: BTreeMap<TaskId, State> = BTreeMap::new();
        let mut changes = Vec::with_capacity(ids.len());
        for (id, row) in ids.iter().zip(rows) {
            changes.push(match (row, started.get(id)) {
                (None, _) => Change::NotFound,
                (Some(_), Some(state)) => Change::Already(*state),
                (Some(row), None) if !row.state.is_waiting() => Change::Refused(row.state),
                (Some(row), None) if row.run_at.is_none_or(|at| at <= now) => {
                    Change::Already(row.state)
                }
                (Some(row), None) => {
                    let hastened = TaskChange::new(EventKind::Hastened, *id);
                    self.slice.record(&hastened)?;
                    let state = self.set_time(*id, row, None)?;
                    started.insert(*id, state);
                    Change::Done(state)
                }
            });
        }
        Ok(changes)
    }

    /// Gives a waiting task another time, `None` for at once. Returns its new state.
    pub(crate) fn set_time(
        &mut self,
        id: TaskId,
        row: TaskRow,
        run_at: Option<Timestamp>,
    ) -> Result<State> {
        let state = if row.unmet {
            State::Blocked
        } else {
            // A slot that it was offered goes to the next task, unless it takes it again.
            self.freed.extend(row.limit_key.clone());
            self.waiting_state(run_at, row.limit_key)
        };
        self.slice.set_time(id, run_at, state)?;
        // Its time limits may begin anew, and the next claim must look for them.
        self.effects.scheduled = true;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use queue_core::queue::Change;
    use queue_core::state::State;
    use queue_core::workflow::Condition;

    use crate::plan::memory::Memory;

    #[test]
    fn a_start_clears_the_time_alone() {
        let mut rows = Memory::default();
        rows.limit(b"k", 1);
        rows.add(1, State::Queued);
        rows.depend(2, 1, Condition::Success);
        rows.schedule(2);
        rows.schedule(3);
        rows.park(4, b"k");
        rows.park(5, b"k");
        rows.schedule(5);
        let changes = rows.start(&[1, 2, 3, 3, 4, 9]);
        let expected = [
            Change::Already(State::Queued),
            Change::Done(State::Blocked),
            Change::Done(State::Queued),
            Change::Already(State::Queued),
            Change::Already(State::Blocked),
            Change::NotFound,
        ];
        assert_eq!(changes, expected);
        assert_eq!(rows.start(&[2]), [Change::Already(State::Blocked)]);
        assert_eq!((rows.state(2), rows.pending(2)), (State::Blocked, Some(1)));
        assert_eq!(rows.start(&[5]), [Change::Done(State::Blocked)]);
        assert_eq!(
            rows.state(4),
            State::Queued,
            "the first under the key takes the slot"
        );
        assert_eq!(rows.state(5), State::Blocked);
    }
}
