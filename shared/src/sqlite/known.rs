//! Schema versions that a program knows. A newer program may migrate a file after it was opened,
//! and `SQLite` then silently compiles statements anew. The writer watches for that: in a
//! transaction in which any statement was compiled, it compares the versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Authorization;

use super::lines::{Newer, SchemaLine};
use super::statement;

pub(super) const NEWER: &str = statement(include_str!("../../queries/newer.sql"));

/// The cheapest statement that makes `SQLite` compare the schema with the one it compiled
/// statements for.
pub(super) const SCHEMA_LOOK: &str = statement(include_str!("../../queries/schema_look.sql"));

/// Lines that a program knows. If there are none, nothing is checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    lines: Vec<SchemaLine>,
    oldest: Option<u32>,
    compiled: Compiled,
}

/// Flag that is set if a connection has compiled a statement since the last comparison of versions.
#[derive(Clone, Debug, Default)]
pub(super) struct Compiled(Arc<AtomicBool>);

impl Compiled {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, compiled: bool) {
        self.0.store(compiled, Ordering::Relaxed);
    }
}

impl Known {
    pub(super) fn new(lines: &[SchemaLine]) -> Self {
        Self {
            lines: lines.to_vec(),
            oldest: lines.iter().map(SchemaLine::newest).min(),
            compiled: Compiled::default(),
        }
    }

    /// Watches the statements that the connection compiles.
    pub(super) fn watch(&self, connection: &Connection) -> rusqlite::Result<&Compiled> {
        let compiled = self.compiled.clone();
        connection.authorizer(Some(move |_: rusqlite::hooks::AuthContext<'_>| {
            compiled.set(true);
            Authorization::Allow
        }))?;
        Ok(&self.compiled)
    }

    /// Looks, within a transaction on the watched connection, for a line that is newer than the
    /// program, if the schema may have changed since the last look.
    pub(super) fn look(&self, connection: &Connection) -> rusqlite::Result<Option<Newer>> {
        if self.oldest.is_none() {
            return Ok(None);
        }
        connection.prepare_cached(SCHEMA_LOOK)?.query([])?.next()?;
        if !self.compiled.get() {
            return Ok(None);
        }
        let newer = self.check(connection)?;
        self.compiled.set(newer.is_some());
        Ok(newer)
    }

    /// Looks, within the caller's transaction, for a line that is newer than the program.
    pub(super) fn check(&self, connection: &Connection) -> rusqlite::Result<Option<Newer>> {
        let Some(oldest) = self.oldest else {
            return Ok(None);
        };
        let mut newer = connection.prepare_cached(NEWER)?;
        let mut rows = newer.query([oldest])?;
        let mut found = None;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?;
            let version = row.get(1)?;
            let line = self
                .lines
                .iter()
                .find(|line| name.as_str() == Ok(line.name));
            found = found.or(line.and_then(|line| Newer::of(line, version)));
        }
        Ok(found)
    }
}
