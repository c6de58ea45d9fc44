//! Retry: re-opens ended tasks, dependencies first. In that order each task is looked at once, and
//! none starts before its re-opened dependencies have ended again, even if others write between two
//! steps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::{Change, RetryPlan};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Standing};

use super::ended::standing;
use super::writing::Writing;
use crate::slice::{Slice, TaskChange, TaskRow, Waiting};

/// Tasks and edges that one step of a retry looks at. It takes some milliseconds, in which nobody
/// else writes.
const STEP: usize = 2000;
/// Tasks loaded at once. Each may have very many edges.
const CHUNK: usize = 64;

/// True if a task in that state can be re-opened at all.
fn can_reopen(state: State) -> bool {
    matches!(state, State::Failed | State::Cancelled | State::Skipped)
}

/// The tasks of a retry, dependencies first. With `downstream`, includes the tasks below them that
/// were skipped, a level at a time.
pub(crate) fn plan_retry(
    slice: &mut impl Slice,
    ids: &[TaskId],
    downstream: bool,
) -> Result<RetryPlan> {
    let asked: BTreeSet<TaskId> = ids.iter().copied().collect();
    let asked: Vec<TaskId> = asked.into_iter().collect();
    let states = slice.states(&asked)?;
    let mut level = Vec::new();
    let mut order = Vec::new();
    for (task, state) in asked.iter().zip(states) {
        if state.is_some_and(can_reopen) {
            level.push(*task);
        } else {
            order.push(*task);
        }
    }
    let mut opens: HashSet<TaskId> = level.iter().copied().collect();
    while downstream && !level.is_empty() {
        let skipped = slice.skipped_dependents(&level)?.into_iter().flatten();
        level = skipped.filter(|one| opens.insert(*one)).collect();
    }
    order.extend(in_order(slice, &opens)?);
    Ok(RetryPlan::new(asked.into_iter().collect(), opens, order))
}

/// The tasks, dependencies first, otherwise by id.
fn in_order(slice: &mut impl Slice, tasks: &HashSet<TaskId>) -> Result<Vec<TaskId>> {
    let mut sorted: Vec<TaskId> = tasks.iter().copied().collect();
    if sorted.len() < 2 {
        return Ok(sorted);
    }
    sorted.sort_unstable();
    let mut waits: BTreeMap<TaskId, usize> = BTreeMap::new();
    let mut dependents: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for chunk in sorted.chunks(STEP) {
        for (task, on) in chunk.iter().zip(slice.dependencies(chunk)?) {
            let mut count = 0;
            for (on, _) in on.into_iter().filter(|(on, _)| tasks.contains(on)) {
                dependents.entry(on).or_default().push(*task);
                count += 1;
            }
            waits.insert(*task, count);
        }
    }
    let free = waits.iter().filter(|(_, count)| **count == 0);
    let mut free: BinaryHeap<Reverse<TaskId>> = free.map(|(task, _)| Reverse(*task)).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while let Some(Reverse(task)) = free.pop() {
        order.push(task);
        for dependent in dependents.remove(&task).unwrap_or_default() {
            if let Some(count) = waits.get_mut(&dependent) {
                *count -= 1;
                if *count == 0 {
                    free.push(Reverse(dependent));
                }
            }
        }
    }
    // Only a damaged file has cycles.
    let rest = waits.into_iter().filter(|one| one.1 > 0);
    order.extend(rest.map(|one| one.0));
    Ok(order)
}

/// The next tasks of a retry, with all that their re-opening depends on.
struct Chunk {
    rows: Vec<(TaskId, Option<TaskRow>)>,
    /// The dependencies of each task.
    dependencies: Vec<Vec<(TaskId, Condition)>>,
    /// The waiting dependents of each task.
    waiting: Vec<Vec<Waiting>>,
    /// The states of the dependencies, updated as tasks are re-opened.
    states: HashMap<TaskId, State>,
    /// The counters of dependents whose dependency was re-opened.
    pending: BTreeMap<TaskId, u32>,
}

/// The dependencies of a task to re-open, taken together.
struct OpenDependencies {
    /// Number of dependencies that have not ended; `None` if the task can never start.
    pending: Option<u32>,
    /// True if the same retry re-opened one of them.
    follows: bool,
}

