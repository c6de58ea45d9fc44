//! Dependencies as stored: what the end of a task means for those that wait for it, and what its
//! re-opening does. Everything is a worklist over rows by id; updates through a subquery over edges
//! are several times slower.

use std::collections::BTreeMap;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::sqlite::{read, rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};
use rusqlite::{Connection, OptionalExtension, Row};

use super::writing::Writing;
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
const SKIP: &str = statement(include_str!("../../queries/skip.sql"));

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

/// A task that waits for the one that ended.
struct Waiting {
    id: TaskId,
    condition: Condition,
    pending: u32,
}

/// How a task's dependencies stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// So many have not ended; it can start once they have, as they should.
    Waits(u32),
    /// Because of this one it can never start.
    Never(TaskId),
}

impl Writing<'_> {
    /// Carries the end of a task to those that wait for it, and on from those that are skipped.
    pub(super) fn ended(&mut self, task: TaskId, state: State) -> Result<()> {
        let mut work = vec![(task, state)];
        while let Some((task, state)) = work.pop() {
            for dependent in self.hot.dependents_waiting.all([task.0], waiting)? {
                match dependent.condition.standing(state) {
                    Standing::Open => {}
                    Standing::Met if dependent.pending > 1 => {
                        self.hot
                            .pending
                            .execute((dependent.id.0, dependent.pending - 1))?;
                    }
                    Standing::Met => self.release(dependent.id)?,
                    Standing::Impossible => {
                        self.skip(dependent.id, task)?;
                        work.push((dependent.id, State::Skipped));
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets a task go on whose last dependency holds.
    pub(super) fn release(&mut self, task: TaskId) -> Result<()> {
        let found = self.hot.time_and_limit.all([task.0], |row| {
            Ok((rows::time(row, 0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })?;
        for (run_at, limit_key) in found {
            let state = self.waiting_state(run_at, limit_key);
            self.hot.release.execute((task.0, state.code()))?;
        }
        self.waits_no_more(task)
    }

    /// Ends a waiting task because of one it depends on.
    pub(super) fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()> {
        self.connection
            .prepare_cached(SKIP)?
            .execute((task.0, self.now.wall.0, cause.0))?;
        self.waits_no_more(task)
    }

    /// Notes that so many dependencies of a task do not hold yet.
    pub(super) fn waits(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.hot.waiting_put.execute((task.0, pending))?;
        Ok(())
    }

    /// Whatever becomes of a task, it does not wait for dependencies.
    pub(super) fn waits_no_more(&mut self, task: TaskId) -> Result<()> {
        self.hot.waiting_delete.execute([task.0])?;
        Ok(())
    }

    /// The state of a waiting task without open dependencies. One under a limit is blocked, and
    /// admitted at the end of the transaction if there is a slot.
    pub(super) fn waiting_state(
        &mut self,
        run_at: Option<Timestamp>,
        limit_key: Option<Vec<u8>>,
    ) -> State {
        if run_at.is_some_and(|at| at > self.now.wall) {
            self.effects.scheduled = true;
            State::Scheduled
        } else if let Some(key) = limit_key {
            self.freed.insert(key);
            State::Blocked
        } else {
            self.effects.ready += 1;
            State::Queued
        }
    }

    /// Takes back what the former end of a re-opened task meant to those that still wait: its
    /// condition has to hold anew. A dependent that was let go stays so.
    /// Returns how many wait.
    pub(super) fn unended(&mut self, task: TaskId, former: State) -> Result<usize> {
        let waiting = self.hot.dependents_waiting.all([task.0], waiting)?;
        for dependent in &waiting {
            if dependent.condition.standing(former) == Standing::Met {
                self.hot
                    .pending
                    .execute((dependent.id.0, dependent.pending + 1))?;
            }
        }
        Ok(waiting.len())
    }

    /// Stores the edges of new tasks, at both ends.
    pub(super) fn store_edges(&self, mut edges: Vec<Edge>) -> Result<()> {
        edges.sort_unstable_by_key(|edge| (edge.dependent, edge.on));
        let mut put = self.connection.prepare_cached(UPSTREAM_PUT)?;
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
        self.connection
            .prepare_cached(UPSTREAM_PUT)?
            .execute((dependent.0, tasks))?;
        self.insert_edges(fresh)
    }

    /// Stores an edge at the end of the task depended on, in place of one with another condition.
    pub(super) fn replace_edge(&self, edge: &Edge) -> Result<()> {
        self.connection
            .prepare_cached(EDGE_DELETE)?
            .execute((edge.on.0, edge.dependent.0))?;
        self.insert_edges(vec![*edge])
    }

    /// Writes the edges in the order of their table.
    fn insert_edges(&self, mut edges: Vec<Edge>) -> Result<()> {
        edges.sort_unstable_by_key(|edge| (edge.on, edge.dependent));
        let mut insert = self.connection.prepare_cached(EDGE_INSERT)?;
        for edge in edges {
            insert.execute((edge.on.0, edge.dependent.0, edge.condition.code()))?;
        }
        Ok(())
    }
}

fn waiting(row: &Row<'_>) -> Result<Waiting> {
    Ok(Waiting {
        id: TaskId(row.get(0)?),
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
