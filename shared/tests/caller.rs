//! What a caller's own connection has to be like for a write in its transaction.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::Path;

use queue_core::Error;
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions};
use rusqlite::Connection;

fn open(path: &Path, durability: Durability) -> Database {
    Database::open(path, OpenOptions::new(durability).unwrap(), &[CORE]).unwrap()
}

/// A connection of the caller's in a transaction.
fn caller(path: &Path, synchronous: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "synchronous", synchronous)
        .unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

fn refusal(database: &Database, connection: &Connection) -> String {
    match database.check_caller_connection(connection) {
        Err(Error::Invalid { what }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transaction_on_the_same_file_is_accepted_however_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = open(&path, Durability::Full);
    let roundabout = folder.path().join(".").join("q.db");
    database
        .check_caller_connection(&caller(&roundabout, "full"))
        .unwrap();
}

#[test]
fn what_would_promise_less_is_refused_with_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let other = folder.path().join("other.db");
    let database = open(&path, Durability::Full);
    drop(open(&other, Durability::Full));

    assert!(refusal(&database, &caller(&other, "full")).contains("not on"));
    assert!(refusal(&database, &Connection::open_in_memory().unwrap()).contains("not on"));
    assert!(refusal(&database, &caller(&path, "normal")).contains("synchronous"));
    let own = caller(&path, "full");
    own.pragma_update(None, "wal_autocheckpoint", 1000).unwrap();
    assert!(refusal(&database, &own).contains("wal_autocheckpoint"));
    drop(own);
    let idle = Connection::open(&path).unwrap();
    assert!(refusal(&database, &idle).contains("no open transaction"));
    idle.execute("ATTACH ?1 AS more", [other.to_str().unwrap()])
        .unwrap();
    idle.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(refusal(&database, &idle).contains("attached"));
}
