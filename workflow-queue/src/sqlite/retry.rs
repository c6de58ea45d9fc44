//! Retry: re-open ended tasks, each after what it depends on. In that order every task is looked at
//! once and none starts before what it waits for has ended again, also where others write between
//! two steps.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::ControlFlow;

use queue_core::error::Result;
use queue_core::queue::{Change, RetryPlan};
use queue_core::sqlite::{statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Standing;
use rusqlite::Connection;

use super::edges;
use super::slice::Writing;
use crate::slice::Slice as _;

const REOPEN: &str = statement(include_str!("../../queries/reopen.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("reopen", REOPEN)];

/// Tasks and edges looked at in one step of a retry: some milliseconds, in which nobody else writes.
const STEP: usize = 2000;

/// Whether a task in that state can be re-opened at all.
fn can_reopen(state: State) -> bool {
    matches!(state, State::Failed | State::Cancelled | State::Skipped)
}

/// The tasks of a retry, each after those of them that it depends on; `downstream`, what was skipped
/// below them too. As many reads as they have edges.
pub(super) fn plan(connection: &Connection, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
    let asked: HashSet<TaskId> = ids.iter().copied().collect();
    let mut opens = HashSet::new();
    let mut others = Vec::new();
    for id in &asked {
        match write::state_of(connection, *id)? {
            Some((state, _)) if can_reopen(state) => {
                opens.insert(*id);
            }
            _ => others.push(*id),
        }
    }
    let mut work: Vec<TaskId> = opens.iter().copied().collect();
    while downstream && let Some(task) = work.pop() {
        let skipped = edges::skipped_dependents(connection, task)?;
        work.extend(skipped.into_iter().filter(|one| opens.insert(*one)));
    }
    others.sort_unstable();
    others.extend(in_order(connection, &opens)?);
    Ok(RetryPlan::new(asked, opens, others))
}

/// The tasks, each after those of them that it depends on, otherwise by id.
fn in_order(connection: &Connection, tasks: &HashSet<TaskId>) -> Result<Vec<TaskId>> {
    if tasks.len() < 2 {
        return Ok(tasks.iter().copied().collect());
    }
    let mut waits: HashMap<TaskId, usize> = HashMap::with_capacity(tasks.len());
    let mut dependents: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for task in tasks {
        let on = edges::dependencies(connection, *task)?.into_iter();
        let mut count = 0;
        for (on, _) in on.filter(|(on, _)| tasks.contains(on)) {
            dependents.entry(on).or_default().push(*task);
            count += 1;
        }
        waits.insert(*task, count);
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
    // Only a damaged file has tasks that wait for each other in a circle.
    let mut rest: Vec<TaskId> = waits
        .into_iter()
        .filter(|one| one.1 > 0)
        .map(|one| one.0)
        .collect();
    rest.sort_unstable();
    order.extend(rest);
    Ok(order)
}

/// How the dependencies of a task stand that is to be re-opened.
struct Prospect {
    /// Tasks that have to end first; `None` if it can never start.
    pending: Option<u32>,
    /// Whether one of them is a task of the same retry that was re-opened.
    follows: bool,
    /// How many there are.
    edges: usize,
}

impl Writing<'_> {
    /// Re-opens ended tasks in one transaction. Of each that was asked for, in that order, what
    /// became of it.
    pub(super) fn retry(&mut self, ids: &[TaskId], downstream: bool) -> Result<Vec<Change>> {
        let plan = plan(self.slice.connection, ids, downstream)?;
        let mut changes = HashMap::with_capacity(ids.len());
        for id in plan.order() {
            let (change, _) = self.reopen(*id, &plan)?;
            changes.insert(*id, change);
        }
        let change = |id| changes.get(id).copied();
        Ok(ids
            .iter()
            .map(|id| change(id).unwrap_or(Change::NotFound))
            .collect())
    }

    /// Re-opens the next few tasks of a plan. Of each that was asked for or re-opened, what became of
    /// it; and how many were looked at.
    pub(super) fn retry_some(
        &mut self,
        plan: &RetryPlan,
    ) -> Result<(Vec<(TaskId, Change)>, usize)> {
        let (mut changes, mut looked_at, mut work) = (Vec::new(), 0, 0);
        for id in plan.left() {
            if work >= STEP {
                break;
            }
            let (change, edges) = self.reopen(*id, plan)?;
            if plan.is_asked(*id) || matches!(change, Change::Done(_)) {
                changes.push((*id, change));
            }
            looked_at += 1;
            work += 1 + edges;
        }
        Ok((changes, looked_at))
    }

    /// Re-opens a task that did not succeed, unless its dependencies forbid that. One that nobody
    /// asked for is re-opened only below one that is. Returns what became of it, and how many edges
    /// were looked at.
    fn reopen(&mut self, id: TaskId, plan: &RetryPlan) -> Result<(Change, usize)> {
        let Some((state, limit_key)) = self.find(id)? else {
            return Ok((Change::NotFound, 0));
        };
        let refused = Change::Refused(state);
        if !can_reopen(state) || !plan.opens(id) {
            return Ok((refused, 0));
        }
        let prospect = self.prospect(id, state, plan)?;
        let (Some(pending), true) = (prospect.pending, prospect.follows || plan.is_asked(id))
        else {
            return Ok((refused, prospect.edges));
        };
        let next = if pending > 0 {
            State::Blocked
        } else {
            self.waiting_state(None, limit_key)
        };
        self.slice.connection.prepare_cached(REOPEN)?.execute((
            id.0,
            next.code(),
            pending > 0,
            self.now().wall.0,
        ))?;
        write::retried(self.slice.connection, id)?;
        // It may have been given a time to start or end in, for which the next claim must look.
        self.effects.scheduled = true;
        if pending > 0 {
            self.slice.wait(id, pending)?;
        }
        let dependents = self.unended(id, state)?;
        Ok((Change::Done(next), prospect.edges + dependents))
    }

    /// As [`edges::prospect`], with what the retry itself did to the dependencies.
    fn prospect(&self, id: TaskId, state: State, plan: &RetryPlan) -> Result<Prospect> {
        let (mut pending, mut follows) = (Some(0), false);
        let edges =
            edges::visit_dependencies(self.slice.connection, id, |on, condition, found| {
                match edges::standing(found, condition, state) {
                    Standing::Open => pending = pending.map(|pending| pending + 1),
                    Standing::Met => {}
                    Standing::Impossible => {
                        pending = None;
                        return ControlFlow::Break(());
                    }
                }
                follows |= plan.opens(on) && found.is_some_and(|state| !can_reopen(state));
                ControlFlow::Continue(())
            })?;
        Ok(Prospect {
            pending,
            follows,
            edges,
        })
    }
}

#[cfg(test)]
mod tests {
    use queue_core::queue::Queue as _;
    use queue_core::sqlite::write;
    use queue_core::state::State;
    use queue_core::task::{NewTask, TaskId};
    use queue_core::workflow::Condition;
    use rusqlite::StatementStatus;

    use super::edges::{RUN, STATES};
    use crate::{WorkflowQueue, WorkflowTask};

    /// How often the states of tasks were read where the retry is made.
    fn reads(queue: &WorkflowQueue) -> usize {
        let mut state_of = write::STATEMENTS.iter();
        let (_, state_of) = state_of.find(|(name, _)| *name == "state_of").unwrap();
        let reads = queue.store().database().write(|connection| {
            let mut reads = 0;
            for sql in [*state_of, STATES] {
                let statement = connection.prepare_cached(sql)?;
                reads += usize::try_from(statement.get_status(StatementStatus::Run)).unwrap();
            }
            Ok(reads)
        });
        reads.unwrap()
    }

    /// A task after 100,000 others is re-opened in one step, which took a statement for each of them:
    /// half a second in a debug build, in which nobody else could write. Those whose ids lie close
    /// together are read by one.
    #[test]
    fn a_task_after_very_many_is_re_opened_in_few_statements() {
        let folder = tempfile::tempdir().unwrap();
        let queue = WorkflowQueue::open(folder.path().join("q.db")).unwrap();
        let width = 2 * RUN + 1;
        let shell = |name| WorkflowTask::from(NewTask::shell(name, "true"));
        let mut tasks: Vec<_> = (0..width).map(|_| shell("dependency")).collect();
        let mut join = shell("join");
        for place in 0..width {
            join = join.after(place, Condition::Success);
        }
        tasks.push(join);
        let enqueued = queue.enqueue_workflow(tasks).unwrap();
        let ids: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
        queue.cancel(&ids[..width]).unwrap();
        let state = || queue.get(ids[width]).unwrap().unwrap().state;
        assert_eq!(state(), State::Skipped);
        let before = reads(&queue);
        let mut plan = queue.plan_retry(&ids[..width], true).unwrap();
        while !plan.left().is_empty() {
            queue.retry_step(&mut plan).unwrap();
        }
        assert_eq!(state(), State::Blocked);
        assert_eq!(reads(&queue) - before, width.div_ceil(RUN));
    }
}
