//! Trim: deletes events that are older than the file retains, after their fold.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::sqlite::{rows, verbs};
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::hooks;
use super::statements::{EVENTS_OLDEST, EVENTS_PRUNE};
use super::sums;
use crate::queue::WorkflowQueue;

/// Events that one transaction deletes.
const STEP: usize = 1_000;
/// Most transactions of one call; what is left is deleted by the next.
const MOST_STEPS: usize = 10;

/// Time for which an event is kept for a hook that has not seen it.
const KEPT_FOR_HOOKS: i64 = 7 * 24 * 3_600_000;

/// Deletes old events from the beginning of the log, up to the first of a task that has not ended or, for
/// a week, the first that a hook has not seen. Several processes may do it at the same time; each step
/// deletes the events that are old then.
pub(crate) fn trim_log(queue: &WorkflowQueue) -> Result<u64> {
    let mut deleted = 0;
    for _ in 0..MOST_STEPS {
        let now = queue.database().now().wall;
        if queue.read(|connection| is_trimmed(connection, now))? {
            break;
        }
        deleted += queue.write(|writing| {
            let now = writing.now().wall;
            let connection = writing.slice.connection;
            let old = old(connection, now, STEP)?;
            if let Some(last) = old.last() {
                sums::fold_to(connection, *last, now)?;
                connection.prepare_cached(EVENTS_PRUNE)?.execute([last])?;
            }
            Ok(old.len() as u64)
        })?;
    }
    Ok(deleted)
}

/// The task that has not ended and keeps events older than the file retains, if there is one.
pub(crate) fn keeper(queue: &WorkflowQueue) -> Result<Option<TaskId>> {
    let now = queue.database().now().wall;
    queue.read(|connection| {
        let retain = verbs::settings(connection)?.retain;
        let first = rows::all(connection, EVENTS_OLDEST, [1], |row| {
            let (at, is_open): (i64, bool) = (row.get(1)?, row.get(2)?);
            let is_old = at < now.0.saturating_sub_unsigned(retain);
            Ok((row.get::<_, Option<i64>>(3)?).filter(|_| is_open && is_old))
        })?;
        Ok(first.into_iter().flatten().next().map(TaskId))
    })
}

/// True if the first event is to stay. Reads one row, so that it costs idle workers nothing.
fn is_trimmed(connection: &Connection, now: Timestamp) -> Result<bool> {
    Ok(old(connection, now, 1)?.is_empty())
}

/// The first events that are to be deleted, of at most `most` that it looks at. An event of a clock that
/// was ahead is as old as the next one.
fn old(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<i64>> {
    let retain = verbs::settings(connection)?.retain;
    let before = now.0.saturating_sub_unsigned(retain);
    let for_hooks = now.0.saturating_sub(KEPT_FOR_HOOKS);
    let seen = hooks::floor(connection)?.unwrap_or(i64::MAX);
    // One look further, for the age of the last.
    let looks_at = i64::try_from(most).unwrap_or(i64::MAX - 1) + 1;
    let found = rows::all(connection, EVENTS_OLDEST, [looks_at], |row| {
        let is_open: bool = row.get(2)?;
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, is_open))
    })?;
    let mut next = i64::MAX;
    let mut ages: Vec<i64> = found
        .iter()
        .rev()
        .map(|(_, at, _)| {
            next = if *at > now.0 { next } else { *at };
            next
        })
        .collect();
    ages.reverse();
    let is_old = |((seq, _, is_open), age): &((i64, i64, bool), i64)| {
        let is_seen = *seq <= seen || *age < for_hooks;
        *age < before && is_seen && !is_open
    };
    let old = found.into_iter().zip(ages).take(most).take_while(is_old);
    Ok(old.map(|((seq, ..), _)| seq).collect())
}
