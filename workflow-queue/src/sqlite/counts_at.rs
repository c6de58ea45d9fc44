//! Counts at an earlier time: the log, undone from now backwards.

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::journal::EventKind;
use queue_core::state::State;
use rusqlite::Connection;
use serde::Deserialize;

use super::events::LOOK_BEYOND;
use super::journal;
use super::statements::{EVENTS_SINCE, STATES_COUNTED, STATES_NEWEST};
use crate::counts::Counts;

/// Tasks that one event says were pruned.
#[derive(Deserialize)]
struct PrunedTasks {
    states: std::collections::BTreeMap<String, i64>,
    /// Times at which they were enqueued, each but the first as the difference to the one before.
    created: Vec<i64>,
}

/// The number of tasks in each state at that time.
pub(crate) fn counts_at(connection: &Connection, at: Timestamp) -> Result<Counts> {
    check_log(connection, at)?;
    let mut query = connection.prepare_cached(STATES_COUNTED)?;
    let mut counts = query.query_row([], |row| {
        Ok(Counts {
            waiting: row.get(0)?,
            running: row.get(1)?,
            succeeded: row.get(2)?,
            failed: row.get(3)?,
            cancelled: row.get(4)?,
            skipped: row.get(5)?,
        })
    })?;
    undo_events(connection, at, &mut counts)?;
    undo_enqueues(connection, at, &mut counts)?;
    Ok(counts)
}

/// Refuses a time before the log.
fn check_log(connection: &Connection, at: Timestamp) -> Result<()> {
    let first = journal::first_at(connection)?.unwrap_or(i64::MAX);
    if at.0 >= first {
        return Ok(());
    }
    let begins = jiff::Timestamp::from_millisecond(first)
        .map_or_else(|_| "now".to_owned(), |first| format!("{first:.0}"));
    Err(Error::invalid(format!(
        "the event log begins at {begins}; ask for a time from then on"
    )))
}

fn undo_events(connection: &Connection, at: Timestamp, counts: &mut Counts) -> Result<()> {
    let mut query = connection.prepare_cached(EVENTS_SINCE)?;
    let mut rows = query.query([])?;
    let mut earlier = 0;
    while let Some(row) = rows.next()?
        && earlier < LOOK_BEYOND
    {
        if row.get::<_, i64>(0)? <= at.0 {
            earlier += 1;
            continue;
        }
        earlier = 0;
        let kind = EventKind::of_code(row.get(1)?);
        if kind == EventKind::TasksPruned {
            undo_prune(row.get::<_, Option<String>>(5)?, at, counts)?;
            continue;
        }
        let (was, became): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        let (Some(was), Some(became)) = (was, became) else {
            continue;
        };
        counts.add(state(became), -1);
        counts.add(state(was), 1);
        let since: Option<i64> = row.get(4)?;
        if since.is_some_and(|since| since > at.0) {
            counts.add(Some(State::Running), -1);
            counts.add(Some(State::Queued), 1);
        }
    }
    Ok(())
}

/// Adds tasks that were pruned later, unless they were enqueued later.
fn undo_prune(data: Option<String>, at: Timestamp, counts: &mut Counts) -> Result<()> {
    let pruned = data.and_then(|data| serde_json::from_str::<PrunedTasks>(&data).ok());
    let pruned = pruned.ok_or_else(|| {
        Error::invalid("an event about pruned tasks cannot be read; `verify` tells more")
    })?;
    for (word, tasks) in pruned.states {
        counts.add(State::parse(&word), tasks);
    }
    let mut created = 0;
    for difference in pruned.created {
        created += difference;
        if created > at.0 {
            counts.add(Some(State::Queued), -1);
        }
    }
    Ok(())
}

/// Takes away the tasks that were enqueued later, and the starts of those that run.
fn undo_enqueues(connection: &Connection, at: Timestamp, counts: &mut Counts) -> Result<()> {
    for start in super::events::running(connection)? {
        if start.at > at {
            counts.add(Some(State::Running), -1);
            counts.add(Some(State::Queued), 1);
        }
    }
    let mut query = connection.prepare_cached(STATES_NEWEST)?;
    let mut rows = query.query([])?;
    let mut earlier = 0;
    while let Some(row) = rows.next()?
        && earlier < LOOK_BEYOND
    {
        if row.get::<_, i64>(0)? <= at.0 {
            earlier += 1;
            continue;
        }
        earlier = 0;
        let current = state(row.get(1)?).filter(|state| state.is_terminal());
        let is_untold: bool = row.get(2)?;
        counts.add(current.filter(|_| is_untold).or(Some(State::Queued)), -1);
    }
    Ok(())
}

fn state(code: i64) -> Option<State> {
    State::from_code(code)
}
