//! The combining writer over real files and threads.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::Error;
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions};

fn open(path: &Path) -> Database {
    open_waiting(path, Duration::from_secs(30))
}

fn open_waiting(path: &Path, busy_timeout: Duration) -> Database {
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.busy_timeout = busy_timeout;
    Database::open(path, options, &[CORE]).unwrap()
}

fn with_numbers(path: &Path) -> Database {
    let database = open(path);
    database
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE numbers (number INTEGER) STRICT")?))
        .unwrap();
    database
}

fn put(database: &Database, number: i64) -> queue_core::Result<()> {
    database.write(move |tx| {
        tx.prepare_cached("INSERT INTO numbers VALUES (?1)")?
            .execute([number])?;
        Ok(())
    })
}

fn numbers(database: &Database) -> Vec<i64> {
    database
        .read(|connection| {
            Ok(connection
                .prepare("SELECT number FROM numbers ORDER BY number")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
        .unwrap()
}

#[test]
fn every_operation_of_many_threads_is_in_the_file_exactly_once_and_failures_fail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(with_numbers(&folder.path().join("q.db")));
    let (threads, each) = (16, 100);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let database = &database;
            scope.spawn(move || {
                for n in 0..each {
                    let number = thread * each + n;
                    match number % 7 {
                        0 => {
                            let refused = database.write(move |tx| {
                                tx.execute("INSERT INTO numbers VALUES (?1)", [number])?;
                                Err::<(), _>(Error::invalid(number.to_string()))
                            });
                            assert!(
                                matches!(&refused, Err(Error::Invalid { what }) if *what == number.to_string()),
                                "{refused:?}"
                            );
                        }
                        1 if n % 10 == 0 => {
                            let panicked = catch_unwind(AssertUnwindSafe(|| {
                                database.write(move |tx| -> queue_core::Result<()> {
                                    tx.execute("INSERT INTO numbers VALUES (?1)", [number])?;
                                    std::panic::panic_any(number);
                                })
                            }));
                            let payload = panicked.unwrap_err();
                            assert_eq!(payload.downcast_ref::<i64>(), Some(&number));
                        }
                        _ => {
                            put(database, number).unwrap();
                        }
                    }
                }
            });
        }
    });
    let expected: Vec<i64> = (0..threads * each)
        .filter(|number| match number % 7 {
            0 => false,
            1 => (number % each) % 10 != 0,
            _ => true,
        })
        .collect();
    assert_eq!(numbers(&database), expected);
}

#[test]
fn two_databases_on_one_file_lose_nothing_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let one = with_numbers(&path);
    let two = open(&path);
    std::thread::scope(|scope| {
        for (index, database) in [&one, &two, &one, &two].into_iter().enumerate() {
            scope.spawn(move || {
                for n in 0..200 {
                    put(database, i64::try_from(index).unwrap() * 200 + n).unwrap();
                }
            });
        }
    });
    assert_eq!(numbers(&one), (0..800).collect::<Vec<i64>>());
    assert_eq!(numbers(&two), numbers(&one));
}

#[test]
fn a_write_that_cannot_begin_in_time_is_busy_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = Arc::new(with_numbers(&path));
    let waiting = open_waiting(&path, Duration::from_millis(50));
    let (inside, entered) = crossbeam_channel::bounded(1);
    let (leave, left) = crossbeam_channel::bounded::<()>(1);
    let holder = std::thread::spawn({
        let database = Arc::clone(&database);
        move || {
            database.write(move |_| {
                inside.send(()).unwrap();
                left.recv().unwrap();
                Ok(())
            })
        }
    });
    entered.recv().unwrap();
    // While other locks come and go, the system's list may pass over the one that is held.
    let process = std::process::id().to_string();
    let mut refusals = (0..100).map(|_| put(&waiting, 1).unwrap_err());
    let names_the_holder = refusals.any(|refused| {
        assert!(refused.is_busy(), "{refused:?}");
        refused.to_string().contains(&process)
    });
    assert!(names_the_holder, "process {process} holds the file");
    leave.send(()).unwrap();
    holder.join().unwrap().unwrap();
    put(&waiting, 2).unwrap();
    assert_eq!(numbers(&database), [2]);
}

#[test]
fn a_foreign_transaction_makes_a_write_busy_and_not_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    with_numbers(&path);
    let database = open_waiting(&path, Duration::from_millis(50));
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(put(&database, 1).unwrap_err().is_busy());
    foreign.execute_batch("ROLLBACK").unwrap();
    put(&database, 2).unwrap();
    assert_eq!(numbers(&database), [2]);
}

#[test]
fn an_operation_that_ends_its_own_transaction_is_a_bug_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = with_numbers(&folder.path().join("q.db"));
    let refused = database.write(|tx| Ok(tx.execute_batch("ROLLBACK")?));
    assert!(matches!(refused, Err(Error::Bug { .. })), "{refused:?}");
    put(&database, 1).unwrap();
    assert_eq!(numbers(&database), [1]);
}

#[test]
fn a_panic_leaves_nothing_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let database = with_numbers(&folder.path().join("q.db"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        database.write(|tx| -> queue_core::Result<()> {
            tx.execute("INSERT INTO numbers VALUES (1)", [])?;
            panic!("of the operation");
        })
    }));
    assert!(panicked.is_err());
    put(&database, 2).unwrap();
    assert_eq!(numbers(&database), [2]);
}

#[test]
fn the_change_counter_moves_with_every_commit_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = with_numbers(&path);
    let before = database.change_counter().unwrap();
    assert_eq!(database.change_counter().unwrap(), before);
    put(&database, 1).unwrap();
    let own = database.change_counter().unwrap();
    assert_ne!(own, before);
    put(&open(&path), 2).unwrap();
    assert_ne!(database.change_counter().unwrap(), own);
}

#[test]
fn a_read_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = with_numbers(&path);
    let written =
        database.read(|connection| Ok(connection.execute("INSERT INTO numbers VALUES (1)", [])?));
    assert!(written.is_err());
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.one_shot = true;
    let one_shot = Database::open(&path, options, &[CORE]).unwrap();
    let _ =
        one_shot.read(|connection| Ok(connection.execute("INSERT INTO numbers VALUES (1)", [])?));
    assert_eq!(numbers(&database), [0; 0]);
}

#[test]
fn the_log_starts_over_while_writers_never_pause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = with_numbers(&path);
    database
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE filled (bytes BLOB)")?))
        .unwrap();
    let log = folder.path().join("q.db-wal");
    let mut rows: u32 = 0;
    // Whoever checkpoints never finds a pause; a log that never starts over grows with each write.
    loop {
        database
            .write(|tx| {
                tx.prepare_cached("INSERT INTO filled VALUES (zeroblob(65536))")?
                    .execute([])?;
                Ok(())
            })
            .unwrap();
        rows += 1;
        let written = u64::from(rows) * 65_536;
        let length = std::fs::metadata(&log).unwrap().len();
        if written > 2 * length + 8 * 1024 * 1024 {
            break;
        }
        assert!(
            written < 2 << 30,
            "the log is {length} bytes after {written}"
        );
    }
    let found: u32 = database
        .read(|connection| {
            Ok(connection.query_row("SELECT count(*) FROM filled", [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(found, rows);
}