impl Chunk {
    /// Loads the first of these tasks, at least one, and at most as many tasks and edges as
    /// `allowed`.
    fn load(slice: &mut impl Slice, tasks: &[TaskId], allowed: usize) -> Result<Self> {
        let allowed = allowed.clamp(1, STEP);
        let tasks = &tasks[..tasks.len().min(CHUNK).min(allowed)];
        let mut dependencies = slice.dependencies(tasks)?;
        let mut work = 0;
        let fits = dependencies.iter().take_while(|of_one| {
            let fits = work < allowed;
            work += 1 + of_one.len();
            fits
        });
        let count = fits.count();
        let tasks = &tasks[..count];
        dependencies.truncate(count);
        let rows = slice.rows(tasks)?;
        let waiting = slice.waiting_for(tasks)?;
        let on = dependencies.iter().flatten().map(|(on, _)| *on);
        let on: BTreeSet<TaskId> = on.collect();
        let on: Vec<TaskId> = on.into_iter().collect();
        let found = slice.states(&on)?;
        let states = on.into_iter().zip(found);
        Ok(Self {
            rows: tasks.iter().copied().zip(rows).collect(),
            dependencies,
            waiting,
            states: states
                .filter_map(|(task, state)| Some((task, state?)))
                .collect(),
            pending: BTreeMap::new(),
        })
    }

    /// The dependencies of a task, taken together, including those this retry re-opened.
    fn open_dependencies(&self, index: usize, state: State, plan: &RetryPlan) -> OpenDependencies {
        let (mut pending, mut follows) = (0, false);
        for (on, condition) in &self.dependencies[index] {
            let found = self.states.get(on).copied();
            match standing(found, *condition, state) {
                Standing::Open => pending += 1,
                Standing::Met => {}
                Standing::Impossible => {
                    return OpenDependencies {
                        pending: None,
                        follows,
                    };
                }
            }
            follows |= plan.opens(*on) && found.is_some_and(|state| !can_reopen(state));
        }
        OpenDependencies {
            pending: Some(pending),
            follows,
        }
    }

    /// Undoes the former end of a re-opened task in the counters of dependents that still wait: its
    /// condition must be met again. A released dependent stays released.
    fn take_back(&mut self, index: usize, former: State) {
        for dependent in &self.waiting[index] {
            if dependent.condition.standing(former) == Standing::Met {
                let pending = self.pending.entry(dependent.task);
                *pending.or_insert(dependent.pending) += 1;
            }
        }
    }
}

impl<S: Slice> Writing<S> {
    /// Re-opens ended tasks in one transaction. Returns the result of each requested task, in that
    /// order.
    pub(crate) fn retry(&mut self, ids: &[TaskId], downstream: bool) -> Result<Vec<Change>> {
        let plan = plan_retry(&mut self.slice, ids, downstream)?;
        let mut changes = HashMap::with_capacity(ids.len());
        let mut left = plan.order();
        while !left.is_empty() {
            let (found, _) = self.reopen(left, &plan, usize::MAX)?;
            left = &left[found.len()..];
            changes.extend(found);
        }
        let change = |id| changes.get(id).copied();
        Ok(ids
            .iter()
            .map(|id| change(id).unwrap_or(Change::NotFound))
            .collect())
    }

    /// Re-opens the next few tasks of a plan. Returns the result of each requested or re-opened
    /// task, and the number of tasks and edges it looked at.
    pub(crate) fn retry_some(
        &mut self,
        plan: &RetryPlan,
    ) -> Result<(Vec<(TaskId, Change)>, usize)> {
        let (mut changes, mut looked_at, mut work) = (Vec::new(), 0, 0);
        let mut left = plan.left();
        while !left.is_empty() && work < STEP {
            let (found, more) = self.reopen(left, plan, STEP - work)?;
            work += more;
            looked_at += found.len();
            left = &left[found.len()..];
            let tells =
                |one: &(TaskId, Change)| plan.is_asked(one.0) || matches!(one.1, Change::Done(_));
            changes.extend(found.into_iter().filter(tells));
        }
        Ok((changes, looked_at))
    }

    /// Re-opens the first of these tasks, at least one, until it has looked at about `allowed`
    /// tasks and edges. Returns the result of each task, and the number of tasks and edges it
    /// looked at.
    fn reopen(
        &mut self,
        tasks: &[TaskId],
        plan: &RetryPlan,
        allowed: usize,
    ) -> Result<(Vec<(TaskId, Change)>, usize)> {
        let mut chunk = Chunk::load(&mut self.slice, tasks, allowed)?;
        let (mut changes, mut work) = (Vec::with_capacity(chunk.rows.len()), 0);
        for index in 0..chunk.rows.len() {
            if work >= allowed {
                break;
            }
            let (change, edges) = self.reopen_one(&mut chunk, index, plan)?;
            changes.push((chunk.rows[index].0, change));
            work += 1 + edges;
        }
        for (task, pending) in chunk.pending {
            self.slice.set_pending(task, pending)?;
        }
        Ok((changes, work))
    }

