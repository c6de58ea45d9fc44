//! The shipped combining writer over a real database, on one thread and from one seed. Virtual
//! producers arrive, lead, follow and give up in random order. Transactions fail to begin, fail to
//! commit, or commit and report an error. In the end, the contents of the file are compared with
//! each producer's answer.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::operation::{Call, Parked, Waited};
use super::options::{Durability, OpenOptions};
use super::writer::Writer;
use super::writer_core::{Arrived, perform};
use crate::error::{Error, Result};

/// Statement of every operation.
const INSERT: &str = "INSERT INTO written VALUES (?1)";

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new(0, false));
}

/// Random numbers of a run, and the faults it has made.
struct World {
    rng: fastrand::Rng,
    /// True for a planted fault: some commits are acknowledged that did not happen.
    forgets: bool,
    faults: u32,
}

impl World {
    fn new(seed: u64, forgets: bool) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            forgets,
            faults: 0,
        }
    }
}

fn draw(below: u32) -> u32 {
    WORLD.with_borrow_mut(|world| world.rng.u32(..below))
}

fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

/// As [`perform`], with faults.
fn faulty(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let lot = draw(100);
    if lot >= 30 {
        return perform(connection, sql);
    }
    WORLD.with_borrow_mut(|world| world.faults += 1);
    let commit = sql.starts_with("COMMIT");
    if commit && WORLD.with_borrow(|world| world.forgets) {
        return perform(connection, "ROLLBACK");
    }
    match lot {
        0..10 => Err(failure(ffi::SQLITE_BUSY)),
        10..17 => Err(failure(ffi::SQLITE_FULL)),
        17..23 => Err(failure(ffi::SQLITE_IOERR_WRITE)),
        // The commit happened, and reports an error.
        23..29 if commit => perform(connection, sql).and(Err(failure(ffi::SQLITE_IOERR_WRITE))),
        29 if commit => Err(failure(ffi::SQLITE_IOERR_FSYNC)),
        _ => Err(failure(ffi::SQLITE_IOERR_READ)),
    }
}

/// Action of an operation besides writing its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OperationKind {
    Writes,
    Refuses,
    Panics,
}

type Operation = Box<dyn FnMut(&Connection) -> Result<()> + Send>;

fn operation(number: u32, kind: OperationKind) -> Operation {
    Box::new(move |connection| {
        if kind != OperationKind::Writes && connection.is_autocommit() {
            // An operation that is a lone statement has to fail before the statement.
            return Err(Error::invalid("refused alone"));
        }
        connection.prepare_cached(INSERT)?.execute([number])?;
        match kind {
            OperationKind::Writes => Ok(()),
            OperationKind::Refuses => Err(Error::invalid("refused")),
            OperationKind::Panics => std::panic::resume_unwind(Box::new("panicked")),
        }
    })
}

/// Answer that a producer has in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Known {
    Written,
    NotWritten,
    Either,
}

struct Waiting {
    number: u32,
    job: Arc<Parked<(), Operation>>,
}

/// Writer of one process, and its producers.
struct Process {
    writer: Writer,
    leading: Option<(u32, Call<(), Operation>)>,
    waiting: Vec<Waiting>,
}

#[derive(Default)]
struct Outcome {
    told: Vec<Option<Known>>,
    violations: Vec<String>,
    trace: u64,
    seen: Seen,
}

/// Number of events of each kind, to show that a run was worth it.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    faults: u32,
    joined: usize,
    /// Turns that met a transaction of another program.
    foreign: u32,
    gave_up: u32,
    unknown: u32,
    restarts: u32,
}

struct Simulation {
    path: PathBuf,
    _folder: tempfile::TempDir,
    processes: Vec<Process>,
    /// Program that heeds no lock but that of `SQLite`.
    foreign: Connection,
    outcome: Outcome,
}

