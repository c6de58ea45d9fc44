//! Second connection that writes: heartbeats, which must be on time however busy the first one is.
//!
//! A heartbeat takes the lock between processes as another process would, and its own process lets
//! it in between any two transactions. If it cannot have the lock within half of its time, it
//! continues without: the lock keeps order, and `SQLite`'s own lock keeps the file sound. So a
//! process that was stopped while it held the lock blocks heartbeats only if it is in a
//! transaction.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::watch_log;
use super::combine::Refusal;
use super::connection::open_writer;
use super::fault::{Fault, SharedError, located, returned};
use super::operation::lock;
use super::options::OpenOptions;
use super::queue_ids::known;
use super::statement;
use super::writer::Writer;
use super::writer_core::perform;
use crate::error::{Error, Result};

const BEGIN: &str = statement(include_str!("../../queries/begin.sql"));
const COMMIT: &str = statement(include_str!("../../queries/commit.sql"));
const ROLLBACK: &str = statement(include_str!("../../queries/rollback.sql"));

/// Connection, which the first heartbeat opens.
#[derive(Debug, Default)]
pub(super) struct Heartbeats(Mutex<Option<Connection>>);

impl Heartbeats {
    /// Opens the connection and the log in advance, so that a later shortage of descriptors cannot
    /// prevent the first heartbeat.
    pub(super) fn open(&self, path: &Path, options: &OpenOptions) -> Result<()> {
        let mut slot = lock(&self.0);
        if slot.is_none() {
            let connection = open(path, options)?;
            known(&connection).map_err(|error| located(path, error))?;
            *slot = Some(connection);
        }
        Ok(())
    }

    /// Runs `operation` in a transaction of its own.
    pub(super) fn heartbeat<T>(
        &self,
        path: &Path,
        options: &OpenOptions,
        writer: &Writer,
        patience: Duration,
        operation: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let began = options.clock.now().boot;
        let mut slot = lock(&self.0);
        writer.poison().check(path)?;
        let connection = match &mut *slot {
            Some(connection) => connection,
            none => none.insert(open(path, options)?),
        };
        let held = match writer.lock_for_heartbeat(patience / 2) {
            // The lock only keeps order.
            Err(error) if error.may_pass() => None,
            answer => answer?,
        };
        let left = patience.saturating_sub(options.clock.now().boot.since(began));
        connection.busy_timeout(left)?;
        let result = transact(connection, path, |connection| {
            if let Some(newer) = writer.known().check(connection)? {
                return Err(newer.error(path));
            }
            operation(connection)
        });
        drop(held);
        match result {
            Ok(value) => {
                writer.committed_beside();
                Ok(value)
            }
            Err(refused) => {
                if let Some(source) = refused.unconfirmed {
                    writer.poison().set(Some(source));
                }
                // A connection with a transaction that cannot be ended is of no more use.
                if !connection.is_autocommit() && perform(connection, ROLLBACK).is_err() {
                    *slot = None;
                }
                Err(refused.error)
            }
        }
    }
}

/// Failed transaction.
struct Refused {
    error: Error,
    /// Error of a disk that did not confirm a write.
    unconfirmed: Option<SharedError>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            unconfirmed: None,
        }
    }
}

/// Opens the connection. It syncs like the other connection of its process, although a heartbeat
/// lost by a power cut does no harm: if another process's sync fails, unsynced frames are lost and
/// leave a gap in the log before later acknowledged ones.
fn open(path: &Path, options: &OpenOptions) -> Result<Connection> {
    let connection = open_writer(path, options)?;
    watch_log(&connection);
    // Only the writer's connection cuts the log, in steps.
    connection
        .pragma_update(None, "journal_size_limit", -1)
        .map_err(|error| located(path, error))?;
    Ok(connection)
}

fn transact<T>(
    connection: &Connection,
    path: &Path,
    operation: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T, Refused> {
    perform(connection, BEGIN).map_err(|error| failed(path, error, false))?;
    let value = operation(connection).map_err(|error| match returned(error) {
        Ok(error) => failed(path, error, false),
        Err(error) => error.into(),
    })?;
    perform(connection, COMMIT).map_err(|error| failed(path, error, true))?;
    Ok(value)
}

fn failed(path: &Path, error: rusqlite::Error, committing: bool) -> Refused {
    if Fault::of(&error) == Fault::Sync {
        let source = SharedError(Arc::new(error));
        return Refused {
            error: source.located(path),
            unconfirmed: Some(source),
        };
    }
    if committing && matches!(Fault::of_commit(&error), Refusal::Error) {
        return Error::CommitUnknown {
            source: Box::new(error),
        }
        .into();
    }
    located(path, error).into()
}
