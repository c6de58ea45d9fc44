//! Next waiting: the waiting tasks that start first.

use std::cmp::Reverse;

use rusqlite::Connection;

use super::super::{rows, statement};
use super::get::of_ids;
use super::list::list;
use crate::error::Result;
use crate::queue::ListQuery;
use crate::state::State;
use crate::task::{Task, TaskId};

const QUEUES: &str = statement(include_str!("../../../queries/next_waiting_queues.sql"));
const QUEUED: &str = statement(include_str!("../../../queries/next_waiting_queued.sql"));
const SCHEDULED: &str = statement(include_str!("../../../queries/next_waiting_scheduled.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("next_waiting_queues", QUEUES),
    ("next_waiting_queued", QUEUED),
    ("next_waiting_scheduled", SCHEDULED),
];

/// Most handler queues whose tasks are compared.
const MOST_QUEUES: i64 = 256;

/// At most `limit` tasks in that state, those first that start first: queued ones in the order of
/// claims, scheduled ones by their time, all others by the list.
pub fn next_waiting(connection: &Connection, state: State, limit: usize) -> Result<Vec<Task>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    match state {
        State::Queued => {
            let mut tasks = Vec::new();
            for queue in rows::all(connection, QUEUES, [MOST_QUEUES], |row| {
                Ok(row.get::<_, i64>(0)?)
            })? {
                let ids = rows::all(connection, QUEUED, (queue, most), id)?;
                tasks.extend(of_ids(connection, ids)?);
            }
            tasks.sort_by_key(|task| (Reverse(task.priority), task.id));
            tasks.truncate(limit);
            Ok(tasks)
        }
        State::Scheduled => {
            let ids = rows::all(connection, SCHEDULED, [most], id)?;
            of_ids(connection, ids)
        }
        State::Blocked
        | State::Running
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Skipped => list(
            connection,
            &ListQuery {
                states: vec![state],
                limit,
                ..ListQuery::default()
            },
        ),
    }
}

fn id(row: &rusqlite::Row<'_>) -> Result<TaskId> {
    Ok(TaskId(row.get(0)?))
}
