//! The shipped combining writer under a scheduler that chooses the next thread at every lock,
//! channel and wake. Threads of two processes write to one file. A writer whose write was
//! acknowledged finds it in the file at once, and no thread waits for ever.

#[path = "../operation.rs"]
#[expect(
    dead_code,
    clippy::duplicate_mod,
    reason = "see above; the simulation calls the rest"
)]
mod operation;
mod sync;
#[path = "../writer.rs"]
#[expect(
    dead_code,
    clippy::duplicate_mod,
    reason = "see above; the database calls the rest"
)]
mod writer;
#[path = "../writer_core.rs"]
#[expect(
    dead_code,
    clippy::duplicate_mod,
    reason = "see above; the database uses the rest"
)]
mod writer_core;
mod writer_lock;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

use self::writer::Writer;
use super::options::{Durability, OpenOptions};
use super::{checkpointer, combine, fault, known, log_stamp, options, poison, statement};
use crate::error::{Error, Result};

/// Threads of each process, and writes of each thread.
const THREADS: u32 = 2;
const WRITES: u32 = 2;
/// Schedules of each kind.
const SCHEDULES: usize = 300;
/// Stack for `SQLite`, which runs on the scheduler's own stacks.
const STACK_BYTES: usize = 1 << 20;

/// Planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    /// A job is counted before it is in the queue.
    LateSend,
    /// A commit is acknowledged, but happens only with the next transaction.
    LateCommit,
}

thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

impl Plant {
    fn is_set(self) -> bool {
        PLANTED.get() == Some(self)
    }
}

fn perform(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    if Plant::LateCommit.is_set() {
        if sql.starts_with("COMMIT") {
            return Ok(());
        }
        if !connection.is_autocommit() {
            super::writer_core::perform(connection, "COMMIT")?;
        }
    }
    super::writer_core::perform(connection, sql)
}

/// Connection of one process to the file.
fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    connection
}

fn open(path: &Path) -> Arc<Writer> {
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    // The scheduler does not control the thread that makes checkpoints.
    options.one_shot = true;
    let lock = path.with_extension("lock");
    let writer = Writer::new(path.to_owned(), lock, connect(path), &options).unwrap();
    Arc::new(writer.performing(perform))
}

/// Writes some numbers, and looks for each once it is acknowledged. Every third write fails by
/// itself and must not be found.
fn write(writer: &Writer, path: &Path, thread: u32) {
    for turn in 0..WRITES {
        let number = thread * WRITES + turn;
        let fails = number % 3 == 2;
        let answer = writer.write(
            move |connection| -> Result<()> {
                connection.execute("INSERT INTO written VALUES (?1)", [number])?;
                if fails {
                    return Err(Error::invalid("it fails"));
                }
                Ok(())
            },
            !fails && number.is_multiple_of(2),
        );
        assert_eq!(answer.is_err(), fails, "{answer:?}");
        let reader = Connection::open(path).unwrap();
        let sql = "SELECT count(*) FROM written WHERE number = ?1";
        let count: u32 = reader.query_row(sql, [number], |row| row.get(0)).unwrap();
        assert_eq!(count, u32::from(!fails), "the reply precedes the commit");
    }
}

fn scenario() {
    writer_lock::forget();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.unwrap();
    let path = folder.path().join("q.db");
    let create = "CREATE TABLE written (number INTEGER PRIMARY KEY)";
    connect(&path).execute(create, []).unwrap();
    let processes = [open(&path), open(&path)];
    let threads: Vec<_> = (0..2 * THREADS)
        .map(|number| {
            let writer = Arc::clone(&processes[(number % 2) as usize]);
            let path = path.clone();
            thread::spawn(move || write(&writer, &path, number))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn explore(scheduler: impl Scheduler + 'static, planted: Option<Plant>) {
    PLANTED.set(planted);
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = shuttle::FailurePersistence::None;
    Runner::new(scheduler, config).run(scenario);
    PLANTED.set(None);
}

/// Message of the scheduler about the fault.
fn found(plant: Plant) -> String {
    let search = || explore(RandomScheduler::new_from_seed(1, SCHEDULES), Some(plant));
    let panic = catch_unwind(AssertUnwindSafe(search)).unwrap_err();
    PLANTED.set(None);
    match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn no_schedule_loses_a_turn_or_answers_before_the_commit() {
    explore(RandomScheduler::new_from_seed(1, SCHEDULES), None);
    explore(PctScheduler::new_from_seed(2, 3, SCHEDULES), None);
}

#[test]
fn a_follower_that_is_counted_before_it_is_in_the_queue_is_found() {
    let said = found(Plant::LateSend);
    assert!(said.contains("deadlock"), "{said}");
}

#[test]
fn an_answer_before_the_commit_is_found() {
    let said = found(Plant::LateCommit);
    assert!(said.contains("the reply precedes the commit"), "{said}");
}
