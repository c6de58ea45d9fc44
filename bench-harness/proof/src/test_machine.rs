//! A queue's file on a failing machine, opened by the shipped engines.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::clock::Clock;
use queue_core::random::Random;
use queue_core::sidecar::Sidecar;
use queue_core::sqlite::{Database, Durability, OpenOptions};
use queue_core::{Enqueued, NewTask, Queue, Result};
use queue_testing::conformance::ManualClock;
use rusqlite::{Connection, OpenFlags};
use workflow_queue::{SqliteOptions, WorkflowQueue};

use crate::disk::Image;
use crate::vfs::{Machine, Vfs};

/// A shipped engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// fast-queue.
    Fast,
    /// workflow-queue.
    Workflow,
}

/// Options with which a program opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Durability of acknowledged writes.
    pub durability: Durability,
    /// The program runs one verb and ends; otherwise it stays, as a worker does.
    pub one_shot: bool,
}

/// Time limit of an engine for a lock, in the machine's time, or for a connection of a pool, in real
/// time: longer than a busy machine takes to start a thread.
const PATIENCE: Duration = Duration::from_secs(60);

/// Constant randomness: an operation that is run again after its transaction failed repeats its writes.
#[derive(Debug)]
struct Constant(u64);

impl Random for Constant {
    fn bits(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A machine, and the engines' resources outside their database: locks and sockets, which belong to the
/// real system.
#[derive(Debug)]
pub struct TestMachine {
    folder: tempfile::TempDir,
    path: PathBuf,
    vfs: Vfs,
    machine: Machine,
    clock: Arc<ManualClock>,
    random: Arc<Constant>,
}

impl TestMachine {
    /// Makes a machine with an empty disk.
    ///
    /// # Errors
    /// When the system provides no folder.
    pub fn new(seed: u64) -> std::io::Result<Self> {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let tested = Self {
            path: folder.path().join("q.db"),
            folder,
            vfs: Vfs::acquire(),
            machine: Machine::default(),
            clock: Arc::default(),
            random: Arc::new(Constant(seed)),
        };
        tested.vfs.run_on(&tested.machine);
        Ok(tested)
    }

    /// The database file's name on the disk.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// The machine running now.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The clock of every engine.
    #[must_use]
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Kills the process as SIGKILL does, and starts another one.
    pub fn restart_process(&self) {
        self.vfs.run_on(&self.machine);
    }

    /// Resets the clock to its initial time.
    pub fn rewind(&mut self) {
        self.clock = Arc::default();
    }

    /// Boots the machine with this content of its disk.
    pub fn boot(&mut self, image: &Image) {
        self.machine = Machine::start(image);
        self.vfs.run_on(&self.machine);
    }

    /// Options for opening a file with any engine.
    ///
    /// # Errors
    /// When the operating system provides no random bytes.
    pub fn options(&self, manner: Manner) -> Result<OpenOptions> {
        let clock = Arc::clone(&self.clock);
        Ok(OpenOptions::new(manner.durability)?
            .busy_timeout(PATIENCE)
            .one_shot(manner.one_shot)
            .vfs(self.vfs.name().to_owned())
            .clock(clock as Arc<dyn Clock>)
            .random(Arc::clone(&self.random) as Arc<dyn Random>))
    }

    /// Opens the file with a shipped engine.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn open(&self, engine: Engine, manner: Manner) -> Result<Opened> {
        let options = self.options(manner)?;
        Ok(match engine {
            Engine::Fast => Opened::Fast(FastQueue::open_with(&self.path, options)?),
            Engine::Workflow => {
                let lease = Duration::from_secs(30);
                let options = SqliteOptions::new()?.open(options).lease(lease);
                Opened::Workflow(WorkflowQueue::open_with(&self.path, options)?)
            }
        })
    }

    /// Opens a connection that only reads, and does not checkpoint the log.
    ///
    /// # Errors
    /// As `SQLite`.
    pub fn look(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags_and_vfs(&self.path, flags, self.vfs.name())?;
        let no_checkpoint = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(no_checkpoint, true)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Path of the file in the real folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder beside the file.
    #[must_use]
    pub fn sidecar(&self) -> Sidecar {
        Sidecar::of(&self.folder.path().join("q.db"))
    }
}

/// An open file.
#[derive(Debug)]
pub enum Opened {
    /// By fast-queue.
    Fast(FastQueue),
    /// By workflow-queue.
    Workflow(WorkflowQueue),
}

impl Opened {
    /// The database and its environment.
    #[must_use]
    pub fn database(&self) -> &Database {
        match self {
            Self::Fast(queue) => queue.database(),
            Self::Workflow(queue) => queue.database(),
        }
    }

    /// The broken invariants of the file, in words; empty if all hold.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn broken(&self) -> Result<Vec<String>> {
        let invariants = match self {
            Self::Fast(queue) => queue.verify()?,
            Self::Workflow(queue) => queue.verify()?,
        };
        let broken = invariants.iter().filter(|one| !one.holds());
        Ok(broken
            .map(|one| format!("{}: {}", one.name, one.examples.join("; ")))
            .collect())
    }

    /// Enqueues one task.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn enqueue(&self, task: NewTask) -> Result<Vec<Enqueued>> {
        match self {
            Self::Fast(queue) => queue.enqueue(vec![task]),
            Self::Workflow(queue) => queue.enqueue(vec![task]),
        }
    }
}
