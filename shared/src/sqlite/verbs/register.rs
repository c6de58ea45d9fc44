//! Register and deregister: adds and removes workers.

use rusqlite::Connection;

use super::super::{aside, rows, statement};
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::queue::WorkerInfo;

const REGISTER: &str = statement(include_str!("../../../queries/register.sql"));
const DEREGISTER: &str = statement(include_str!("../../../queries/deregister.sql"));
const COUNT_CLAIMS: &str = statement(include_str!("../../../queries/deregister_claims.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("register", REGISTER),
    ("deregister", DEREGISTER),
    ("deregister_claims", COUNT_CLAIMS),
];

/// Registers a worker and returns its position. A registered worker keeps its position. Takes back
/// tasks that were set aside and that it can read.
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
    let mut position = None;
    while let Some(row) = registered.next()? {
        position = Some(row.get(0)?);
    }
    position.ok_or_else(|| Error::Bug {
        what: "a worker was not registered".to_owned(),
    })
}

/// Removes a worker. Returns false for an unknown one.
///
/// # Errors
/// [`Error::Invalid`] while it holds claims: once removed, it could never be reaped.
pub fn deregister(connection: &Connection, worker: WorkerId) -> Result<bool> {
    let mut query = connection.prepare_cached(COUNT_CLAIMS)?;
    let claims = query.query_row([worker.0], |row| rows::count(row, 0))?;
    if claims > 0 {
        return Err(Error::invalid(format!(
            "worker {worker} still holds {claims} claims: settle them, or reap the worker"
        )));
    }
    forget(connection, worker)
}

/// Deletes a worker's row. Returns false if there was none.
pub fn forget(connection: &Connection, worker: WorkerId) -> Result<bool> {
    let mut delete = connection.prepare_cached(DEREGISTER)?;
    Ok(delete.execute([worker.0])? > 0)
}
