//! Occupancy: the running and scheduled tasks of each handler queue.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::error::Result;
use crate::queue::Occupancy;

const OCCUPANCY: &str = statement(include_str!("../../../queries/occupancy.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("occupancy", OCCUPANCY)];

/// Scheduled tasks up to which they are counted by queue.
const MOST_SCHEDULED: u64 = 20_000;

/// Handler queues with running or scheduled tasks.
///
/// # Errors
/// The errors of `SQLite`.
pub fn occupancy(connection: &Connection) -> Result<Vec<Occupancy>> {
    let most = i64::try_from(MOST_SCHEDULED).unwrap_or(i64::MAX);
    let counted = rows::all(connection, OCCUPANCY, [most + 1], |row| {
        let names: (String, String) = (row.get(0)?, row.get(1)?);
        Ok((names, rows::count(row, 2)?, rows::count(row, 3)?))
    })?;
    let scheduled: u64 = counted.iter().map(|(_, _, scheduled)| scheduled).sum();
    let is_known = scheduled <= MOST_SCHEDULED;
    let of = |((queue, handler), running, scheduled)| Occupancy {
        queue,
        handler,
        running,
        scheduled: is_known.then_some(scheduled),
    };
    Ok(counted.into_iter().map(of).collect())
}
