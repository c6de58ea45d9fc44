//! Workers: reads registered workers, and the claims of each.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::claim::{Claim, WorkerId};
use crate::error::Result;
use crate::queue::WorkerInfo;

const WORKERS: &str = statement(include_str!("../../../queries/workers.sql"));
const CLAIMS_OF: &str = statement(include_str!("../../../queries/claims_of.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("workers", WORKERS), ("claims_of", CLAIMS_OF)];

/// Registered workers, by position.
pub fn workers(connection: &Connection) -> Result<Vec<WorkerInfo>> {
    rows::all(connection, WORKERS, [], rows::worker)
}

/// Running claims of a worker, by task.
pub fn claims_of(connection: &Connection, worker: WorkerId) -> Result<Vec<Claim>> {
    rows::all(connection, CLAIMS_OF, [worker.0], rows::claim)
}
