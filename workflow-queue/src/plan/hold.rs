//! Hold: makes waiting tasks wait until they are released. A hold counts as one more dependency that
//! has not ended, so that nothing that meets the others admits the task.

use std::collections::{BTreeMap, BTreeSet};

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::Change;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::writing::Writing;
use crate::slice::{Slice, TaskChange};

impl<S: Slice> Writing<S> {
    /// Holds waiting tasks.
    pub(crate) fn hold(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let rows = self.slice.rows(ids)?;
        let open = self.open_dependencies(ids)?;
        let mut held = BTreeSet::new();
        let mut changes = Vec::with_capacity(ids.len());
        for ((id, row), open) in ids.iter().zip(rows).zip(open) {
            changes.push(match row {
                None => Change::NotFound,
                Some(row) if !row.state.is_waiting() => Change::Refused(row.state),
                Some(row) if row.is_held || !held.insert(*id) => Change::Already(State::Blocked),
                Some(row) => {
                    let held = TaskChange::new(EventKind::Held, *id).becomes(State::Blocked);
                    self.slice.record(&held)?;
                    self.slice.hold(*id, open + 1)?;
                    self.freed.extend(row.limit_key);
                    Change::Done(State::Blocked)
                }
            });
        }
        Ok(changes)
    }

    /// Number of dependencies of each task that have not ended. It includes those that were re-opened
    /// after the task was released: once the task waits again, their next end is counted.
    pub(crate) fn open_dependencies(&mut self, ids: &[TaskId]) -> Result<Vec<u32>> {
        let edges = self.slice.dependencies(ids)?;
        let on: BTreeSet<TaskId> = edges.iter().flatten().map(|(on, _)| *on).collect();
        if on.is_empty() {
            return Ok(vec![0; ids.len()]);
        }
        let on: Vec<TaskId> = on.into_iter().collect();
        let states = self.slice.states(&on)?;
        let states: BTreeMap<TaskId, Option<State>> = on.into_iter().zip(states).collect();
        let is_open = |on: &TaskId| {
            let state = states.get(on).copied().flatten();
            state.is_some_and(|state| !state.is_terminal())
        };
        let count = |of_one: &Vec<(TaskId, _)>| {
            let open = of_one.iter().filter(|(on, _)| is_open(on)).count();
            u32::try_from(open).unwrap_or(u32::MAX - 1)
        };
        Ok(edges.iter().map(count).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::outcome::Outcome;
    use queue_core::queue::Change;
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use crate::plan::memory::{self, Memory, settlement};

    #[test]
    fn a_held_task_waits_for_its_release_after_its_last_dependency() {
        let mut rows = Memory::default();
        rows.run(1);
        rows.depend(2, 1, Condition::Success);
        assert_eq!(
            rows.hold(&[2, 2]),
            [
                Change::Done(State::Blocked),
                Change::Already(State::Blocked)
            ]
        );
        assert_eq!(rows.pending(2), Some(2));
        rows.settle(&[settlement(TaskId(1), Outcome::Succeeded)]);
        assert_eq!((rows.state(2), rows.pending(2)), (State::Blocked, Some(1)));
        assert_eq!(rows.release(&[2]), [Change::Done(State::Queued)]);
        assert_eq!((rows.state(2), rows.pending(2)), (State::Queued, None));
        assert_eq!(rows.release(&[2]), [Change::Already(State::Queued)]);
    }

    #[test]
    fn a_task_released_first_waits_for_its_dependencies() {
        let mut rows = Memory::default();
        rows.run(1);
        rows.depend(2, 1, Condition::Success);
        rows.hold(&[2]);
        assert_eq!(rows.release(&[2]), [Change::Done(State::Blocked)]);
        assert_eq!(rows.pending(2), Some(1));
        rows.settle(&[settlement(TaskId(1), Outcome::Succeeded)]);
        assert_eq!(rows.state(2), State::Queued);
    }

    #[test]
    fn a_held_task_leaves_its_slot_to_the_next_and_waits_for_one_after_its_release() {
        let mut rows = Memory::default();
        rows.limit(b"k", 1);
        for task in 1..=3 {
            rows.park(task, b"k");
        }
        rows.run(1);
        rows.settle(&[settlement(TaskId(1), Outcome::Succeeded)]);
        assert_eq!(rows.state(2), State::Queued);
        rows.hold(&[2]);
        assert_eq!(
            (rows.state(2), rows.state(3)),
            (State::Blocked, State::Queued)
        );
        rows.run(3);
        assert_eq!(rows.release(&[2]), [Change::Done(State::Blocked)]);
        assert_eq!((rows.state(2), rows.pending(2)), (State::Blocked, None));
        rows.settle(&[settlement(TaskId(3), Outcome::Succeeded)]);
        assert_eq!(rows.state(2), State::Queued);
    }

    #[test]
    fn a_held_task_is_skipped_cancelled_or_late_like_any_other() {
        let mut rows = Memory::default();
        rows.add(1, State::Queued);
        rows.depend(2, 1, Condition::Success);
        rows.add(3, State::Queued);
        rows.hold(&[1, 2, 3]);
        rows.fail_late(&[3]);
        rows.cancel(&[1]);
        let states = [1, 2, 3].map(|task| rows.state(task));
        assert_eq!(states, [State::Cancelled, State::Skipped, State::Failed]);
        assert!(rows.held.is_empty() && rows.waiting.is_empty());
        assert_eq!(rows.hold(&[1]), [Change::Refused(State::Cancelled)]);
        assert_eq!(rows.release(&[2]), [Change::Refused(State::Skipped)]);
        assert_eq!(rows.hold(&[9]), [Change::NotFound]);
    }

    #[test]
    fn any_number_of_tasks_is_held_and_released_in_as_many_loads() {
        let mut rows = Memory::default();
        for task in 1..=50 {
            rows.add(task, State::Queued);
            rows.depend(task + 100, task, Condition::Any);
        }
        let all: Vec<i64> = (101..=150).collect();
        rows.hold(&all);
        assert_eq!(rows.loads, ["rows", "dependencies", "states"]);
        rows.release(&all);
        assert_eq!(rows.loads, ["rows", "dependencies", "states"]);
    }

    proptest! {
        #[test]
        fn a_hold_that_is_released_leaves_no_trace(
            edges in memory::edges(),
            ids in prop::collection::vec(1..16_i64, 1..12),
        ) {
            let mut rows = Memory::default();
            (1..16).for_each(|task| rows.add(task, State::Queued));
            for (one, other, condition) in edges {
                if one != other {
                    rows.depend(one.max(other), one.min(other), condition);
                }
            }
            let before = rows.clone();
            rows.hold(&ids);
            rows.release(&ids);
            prop_assert_eq!(rows.tasks, before.tasks);
            prop_assert_eq!(rows.waiting, before.waiting);
        }
    }
}
