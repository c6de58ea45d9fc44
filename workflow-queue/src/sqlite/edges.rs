//! Dependencies as stored: what the end of a task means for those that wait for it, and what its
//! re-opening does. Everything is a worklist over rows by id; updates through a subquery over edges
//! are several times slower.

use std::collections::BTreeMap;

use queue_core::error::{Error, Result};
use queue_core::sqlite::{read, rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};
use rusqlite::{Connection, OptionalExtension, Row};

use super::slice::{SqliteSlice, Writing};
use crate::slice::{Slice as _, Start, Waiting};
use crate::upstream;

const EDGE_INSERT: &str = statement(include_str!("../../queries/edge_insert.sql"));
const EDGE_DELETE: &str = statement(include_str!("../../queries/edge_delete.sql"));
const EDGES_DELETE: &str = statement(include_str!("../../queries/edges_delete.sql"));
const UPSTREAM: &str = statement(include_str!("../../queries/upstream.sql"));
const UPSTREAM_PUT: &str = statement(include_str!("../../queries/upstream_put.sql"));
const UPSTREAM_DELETE: &str = statement(include_str!("../../queries/upstream_delete.sql"));
const DEPENDENTS: &str = statement(include_str!("../../queries/dependents.sql"));
pub(super) const DEPENDENTS_WAITING: &str =
    statement(include_str!("../../queries/dependents_waiting.sql"));
const DEPENDENTS_SKIPPED: &str = statement(include_str!("../../queries/dependents_skipped.sql"));
const DEPENDENTS_UNFINISHED: &str =
    statement(include_str!("../../queries/dependents_unfinished.sql"));
pub(super) const PENDING: &str = statement(include_str!("../../queries/pending.sql"));
pub(super) const RELEASE: &str = statement(include_str!("../../queries/release.sql"));
pub(super) const WAITING_PUT: &str = statement(include_str!("../../queries/waiting_put.sql"));
pub(super) const WAITING_DELETE: &str = statement(include_str!("../../queries/waiting_delete.sql"));
pub(super) const TIME_AND_LIMIT: &str = statement(include_str!("../../queries/time_and_limit.sql"));
pub(super) const SKIP: &str = statement(include_str!("../../queries/skip.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("edge_insert", EDGE_INSERT),
    ("edge_delete", EDGE_DELETE),
    ("edges_delete", EDGES_DELETE),
    ("upstream", UPSTREAM),
    ("upstream_put", UPSTREAM_PUT),
    ("upstream_delete", UPSTREAM_DELETE),
    ("dependents", DEPENDENTS),
    ("dependents_waiting", DEPENDENTS_WAITING),
    ("dependents_skipped", DEPENDENTS_SKIPPED),
    ("dependents_unfinished", DEPENDENTS_UNFINISHED),
    ("pending", PENDING),
    ("waiting_put", WAITING_PUT),
    ("waiting_delete", WAITING_DELETE),
    ("time_and_limit", TIME_AND_LIMIT),
    ("release", RELEASE),
    ("skip", SKIP),
];

/// How a task's dependencies stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// So many have not ended; it can start once they have, as they should.
    Waits(u32),
    /// Because of this one it can never start.
    Never(TaskId),
}

impl SqliteSlice<'_> {
    /// The tasks that still wait for one.
    pub(super) fn dependents(&mut self, task: TaskId) -> Result<Vec<Waiting>> {
        self.hot.dependents_waiting.all([task.0], waiting)
    }

    /// What decides where a task starts.
    pub(super) fn start(&mut self, task: TaskId) -> Result<Option<Start>> {
        let found = self.hot.time_and_limit.all([task.0], |row| {
            Ok(Start {
                run_at: rows::time(row, 0)?,
                limit_key: row.get(1)?,
            })
        })?;
        Ok(found.into_iter().next())
    }
}

impl Writing<'_> {
    /// Takes back what the former end of a re-opened task meant to those that still wait: its
    /// condition has to hold anew. A dependent that was let go stays so.
    /// Returns how many wait.
    pub(super) fn unended(&mut self, task: TaskId, former: State) -> Result<usize> {
        let waiting = self.slice.dependents(task)?;
        for dependent in &waiting {
            if dependent.condition.standing(former) == Standing::Met {
                self.slice
                    .set_pending(dependent.task, dependent.pending + 1)?;
            }
        }
        Ok(waiting.len())
    }

    /// Stores the edges of new tasks, at both ends.
    pub(super) fn store_edges(&self, mut edges: Vec<Edge>) -> Result<()> {
        edges.sort_unstable_by_key(|edge| (edge.dependent, edge.on));
        let mut put = self.slice.connection.prepare_cached(UPSTREAM_PUT)?;
        for of_one in edges.chunk_by(|one, next| one.dependent == next.dependent) {
            let dependent = of_one[0].dependent;
            let pairs = of_one.iter().map(|edge| (edge.on, edge.condition));
            put.execute((dependent.0, upstream::encode(dependent, pairs)))?;
        }
        self.insert_edges(edges)
    }
}

