//! Edges between tasks that are stored already.

use std::collections::{BTreeMap, HashSet};

use queue_core::error::{Error, Result};
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Standing};
use rusqlite::{Connection, OptionalExtension};

use super::edges;
use super::writing::Writing;
use crate::store::Edge;

const BLOCK: &str = statement(include_str!("../../queries/block.sql"));
const SKIP: &str = statement(include_str!("../../queries/skip.sql"));
const PENDING_OF: &str = statement(include_str!("../../queries/pending_of.sql"));
const WORKFLOW_OF: &str = statement(include_str!("../../queries/workflow_of.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("block", BLOCK), ("pending_of", PENDING_OF)];

/// Adds edges between stored tasks, within one workflow if that is given.
pub(super) fn link(
    writing: &mut Writing<'_>,
    links: &[Edge],
    workflow: Option<TaskId>,
) -> Result<()> {
    let mut of_dependent: BTreeMap<TaskId, BTreeMap<TaskId, Condition>> = BTreeMap::new();
    for link in links {
        if let Some(workflow) = workflow {
            for task in [link.dependent, link.on] {
                check_workflow(writing.connection, task, workflow)?;
            }
        }
        let of_one = of_dependent.entry(link.dependent).or_default();
        of_one.insert(link.on, link.condition);
    }
    for (dependent, added) in of_dependent {
        add(writing, dependent, &added)?;
    }
    Ok(())
}

fn check_workflow(connection: &Connection, task: TaskId, workflow: TaskId) -> Result<()> {
    let mut query = connection.prepare_cached(WORKFLOW_OF)?;
    let found: Option<i64> = query.query_row([task.0], |row| row.get(0)).optional()?;
    match found {
        Some(found) if found == workflow.0 => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "task {task} belongs to another workflow than {workflow}"
        ))),
        None => Err(Error::not_found(format!("there is no task {task}"))),
    }
}

/// Adds the edges of one dependent.
fn add(
    writing: &mut Writing<'_>,
    dependent: TaskId,
    added: &BTreeMap<TaskId, Condition>,
) -> Result<()> {
    let connection = writing.connection;
    let mut query = connection.prepare_cached(PENDING_OF)?;
    let found: Option<(i64, u32)> = query
        .query_row([dependent.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    drop(query);
    let Some((state, mut pending)) = found else {
        return Err(Error::not_found(format!("there is no task {dependent}")));
    };
    let state = rows::state(state)?;
    if !state.is_waiting() {
        return Err(Error::invalid(format!(
            "task {dependent} is {state}; only a waiting task can be made to wait for more"
        )));
    }
    let had: BTreeMap<TaskId, Condition> = edges::dependencies(connection, dependent)?
        .into_iter()
        .collect();
    let mut all = had.clone();
    let mut never = None;
    for (&on, &condition) in added {
        if on == dependent {
            return Err(Error::invalid(format!(
                "task {dependent} depends on itself"
            )));
        }
        match had.get(&on) {
            Some(same) if *same == condition => continue,
            Some(other) => {
                return Err(Error::invalid(format!(
                    "task {dependent} depends on task {on} already, with condition {other}"
                )));
            }
            None => {}
        }
        let Some((state, _)) = write::state_of(connection, on)? else {
            return Err(Error::not_found(format!(
                "there is no task {on} to depend on; it may have been pruned"
            )));
        };
        match condition.standing(state) {
            Standing::Open => pending += 1,
            Standing::Met => {}
            Standing::Impossible => never = never.or(Some(on)),
        }
        all.insert(on, condition);
    }
    check_cycle(connection, dependent, added.keys().copied())?;
    let fresh = all.iter().filter(|(on, _)| !had.contains_key(on));
    let edges = fresh.map(|(&on, &condition)| Edge {
        dependent,
        on,
        condition,
    });
    writing.add_edges(dependent, edges.collect(), &all)?;
    if let Some(on) = never {
        let parameters = (dependent.0, writing.now.wall.0, on.0);
        connection.prepare_cached(SKIP)?.execute(parameters)?;
        writing.note_freed(dependent)?;
        writing.ended(dependent, State::Skipped)?;
    } else if pending > 0 {
        let parameters = (dependent.0, pending);
        connection.prepare_cached(BLOCK)?.execute(parameters)?;
        writing.note_freed(dependent)?;
    }
    Ok(())
}

/// Refuses edges from `dependent` to tasks that themselves wait for it, however far up. Tasks that
/// have ended are followed too: they may be re-opened.
fn check_cycle(
    connection: &Connection,
    dependent: TaskId,
    on: impl Iterator<Item = TaskId>,
) -> Result<()> {
    let mut work: Vec<_> = on.map(|task| (task, task)).collect();
    let mut seen: HashSet<TaskId> = HashSet::new();
    while let Some((task, origin)) = work.pop() {
        if !seen.insert(task) {
            continue;
        }
        for (on, _) in edges::dependencies(connection, task)? {
            if on == dependent {
                return Err(Error::invalid(format!(
                    "task {dependent} cannot wait for task {origin}: task {task}, at its end or \
                     above it, waits for task {dependent}"
                )));
            }
            work.push((on, origin));
        }
    }
    Ok(())
}
