//! Edges between tasks that are stored already.

use std::collections::{BTreeMap, HashSet};

use queue_core::error::{Error, Result};
use queue_core::queue::Enqueued;
use queue_core::sqlite::{statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};
use rusqlite::{Connection, OptionalExtension};

use super::edges;
use super::slice::Writing;
use crate::slice::Slice as _;
use crate::store::Submission;
use crate::submission::{Dependent, Which, WorkflowTask};

const BLOCK: &str = statement(include_str!("../../queries/block.sql"));
const DEPEND: &str = statement(include_str!("../../queries/depend.sql"));
const WORKFLOW_OF: &str = statement(include_str!("../../queries/workflow_of.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("block", BLOCK),
    ("depend", DEPEND),
    ("workflow_of", WORKFLOW_OF),
];

/// The waiting tasks that depend on the spawner, if a task of the submission is put in front of
/// them.
pub(super) fn waiting_for_spawner(
    connection: &Connection,
    submission: &Submission,
) -> Result<Vec<TaskId>> {
    let of_spawner = |task: &WorkflowTask| {
        let mut before = task.before.iter();
        before.any(|dependent| dependent.which == Which::OfSpawner)
    };
    let mut waiting = Vec::new();
    if let Some(claim) = submission.spawner
        && submission.tasks.iter().any(of_spawner)
    {
        for (dependent, _) in edges::dependents(connection, claim.task)? {
            let found = write::state_of(connection, dependent)?;
            if found.is_some_and(|(state, _)| state.is_waiting()) {
                waiting.push(dependent);
            }
        }
    }
    Ok(waiting)
}

/// The edges that a submission adds to stored tasks, which must be of the workflow `own` if that is
/// given. `held` are those that wait for its spawner.
pub(super) fn links(
    connection: &Connection,
    submission: &Submission,
    own: Option<TaskId>,
    enqueued: &[Enqueued],
    held: &[TaskId],
) -> Result<Vec<Edge>> {
    let check = |task| own.map_or(Ok(()), |own| check_workflow(connection, task, own));
    let mut links = submission.links.clone();
    for link in &links {
        check(link.dependent)?;
        check(link.on)?;
    }
    for (task, one) in submission.tasks.iter().zip(enqueued) {
        for Dependent { which, condition } in &task.before {
            let edge = |dependent| Edge {
                dependent,
                on: one.id,
                condition: *condition,
            };
            match which {
                Which::Task(dependent) => {
                    check(*dependent)?;
                    links.push(edge(*dependent));
                }
                Which::OfSpawner => links.extend(held.iter().map(|held| edge(*held))),
            }
        }
    }
    Ok(links)
}

/// Adds edges between stored tasks.
pub(super) fn link(writing: &mut Writing<'_>, links: &[Edge]) -> Result<()> {
    let mut of_dependent: BTreeMap<TaskId, BTreeMap<TaskId, Condition>> = BTreeMap::new();
    for link in links {
        let of_one = of_dependent.entry(link.dependent).or_default();
        if *of_one.entry(link.on).or_insert(link.condition) != link.condition {
            return Err(Error::invalid(format!(
                "task {} is to depend on task {} in two ways; choose one",
                link.dependent, link.on
            )));
        }
    }
    for (dependent, added) in &of_dependent {
        check_waiting(writing.slice.connection, *dependent, added)?;
    }
    check_cycles(writing.slice.connection, &of_dependent)?;
    for (dependent, added) in of_dependent {
        add(writing, dependent, &added)?;
    }
    Ok(())
}

/// The workflow of a stored task; `None` if there is no such task.
pub(super) fn workflow_of(connection: &Connection, task: TaskId) -> Result<Option<TaskId>> {
    let mut query = connection.prepare_cached(WORKFLOW_OF)?;
    let found: Option<i64> = query.query_row([task.0], |row| row.get(0)).optional()?;
    Ok(found.map(TaskId))
}

fn check_workflow(connection: &Connection, task: TaskId, own: TaskId) -> Result<()> {
    match workflow_of(connection, task)? {
        Some(found) if found == own => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "task {task} belongs to another workflow than {own}"
        ))),
        None => Err(Error::not_found(format!("there is no task {task}"))),
    }
}

