//! Rows of the core line as domain types.

use std::sync::Arc;

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Params, Row};

use super::unreadable;

use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::options::TaskOptions;
use crate::outcome::Reason;
use crate::queue::{Serves, WorkerInfo};
use crate::state::State;
use crate::task::{Task, TaskId, Work};
use crate::usage::Usage;

/// Most bytes that are stored of the message of a handler or a spawn.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// Message as stored: at most [`MAX_MESSAGE_BYTES`], cut between characters.
pub fn clip_message(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// State of a stored code.
///
/// # Errors
/// [`Error::Bug`] for a code this version does not know.
pub fn state(code: i64) -> Result<State> {
    State::from_code(code).ok_or_else(|| Error::Bug {
        what: format!("a stored task is in state {code}, which this version does not know"),
    })
}

/// Reason of a stored code; `None` if only a newer version knows it.
pub fn reason(code: Option<i64>) -> Option<Reason> {
    code.and_then(Reason::from_code)
}

/// Columns of a row, whatever its source.
pub trait Columns {
    /// Value in column `index`.
    ///
    /// # Errors
    /// If there is no such column.
    fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>>;
}

impl Columns for Row<'_> {
    fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>> {
        self.get_ref(index)
    }
}

fn get<T: FromSql>(columns: &impl Columns, index: usize) -> rusqlite::Result<T> {
    let value = columns.value(index)?;
    T::column_result(value).map_err(rusqlite::Error::from)
}

/// Number of columns that [`claimed_task`] reads.
pub(super) const CLAIMED_COLUMNS: usize = 8;

/// Task after a claim has raised its counters, from a row of id, token, name, kind, payload,
/// priority, attempt and options as they were before, without the name of its queue. Only the id if
/// this version cannot read the rest.
///
/// # Errors
/// [`Error::Bug`] for a token that no version can have written.
pub fn claimed_task(
    columns: &impl Columns,
    worker: WorkerId,
    handler: &str,
) -> Result<std::result::Result<ClaimedTask, TaskId>> {
    let task = TaskId(get(columns, 0)?);
    let token = get::<i64>(columns, 1)?.checked_add(1);
    let token = token.ok_or_else(|| Error::Bug {
        what: format!("the fencing token of task {task} cannot rise any further"),
    })?;
    let claim = Claim {
        task,
        token,
        worker,
    };
    Ok(readable(columns, claim, handler).map_err(|_| task))
}

fn readable(columns: &impl Columns, claim: Claim, handler: &str) -> Result<ClaimedTask> {
    Ok(ClaimedTask {
        claim,
        queue: Arc::default(),
        name: get(columns, 2)?,
        work: Work::from_row(get(columns, 3)?, handler, get(columns, 4)?)?,
        priority: get(columns, 5)?,
        attempt: get::<u32>(columns, 6)?.saturating_add(1),
        options: TaskOptions::from_row(text(columns, 7)?)?,
        depends: false,
    })
}

/// Task of a row of `queries/get.sql`.
///
/// # Errors
/// [`Error::Bug`] for a row that no version known to this program wrote.
pub(super) fn task(row: &Row<'_>) -> Result<Task> {
    let handler = text(row, 5)?.unwrap_or_default();
    let state = state(row.get(6)?)?;
    let (kind, payload): (i64, Vec<u8>) = (row.get(2)?, row.get(3)?);
    let set_aside = if state.is_waiting() {
        unreadable::why(handler, (kind, payload.clone()), text(row, 23))
    } else {
        None
    };
    // A claim counts a crash ahead; while the task runs, it has not happened.
    let ahead = u32::from(state == State::Running);
    Ok(Task {
        id: TaskId(row.get(0)?),
        name: row.get(1)?,
        work: Work::known(kind, handler, payload),
        queue: row.get(4)?,
        state,
        priority: row.get(7)?,
        attempt: row.get(8)?,
        attempt_base: row.get(9)?,
        crashes: row.get::<_, u32>(10)?.saturating_sub(ahead),
        token: row.get(11)?,
        worker: row.get::<_, Option<i64>>(12)?.map(WorkerId),
        created_at: Timestamp(row.get(13)?),
        run_at: time(row, 14)?,
        started_at: time(row, 15)?,
        finished_at: time(row, 16)?,
        cancel_requested_at: time(row, 17)?,
        exit_code: row.get(18)?,
        signal: row.get(19)?,
        reason: reason(row.get(20)?),
        message: row.get(21)?,
        key: row.get(22)?,
        options: options(row, 23)?,
        held_at: time(row, 24)?,
        usage: usage(row, 25)?,
        set_aside,
    })
}

