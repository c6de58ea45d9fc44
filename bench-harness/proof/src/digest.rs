//! Digest of a file's rows: two files with the same digest hold the same rows.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::mix::Mix;

/// Every table of both engines, in a fixed order.
const TABLES: [&str; 23] = [
    "SELECT * FROM queue_tasks ORDER BY id",
    "SELECT * FROM queue_outputs ORDER BY task",
    "SELECT * FROM queue_earlier_outputs ORDER BY task, attempt",
    "SELECT * FROM queue_retried ORDER BY task",
    "SELECT * FROM queue_holds ORDER BY task",
    "SELECT * FROM queue_settings ORDER BY id",
    "SELECT * FROM queue_workers ORDER BY id",
    "SELECT * FROM queue_queues ORDER BY id",
    "SELECT * FROM queue_file",
    "SELECT * FROM queue_dependencies ORDER BY task, dependent",
    "SELECT * FROM queue_upstream ORDER BY dependent",
    "SELECT * FROM queue_waiting ORDER BY dependent",
    "SELECT * FROM queue_attempts ORDER BY task, token",
    "SELECT * FROM queue_events ORDER BY seq",
    "SELECT * FROM queue_limits ORDER BY id",
    "SELECT * FROM queue_schedules ORDER BY id",
    "SELECT * FROM queue_firings ORDER BY schedule, slot",
    "SELECT * FROM queue_scheduled ORDER BY task",
    "SELECT * FROM queue_rollups ORDER BY span, start, queue",
    "SELECT * FROM queue_folded",
    "SELECT * FROM queue_alerts ORDER BY id",
    "SELECT * FROM queue_hooks ORDER BY id",
    "SELECT * FROM queue_dead_letters ORDER BY id",
];

/// Column that heartbeats advance; losing a heartbeat is allowed at every durability.
const LEASE: &str = "lease_until";

/// Digest of the rows that `connection` sees in one snapshot. A file without tables has digest 0.
///
/// # Errors
/// As `SQLite`, including those of a damaged file.
pub fn digest(connection: &Connection) -> rusqlite::Result<u64> {
    // Opens a snapshot unless the caller has one open.
    let _transaction = if connection.is_autocommit() {
        Some(connection.unchecked_transaction()?)
    } else {
        None
    };
    let mut mix = Mix::default();
    let mut tables = 0;
    for table in TABLES {
        // A missing table counts as missing: fast-queue has only the first eight.
        let mut query = match connection.prepare(table) {
            Ok(query) => query,
            Err(error) if error.to_string().starts_with("no such table") => continue,
            Err(error) => return Err(error),
        };
        tables += 1;
        let columns = query.column_names();
        let counted: Vec<usize> = (0..columns.len())
            .filter(|column| columns[*column] != LEASE)
            .collect();
        mix.bytes(table.as_bytes());
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            add(&mut mix, row, &counted)?;
        }
    }
    Ok(if tables == 0 { 0 } else { mix.value() })
}

fn add(mix: &mut Mix, row: &Row<'_>, columns: &[usize]) -> rusqlite::Result<()> {
    for column in columns {
        match row.get_ref(*column)? {
            ValueRef::Null => mix.word(u64::MAX),
            ValueRef::Integer(number) => mix.word(number.cast_unsigned()),
            ValueRef::Real(number) => mix.word(number.to_bits()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => mix.bytes(bytes),
        }
    }
    Ok(())
}

/// Complaints of `PRAGMA integrity_check`; empty if the file is sound.
///
/// # Errors
/// As `SQLite`.
pub fn complaints(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare("PRAGMA integrity_check")?;
    let lines = query.query_map([], |row| row.get::<_, String>(0))?;
    let lines = lines.filter(|line| !line.as_ref().is_ok_and(|line| line == "ok"));
    lines.collect()
}