    /// Re-opens a task that did not succeed, unless its dependencies rule that out. A task that was
    /// not requested is re-opened only below a re-opened one. Returns the result, and the number of
    /// edges it looked at.
    fn reopen_one(
        &mut self,
        chunk: &mut Chunk,
        index: usize,
        plan: &RetryPlan,
    ) -> Result<(Change, usize)> {
        let (task, row) = &mut chunk.rows[index];
        let task = *task;
        let Some(TaskRow {
            state, limit_key, ..
        }) = row.take()
        else {
            return Ok((Change::NotFound, 0));
        };
        if !can_reopen(state) || !plan.opens(task) {
            return Ok((Change::Refused(state), 0));
        }
        let open = chunk.open_dependencies(index, state, plan);
        let edges = chunk.dependencies[index].len();
        let (Some(pending), true) = (open.pending, open.follows || plan.is_asked(task)) else {
            return Ok((Change::Refused(state), edges));
        };
        let next = if pending > 0 {
            State::Blocked
        } else {
            self.waiting_state(None, limit_key)
        };
        let retried = TaskChange::new(EventKind::Retried, task).becomes(next);
        self.slice.record(&retried)?;
        self.slice.reopen(task, next, pending)?;
        // It may have a deadline now, which the next claim must look for.
        self.effects.scheduled = true;
        chunk.states.insert(task, next);
        chunk.take_back(index, state);
        Ok((Change::Done(next), edges + chunk.waiting[index].len()))
    }
}

#[cfg(test)]
mod tests {
    use queue_core::outcome::Outcome;
    use queue_core::queue::Change;
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use crate::plan::memory::{Memory, settlement};

    /// Twenty failed tasks with two levels of skipped tasks below them. Task 300 waits for task 20
    /// and for a running task.
    fn failed() -> Memory {
        let mut rows = Memory::default();
        rows.run(200);
        rows.depend(300, 20, Condition::Any);
        rows.depend(300, 200, Condition::Success);
        for task in 1..=20 {
            rows.run(task);
            rows.depend(task + 20, task, Condition::Success);
            rows.depend(task + 40, task + 20, Condition::Success);
        }
        let fails = |task| {
            let message = String::new();
            let outcome = Outcome::HandlerFailed {
                message,
                fatal: true,
            };
            settlement(TaskId(task), outcome)
        };
        rows.settle(&(1..=20).map(fails).collect::<Vec<_>>());
        assert_eq!(rows.state(60), State::Skipped);
        assert_eq!(rows.pending(300), Some(1));
        rows
    }

    #[test]
    fn a_retry_loads_each_level_once_and_then_its_tasks_in_chunks() {
        let mut rows = failed();
        let all: Vec<i64> = (1..=20).collect();
        let changes = rows.retry(&all, true);
        assert_eq!(changes, [Change::Done(State::Queued); 20]);
        assert_eq!(rows.state(21), State::Blocked);
        assert_eq!(rows.state(60), State::Blocked);
        let plan = [
            "states",
            "skipped_dependents",
            "skipped_dependents",
            "skipped_dependents",
        ];
        let chunk = ["dependencies", "rows", "waiting_for", "states"];
        assert_eq!(rows.loads, [&plan[..], &["dependencies"], &chunk].concat());
    }

    #[test]
    fn a_dependent_that_still_waits_waits_for_the_new_end() {
        let mut rows = failed();
        rows.retry(&[20], false);
        assert_eq!(rows.pending(300), Some(2));
        assert_eq!(rows.state(40), State::Skipped);
    }

    #[test]
    fn a_skipped_task_is_re_opened_with_its_cause_and_not_alone() {
        let mut rows = failed();
        assert_eq!(rows.retry(&[21], false), [Change::Refused(State::Skipped)]);
        let both = [Change::Done(State::Blocked), Change::Done(State::Queued)];
        assert_eq!(rows.retry(&[21, 1], false), both);
        assert_eq!(rows.pending(21), Some(1));
    }
}
