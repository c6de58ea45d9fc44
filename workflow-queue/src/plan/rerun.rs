//! Rerun: enqueues copies of ended tasks. A copy depends on the same tasks as the original, so that it
//! finds their outputs. Those that have ended do not hold it up, however they ended.

use std::collections::{BTreeMap, BTreeSet};

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::TaskCopy;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};

use super::writing::Writing;
use crate::slice::{NewCopy, Slice, TaskChange};

impl<S: Slice> Writing<S> {
    /// Enqueues a copy of each ended task.
    pub(crate) fn rerun(&mut self, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>> {
        let rows = self.slice.rows(ids)?;
        let dependencies = self.slice.dependencies(ids)?;
        let on: BTreeSet<TaskId> = dependencies.iter().flatten().map(|(on, _)| *on).collect();
        let on: Vec<TaskId> = on.into_iter().collect();
        let states = if on.is_empty() {
            Vec::new()
        } else {
            self.slice.states(&on)?
        };
        let states: BTreeMap<TaskId, State> = on
            .into_iter()
            .zip(states)
            .filter_map(|(task, state)| Some((task, state?)))
            .collect();
        let mut copies = Vec::with_capacity(ids.len());
        let mut edges = Vec::new();
        for ((id, row), of_one) in ids.iter().zip(rows).zip(dependencies) {
            let Some(row) = row else {
                copies.push(TaskCopy::NotFound);
                continue;
            };
            if !row.state.is_terminal() {
                copies.push(TaskCopy::Refused(row.state));
                continue;
            }
            let (open, kept) = kept(&of_one, &states);
            let pending = open + u32::from(held);
            let state = if pending > 0 {
                State::Blocked
            } else {
                self.waiting_state(None, row.limit_key)
            };
            let copy = self.slice.copy(&NewCopy {
                task: *id,
                state,
                pending,
                held,
                depends: !kept.is_empty(),
            })?;
            let of = serde_json::json!({ "of": id.0 });
            let event = TaskChange::new(EventKind::Copied, copy).data(&of);
            self.slice.record(&event)?;
            let edge = |(on, condition)| Edge {
                dependent: copy,
                on,
                condition,
            };
            edges.extend(kept.into_iter().map(edge));
            copies.push(TaskCopy::Copied(copy));
            // It may have a time limit, which the next claim must look for.
            self.effects.scheduled = true;
        }
        if !edges.is_empty() {
            self.slice.store_edges(edges)?;
        }
        Ok(copies)
    }
}

/// The dependencies of a copy, and the number of those that have not ended. A pruned one has no output
/// any more; one that ended in another way than it had to is depended on in any way.
fn kept(
    of_one: &[(TaskId, Condition)],
    states: &BTreeMap<TaskId, State>,
) -> (u32, Vec<(TaskId, Condition)>) {
    let mut open = 0;
    let mut kept = Vec::new();
    for (on, condition) in of_one {
        let Some(state) = states.get(on) else {
            continue;
        };
        kept.push(match condition.standing(*state) {
            Standing::Open => {
                open += 1;
                (*on, *condition)
            }
            Standing::Met => (*on, *condition),
            Standing::Impossible => (*on, Condition::Any),
        });
    }
    (open, kept)
}

#[cfg(test)]
mod tests {
    use queue_core::queue::TaskCopy;
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use crate::plan::memory::Memory;

    #[test]
    fn copies_depend_on_the_same_tasks_and_wait_for_the_open_ones_alone() {
        let mut rows = Memory::default();
        rows.add(1, State::Succeeded);
        rows.add(2, State::Failed);
        rows.run(3);
        for on in [1, 2] {
            rows.depend(4, on, Condition::Success);
        }
        rows.depend(5, 3, Condition::Any);
        rows.waiting.clear();
        rows.add(4, State::Skipped);
        rows.add(5, State::Cancelled);
        let copies = rows.rerun(&[4, 5, 3, 9], false);
        let [first, second] = [6, 7].map(|id| TaskCopy::Copied(TaskId(id)));
        let refused = TaskCopy::Refused(State::Running);
        assert_eq!(copies, [first, second, refused, TaskCopy::NotFound]);
        assert_eq!((rows.state(6), rows.pending(6)), (State::Queued, None));
        assert_eq!((rows.state(7), rows.pending(7)), (State::Blocked, Some(1)));
        assert_eq!(rows.loads[..3], ["rows", "dependencies", "states"]);
    }
}
