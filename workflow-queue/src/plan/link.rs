//! Link: adds edges between stored tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use queue_core::error::{Error, Result};
use queue_core::journal::EventKind;
use queue_core::queue::Enqueued;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};

use super::writing::Writing;
use crate::slice::{Conditions, Slice, TaskChange, TaskRow};
use crate::submission::Submission;
use crate::workflow_task::{Dependent, DependentTasks, WorkflowTask};

/// Most added dependencies that an event names.
const MOST_NAMED: usize = 20;

/// The dependencies added to each dependent.
type Added = BTreeMap<TaskId, Conditions>;

impl<S: Slice> Writing<S> {
    /// The waiting dependents of the spawner, if the submission puts a task in front of them.
    pub(crate) fn waiting_for_spawner(&mut self, submission: &Submission) -> Result<Vec<TaskId>> {
        let of_spawner = |task: &WorkflowTask| {
            let mut before = task.before.iter();
            before.any(|dependent| dependent.tasks == DependentTasks::OfSpawner)
        };
        let Some(claim) = submission.spawner else {
            return Ok(Vec::new());
        };
        if !submission.tasks.iter().any(of_spawner) {
            return Ok(Vec::new());
        }
        let dependents = self.slice.dependents(claim.task)?;
        let rows = self.slice.rows(&dependents)?;
        let waits = |row: &Option<TaskRow>| row.as_ref().is_some_and(|row| row.state.is_waiting());
        let waiting = dependents.iter().zip(&rows).filter(|(_, row)| waits(row));
        Ok(waiting.map(|(dependent, _)| *dependent).collect())
    }

    /// The edges that a submission adds to stored tasks. If `own` is given, the tasks must belong
    /// to that workflow. `held` are the waiting dependents of the spawner.
    pub(crate) fn links(
        &mut self,
        submission: &Submission,
        own: Option<TaskId>,
        enqueued: &[Enqueued],
        held: &[TaskId],
    ) -> Result<Vec<Edge>> {
        let mut links = submission.links.clone();
        // The stored tasks that the submission names, in its order.
        let ends = links.iter().flat_map(|link| [link.dependent, link.on]);
        let mut named: Vec<TaskId> = ends.collect();
        for (task, one) in submission.tasks.iter().zip(enqueued) {
            for Dependent { tasks, condition } in &task.before {
                let edge = |dependent| Edge {
                    dependent,
                    on: one.id,
                    condition: *condition,
                };
                match tasks {
                    DependentTasks::Task(dependent) => {
                        named.push(*dependent);
                        links.push(edge(*dependent));
                    }
                    DependentTasks::OfSpawner => links.extend(held.iter().map(|held| edge(*held))),
                }
            }
        }
        if let Some(own) = own.filter(|_| !named.is_empty()) {
            let workflows = self.slice.workflows(&named)?;
            for (task, workflow) in named.into_iter().zip(workflows) {
                check_workflow(task, workflow, own)?;
            }
        }
        Ok(links)
    }