/// Options in column `index`, as far as this version knows them: enough to judge or to show a task
/// that a newer version wrote.
///
/// # Errors
/// If there is no such column.
pub fn options(row: &impl Columns, index: usize) -> Result<TaskOptions> {
    row.value(index)?;
    Ok(TaskOptions::known(text(row, index).ok().flatten()))
}

/// Text in column `index`, if any.
pub(super) fn text(columns: &impl Columns, index: usize) -> Result<Option<&str>> {
    let stored = columns.value(index)?.as_str_or_null();
    Ok(stored.map_err(rusqlite::Error::from)?)
}

/// Time in column `index`, if any.
pub fn time(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp))
}

/// Resources in column `index` and the next one.
pub fn usage(row: &Row<'_>, index: usize) -> Result<Usage> {
    let count = |index| -> Result<Option<u64>> {
        let stored = row.get::<_, Option<i64>>(index)?;
        Ok(stored.and_then(|count| u64::try_from(count).ok()))
    };
    Ok(Usage::new(count(index)?, count(index + 1)?))
}

/// Resources as the two columns store them.
pub fn usage_columns(usage: Usage) -> (Option<i64>, Option<i64>) {
    let stored = |count: Option<u64>| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    (stored(usage.cpu_us), stored(usage.rss_kb))
}

/// Count in column `index`.
pub fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

/// Claim of a row of id, token, worker.
pub(super) fn claim(row: &Row<'_>) -> Result<Claim> {
    Ok(Claim {
        task: TaskId(row.get(0)?),
        token: row.get(1)?,
        worker: WorkerId(row.get(2)?),
    })
}

/// Worker of a row of `queries/workers.sql`.
pub(super) fn worker(row: &Row<'_>) -> Result<WorkerInfo> {
    let serves: String = row.get(5)?;
    let serves: Serves = serde_json::from_str(&serves).map_err(|error| Error::Bug {
        what: format!("what a stored worker serves cannot be read: {error}"),
    })?;
    Ok(WorkerInfo {
        id: WorkerId(row.get(0)?),
        pid: row.get(1)?,
        boot_id: row.get(2)?,
        started_at: Timestamp(row.get(3)?),
        slots: row.get(4)?,
        serves,
    })
}

/// Values of every row of a query.
pub fn all<T>(
    connection: &Connection,
    sql: &'static str,
    parameters: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut found = query.query(parameters)?;
    let mut values = Vec::new();
    while let Some(row) = found.next()? {
        values.push(make(row)?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use rusqlite::types::ValueRef;

    use super::{Columns, MAX_MESSAGE_BYTES, claimed_task, clip_message};
    use crate::claim::WorkerId;

    /// Row of a queued command with that token.
    struct Row(i64);

    impl Columns for Row {
        fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>> {
            Ok(match index {
                1 => ValueRef::Integer(self.0),
                2 => ValueRef::Text(b"build"),
                4 => ValueRef::Blob(b"make"),
                7 => ValueRef::Null,
                _ => ValueRef::Integer(0),
            })
        }
    }

    /// Bug: the token was raised unchecked. After the highest number, that ended a program with
    /// overflow checks, and would have lowered the fence in others. Now the row is refused.
    #[test]
    fn a_token_that_cannot_rise_is_refused() {
        let claim = |token| claimed_task(&Row(token), WorkerId(1), "");
        assert_eq!(claim(i64::MAX - 1).unwrap().unwrap().claim.token, i64::MAX);
        let refused = claim(i64::MAX).unwrap_err().to_string();
        assert!(refused.contains("cannot rise any further"), "{refused}");
    }

    #[test]
    fn a_message_is_cut_before_the_character_that_does_not_fit() {
        for (head, kept) in [("", MAX_MESSAGE_BYTES), ("a", MAX_MESSAGE_BYTES - 1)] {
            let message = head.to_owned() + &"\u{e9}".repeat(MAX_MESSAGE_BYTES);
            assert_eq!(clip_message(&message), &message[..kept]);
        }
    }
}
