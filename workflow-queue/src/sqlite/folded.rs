//! Sums of all time, compared with the log that they come from, and begun anew.

use std::collections::BTreeMap;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{AttemptEnd, EventKind, Span};
use queue_core::outcome::Reason;
use queue_core::sqlite::{rows, statement};
use rusqlite::Connection;

use super::statements::FOLD_RESTART;
use super::sums::rollups;

const ATTEMPTS: &str = statement(include_str!("../../queries/verify/folded_attempts.sql"));
const TASKS: &str = statement(include_str!("../../queries/verify/folded_tasks.sql"));
const WHOLE: &str = statement(include_str!("../../queries/verify/folded_whole.sql"));
const RESTART: &str = statement(include_str!("../../queries/verify/folded_restart.sql"));

/// Differences between the sums of all time and the log, where all of it is there.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>> {
    let mut whole = connection.prepare_cached(WHOLE)?;
    if !whole.query_row([], |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
    let mut told: BTreeMap<AttemptEnd, u64> = BTreeMap::new();
    for (kind, reason, count) in rows::all(connection, ATTEMPTS, [], |row| {
        let reason = row.get::<_, bool>(1)?.then_some(Reason::Crash);
        let kind = EventKind::of_code(row.get(0)?);
        Ok((kind, reason, rows::count(row, 2)?))
    })? {
        if let Some(end) = AttemptEnd::of(kind, reason) {
            *told.entry(end).or_default() += count;
        }
    }
    let sums = rollups(connection, Span::All, Timestamp(0))?;
    let mut found = Vec::new();
    for end in AttemptEnd::ALL {
        let summed: u64 = sums.iter().map(|one| one.sums.ended(end)).sum();
        let told = told.get(&end).copied().unwrap_or_default();
        if summed != told {
            let end = end.as_str();
            found.push(format!(
                "{summed} attempts are summed as {end}, and the log tells of {told}"
            ));
        }
    }
    let mut tasks = connection.prepare_cached(TASKS)?;
    let there: Option<i64> = tasks.query_row([], |row| row.get(0))?;
    let enqueued: u64 = sums.iter().map(|one| one.sums.enqueued).sum();
    if let Some(there) = there.and_then(|there| u64::try_from(there).ok())
        && there != enqueued
    {
        found.push(format!(
            "{enqueued} tasks are summed as enqueued, and there were {there}"
        ));
    }
    Ok(found)
}

/// Begins the sums of all time anew. Returns the number of deleted sums.
pub(super) fn restart(connection: &Connection) -> Result<usize> {
    let deleted = connection.prepare_cached(RESTART)?.execute([])?;
    connection.prepare_cached(FOLD_RESTART)?.execute([])?;
    Ok(deleted)
}