    /// Adds edges between stored tasks.
    pub(crate) fn link(&mut self, links: &[Edge]) -> Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        let mut added = Added::new();
        for link in links {
            let of_one = added.entry(link.dependent).or_default();
            if *of_one.entry(link.on).or_insert(link.condition) != link.condition {
                return Err(Error::invalid(format!(
                    "task {} is to depend on task {} in two ways; choose one",
                    link.dependent, link.on
                )));
            }
        }
        let dependents: Vec<TaskId> = added.keys().copied().collect();
        let rows = self.slice.rows(&dependents)?;
        for ((dependent, of_one), row) in added.iter().zip(&rows) {
            check_waiting(*dependent, row.as_ref().map(|row| row.state), of_one)?;
        }
        self.check_cycles(&added)?;
        let had = self.slice.dependencies(&dependents)?;
        self.add_edges(&added, rows, had)
    }

    /// Adds edges, already checked for cycles, to one dependent after the other.
    fn add_edges(
        &mut self,
        added: &Added,
        rows: Vec<Option<TaskRow>>,
        had: Vec<Vec<(TaskId, Condition)>>,
    ) -> Result<()> {
        let stored = had.iter().flatten().map(|(on, _)| *on);
        let fresh = added.values().flat_map(BTreeMap::keys).copied();
        let asked: BTreeSet<TaskId> = stored.chain(fresh).collect();
        let asked: Vec<TaskId> = asked.into_iter().collect();
        let found = self.slice.states(&asked)?;
        let known = asked.into_iter().zip(found);
        let mut states: HashMap<TaskId, State> = known
            .filter_map(|(task, state)| Some((task, state?)))
            .collect();
        let known = added.keys().zip(&rows);
        states.extend(known.filter_map(|(task, row)| Some((*task, row.as_ref()?.state))));
        for (((dependent, of_one), row), had) in added.iter().zip(rows).zip(had) {
            // The edges of an earlier dependent may have skipped it.
            check_waiting(*dependent, states.get(dependent).copied(), of_one)?;
            let Some(row) = row else { continue };
            let had = had.into_iter().collect();
            let skipped = self.add_to_one(*dependent, row, (&had, of_one), &states)?;
            states.extend(skipped.into_iter().map(|task| (task, State::Skipped)));
        }
        Ok(())
    }

    /// Adds the edges of one dependent. Returns the tasks that are skipped because of them.
    fn add_to_one(
        &mut self,
        dependent: TaskId,
        row: TaskRow,
        (had, added): (&Conditions, &Conditions),
        states: &HashMap<TaskId, State>,
    ) -> Result<Vec<TaskId>> {
        let all = merged(dependent, had, added)?;
        if all.len() == had.len() {
            return Ok(Vec::new());
        }
        // Every dependency that has not ended counts, even one that was re-opened after this task
        // was released: its next end will be counted.
        let (mut pending, mut never) = (u32::from(row.is_held), None);
        for (&on, condition) in &all {
            let fresh = !had.contains_key(&on);
            let standing = match states.get(&on) {
                Some(state) => condition.standing(*state),
                None if fresh => {
                    return Err(Error::not_found(format!(
                        "there is no task {on} to depend on; it may have been pruned"
                    )));
                }
                None => Standing::Met,
            };
            match standing {
                Standing::Open => pending += 1,
                Standing::Impossible if fresh => never = never.or(Some(on)),
                Standing::Met | Standing::Impossible => {}
            }
        }
        let fresh = all.keys().filter(|on| !had.contains_key(on));
        let fresh: Vec<i64> = fresh.take(MOST_NAMED).map(|on| on.0).collect();
        let more = serde_json::json!({ "count": all.len() - had.len(), "tasks": fresh });
        let linked = TaskChange::new(EventKind::Linked, dependent).data(&more);
        self.slice.record(&linked)?;
        self.slice.add_dependencies(dependent, had, &all)?;
        if let Some(on) = never {
            self.slice.record(&TaskChange::skipped(dependent, on))?;
            self.slice.skip(dependent, on)?;
            self.freed.extend(row.limit_key);
            let mut skipped = self.ended(&[(dependent, State::Skipped)])?;
            skipped.push(dependent);
            return Ok(skipped);
        }
        if pending > 0 {
            self.slice.block(dependent, pending)?;
            self.freed.extend(row.limit_key);
        }
        Ok(Vec::new())
    }

    /// Refuses edges to tasks that wait for the dependent themselves, at any distance, and also by
    /// way of another added edge. Ended tasks count, since they may be re-opened. Loads each level
    /// of dependencies at once, then searches.
    fn check_cycles(&mut self, added: &Added) -> Result<()> {
        let starts: BTreeSet<TaskId> = added.values().flat_map(BTreeMap::keys).copied().collect();
        let mut above: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
        let mut level: Vec<TaskId> = starts.into_iter().collect();
        while !level.is_empty() {
            let found = self.slice.dependencies(&level)?;
            let mut next = BTreeSet::new();
            for (task, stored) in level.into_iter().zip(found) {
                let fresh = added.get(&task).into_iter().flat_map(BTreeMap::keys);
                let stored = stored.into_iter().map(|(on, _)| on);
                let of_one: Vec<TaskId> = stored.chain(fresh.copied()).collect();
                next.extend(of_one.iter().copied());
                above.insert(task, of_one);
            }
            level = next
                .into_iter()
                .filter(|task| !above.contains_key(task))
                .collect();
        }
        find_circle(added, above)
    }
}

/// Refuses edges that close a cycle, given the dependencies of every task above them.
fn find_circle(added: &Added, mut above: HashMap<TaskId, Vec<TaskId>>) -> Result<()> {
    // A task that is finished has no entry in `above` any more. `on_way` has the tasks on the path
    // from the start of the search.
    let mut on_way: HashSet<TaskId> = HashSet::new();
    for start in added.values().flat_map(BTreeMap::keys) {
        let Some(left) = above.remove(start) else {
            continue;
        };
        on_way.insert(*start);
        let mut way = vec![(*start, left)];
        while let Some((task, left)) = way.last_mut() {
            let Some(next) = left.pop() else {
                on_way.remove(task);
                way.pop();
                continue;
            };
            if on_way.contains(&next) {
                let circle = way.iter().map(|(task, _)| *task);
                let circle: Vec<TaskId> = circle.skip_while(|task| *task != next).collect();
                return Err(closed(&circle, added));
            }
            if let Some(left) = above.remove(&next) {
                on_way.insert(next);
                way.push((next, left));
            }
        }
    }
    Ok(())
}

