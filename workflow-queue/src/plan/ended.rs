//! The ends of tasks, and their consequences for dependents.
//!
//! First the plan loads all that the ends can reach, a level at a time: the dependents that would
//! be skipped, then their dependents. Then it applies the ends one after the other, each down to
//! its last consequence, as if nothing else happened at the same time. So the cause for which a
//! dependent is skipped does not depend on the rest of the batch. Each counter is written once,
//! however many ends lower it.

use std::collections::{BTreeMap, BTreeSet};

use queue_core::error::Result;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Standing};

use super::writing::Writing;
use crate::slice::{Slice, TaskChange, Waiting};

/// A task with the state it ended in.
pub(crate) type EndedTask = (TaskId, State);

/// The tasks that ends can reach, and the consequences so far.
#[derive(Debug, Default)]
pub(crate) struct Cascade {
    /// The waiting dependents of each task, until that task has ended.
    waiting: BTreeMap<TaskId, Vec<Waiting>>,
    /// The state of each dependent reached so far.
    dependents: BTreeMap<TaskId, DependentState>,
}

/// State of a dependent while ends are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DependentState {
    /// It waits for this many dependencies.
    Waits(u32),
    /// All its dependencies are met.
    Released,
    /// It ended itself.
    Ended,
}

impl Cascade {
    /// Loads all that can be reached if these tasks end so, or are skipped because of each other.
    pub(crate) fn load(slice: &mut impl Slice, ends: &[EndedTask]) -> Result<Self> {
        let mut cascade = Self::default();
        let mut skipped = BTreeSet::new();
        let mut level = ends.to_vec();
        while !level.is_empty() {
            let tasks: Vec<TaskId> = level.iter().map(|(task, _)| *task).collect();
            let found = slice.waiting_for(&tasks)?;
            let mut next = Vec::new();
            for ((task, state), waiting) in level.into_iter().zip(found) {
                for one in &waiting {
                    if one.condition.standing(state) == Standing::Impossible
                        && skipped.insert(one.task)
                    {
                        next.push((one.task, State::Skipped));
                    }
                }
                if !waiting.is_empty() {
                    cascade.waiting.insert(task, waiting);
                }
            }
            level = next;
        }
        Ok(cascade)
    }

    /// As [`end`](Self::end), for a task that waits itself: later ends no longer affect it.
    pub(crate) fn end_waiting(
        &mut self,
        slice: &mut impl Slice,
        task: TaskId,
        state: State,
    ) -> Result<()> {
        self.dependents.insert(task, DependentState::Ended);
        self.end(slice, task, state)
    }

    /// Applies the end of a task to its dependents, and to those of every dependent skipped by it.
    pub(crate) fn end(&mut self, slice: &mut impl Slice, task: TaskId, state: State) -> Result<()> {
        if let Some(current) = self.dependents.get_mut(&task) {
            *current = DependentState::Ended;
        }
        let mut work = vec![(task, state)];
        while let Some((task, state)) = work.pop() {
            for dependent in self.waiting.remove(&task).unwrap_or_default() {
                let current = self.dependents.entry(dependent.task);
                let current = current.or_insert(DependentState::Waits(dependent.pending));
                let DependentState::Waits(pending) = *current else {
                    continue;
                };
                match dependent.condition.standing(state) {
                    Standing::Open => {}
                    Standing::Met if pending > 1 => *current = DependentState::Waits(pending - 1),
                    Standing::Met => *current = DependentState::Released,
                    Standing::Impossible => {
                        *current = DependentState::Ended;
                        slice.record(&TaskChange::skipped(dependent.task, task))?;
                        slice.skip(dependent.task, task)?;
                        work.push((dependent.task, State::Skipped));
                    }
                }
            }
        }
        Ok(())
    }

    /// True if the ends applied so far have ended this waiting task.
    pub(crate) fn has_ended(&self, task: TaskId) -> bool {
        self.dependents.get(&task) == Some(&DependentState::Ended)
    }

    /// Writes the counters, and releases the tasks that no longer wait. Returns the skipped tasks.
    pub(crate) fn finish<S: Slice>(self, writing: &mut Writing<S>) -> Result<Vec<TaskId>> {
        let (mut released, mut skipped) = (Vec::new(), Vec::new());
        for (task, current) in self.dependents {
            match current {
                DependentState::Waits(pending) => writing.slice.set_pending(task, pending)?,
                DependentState::Released => released.push(task),
                DependentState::Ended => skipped.push(task),
            }
        }
        writing.release_met(&released)?;
        Ok(skipped)
    }
}

impl<S: Slice> Writing<S> {
    /// Applies ends, in this order. Returns the tasks that are skipped because of them.
    pub(crate) fn ended(&mut self, ends: &[EndedTask]) -> Result<Vec<TaskId>> {
        if ends.is_empty() {
            return Ok(Vec::new());
        }
        let mut cascade = Cascade::load(&mut self.slice, ends)?;
        if cascade.waiting.is_empty() {
            return Ok(Vec::new());
        }
        for (task, state) in ends {
            cascade.end(&mut self.slice, *task, *state)?;
        }
        cascade.finish(self)
    }