impl Writing<'_> {
    /// Stores further edges of a stored dependent, whose dependencies now are `all`.
    pub(super) fn add_edges(
        &self,
        dependent: TaskId,
        fresh: Vec<Edge>,
        all: &BTreeMap<TaskId, Condition>,
    ) -> Result<()> {
        let pairs = all.iter().map(|(on, condition)| (*on, *condition));
        let tasks = upstream::encode(dependent, pairs);
        self.slice
            .connection
            .prepare_cached(UPSTREAM_PUT)?
            .execute((dependent.0, tasks))?;
        self.insert_edges(fresh)
    }

    /// Stores an edge at the end of the task depended on, in place of one with another condition.
    pub(super) fn replace_edge(&self, edge: &Edge) -> Result<()> {
        self.slice
            .connection
            .prepare_cached(EDGE_DELETE)?
            .execute((edge.on.0, edge.dependent.0))?;
        self.insert_edges(vec![*edge])
    }

    /// Writes the edges in the order of their table.
    fn insert_edges(&self, mut edges: Vec<Edge>) -> Result<()> {
        edges.sort_unstable_by_key(|edge| (edge.on, edge.dependent));
        let mut insert = self.slice.connection.prepare_cached(EDGE_INSERT)?;
        for edge in edges {
            insert.execute((edge.on.0, edge.dependent.0, edge.condition.code()))?;
        }
        Ok(())
    }
}

fn waiting(row: &Row<'_>) -> Result<Waiting> {
    Ok(Waiting {
        task: TaskId(row.get(0)?),
        condition: condition(row.get(1)?)?,
        pending: row.get(2)?,
    })
}

pub(super) fn condition(code: i64) -> Result<Condition> {
    Condition::from_code(code).ok_or_else(|| Error::Bug {
        what: format!("a stored edge has condition {code}, which this version does not know"),
    })
}

/// The tasks that one waits or waited for, with what it asks of each.
pub(super) fn dependencies(
    connection: &Connection,
    task: TaskId,
) -> Result<Vec<(TaskId, Condition)>> {
    let mut query = connection.prepare_cached(UPSTREAM)?;
    let stored: Option<Vec<u8>> = query.query_row([task.0], |row| row.get(0)).optional()?;
    stored.map_or(Ok(Vec::new()), |bytes| upstream::decode(task, &bytes))
}

/// The tasks that wait or waited for one, with what they ask of it.
pub(super) fn dependents(
    connection: &Connection,
    task: TaskId,
) -> Result<Vec<(TaskId, Condition)>> {
    read::all(connection, DEPENDENTS, [task.0], |row| {
        Ok((TaskId(row.get(0)?), condition(row.get(1)?)?))
    })
}

/// Those that were skipped among the dependents of a task.
pub(super) fn skipped_dependents(connection: &Connection, task: TaskId) -> Result<Vec<TaskId>> {
    read::all(connection, DEPENDENTS_SKIPPED, [task.0], |row| {
        Ok(TaskId(row.get(0)?))
    })
}

/// Whether a dependent that has not ended may still read the task's output.
pub(super) fn is_needed(connection: &Connection, task: TaskId) -> Result<bool> {
    let mut query = connection.prepare_cached(DEPENDENTS_UNFINISHED)?;
    Ok(query.query_row([task.0], |row| row.get(0))?)
}

/// How a dependency stands for a task that ended in `state`. One that was pruned held, unless the
/// task was skipped: then it may have been the reason.
pub(super) fn standing(found: Option<State>, condition: Condition, state: State) -> Standing {
    match found {
        Some(found) => condition.standing(found),
        None if state == State::Skipped => Standing::Impossible,
        None => Standing::Met,
    }
}

/// How the dependencies of a task that ended in `state` stand now.
pub(super) fn prospect(connection: &Connection, task: TaskId, state: State) -> Result<Prospect> {
    let mut open = 0;
    for (on, condition) in dependencies(connection, task)? {
        let found = write::state_of(connection, on)?.map(|(state, _)| state);
        match standing(found, condition, state) {
            Standing::Open => open += 1,
            Standing::Met => {}
            Standing::Impossible => return Ok(Prospect::Never(on)),
        }
    }
    Ok(Prospect::Waits(open))
}

/// Deletes every edge at either end of a task.
pub(super) fn forget(connection: &Connection, task: TaskId) -> Result<()> {
    for (on, _) in dependencies(connection, task)? {
        connection
            .prepare_cached(EDGE_DELETE)?
            .execute((on.0, task.0))?;
    }
    connection
        .prepare_cached(UPSTREAM_DELETE)?
        .execute([task.0])?;
    connection.prepare_cached(EDGES_DELETE)?.execute([task.0])?;
    Ok(())
}
