//! Connections that read. They see every commit that returned before they began.

use std::convert::Infallible;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use r2d2::ManageConnection;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, TransactionBehavior};
use scheduled_thread_pool::ScheduledThreadPool;

use super::connection::{READER_FLAGS, located_on, open_reader, prepare_reader};
use super::fault::{located, relocated};
use super::log_stamp::LogStamp;
use super::operation::lock;
use super::options::OpenOptions;
use super::statement;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::panics::panicked;

const DATA_VERSION: &str = statement(include_str!("../../queries/data_version.sql"));

/// Most reads at the same time; more wait.
const READERS: u32 = 8;
/// Longest wait, when the readers are dropped, for the pool's own thread to release them.
const LET_GO: Duration = Duration::from_secs(1);

/// Pool that the first read builds, and a connection that watches for commits.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: OpenOptions,
    pool: OnceLock<Pool>,
    building: Mutex<()>,
    watch: Mutex<Watch>,
}

/// Pool, and the channel that shows when it is gone.
#[derive(Debug)]
struct Pool {
    connections: r2d2::Pool<Manager>,
    gone: Receiver<Infallible>,
}

/// Opens the pool's connections.
#[derive(Debug)]
struct Manager {
    inner: SqliteConnectionManager,
    left: Sender<Infallible>,
}

/// Connection of the pool. Dropping it closes it before its sender is gone.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    _left: Sender<Infallible>,
}

impl ManageConnection for Manager {
    type Connection = Reader;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Reader> {
        Ok(Reader {
            connection: self.inner.connect()?,
            _left: self.left.clone(),
        })
    }

    fn is_valid(&self, reader: &mut Reader) -> rusqlite::Result<()> {
        self.inner.is_valid(&mut reader.connection)
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        self.inner.has_broken(&mut reader.connection)
    }
}

/// Waits until the file is closed, as callers expect that drop the last handle of a database. The
/// thread on which the pool opens a connection holds all of them for a moment longer than the read
/// that asked for it.
impl Drop for Readers {
    fn drop(&mut self) {
        if let Some(Pool { connections, gone }) = self.pool.take() {
            drop(connections);
            let _ = gone.recv_timeout(LET_GO);
        }
    }
}

/// Connection that watches for commits.
#[derive(Debug, Default)]
struct Watch {
    connection: Option<Connection>,
    /// Counter, and the log for which it was right.
    seen: Option<(LogStamp, i64)>,
}

impl Readers {
    /// Readers of the file at `path`. Opens nothing yet.
    pub(super) fn new(path: &Path, options: &OpenOptions) -> Self {
        Self {
            path: path.to_owned(),
            options: options.clone(),
            pool: OnceLock::new(),
            building: Mutex::default(),
            watch: Mutex::default(),
        }
    }