/// Refuses a dependent that is not there, does not wait, or is to wait for itself.
fn check_waiting(
    connection: &Connection,
    dependent: TaskId,
    added: &BTreeMap<TaskId, Condition>,
) -> Result<()> {
    let Some((state, _)) = write::state_of(connection, dependent)? else {
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

/// Adds the edges of one dependent, which close no circle. It may have been skipped meanwhile, by
/// the edges of another.
fn add(
    writing: &mut Writing<'_>,
    dependent: TaskId,
    added: &BTreeMap<TaskId, Condition>,
) -> Result<()> {
    let connection = writing.slice.connection;
    check_waiting(connection, dependent, added)?;
    let had: BTreeMap<TaskId, Condition> = edges::dependencies(connection, dependent)?
        .into_iter()
        .collect();
    let all = merged(dependent, &had, added)?;
    if all.len() == had.len() {
        return Ok(());
    }
    // It waits for all that is open, also for what was re-opened since it was let go: the end of
    // that will be counted.
    let (mut pending, mut never) = (0_u32, None);
    for (&on, condition) in &all {
        let fresh = !had.contains_key(&on);
        let standing = match write::state_of(connection, on)? {
            Some((state, _)) => condition.standing(state),
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
    let fresh = all.iter().filter(|(on, _)| !had.contains_key(on));
    let edges = fresh.map(|(&on, &condition)| Edge {
        dependent,
        on,
        condition,
    });
    writing.add_edges(dependent, edges.collect(), &all)?;
    connection.prepare_cached(DEPEND)?.execute([dependent.0])?;
    if let Some(on) = never {
        writing.slice.skip(dependent, on)?;
        writing.note_freed(dependent)?;
        writing.ended(&[(dependent, State::Skipped)])?;
    } else if pending > 0 {
        block(writing, dependent, pending)?;
    }
    Ok(())
}

/// Has a waiting task wait for so many dependencies, also if it could have been claimed.
pub(super) fn block(writing: &mut Writing<'_>, task: TaskId, pending: u32) -> Result<()> {
    let connection = writing.slice.connection;
    connection.prepare_cached(BLOCK)?.execute([task.0])?;
    writing.slice.wait(task, pending)?;
    writing.note_freed(task)
}

/// The dependencies of a task with those that are added.
fn merged(
    dependent: TaskId,
    had: &BTreeMap<TaskId, Condition>,
    added: &BTreeMap<TaskId, Condition>,
) -> Result<BTreeMap<TaskId, Condition>> {
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

/// Refuses edges to tasks that themselves wait for the dependent, however far up and also by way of
/// another of the edges. Tasks that have ended are followed too: they may be re-opened. One search
/// upwards from all that is to be waited for: as many reads as there are edges above them.
fn check_cycles(
    connection: &Connection,
    added: &BTreeMap<TaskId, BTreeMap<TaskId, Condition>>,
) -> Result<()> {
    let above = |task: TaskId| -> Result<Vec<TaskId>> {
        let stored = edges::dependencies(connection, task)?.into_iter();
        let fresh = added.get(&task).into_iter().flatten();
        let fresh = fresh.map(|(on, _)| *on);
        Ok(stored.map(|(on, _)| on).chain(fresh).collect())
    };
    // Those that are done with, and those on the way from where the search began, each with what is
    // left to look at above it.
    let mut done: HashSet<TaskId> = HashSet::new();
    let mut on_way: HashSet<TaskId> = HashSet::new();
    for start in added.values().flat_map(BTreeMap::keys) {
        if done.contains(start) {
            continue;
        }
        on_way.insert(*start);
        let mut way = vec![(*start, above(*start)?)];
        while let Some((task, left)) = way.last_mut() {
            let task = *task;
            let Some(next) = left.pop() else {
                on_way.remove(&task);
                done.insert(task);
                way.pop();
                continue;
            };
            if on_way.contains(&next) {
                let circle = way.iter().map(|(task, _)| *task);
                let circle: Vec<TaskId> = circle.skip_while(|task| *task != next).collect();
                return Err(closed(&circle, added));
            }
            if !done.contains(&next) {
                on_way.insert(next);
                way.push((next, above(next)?));
            }
        }
    }
    Ok(())
}

/// What is wrong with edges that close a circle, each task of which waits for the next.
fn closed(circle: &[TaskId], added: &BTreeMap<TaskId, BTreeMap<TaskId, Condition>>) -> Error {
    let count = circle.len();
    let is_fresh = |place: &usize| {
        let of_one = added.get(&circle[*place]);
        of_one.is_some_and(|of_one| of_one.contains_key(&circle[(place + 1) % count]))
    };
    // The stored edges close none.
    let place = (0..count).find(is_fresh).unwrap_or(0);
    let (dependent, origin) = (circle[place], circle[(place + 1) % count]);
    let task = circle[(place + count - 1) % count];
    Error::invalid(format!(
        "task {dependent} cannot wait for task {origin}: task {task}, at its end or above it, waits \
         for task {dependent}"
    ))
}
