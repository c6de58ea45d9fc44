//! The second connection that writes, beside the combining writer.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use queue_core::Error;
use queue_core::clock::{Clock, SystemClock};
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions};
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};

/// Longer than any wait here takes on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(60);
/// As short as a wait that is in vain may be.
const SHORT: Duration = Duration::from_millis(20);

struct Bench {
    database: Database,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(durability: Durability, busy_timeout: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        let mut options = OpenOptions::new(durability).unwrap();
        options.busy_timeout = busy_timeout;
        let database = Database::open(&path, options, &[CORE]).unwrap();
        database
            .write(|tx| Ok(tx.execute_batch("CREATE TABLE beats (value ANY)")?))
            .unwrap();
        Self {
            database,
            path,
            _folder: folder,
        }
    }

    fn heartbeat(&self, patience: Duration) -> queue_core::Result<()> {
        self.database.heartbeat(patience, |tx| {
            tx.execute("INSERT INTO beats VALUES (1)", [])?;
            Ok(())
        })
    }

    fn beats(&self) -> i64 {
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM beats", [], |row| row.get(0))?)
        };
        self.database.read(count).unwrap()
    }
}

/// Holds the lock between processes, as a process that is stopped with it in its hand.
fn hold_lock(path: &Path) -> File {
    let file = File::open(path.with_extension("db.d").join("writer.lock")).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    file
}

#[test]
fn heartbeats_come_through_where_a_stopped_process_keeps_every_other_write_waiting() {
    let bench = Bench::new(Durability::Fast, SHORT);
    let held = hold_lock(&bench.path);
    let refused = bench.database.write(|_| Ok(())).unwrap_err();
    assert!(refused.is_busy(), "{refused}");
    bench.heartbeat(SHORT * 10).unwrap();
    assert_eq!(bench.beats(), 1);
    drop(held);
}

#[test]
fn heartbeats_come_through_while_the_process_writes_without_a_pause() {
    let bench = Bench::new(Durability::Fast, LONG);
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let batch = |tx: &Connection| {
                        for _ in 0..100 {
                            tx.execute("INSERT INTO beats VALUES ('batch')", [])?;
                        }
                        Ok(())
                    };
                    bench.database.write(batch).unwrap();
                }
            });
        }
        for _ in 0..20 {
            let beaten = bench.heartbeat(LONG);
            enough.store(beaten.is_err(), Ordering::Relaxed);
            beaten.unwrap();
        }
        enough.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_heartbeat_is_busy_while_a_transaction_lasts_and_writes_nothing() {
    let bench = Bench::new(Durability::Fast, LONG);
    let another = Connection::open(&bench.path).unwrap();
    another.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = bench.heartbeat(SHORT).unwrap_err();
    assert!(refused.is_busy(), "{refused}");
    another.execute_batch("ROLLBACK").unwrap();
    bench.heartbeat(LONG).unwrap();
    assert_eq!(bench.beats(), 1);
}

#[test]
fn a_heartbeat_that_fails_leaves_nothing_and_stops_nothing() {
    let bench = Bench::new(Durability::Fast, LONG);
    let failed = bench.database.heartbeat(LONG, |tx| {
        tx.execute("INSERT INTO beats VALUES (1)", [])?;
        Err::<(), _>(Error::invalid("no"))
    });
    assert!(matches!(failed, Err(Error::Invalid { .. })), "{failed:?}");
    assert_eq!(bench.beats(), 0);
    bench.heartbeat(LONG).unwrap();
    bench.database.write(|_| Ok(())).unwrap();
    assert_eq!(bench.beats(), 1);
}

#[test]
fn heartbeats_wait_for_the_disk_where_everything_else_does() {
    let level = |connection: &Connection| {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))?)
    };
    for (durability, expected) in [(Durability::Fast, 1), (Durability::Full, 2)] {
        let bench = Bench::new(durability, LONG);
        assert_eq!(bench.database.write(level).unwrap(), expected);
        assert_eq!(bench.database.heartbeat(LONG, level).unwrap(), expected);
    }
}

#[test]
fn a_log_that_only_heartbeats_write_is_moved_into_the_file() {
    let bench = Bench::new(Durability::Fast, LONG);
    let size = || std::fs::metadata(&bench.path).unwrap().len();
    let before = size();
    // Only a checkpoint makes the file itself grow.
    let begun = SystemClock.now().boot;
    while size() == before {
        assert!(SystemClock.now().boot.since(begun) < LONG, "no checkpoint");
        let grow = |tx: &Connection| {
            tx.execute("INSERT INTO beats VALUES (zeroblob(65536))", [])?;
            Ok(())
        };
        bench.database.heartbeat(LONG, grow).unwrap();
    }
}
