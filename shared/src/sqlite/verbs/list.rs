//! List: reads pages of tasks.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::super::{rows, statement};
use super::get::of_ids;
use crate::error::Result;
use crate::queue::ListQuery;
use crate::state::State;
use crate::task::{Task, TaskId};

const LIST_IDS: &str = statement(include_str!("../../../queries/list_ids.sql"));
const LIST_IDS_UNSUCCESSFUL: &str =
    statement(include_str!("../../../queries/list_ids_unsuccessful.sql"));
const LIST_IDS_RUNNING: &str = statement(include_str!("../../../queries/list_ids_running.sql"));
const LIST_IDS_QUEUED: &str = statement(include_str!("../../../queries/list_ids_queued.sql"));
const LIST_IDS_SCHEDULED: &str = statement(include_str!("../../../queries/list_ids_scheduled.sql"));
const LIST_IDS_HELD: &str = statement(include_str!("../../../queries/list_ids_held.sql"));
const FEW_WAITING: &str = statement(include_str!("../../../queries/list_few_waiting.sql"));
const LAST_FAILED: &str = statement(include_str!("../../../queries/list_last_failed.sql"));
const LAST_ID: &str = statement(include_str!("../../../queries/list_last_id.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("list_ids", LIST_IDS),
    ("list_ids_unsuccessful", LIST_IDS_UNSUCCESSFUL),
    ("list_ids_running", LIST_IDS_RUNNING),
    ("list_ids_queued", LIST_IDS_QUEUED),
    ("list_ids_scheduled", LIST_IDS_SCHEDULED),
    ("list_ids_held", LIST_IDS_HELD),
    ("list_few_waiting", FEW_WAITING),
    ("list_last_failed", LAST_FAILED),
    ("list_last_id", LAST_ID),
];

/// Page of tasks, newest first.
pub fn list(connection: &Connection, query: &ListQuery) -> Result<Vec<Task>> {
    of_ids(connection, list_ids(connection, query)?)
}

/// Most waiting tasks that are sorted for a page; for more, the table is searched.
const FEW: i64 = 20_000;

/// Ids of a page, newest first. If every wanted state has an index with few tasks in it, they are
/// read from there, otherwise along the table.
fn list_ids(connection: &Connection, query: &ListQuery) -> Result<Vec<TaskId>> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let page = |sql, states: i64| {
        rows::all(
            connection,
            sql,
            (
                states,
                query.queue.as_deref(),
                query.name.as_deref(),
                query.from.map_or(i64::MIN, |id| id.0),
                query.before.map_or(i64::MAX, |id| id.0),
                limit,
            ),
            |row| Ok(TaskId(row.get(0)?)),
        )
    };
    let mask = |mask, state: &State| mask | 1 << state.code();
    let states = if query.states.is_empty() {
        State::ALL.iter().fold(0, mask)
    } else {
        query.states.iter().fold(0, mask)
    };
    if query.held {
        return page(LIST_IDS_HELD, states);
    }
    let Some(indexed) = indexed_lists(connection, &query.states)? else {
        return page(LIST_IDS, states);
    };
    let mut ids = BTreeSet::new();
    for (state, sql) in indexed {
        ids.extend(page(sql, state.code())?);
    }
    Ok(ids.into_iter().rev().take(query.limit).collect())
}

/// Statement that reads each of the states from its index; `None` if one has no index, or too many
/// tasks in it.
fn indexed_lists(
    connection: &Connection,
    states: &[State],
) -> Result<Option<Vec<(State, &'static str)>>> {
    if states.is_empty() {
        return Ok(None);
    }
    let mut lists = Vec::with_capacity(states.len());
    for &state in states {
        lists.push((
            state,
            match state {
                State::Running => LIST_IDS_RUNNING,
                State::Failed | State::Cancelled | State::Skipped => LIST_IDS_UNSUCCESSFUL,
                State::Queued => LIST_IDS_QUEUED,
                State::Scheduled => LIST_IDS_SCHEDULED,
                State::Blocked | State::Succeeded => return Ok(None),
            },
        ));
    }
    let mut query = connection.prepare_cached(FEW_WAITING)?;
    let (few_queued, few_scheduled): (bool, bool) =
        query.query_row([FEW], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let few = (few_queued || !states.contains(&State::Queued))
        && (few_scheduled || !states.contains(&State::Scheduled));
    Ok(few.then_some(lists))
}

/// Most failed tasks that are sorted by the time of their end.
const RECENT: i64 = 20_000;

/// At most `limit` failed tasks of all queues or of one, those that failed last first.
pub fn last_failed(
    connection: &Connection,
    limit: usize,
    queue: Option<&str>,
) -> Result<Vec<Task>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = rows::all(connection, LAST_FAILED, (limit, RECENT, queue), |row| {
        Ok(TaskId(row.get(0)?))
    })?;
    of_ids(connection, ids)
}

/// Highest id ever given out.
pub fn last_id(connection: &Connection) -> Result<Option<TaskId>> {
    let id: Option<i64> = connection
        .prepare_cached(LAST_ID)?
        .query_row([], |row| row.get(0))?;
    Ok(id.map(TaskId))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{FEW, indexed_lists};
    use crate::sqlite::{CORE, Database, Durability, OpenOptions};
    use crate::state::State;

    /// Adds so many tasks in a state.
    fn add(database: &Database, count: i64, state: State) {
        let tasks = "WITH RECURSIVE numbers(n) AS
                     (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
                     INSERT INTO queue_tasks
                     (queue, state, priority, kind, created_at, run_at, name, payload)
                     SELECT 1, ?2, 0, 0, 1, iif(?2 = 0, 1, NULL), 'task', x'' FROM numbers";
        let insert = move |tx: &Connection| Ok(tx.execute(tasks, (count, state.code()))?);
        database.write(insert).unwrap();
    }

    #[test]
    fn only_a_state_of_many_tasks_is_read_along_the_table() {
        for (many, few) in [
            (State::Queued, State::Scheduled),
            (State::Scheduled, State::Queued),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let options = OpenOptions::new(Durability::Fast).unwrap();
            let database = Database::open(&folder.path().join("q.db"), options, &[CORE]).unwrap();
            let is_indexed = |states: &[State]| {
                let lists = database.read(|connection| indexed_lists(connection, states));
                lists.unwrap().is_some()
            };
            add(&database, FEW, many);
            assert!(is_indexed(&[many, few]), "{many}");
            add(&database, 1, many);
            assert!(!is_indexed(&[many]), "{many}");
            assert!(!is_indexed(&[many, few]), "{many}");
            assert!(is_indexed(&[few, State::Running]), "{many}");
        }
    }
}
