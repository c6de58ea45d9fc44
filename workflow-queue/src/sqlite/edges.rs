//! Dependencies as stored, read and written row by row, by id: an UPDATE with a subquery over the
//! edges is several times slower.

use std::ops::ControlFlow;

use queue_core::error::{Error, Result};
use queue_core::sqlite::rows;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge, Standing};
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::statements::{
    DEPENDENTS, DEPENDENTS_SKIPPED, EDGE_DELETE, EDGE_INSERT, PRUNE_EDGES, PRUNE_NEEDED,
    PRUNE_UPSTREAM, STATES, UPSTREAM, UPSTREAM_PUT,
};
use super::transaction::SqliteSlice;
use crate::plan::ended::standing;
use crate::slice::{Conditions, Start, Waiting};
use crate::upstream;

/// Largest distance between the ids of two dependencies that one statement reads together: passing
/// over the rows between them takes no longer than a second statement.
const NEAR: i64 = 8;

/// Most dependencies that one statement reads; a caller may stop before it needs all of them.
pub(super) const RUN: usize = 1000;

/// The dependencies of a task, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// This many have not ended; the task can start once they end as required.
    Waits(u32),
    /// Because of this dependency the task can never start.
    Never(TaskId),
}

impl SqliteSlice<'_> {
    /// The waiting dependents of a task.
    pub(super) fn waiting_for_one(&mut self, task: TaskId) -> Result<Vec<Waiting>> {
        self.hot.dependents_waiting.all([task.0], waiting)
    }

    /// The columns that decide the state of a task once its dependencies are met.
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

impl SqliteSlice<'_> {
    /// Stores the edges of new tasks, at both ends.
    pub(super) fn put_edges(&self, mut edges: Vec<Edge>) -> Result<()> {
        edges.sort_unstable_by_key(|edge| (edge.dependent, edge.on));
        let mut put = self.connection.prepare_cached(UPSTREAM_PUT)?;
        for of_one in edges.chunk_by(|one, next| one.dependent == next.dependent) {
            let dependent = of_one[0].dependent;
            let pairs = of_one.iter().map(|edge| (edge.on, edge.condition));
            put.execute((dependent.0, upstream::encode(dependent, pairs)))?;
        }
        self.insert_edges(edges)
    }

    /// Stores further edges of a stored dependent, whose dependencies now are `all`.
    pub(super) fn add_edges(
        &self,
        dependent: TaskId,
        fresh: Vec<Edge>,
        all: &Conditions,
    ) -> Result<()> {
        let pairs = all.iter().map(|(on, condition)| (*on, *condition));
        let tasks = upstream::encode(dependent, pairs);
        self.connection
            .prepare_cached(UPSTREAM_PUT)?
            .execute((dependent.0, tasks))?;
        self.insert_edges(fresh)
    }

    /// Stores an edge at the dependency's end, replacing one with another condition.
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

/// All dependencies of a task, met or not, with their conditions.
pub(crate) fn dependencies(
    connection: &Connection,
    task: TaskId,
) -> Result<Vec<(TaskId, Condition)>> {
    let mut query = connection.prepare_cached(UPSTREAM)?;
    let stored: Option<Vec<u8>> = query.query_row([task.0], |row| row.get(0)).optional()?;
    stored.map_or(Ok(Vec::new()), |bytes| upstream::decode(task, &bytes))
}

/// Visits the dependencies of a task, each with its condition and its state (`None` if it was
/// pruned), until the visitor stops. Returns the number of dependencies. Of very many, one
/// statement reads those whose ids are close together: others cannot write meanwhile.
pub(super) fn visit_dependencies(
    connection: &Connection,
    task: TaskId,
    mut visit: impl FnMut(TaskId, Condition, Option<State>) -> ControlFlow<()>,
) -> Result<usize> {
    let edges = dependencies(connection, task)?;
    let tasks: Vec<TaskId> = edges.iter().map(|(on, _)| *on).collect();
    let mut query = connection.prepare_cached(STATES)?;
    let mut left = edges.iter();
    for run in runs(&tasks) {
        let found = states(&mut query, run)?;
        for (found, (on, condition)) in found.into_iter().zip(left.by_ref()) {
            if visit(*on, *condition, found).is_break() {
                return Ok(edges.len());
            }
        }
    }
    Ok(edges.len())
}

/// The state of each task, `None` if there is no such task. The ids ascend.
pub(super) fn states_of(connection: &Connection, tasks: &[TaskId]) -> Result<Vec<Option<State>>> {
    let mut query = connection.prepare_cached(STATES)?;
    let mut all = Vec::with_capacity(tasks.len());
    for run in runs(tasks) {
        all.extend(states(&mut query, run)?);
    }
    Ok(all)
}

/// The runs of ids that one statement each reads.
fn runs(tasks: &[TaskId]) -> impl Iterator<Item = &[TaskId]> {
    let is_near = |one: &TaskId, next: &TaskId| {
        let distance = next.0.checked_sub(one.0);
        distance.is_some_and(|distance| (1..=NEAR).contains(&distance))
    };
    let near = tasks.chunk_by(is_near);
    near.flat_map(|near| near.chunks(RUN))
}

