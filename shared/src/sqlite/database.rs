//! One open database file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use super::migrate::Line;
use crate::clock::{Clock, Now, SystemClock};
use crate::error::Result;
use crate::random::{Random, SystemRandom};
use crate::runtime::sidecar::Sidecar;
use crate::runtime::wakeup::Waker;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Any crash of the process, kill -9 included; a power cut may lose the last moments
    /// (`synchronous=NORMAL`).
    Fast,
    /// A power cut too: acknowledged means on disk (`synchronous=FULL`).
    Full,
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Create the file if it is missing.
    pub create: bool,
    /// Never change the file, not even its schema.
    pub read_only: bool,
    /// How long a write waits for other processes before it is refused as busy.
    pub busy_timeout: std::time::Duration,
    /// Open it even on a network file system, where locks may lie.
    pub force_network_fs: bool,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
}

impl OpenOptions {
    /// Creates a missing file, writes at `durability`, waits five seconds, system clock and
    /// randomness.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(durability: Durability) -> Result<Self> {
        Ok(Self {
            durability,
            create: true,
            read_only: false,
            busy_timeout: std::time::Duration::from_secs(5),
            force_network_fs: false,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()?),
        })
    }
}

/// One open database file.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    sidecar: Sidecar,
    options: OpenOptions,
    connection: Mutex<Connection>,
    waker: Arc<Waker>,
}

impl Database {
    /// Opens the file at `path`, creating and migrating it as `options` allow.
    pub fn open(path: &Path, options: OpenOptions, lines: &[Line]) -> Result<Self> {
        let sidecar = Sidecar::of(path);
        sidecar.create()?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.busy_timeout(options.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(64);
        let fresh: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'queue_tasks'",
            [],
            |row| row.get(0),
        )?;
        if fresh == 0 {
            for line in lines {
                for migration in line.migrations {
                    connection.execute_batch(migration.sql)?;
                }
            }
        }
        Ok(Self {
            path: path.to_owned(),
            waker: Arc::new(Waker::new(sidecar.clone())),
            sidecar,
            options,
            connection: Mutex::new(connection),
        })
    }

    /// Runs `operation` in a write transaction, possibly together with those of other threads,
    /// and returns after the commit that holds it. If the shared transaction fails, each
    /// operation is run again alone, so it must change nothing but the database.
    pub fn write<T, F>(&self, mut operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = operation(&tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// Runs `query` on a reading connection.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        query(
            &self
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// A number that changes when another connection commits.
    pub fn change_counter(&self) -> Result<i64> {
        self.read(|connection| {
            Ok(connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder beside the file.
    pub fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// Wakes the workers of this file.
    pub fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// The clocks.
    pub fn now(&self) -> Now {
        self.options.clock.now()
    }

    /// 64 random bits.
    pub fn random(&self) -> u64 {
        self.options.random.bits()
    }
}