/// The error for edges that close a cycle, each task of which waits for the next.
fn closed(circle: &[TaskId], added: &Added) -> Error {
    let count = circle.len();
    let is_fresh = |index: &usize| {
        let of_one = added.get(&circle[*index]);
        of_one.is_some_and(|of_one| of_one.contains_key(&circle[(index + 1) % count]))
    };
    // A cycle contains at least one added edge: the stored ones form none.
    let index = (0..count).find(is_fresh).unwrap_or(0);
    let (dependent, origin) = (circle[index], circle[(index + 1) % count]);
    let task = circle[(index + count - 1) % count];
    Error::invalid(format!(
        "task {dependent} cannot wait for task {origin}: task {task}, at its end or above it, waits \
         for task {dependent}"
    ))
}

fn check_workflow(task: TaskId, workflow: Option<TaskId>, own: TaskId) -> Result<()> {
    match workflow {
        Some(found) if found == own => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "task {task} belongs to another workflow than {own}"
        ))),
        None => Err(Error::not_found(format!("there is no task {task}"))),
    }
}

/// Refuses a dependent that does not exist, does not wait, or would wait for itself.
fn check_waiting(dependent: TaskId, state: Option<State>, added: &Conditions) -> Result<()> {
    let Some(state) = state else {
        return Err(Error::not_found(format!("there is no task {dependent}")));
    };
    if !state.is_waiting() {
        return Err(Error::invalid(format!(
            "task {dependent} {}; only a waiting task can be made to wait for more",
            state.standing()
        )));
    }
    if added.contains_key(&dependent) {
        return Err(Error::invalid(format!(
            "task {dependent} depends on itself"
        )));
    }
    Ok(())
}

/// A task's dependencies together with the added ones.
fn merged(dependent: TaskId, had: &Conditions, added: &Conditions) -> Result<Conditions> {
    let mut all = had.clone();
    for (&on, &condition) in added {
        let known = *all.entry(on).or_insert(condition);
        if known != condition {
            return Err(Error::invalid(format!(
                "task {dependent} depends on task {on} already, with condition {known}"
            )));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::{Condition, Edge};

    use crate::plan::memory::Memory;

    fn edge(dependent: i64, on: i64) -> Edge {
        Edge {
            dependent: TaskId(dependent),
            on: TaskId(on),
            condition: Condition::Success,
        }
    }

    #[test]
    fn linking_many_tasks_loads_each_level_above_them_once() {
        let mut rows = Memory::default();
        rows.run(1);
        rows.depend(2, 1, Condition::Success);
        rows.depend(3, 2, Condition::Success);
        for dependent in 10..60 {
            rows.add(dependent, State::Queued);
        }
        let links: Vec<Edge> = (10..60).map(|dependent| edge(dependent, 3)).collect();
        rows.link(&links).unwrap();
        let above = ["dependencies"; 3];
        let loads = [&["rows"][..], &above, &["dependencies", "states"]].concat();
        assert_eq!(rows.loads, loads);
        assert_eq!(rows.state(30), State::Blocked);
        assert_eq!(rows.pending(30), Some(1));
    }

    #[test]
    fn a_dependent_of_a_task_skipped_by_a_link_is_skipped_too() {
        let mut rows = Memory::default();
        rows.add(1, State::Failed);
        rows.add(2, State::Queued);
        rows.add(3, State::Queued);
        rows.link(&[edge(2, 1), edge(3, 2)]).unwrap();
        assert_eq!(rows.state(2), State::Skipped);
        assert_eq!(rows.state(3), State::Skipped);
        assert_eq!(rows.cause(3), Some(TaskId(2)));
    }

    #[test]
    fn a_task_skipped_by_a_link_cannot_be_made_to_wait() {
        let mut rows = Memory::default();
        rows.add(1, State::Failed);
        rows.run(2);
        rows.add(3, State::Queued);
        rows.depend(4, 3, Condition::Success);
        let error = rows.link(&[edge(3, 1), edge(4, 2)]).unwrap_err();
        let text = "task 4 was skipped; only a waiting task can be made to wait for more";
        assert!(error.to_string().contains(text), "{error}");
    }

    #[test]
    fn edges_that_only_together_close_a_cycle_are_refused() {
        let mut rows = Memory::default();
        (1..=4).for_each(|task| rows.add(task, State::Queued));
        rows.depend(2, 1, Condition::Success);
        rows.depend(4, 3, Condition::Success);
        let error = rows.link(&[edge(1, 4), edge(3, 2)]).unwrap_err();
        assert!(
            error.to_string().contains("cannot wait for task"),
            "{error}"
        );
    }
}
