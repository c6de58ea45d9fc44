//! Next waiting: the waiting tasks that start first.

use std::cmp::Reverse;
use std::collections::VecDeque;

use rusqlite::Connection;

use super::super::{rows, statement};
use super::claim::heads::aged_peek;
use super::get::of_ids;
use super::list::list;
use crate::ageing::Ageing;
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
        State::Queued => queued(connection, limit, most),
        State::Scheduled => {
            let ids = rows::all(connection, SCHEDULED, [most], id)?;
            of_ids(connection, ids)
        }
        State::Blocked
        | State::Running
        | State::Succeeded
        | State::Failed
        | State::Cancelled
        | State::Skipped => list(connection, &ListQuery::new().states([state]).limit(limit)),
    }
}

/// Queued tasks, each queue's in its order of claims. Of the next tasks of all queues, the one with the
/// highest priority comes first.
fn queued(connection: &Connection, limit: usize, most: i64) -> Result<Vec<Task>> {
    let mut queues: Vec<VecDeque<Task>> = Vec::new();
    let found = rows::all(connection, QUEUES, [MOST_QUEUES], |row| {
        Ok((row.get::<_, i64>(0)?, Ageing::of_stored(row.get(1)?)))
    })?;
    for (queue, ageing) in found {
        let ids = match ageing {
            Some(ageing) => {
                let heads = aged_peek(connection, &[queue], ageing, limit)?;
                heads.into_iter().map(|head| head.task).collect()
            }
            None => rows::all(connection, QUEUED, (queue, most), id)?,
        };
        queues.push(of_ids(connection, ids)?.into());
    }
    let mut tasks = Vec::new();
    let order = |queue: &&mut VecDeque<Task>| {
        let next = queue.front();
        next.map(|task| (task.priority, Reverse(task.id)))
    };
    while tasks.len() < limit
        && let Some(next) = queues.iter_mut().max_by_key(order)
        && let Some(task) = next.pop_front()
    {
        tasks.push(task);
    }
    Ok(tasks)
}

fn id(row: &rusqlite::Row<'_>) -> Result<TaskId> {
    Ok(TaskId(row.get(0)?))
}
