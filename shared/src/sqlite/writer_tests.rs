//! The writer with threads.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::checkpointer::move_log;
use super::connection::{open_writer, use_wal};
use super::options::{Durability, OpenOptions};
use super::writer::Writer;
use super::writer_core::{COMMIT, perform};
use crate::error::{Error, Result};

/// Waits until one operation waits behind the leader's.
#[expect(
    clippy::disallowed_methods,
    reason = "a caller that joined the queue sleeps; nothing tells when"
)]
fn until_one_waits(writer: &Writer) {
    while !writer.has_waiting() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn writer(folder: &Path) -> Writer {
    let connection = Connection::open_in_memory().unwrap();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let lock_path = folder.join("writer.lock");
    Writer::new(folder.join("q.db"), lock_path, connection, &options).unwrap()
}

/// Disk that confirms no commit.
fn unconfirmed(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    if sql == COMMIT {
        let failure = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        return Err(rusqlite::Error::SqliteFailure(failure, None));
    }
    perform(connection, sql)
}

#[test]
fn after_a_failed_sync_nothing_is_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(folder.path()).performing(unconfirmed);
    let unknown = writer.write(|_| Ok(()), false).unwrap_err();
    assert!(unknown.is_unknown(), "{unknown:?}");
    for is_statement in [false, true] {
        let refused = writer.write(|_| -> Result<()> { panic!("it ran") }, is_statement);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::Unusable { .. }), "{refused:?}");
    }
    assert!(writer.trouble().unwrap().contains("did not confirm"));
}

#[test]
fn a_lone_statement_that_comes_to_lead_after_a_failed_sync_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(folder.path());
    let (inside, entered) = crossbeam_channel::bounded(1);
    let (leave, left) = crossbeam_channel::bounded::<()>(1);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| {
            writer.write(
                move |_| {
                    inside.send(()).unwrap();
                    left.recv().unwrap();
                    Ok(())
                },
                false,
            )
        });
        entered.recv().unwrap();
        let follower = scope.spawn(|| writer.write(|_| -> Result<()> { panic!("it ran") }, true));
        until_one_waits(&writer);
        writer.poison().set(None);
        leave.send(()).unwrap();
        leader.join().unwrap().unwrap();
        let refused = follower.join().unwrap().unwrap_err();
        assert!(matches!(refused, Error::Unusable { .. }), "{refused:?}");
    });
    let refused = writer.write(|_| Ok(()), true).unwrap_err();
    assert!(matches!(refused, Error::Unusable { .. }), "{refused:?}");
}

/// One commit cut off all of a long log, while everyone waited.
#[test]
fn a_long_log_is_cut_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    std::fs::File::create(&path).unwrap();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let connection = open_writer(&path, &options).unwrap();
    use_wal(&connection, &path).unwrap();
    let other = open_writer(&path, &options).unwrap();
    let lock_path = folder.path().join("writer.lock");
    let writer = Writer::new(path, lock_path, connection, &options).unwrap();
    let write = |sql: &'static str| {
        let done = writer.write(move |connection| Ok(connection.execute_batch(sql)?), false);
        done.unwrap();
    };
    write("CREATE TABLE t (value); INSERT INTO t VALUES (zeroblob(30000000))");
    let length = || {
        let log = std::fs::metadata(folder.path().join("q.db-wal"));
        log.unwrap().len()
    };
    let mut before = length();
    assert!(before > 30_000_000);
    let mut starts = 0;
    while before > 17_000_000 {
        move_log(&other).unwrap();
        write("INSERT INTO t VALUES (1)");
        write("INSERT INTO t VALUES (2)");
        let cut = before - length();
        assert!(cut < 9_000_000, "{cut} bytes at once");
        before -= cut;
        starts += 1;
        assert!(starts < 10_000, "{before} bytes are left");
    }
}
