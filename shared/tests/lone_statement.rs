//! A statement that is its own transaction: every way it can end.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use queue_core::sqlite::{CORE, Database, Durability, OpenOptions};
use queue_core::{Error, Result};

/// Names the file for [`under_a_limit_on_the_size_of_files`].
const LIMITED: &str = "LONE_STATEMENT_LIMITED_FILE";

fn open(path: &Path) -> Database {
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.busy_timeout = Duration::from_secs(30);
    Database::open(path, options, &[CORE]).unwrap()
}

fn with_numbers(path: &Path) -> Database {
    let database = open(path);
    database
        .write(|tx| {
            tx.execute_batch("CREATE TABLE numbers (number INTEGER UNIQUE, bytes BLOB) STRICT")?;
            Ok(())
        })
        .unwrap();
    database
}

fn put(database: &Database, number: i64, bytes: u32) -> Result<()> {
    database.write_statement(move |connection| {
        connection
            .prepare_cached("INSERT INTO numbers VALUES (?1, zeroblob(?2))")?
            .execute((number, bytes))?;
        Ok(())
    })
}

fn numbers(database: &Database) -> Vec<i64> {
    database
        .read(|connection| {
            Ok(connection
                .prepare("SELECT number FROM numbers ORDER BY number")?
                .query_map([], |row| row.get(0))?
                .collect::<std::result::Result<_, _>>()?)
        })
        .unwrap()
}

#[test]
fn a_change_of_the_schema_by_another_program_loses_no_statement_and_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = with_numbers(&path);
    let other = rusqlite::Connection::open(&path).unwrap();
    for number in 0..4 {
        put(&database, 2 * number, 0).unwrap();
        let change = format!("CREATE TABLE theirs_{number} (id INTEGER PRIMARY KEY)");
        other.execute_batch(&change).unwrap();
        put(&database, 2 * number + 1, 0).unwrap();
    }
    assert_eq!(numbers(&database), (0..8).collect::<Vec<_>>());
}

#[test]
fn a_broken_constraint_is_the_statements_own_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = with_numbers(&folder.path().join("q.db"));
    put(&database, 1, 0).unwrap();
    let refused = put(&database, 1, 0).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
    put(&database, 2, 0).unwrap();
    assert_eq!(numbers(&database), [1, 2]);
}

#[test]
fn a_panic_before_the_statement_leaves_nothing_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let database = with_numbers(&folder.path().join("q.db"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        database.write_statement(|_| -> Result<()> { panic!("of the operation") })
    }));
    assert_eq!(
        panicked.unwrap_err().downcast_ref::<&str>(),
        Some(&"of the operation")
    );
    put(&database, 1, 0).unwrap();
    assert_eq!(numbers(&database), [1]);
}

#[test]
fn a_foreign_transaction_makes_it_busy_and_not_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    drop(with_numbers(&path));
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.busy_timeout = Duration::from_millis(50);
    let database = Database::open(&path, options, &[CORE]).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(put(&database, 1, 0).unwrap_err().is_busy());
    foreign.execute_batch("ROLLBACK").unwrap();
    put(&database, 2, 0).unwrap();
    assert_eq!(numbers(&database), [2]);
}

#[test]
fn a_full_file_is_a_definite_no() {
    let folder = tempfile::tempdir().unwrap();
    let database = with_numbers(&folder.path().join("q.db"));
    database
        .write(|tx| {
            let pages: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
            Ok(tx.pragma_update(None, "max_page_count", pages + 2)?)
        })
        .unwrap();
    let refused = put(&database, 1, 100_000).unwrap_err();
    assert!(matches!(refused, Error::Shortage { .. }), "{refused:?}");
    assert!(refused.may_pass());
    assert!(refused.to_string().contains("no space"), "{refused}");
    put(&database, 2, 0).unwrap();
    assert_eq!(numbers(&database), [2]);
}

#[test]
fn what_fails_before_the_commit_is_never_called_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = with_numbers(&path);
    put(&database, 1, 0).unwrap();
    let refused = database.write_statement(|_| -> Result<()> {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("damaged"), "{refused:?}");
}

#[test]
fn lone_and_joined_operations_of_many_threads_are_each_in_the_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let (one, two) = (with_numbers(&path), open(&path));
    let (threads, each) = (8, 100);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let database = if thread % 4 == 3 { &two } else { &one };
            scope.spawn(move || {
                for number in thread * each..(thread + 1) * each {
                    if number % 3 == 0 {
                        database
                            .write(move |tx| {
                                tx.prepare_cached("INSERT INTO numbers VALUES (?1, NULL)")?
                                    .execute([number])?;
                                Ok(())
                            })
                            .unwrap();
                    } else {
                        put(database, number, 0).unwrap();
                    }
                    let again = put(database, number, 0).unwrap_err();
                    assert!(matches!(again, Error::Refused { .. }), "{again:?}");
                }
            });
        }
    });
    assert_eq!(numbers(&one), (0..threads * each).collect::<Vec<i64>>());
}

#[test]
fn a_commit_that_meets_an_io_error_is_unknown_alone_as_in_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    drop(with_numbers(&path));
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" --exact \
                  under_a_limit_on_the_size_of_files --nocapture";
    let done = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{done:?}"
    );
    assert_eq!(numbers(&open(&path)), [3]);
}

/// The other half of the test above, in a process of its own: 512 KiB are room for the file and
/// not for these rows.
#[test]
fn under_a_limit_on_the_size_of_files() {
    let Some(path) = std::env::var_os(LIMITED) else {
        return;
    };
    let database = open(Path::new(&path));
    let lone = put(&database, 1, 1_000_000).unwrap_err();
    assert!(lone.is_unknown(), "{lone:?}");
    let joined = database.write(|tx| {
        tx.execute("INSERT INTO numbers VALUES (2, zeroblob(1000000))", [])?;
        Ok(())
    });
    assert!(joined.as_ref().is_err_and(Error::is_unknown), "{joined:?}");
    put(&database, 3, 0).unwrap();
}