    /// Runs `query` on a snapshot.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut reader = self
            .pool()?
            .connections
            .get()
            .map_err(|error| Error::Shortage {
                path: self.path.clone(),
                what: "no connection to read with; close programs that read it, or try again"
                    .to_owned(),
                source: Some(Box::new(error)),
            })?;
        snapshot(&mut reader.connection, &self.path, query)
    }

    /// Number that changes with every commit of every other connection. `log` is the log as the
    /// file system has just shown it, if it did.
    pub(super) fn change_counter(&self, log: Option<LogStamp>) -> Result<i64> {
        let mut watch = lock(&self.watch);
        let now = SystemClock.now().wall;
        let stamp = log.filter(|stamp| stamp.is_settled(now));
        if let (Some(stamp), Some((seen, counter))) = (stamp, watch.seen)
            && stamp == seen
        {
            return Ok(counter);
        }
        let connection = match watch.connection.take() {
            Some(connection) => connection,
            None => open_reader(&self.path, &self.options)?,
        };
        let counter = connection
            .prepare_cached(DATA_VERSION)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| located(&self.path, error))?;
        *watch = Watch {
            connection: Some(connection),
            seen: stamp.map(|stamp| (stamp, counter)),
        };
        Ok(counter)
    }

    fn pool(&self) -> Result<&Pool> {
        let _building = lock(&self.building);
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let timeout = self.options.busy_timeout;
        let (file, flags) = located_on(&self.path, READER_FLAGS, &self.options);
        let (left, gone) = crossbeam_channel::bounded(0);
        let manager = Manager {
            inner: SqliteConnectionManager::file(file)
                .with_flags(flags)
                .with_init(move |connection| prepare_reader(connection, timeout)),
            left,
        };
        let connections = r2d2::Pool::builder()
            .thread_pool(self.opener()?)
            .max_size(READERS)
            .min_idle(Some(0))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_on_check_out(false)
            .connection_timeout(timeout)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(manager)
            .map_err(|error| Error::Unusable {
                path: self.path.clone(),
                what: "it cannot be opened for reading; check its permissions".to_owned(),
                remedy: None,
                source: Some(Box::new(error)),
            })?;
        Ok(self.pool.get_or_init(|| Pool { connections, gone }))
    }

    /// Thread that opens the pool's connections. The pool would panic if no thread can start, so a
    /// thread that does nothing is started and ended first.
    fn opener(&self) -> Result<Arc<ScheduledThreadPool>> {
        let short = |error| Error::Shortage {
            path: self.path.clone(),
            what: "there is no thread to read it with; end some processes, raise `ulimit -u`, or \
                   free some memory, then repeat the command"
                .to_owned(),
            source: Some(error),
        };
        let named = || std::thread::Builder::new().name("queue-read".to_owned());
        let tried = named().spawn(|| ()).map(JoinHandle::join);
        tried.map_err(|error| short(Box::new(error)))?.ok();
        let start = || {
            ScheduledThreadPool::builder()
                .num_threads(1)
                .thread_name_pattern("queue-read-{}")
                .build()
        };
        let opener = catch_unwind(start).map_err(|panic| short(panicked(&*panic).into()))?;
        Ok(Arc::new(opener))
    }
}

/// Runs `query` in a read transaction of `connection`, so that all of it reads one moment.
pub(super) fn snapshot<T>(
    connection: &mut Connection,
    path: &Path,
    query: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .map_err(|error| located(path, error))?;
    query(&tx).map_err(|error| relocated(path, error))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{LogStamp, Readers};
    use crate::sqlite::Durability;
    use crate::sqlite::file_identity::beside;
    use crate::sqlite::operation::lock;
    use crate::sqlite::options::OpenOptions;

    #[test]
    fn readers_that_are_dropped_have_closed_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (n)")
            .unwrap();
        let path = path.canonicalize().unwrap();
        for _ in 0..200 {
            let readers = Readers::new(&path, &OpenOptions::new(Durability::Fast).unwrap());
            readers
                .read(|connection| Ok(connection.execute_batch("SELECT * FROM t")?))
                .unwrap();
            drop(readers);
            let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let open = descriptors.filter_map(|one| std::fs::read_link(one.path()).ok());
            assert_eq!(open.filter(|file| *file == path).count(), 0);
        }
    }

    #[test]
    fn an_unchanged_log_is_not_asked_about_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = wal; CREATE TABLE t (n); INSERT INTO t VALUES (1)",
            )
            .unwrap();
        let grow_old = || {
            let log = std::fs::File::open(beside(&path, "-wal")).unwrap();
            log.set_modified(UNIX_EPOCH + Duration::from_secs(60))
                .unwrap();
        };
        let readers = Readers::new(&path, &OpenOptions::new(Durability::Fast).unwrap());
        let counter = || readers.change_counter(LogStamp::of(&beside(&path, "-wal")));
        grow_old();
        let before = counter().unwrap();
        lock(&readers.watch).connection = None;
        assert_eq!(counter().unwrap(), before);
        assert!(lock(&readers.watch).connection.is_none(), "it was asked");

        writer.execute_batch("UPDATE t SET n = 2").unwrap();
        counter().unwrap();
        let after = counter().unwrap();
        assert!(
            lock(&readers.watch).seen.is_none(),
            "the write is too young"
        );
        writer.execute_batch("UPDATE t SET n = 3").unwrap();
        assert_ne!(counter().unwrap(), after);
    }
}