impl Simulation {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let path = folder.path().join("q.db");
        let foreign = Connection::open(&path).unwrap();
        foreign
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE written (number INTEGER);")
            .unwrap();
        let processes = (0..2).map(|_| process(&path)).collect();
        Self {
            path,
            _folder: folder,
            processes,
            foreign,
            outcome: Outcome::default(),
        }
    }

    fn run(mut self) -> Outcome {
        for _ in 0..400 {
            let process = usize::from(draw(3) == 0);
            match draw(10) {
                0..6 => self.arrive(process),
                6..9 => self.lead(process),
                _ => self.give_up(process),
            }
        }
        for process in 0..self.processes.len() {
            while self.processes[process].leading.is_some() {
                self.lead(process);
            }
            for left in std::mem::take(&mut self.processes[process].waiting) {
                let what = format!("{} waits and nobody leads", left.number);
                self.outcome.violations.push(what);
            }
        }
        self.compare();
        self.outcome
    }

    /// Lets a producer arrive with an operation.
    fn arrive(&mut self, process: usize) {
        let number = u32::try_from(self.outcome.told.len()).unwrap();
        self.outcome.told.push(None);
        let kind = match draw(12) {
            0 => OperationKind::Refuses,
            1 => OperationKind::Panics,
            _ => OperationKind::Writes,
        };
        let process = &mut self.processes[process];
        let call = Call::new(operation(number, kind), draw(2) == 0);
        match process.writer.core().arrive(call) {
            Arrived::Leads(call) => process.leading = Some((number, call)),
            Arrived::Waits(job) => process.waiting.push(Waiting { number, job }),
        }
    }

    /// Lets the leader take its turn, here or on the lock thread.
    fn lead(&mut self, process: usize) {
        let Some((number, mut call)) = self.processes[process].leading.take() else {
            return;
        };
        let core = Arc::clone(self.processes[process].writer.core());
        let foreign = draw(8) == 0;
        if foreign {
            self.foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
            self.outcome.seen.foreign += 1;
        }
        if draw(5) == 0 {
            let job = Arc::new(Parked::new(call));
            self.processes[process].waiting.push(Waiting {
                number,
                job: job.clone(),
            });
            core.lead_contended(job);
        } else {
            let joined = core.turn(&mut call);
            self.outcome.seen.joined += joined.len();
            core.leave();
            for job in joined {
                job.wake();
            }
            self.tell(number, call);
        }
        if foreign {
            self.foreign.execute_batch("ROLLBACK").unwrap();
        }
        self.collect(process);
        if core.is_poisoned() {
            self.restart(process);
        }
    }

    /// Lets producers continue that have an answer or the lead.
    fn collect(&mut self, process: usize) {
        for waiting in std::mem::take(&mut self.processes[process].waiting) {
            if waiting.job.is_queued() {
                self.processes[process].waiting.push(waiting);
                continue;
            }
            match waiting.job.wait(Duration::ZERO) {
                Waited::Told(call) => self.tell(waiting.number, call),
                Waited::Lead(call) => {
                    let before = self.processes[process]
                        .leading
                        .replace((waiting.number, call));
                    if before.is_some() {
                        self.outcome
                            .violations
                            .push("two lead at a time".to_owned());
                    }
                }
                Waited::GaveUp => unreachable!("it is not queued"),
            }
        }
    }

    /// Lets a producer give up that has waited too long.
    fn give_up(&mut self, process: usize) {
        let waiting = &mut self.processes[process].waiting;
        if waiting.is_empty() {
            return;
        }
        let lot = draw(u32::try_from(waiting.len()).unwrap());
        let gone = waiting.remove(usize::try_from(lot).unwrap());
        match gone.job.wait(Duration::ZERO) {
            Waited::GaveUp => {
                self.outcome.seen.gave_up += 1;
                self.know(gone.number, Known::NotWritten);
            }
            Waited::Told(_) | Waited::Lead(_) => unreachable!("those were collected"),
        }
    }

    /// Ends a process that must not write any more, with its producers, and starts a new one.
    fn restart(&mut self, process: usize) {
        while self.processes[process].leading.is_some() {
            self.lead_poisoned(process);
        }
        self.outcome.seen.restarts += 1;
        self.processes[process] = self::process(&self.path);
    }

    fn lead_poisoned(&mut self, process: usize) {
        let Some((number, mut call)) = self.processes[process].leading.take() else {
            return;
        };
        let core = Arc::clone(self.processes[process].writer.core());
        let joined = core.turn(&mut call);
        core.leave();
        for job in joined {
            job.wake();
        }
        let answer = call.answer(&self.path);
        if !matches!(answer, Err(Error::Unusable { .. })) {
            let what = format!("{number} was told {answer:?} after a failed sync");
            self.outcome.violations.push(what);
        }
        self.know(number, Known::NotWritten);
        self.collect(process);
    }

    fn tell(&mut self, number: u32, call: Call<(), Operation>) {
        let path = self.path.clone();
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.answer(&path)));
        self.know(
            number,
            match answer {
                Ok(Ok(())) => Known::Written,
                Ok(Err(Error::CommitUnknown { .. })) => Known::Either,
                Ok(Err(_)) | Err(_) => Known::NotWritten,
            },
        );
    }

    fn know(&mut self, number: u32, known: Known) {
        let mut hasher = DefaultHasher::new();
        (self.outcome.trace, number, known).hash(&mut hasher);
        self.outcome.trace = hasher.finish();
        self.outcome.seen.unknown += u32::from(known == Known::Either);
        let told = &mut self.outcome.told[usize::try_from(number).unwrap()];
        if told.replace(known).is_some() {
            self.outcome
                .violations
                .push(format!("{number} was told twice"));
        }
    }

    /// Compares the contents of the file with the answers.
    fn compare(&mut self) {
        let file = Connection::open(&self.path).unwrap();
        let mut count = file
            .prepare("SELECT count(*) FROM written WHERE number = ?1")
            .unwrap();
        for (number, known) in self.outcome.told.iter().enumerate() {
            let times: u32 = count
                .query_row([i64::try_from(number).unwrap()], |row| row.get(0))
                .unwrap();
            let right = match known {
                Some(Known::Written) => times == 1,
                Some(Known::NotWritten) => times == 0,
                Some(Known::Either) => times <= 1,
                None => false,
            };
            if !right {
                let what = format!("{number} was told {known:?} and is there {times} times");
                self.outcome.violations.push(what);
            }
        }
        self.outcome.seen.faults = WORLD.with_borrow(|world| world.faults);
    }
}

