//! What both engines write in the same way, within a transaction of the engine's.

use rusqlite::{Connection, OptionalExtension};

#[cfg(feature = "testing")]
use super::queue_row::{LANE, LANE_CREATE};
pub use super::queue_row::{Lane, lane, lane_or_create};
use super::{aside, rows, statement};
use crate::claim::{Claim, WorkerId};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::options::TaskOptions;
use crate::output::{KEPT_OUTPUTS, Output};
use crate::queue::{Change, WorkerInfo};
use crate::state::State;
use crate::task::TaskId;

const REGISTER: &str = statement(include_str!("../../queries/register.sql"));
const DEREGISTER: &str = statement(include_str!("../../queries/deregister.sql"));
const COUNT_CLAIMS: &str = statement(include_str!("../../queries/count_claims.sql"));
const PAUSE: &str = statement(include_str!("../../queries/pause.sql"));
const RESUME: &str = statement(include_str!("../../queries/resume.sql"));
const REPRIORITIZE: &str = statement(include_str!("../../queries/reprioritize.sql"));
const STATE_OF: &str = statement(include_str!("../../queries/state_of.sql"));
const CANCEL: &str = statement(include_str!("../../queries/cancel.sql"));
const WITHDRAW: &str = statement(include_str!("../../queries/withdraw.sql"));
const CANCEL_REQUEST: &str = statement(include_str!("../../queries/cancel_request.sql"));
const OUTPUT_STORE: &str = statement(include_str!("../../queries/output_store.sql"));
const OUTPUT_DELETE: &str = statement(include_str!("../../queries/output_delete.sql"));
const OUTPUT_KEEP: &str = statement(include_str!("../../queries/output_keep.sql"));
const OUTPUT_FORGET: &str = statement(include_str!("../../queries/output_forget.sql"));
const ATTEMPT_OF: &str = statement(include_str!("../../queries/attempt_of.sql"));
const RETRIED_PUT: &str = statement(include_str!("../../queries/retried_put.sql"));
const RETRIED_DELETE: &str = statement(include_str!("../../queries/retried_delete.sql"));
const REBASE_RETRIES: &str = statement(include_str!("../../queries/rebase_retries.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "testing")]
pub const STATEMENTS: [(&str, &str); 20] = [
    ("register", REGISTER),
    ("deregister", DEREGISTER),
    ("count_claims", COUNT_CLAIMS),
    ("lane", LANE),
    ("lane_create", LANE_CREATE),
    ("pause", PAUSE),
    ("resume", RESUME),
    ("reprioritize", REPRIORITIZE),
    ("state_of", STATE_OF),
    ("cancel", CANCEL),
    ("cancel_request", CANCEL_REQUEST),
    ("withdraw", WITHDRAW),
    ("output_store", OUTPUT_STORE),
    ("output_delete", OUTPUT_DELETE),
    ("output_keep", OUTPUT_KEEP),
    ("output_forget", OUTPUT_FORGET),
    ("attempt_of", ATTEMPT_OF),
    ("retried_put", RETRIED_PUT),
    ("retried_delete", RETRIED_DELETE),
    ("rebase_retries", REBASE_RETRIES),
];

/// The token of a task's first claim, unless the file has been restored.
const FIRST_TOKEN: i64 = 1;

/// Pauses or resumes every lane of a queue, also one that nobody named before. Returns whether
/// that changed anything.
pub fn set_paused(
    connection: &Connection,
    queue: &str,
    paused: bool,
    now: Timestamp,
) -> Result<bool> {
    let changed = if paused {
        lane_or_create(connection, queue, "")?;
        connection.prepare_cached(PAUSE)?.execute((queue, now.0))?
    } else {
        connection.prepare_cached(RESUME)?.execute([queue])?
    };
    Ok(changed > 0)
}

/// Makes a worker known and returns its place; one that is known already keeps its place. What was set
/// aside and it can read is taken back.
pub fn register(connection: &Connection, worker: &WorkerInfo) -> Result<u32> {
    aside::take_back(connection)?;
    let serves = serde_json::to_string(&worker.serves).map_err(|error| Error::Bug {
        what: format!("what a worker serves cannot be stored: {error}"),
    })?;
    let mut insert = connection.prepare_cached(REGISTER)?;
    let mut registered = insert.query((
        worker.id.0,
        worker.pid,
        &worker.boot_id,
        worker.started_at.0,
        worker.slots,
        serves,
    ))?;
    let mut place = None;
    while let Some(row) = registered.next()? {
        place = Some(row.get(0)?);
    }
    place.ok_or_else(|| Error::Bug {
        what: "a worker was not registered".to_owned(),
    })
}

/// Forgets a worker; one that is unknown already is no error.
///
/// # Errors
/// [`Error::Invalid`] while it holds claims: forgotten, it could never be reaped.
pub fn deregister(connection: &Connection, worker: WorkerId) -> Result<()> {
    let mut query = connection.prepare_cached(COUNT_CLAIMS)?;
    let claims = query.query_row([worker.0], |row| rows::count(row, 0))?;
    if claims > 0 {
        return Err(Error::invalid(format!(
            "worker {worker} still holds {claims} claims: settle them, or reap the worker"
        )));
    }
    forget(connection, worker)
}

/// Deletes a worker's row.
pub fn forget(connection: &Connection, worker: WorkerId) -> Result<()> {
    connection.prepare_cached(DEREGISTER)?.execute([worker.0])?;
    Ok(())
}

/// Changes the priority of waiting tasks.
pub fn reprioritize(connection: &Connection, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
    let mut update = connection.prepare_cached(REPRIORITIZE)?;
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        let waited = update.execute((id.0, priority))? > 0;
        changes.push(match state_of(connection, *id)? {
            None => Change::NotFound,
            Some((state, _)) if waited => Change::Done(state),
            Some((state, _)) => Change::Refused(state),
        });
    }
    Ok(changes)
}

/// A task's state and the worker of its last claim.
pub fn state_of(connection: &Connection, id: TaskId) -> Result<Option<(State, Option<WorkerId>)>> {
    let mut query = connection.prepare_cached(STATE_OF)?;
    let found: Option<(i64, Option<i64>)> = query
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found
        .map(|(code, worker)| Ok((rows::state(code)?, worker.map(WorkerId))))
        .transpose()
}

/// Cancels a task: a waiting one at once, a running one by a request to its worker. One that was
/// cancelled before stays so.
pub fn cancel(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    let Some((state, worker)) = state_of(connection, id)? else {
        return Ok(Change::NotFound);
    };
    match state {
        State::Scheduled | State::Blocked | State::Queued => {
            connection.prepare_cached(CANCEL)?.execute((id.0, now.0))?;
            Ok(Change::Done(State::Cancelled))
        }
        State::Running => {
            let mut update = connection.prepare_cached(CANCEL_REQUEST)?;
            let change = match update.execute((id.0, now.0))? {
                0 => Change::AlreadyRequested,
                _ => Change::Requested,
            };
            worker.map(change).ok_or_else(|| Error::Bug {
                what: format!("task {id} runs without a worker"),
            })
        }
        State::Cancelled => Ok(Change::Already(State::Cancelled)),
        State::Succeeded | State::Failed | State::Skipped => Ok(Change::Refused(state)),
    }
}

/// Says of tasks that are cancelled why they are.
pub fn withdraw(connection: &Connection, ids: &[TaskId], why: &str) -> Result<()> {
    let mut update = connection.prepare_cached(WITHDRAW)?;
    for id in ids {
        update.execute((id.0, why))?;
    }
    Ok(())
}

/// Gives retries a new time that were scheduled by a wall clock that was set back since.
pub fn rebase_retries(connection: &Connection, now: Timestamp) -> Result<()> {
    let TaskOptions {
        backoff_ms,
        max_backoff_ms,
        ..
    } = TaskOptions::default();
    connection.prepare_cached(REBASE_RETRIES)?.execute((
        now.0,
        max_backoff_ms.cast_signed(),
        backoff_ms.cast_signed(),
    ))?;
    Ok(())
}

/// The number of the attempt that a claim is, before it is settled. A first claim is the first
/// attempt; of another, the row is read.
pub fn attempt_of(connection: &Connection, claim: Claim) -> Result<u32> {
    if claim.token == FIRST_TOKEN {
        return Ok(1);
    }
    let mut query = connection.prepare_cached(ATTEMPT_OF)?;
    Ok(query.query_row([claim.task.0], |row| row.get(0))?)
}

/// Stores what the attempt of that number wrote under this claim. What attempts before it wrote is
/// kept, of the last [`KEPT_OUTPUTS`]. A first claim has nothing before it.
pub fn store_output(
    connection: &Connection,
    claim: Claim,
    attempt: u32,
    output: Option<&Output>,
) -> Result<()> {
    let task = claim.task.0;
    if claim.token > FIRST_TOKEN {
        connection
            .prepare_cached(OUTPUT_KEEP)?
            .execute((task, attempt))?;
        if attempt > KEPT_OUTPUTS {
            connection
                .prepare_cached(OUTPUT_FORGET)?
                .execute((task, attempt - KEPT_OUTPUTS))?;
        }
        if output.is_none() {
            connection.prepare_cached(OUTPUT_DELETE)?.execute([task])?;
        }
    }
    if let Some(output) = output {
        connection
            .prepare_cached(OUTPUT_STORE)?
            .execute((task, &output.0, attempt))?;
    }
    Ok(())
}

/// Notes how many attempts a task has made that was queued again just now: its numbers go on.
pub fn retried(connection: &Connection, id: TaskId) -> Result<()> {
    connection.prepare_cached(RETRIED_PUT)?.execute([id.0])?;
    Ok(())
}

/// Deletes what is stored beside a task that was deleted.
pub fn clear(connection: &Connection, id: TaskId) -> Result<()> {
    connection.prepare_cached(OUTPUT_DELETE)?.execute([id.0])?;
    connection
        .prepare_cached(OUTPUT_FORGET)?
        .execute((id.0, u32::MAX))?;
    connection.prepare_cached(RETRIED_DELETE)?.execute([id.0])?;
    Ok(())
}