/// The state of each task of a run, whose ids ascend.
fn states(query: &mut Statement<'_>, run: &[TaskId]) -> Result<Vec<Option<State>>> {
    let mut states = Vec::with_capacity(run.len());
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(states);
    };
    let mut found = query.query((first.0, last.0))?;
    while let Some(row) = found.next()? {
        let id: i64 = row.get(0)?;
        while run.get(states.len()).is_some_and(|task| task.0 < id) {
            states.push(None);
        }
        if run.get(states.len()).is_some_and(|task| task.0 == id) {
            states.push(Some(rows::state(row.get(1)?)?));
        }
    }
    states.resize(run.len(), None);
    Ok(states)
}

/// All dependents of a task, waiting or not, with their conditions.
pub(crate) fn dependents(
    connection: &Connection,
    task: TaskId,
) -> Result<Vec<(TaskId, Condition)>> {
    rows::all(connection, DEPENDENTS, [task.0], |row| {
        Ok((TaskId(row.get(0)?), condition(row.get(1)?)?))
    })
}

/// The skipped dependents of a task.
pub(super) fn skipped_dependents(connection: &Connection, task: TaskId) -> Result<Vec<TaskId>> {
    rows::all(connection, DEPENDENTS_SKIPPED, [task.0], |row| {
        Ok(TaskId(row.get(0)?))
    })
}

/// True if a dependent that has not ended may still read the task's output.
pub(super) fn is_needed(connection: &Connection, task: TaskId) -> Result<bool> {
    let mut query = connection.prepare_cached(PRUNE_NEEDED)?;
    Ok(query.query_row([task.0], |row| row.get(0))?)
}

/// The dependencies of a task that ended in `state`, taken together.
pub(super) fn prospect(connection: &Connection, task: TaskId, state: State) -> Result<Prospect> {
    let (mut open, mut never) = (0, None);
    visit_dependencies(connection, task, |on, condition, found| {
        match standing(found, condition, state) {
            Standing::Open => open += 1,
            Standing::Met => {}
            Standing::Impossible => {
                never = Some(on);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(never.map_or(Prospect::Waits(open), Prospect::Never))
}

/// Deletes every edge at either end of a task.
pub(super) fn forget(connection: &Connection, task: TaskId) -> Result<()> {
    for (on, _) in dependencies(connection, task)? {
        connection
            .prepare_cached(EDGE_DELETE)?
            .execute((on.0, task.0))?;
    }
    connection
        .prepare_cached(PRUNE_UPSTREAM)?
        .execute([task.0])?;
    connection.prepare_cached(PRUNE_EDGES)?.execute([task.0])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::ControlFlow;

    use proptest::prelude::*;
    use queue_core::queue::Queue as _;
    use queue_core::sqlite::verbs;
    use queue_core::task::{NewTask, TaskId};
    use queue_core::workflow::Condition;
    use rusqlite::Connection;

    use super::super::statements::UPSTREAM_PUT;
    use super::visit_dependencies;
    use crate::{WorkflowQueue, upstream};

    const LAST: i64 = 60;

    /// A file with tasks in two states and with gaps between them.
    fn with_gaps(folder: &std::path::Path) -> Connection {
        let path = folder.join("q.db");
        let queue = WorkflowQueue::open(&path).unwrap();
        let tasks = (0..LAST).map(|_| NewTask::shell("task", "true")).collect();
        queue.enqueue(tasks).unwrap();
        let every_third: Vec<_> = (1..=LAST).step_by(3).map(TaskId).collect();
        queue.cancel(&every_third).unwrap();
        let connection = Connection::open(path).unwrap();
        let gaps = "DELETE FROM queue_tasks WHERE id % 5 = 0 OR id BETWEEN 20 AND 35";
        connection.execute_batch(gaps).unwrap();
        connection
    }

    #[test]
    fn dependencies_read_together_have_the_states_read_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let connection = with_gaps(folder.path());
        let edges = prop::collection::vec((1..=LAST + 5, 0..3_i64), 0..40);
        proptest!(|(edges in edges, sorted: bool, enough in 0..50_usize)| {
            let edge = |(id, code)| (TaskId(id), Condition::from_code(code).unwrap());
            let mut edges: Vec<_> = edges.into_iter().map(edge).collect();
            if sorted {
                edges = BTreeMap::from_iter(edges).into_iter().collect();
            }
            let dependent = TaskId(1000);
            let stored = upstream::encode(dependent, edges.clone());
            let mut put = connection.prepare_cached(UPSTREAM_PUT).unwrap();
            put.execute((dependent.0, stored)).unwrap();
            let mut seen = Vec::new();
            let number = visit_dependencies(&connection, dependent, |on, condition, state| {
                seen.push((on, condition, state));
                if seen.len() > enough {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            prop_assert_eq!(number.unwrap(), edges.len());
            let alone = |(on, condition)| {
                let state = verbs::state_of(&connection, on).unwrap();
                (on, condition, state.map(|(state, _)| state))
            };
            let expected = edges.into_iter().map(alone).take(enough + 1);
            prop_assert_eq!(seen, expected.collect::<Vec<_>>());
        });
    }
}