fn process(path: &Path) -> Process {
    let options = OpenOptions {
        one_shot: true,
        busy_timeout: Duration::ZERO,
        ..OpenOptions::new(Durability::Fast).unwrap()
    };
    let connection = super::connection::open_writer(path, &options).unwrap();
    let lock_path = path.with_extension("lock");
    let writer = Writer::new(path.to_owned(), lock_path, connection, &options)
        .unwrap()
        .performing(faulty);
    Process {
        writer,
        leading: None,
        waiting: Vec::new(),
    }
}

fn simulate(seed: u64, forgets: bool) -> Outcome {
    WORLD.set(World::new(seed, forgets));
    Simulation::new().run()
}

#[test]
fn every_producer_gets_a_true_answer_whatever_fails() {
    let mut restarts = 0;
    for seed in 0..30 {
        let Outcome {
            violations, seen, ..
        } = simulate(seed, false);
        assert_eq!(violations, Vec::<String>::new(), "seed {seed}");
        let counts = [seen.faults, seen.foreign, seen.gave_up, seen.unknown];
        restarts += seen.restarts;
        assert!(
            counts.iter().all(|count| *count > 0),
            "seed {seed}: {seen:?}"
        );
        assert!(seen.joined > 0, "seed {seed}: {seen:?}");
    }
    assert!(restarts > 0, "no sync ever failed");
}

#[test]
fn a_seed_replays_exactly() {
    let trace = |seed| simulate(seed, false).trace;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn an_acknowledged_commit_that_did_not_happen_is_found() {
    assert!((0..5).any(|seed| !simulate(seed, true).violations.is_empty()));
}