    /// Releases tasks whose last condition is met. Returns the state of each; `None` if there is no
    /// such task.
    pub(crate) fn release_met(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let starts = self.slice.starts(tasks)?;
        let mut states = Vec::with_capacity(tasks.len());
        for (task, start) in tasks.iter().zip(starts) {
            let Some(start) = start else {
                self.slice.wait_no_more(*task)?;
                states.push(None);
                continue;
            };
            let state = self.waiting_state(start.run_at, start.limit_key);
            self.slice.release(*task, state)?;
            states.push(Some(state));
        }
        Ok(states)
    }
}

/// Standing of a dependency for a task that ended in `state`. A pruned dependency counts as met,
/// unless the task was skipped: then it may have been the cause.
pub(crate) fn standing(found: Option<State>, condition: Condition, state: State) -> Standing {
    match found {
        Some(found) => condition.standing(found),
        None if state == State::Skipped => Standing::Impossible,
        None => Standing::Met,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::outcome::{Outcome, Settlement};
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use crate::plan::memory::{self, Memory};

    fn failed(task: i64) -> Settlement {
        let outcome = Outcome::HandlerFailed {
            message: "no".to_owned(),
            fatal: true,
        };
        memory::settlement(TaskId(task), outcome)
    }

    fn succeeded(task: i64) -> Settlement {
        memory::settlement(TaskId(task), Outcome::Succeeded)
    }

    #[test]
    fn a_join_of_a_hundred_tasks_that_end_together_is_loaded_and_written_once() {
        let mut rows = Memory::default();
        for task in 1..=100 {
            rows.run(task);
            rows.depend(101, task, Condition::Success);
        }
        rows.depend(101, 102, Condition::Success);
        rows.run(102);
        rows.settle(&(1..=100).map(succeeded).collect::<Vec<_>>());
        assert_eq!(rows.loads, ["executions", "waiting_for"]);
        assert_eq!(rows.written.get("set_pending"), Some(&1));
        assert_eq!(rows.pending(101), Some(1));
        rows.settle(&[succeeded(102)]);
        assert_eq!(rows.state(101), State::Queued);
        assert_eq!(rows.pending(101), None);
    }

    #[test]
    fn a_level_of_skipped_tasks_is_loaded_at_once_however_wide_it_is() {
        let mut rows = Memory::default();
        for first in 1..=50 {
            rows.run(first);
            rows.depend(first + 100, first, Condition::Success);
            rows.depend(first + 200, first + 100, Condition::Success);
            rows.depend(first + 300, first + 200, Condition::Any);
        }
        rows.settle(&(1..=50).map(failed).collect::<Vec<_>>());
        let levels = [
            "executions",
            "waiting_for",
            "waiting_for",
            "waiting_for",
            "starts",
        ];
        assert_eq!(rows.loads, levels);
        assert_eq!(rows.state(250), State::Skipped);
        assert_eq!(rows.state(350), State::Queued);
    }

    #[test]
    fn ends_without_dependents_take_two_loads() {
        let mut rows = Memory::default();
        (1..=64).for_each(|task| rows.run(task));
        rows.settle(&(1..=64).map(succeeded).collect::<Vec<_>>());
        assert_eq!(rows.loads, ["executions", "waiting_for"]);
    }

    #[test]
    fn a_dependent_is_skipped_because_of_the_first_end_in_the_batch() {
        let mut rows = Memory::default();
        for task in 1..=3 {
            rows.run(task);
            rows.depend(4, task, Condition::Success);
        }
        rows.settle(&[succeeded(1), failed(3), failed(2)]);
        assert_eq!(rows.state(4), State::Skipped);
        assert_eq!(rows.cause(4), Some(TaskId(3)));
        assert_eq!(rows.pending(4), None);
    }

    proptest! {
        #[test]
        fn ends_in_one_batch_equal_ends_one_by_one(
            edges in memory::edges(),
            ends in prop::collection::vec((1..16_i64, any::<bool>()), 1..12),
        ) {
            let mut together = Memory::default();
            for (one, other, condition) in edges {
                if one != other {
                    together.depend(one.max(other), one.min(other), condition);
                }
            }
            let free: Vec<i64> = (1..16).filter(|task| !together.waits(*task)).collect();
            for task in free {
                together.run(task);
            }
            let mut apart = together.clone();
            let ends: Vec<Settlement> = ends
                .into_iter()
                .map(|(task, well)| if well { succeeded(task) } else { failed(task) })
                .collect();
            let answers = together.settle(&ends);
            let mut each = Vec::new();
            for end in &ends {
                each.extend(apart.settle(std::slice::from_ref(end)));
            }
            prop_assert_eq!(answers, each);
            prop_assert_eq!(together.tasks, apart.tasks);
            prop_assert_eq!(together.waiting, apart.waiting);
        }
    }
}
