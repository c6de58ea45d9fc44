//! Open database file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::checkpoint::{DUE_AT, EXCLUSIVE_AT};
use super::checkpointer::{move_log, truncate};
use super::connection::{check_version, journal_mode, open_reader, open_writer, use_wal};
use super::fault::located;
use super::file_identity::{Identity, beside};
use super::heartbeats::Heartbeats;
use super::in_place::InPlace;
use super::in_use::{LockShare, WholeLock};
use super::known::{Known, NEWER, SCHEMA_LOOK};
use super::lines::{AppliedLine, SchemaLine};
use super::locate::{Located, locate, prepare_sidecar, sidecar_refused, unusable};
use super::lock::LockFile;
use super::log_stamp::LogStamp;
use super::migrate::{Creation, is_behind, lines, migrate};
use super::operation::lock;
use super::options::OpenOptions;
use super::owners::explained;
use super::queue_ids::known;
use super::readers::{Readers, snapshot};
use super::writer::Writer;
use super::writer_core::TRANSACTION;
use crate::clock::{Clock, Now};
use crate::coordination::Coordination;
use crate::error::{Error, Result};
use crate::queue_ids::QueueIds;
use crate::sidecar::{Local, Sidecar};

/// Bytes of log that a one-shot program leaves to others.
const ONE_SHOT_LOG: u64 = 512 * 1024;

/// Open database file: one connection that writes, others that read.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    sidecar: Sidecar,
    options: OpenOptions,
    access: Access,
    heartbeats: Heartbeats,
    readers: Readers,
    coordination: Arc<dyn Coordination>,
    queue_ids: Arc<QueueIds>,
    /// Lock that every process with the file open for writing shares, so that a process that opens
    /// the file can tell if it is the first.
    open: Option<LockFile>,
    in_place: InPlace,
    share: LockShare,
}

#[derive(Debug)]
enum Access {
    Write(Writer),
    Read(Mutex<Connection>),
}

impl Database {
    /// Opens the file at `path`. Creates it and migrates it to the newest version of `lines` as
    /// `options` allow. Leaves lines alone that the file has and `lines` does not name.
    ///
    /// # Errors
    /// [`Error::Unusable`] with one sentence on the way out: a directory, a missing folder, no
    /// permission, not `SQLite`, damaged, a newer schema, a part of one, a network file system, a
    /// full disk. [`Error::Busy`] if another process keeps it locked.
    pub fn open(path: &Path, options: OpenOptions, lines: &[SchemaLine]) -> Result<Self> {
        check_version(path, rusqlite::version_number())?;
        let location = locate(path, &options)?;
        let path = location.path.clone();
        Self::open_at(location, options, lines).map_err(|error| explained(&path, error))
    }

    fn open_at(location: Located, options: OpenOptions, lines: &[SchemaLine]) -> Result<Self> {
        let Located { path, sidecar } = location;
        let identity = Identity::at(&path);
        let numbers = QueueIds::default();
        let (access, open) = if options.read_only {
            let connection = open_to_read(&path, &options, lines)?;
            (Access::Read(Mutex::new(connection)), None)
        } else {
            let (writer, open) = open_to_write(&path, &sidecar, &options, lines)?;
            numbers.learn(known(&writer.connection()).map_err(|error| located(&path, error))?);
            (Access::Write(writer), Some(open))
        };
        let share = LockShare::take(&path, &sidecar, identity, options.busy_timeout)?;
        let on_disk = options.vfs.is_none();
        let in_place = InPlace::new(&path, identity.filter(|_| on_disk));
        Ok(Self {
            heartbeats: Heartbeats::default(),
            readers: Readers::new(&path, &options),
            coordination: Arc::new(Local::of(&path)),
            queue_ids: Arc::new(numbers),
            path,
            sidecar,
            options,
            access,
            in_place,
            open,
            share,
        })
    }

    /// Runs `operation` in a write transaction, possibly together with those of other threads, and
    /// returns after its commit. If the shared transaction fails, each operation runs again alone,
    /// so it must change nothing but the database, and must neither end the transaction nor call
    /// `write`. A panic of the operation resumes here.
    ///
    /// # Errors
    /// The operation's own (nothing is written then); [`Error::Busy`] if the busy timeout passed
    /// before the operation began; [`Error::CommitUnknown`]; [`Error::Unusable`] for a full or
    /// failing disk.
    pub fn write<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer()?.write(operation, false)
    }

    /// As [`write`](Self::write), for an operation that executes a single statement. (Another
    /// process may change rows before a second one reads them.) While no other thread writes, the
    /// statement is a transaction of its own, which saves BEGIN and COMMIT, a tenth of a commit. An
    /// error or a panic after the statement would undo nothing, so the operation must not fail
    /// there.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_statement<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer()?.write(operation, true)
    }

    /// Runs `operation` in a write transaction of its own, on a second connection that waits for no
    /// queue of this process. For heartbeats only: the commit survives any crash of the process,
    /// but a power cut may undo it at any durability, which loses no more than the time since the
    /// last one.
    ///
    /// # Errors
    /// The operation's own (nothing is written then); [`Error::Busy`] once `patience` has passed;
    /// [`Error::CommitUnknown`]; [`Error::Unusable`] for a full or failing disk.
    pub fn heartbeat<T>(
        &self,
        patience: Duration,
        operation: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let writer = self.writer()?;
        self.heartbeats
            .heartbeat(&self.path, &self.options, writer, patience, operation)
    }

    /// Opens the connection for [`heartbeat`](Self::heartbeat) in advance, for a worker that depends
    /// on every heartbeat.
    ///
    /// # Errors
    /// As [`heartbeat`](Self::heartbeat).
    pub fn open_heartbeats(&self) -> Result<()> {
        self.writer()?.prepare_heartbeats()?;
        self.heartbeats.open(&self.path, &self.options)
    }

    fn writer(&self) -> Result<&Writer> {
        self.in_place.check()?;
        match &self.access {
            Access::Write(writer) => Ok(writer),
            Access::Read(_) => Err(unusable(
                &self.path,
                "it was opened for reading only; open it for writing",
            )),
        }
    }

    /// Runs `query` on a snapshot with every commit that returned before.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match &self.access {
            Access::Read(connection) => snapshot(&mut lock(connection), &self.path, query),
            // One connection is cheaper to open than two.
            Access::Write(writer) if self.options.one_shot => {
                snapshot(&mut writer.connection(), &self.path, query)
            }
            Access::Write(_) => self.readers.read(query),
        }
    }

    /// Prepares the statements of every write, and these, which [`write`](Self::write) will execute
    /// through `prepare_cached`, so that the first execution takes no longer than the next.
    /// One-shot programs, which execute few of them, and read-only ones skip that.
    ///
    /// # Errors
    /// The error of `SQLite` about a statement.
    pub fn prepare(&self, statements: &[&str]) -> Result<()> {
        if let Access::Write(writer) = &self.access
            && !self.options.one_shot
        {
            let connection = writer.connection();
            for sql in TRANSACTION
                .iter()
                .chain(&[SCHEMA_LOOK, NEWER])
                .chain(statements)
            {
                connection.prepare_cached(sql)?;
            }
            self.coordination.prepare();
        }
        Ok(())
    }

    /// Moves the log into the file on this thread, as the background thread would, so that a
    /// simulation chooses the time. Returns the error of the checkpoint, if it failed.
    ///
    /// # Errors
    /// If it was opened for reading only.
    #[cfg(feature = "internals")]
    pub fn checkpoint(&self) -> Result<Option<String>> {
        Ok(self.writer()?.checkpoint(&self.options))
    }

    /// Number that changes when any process commits, this one included. Compare it only with
    /// numbers from the same `Database`.
    ///
    /// Callers ask for it every few seconds, so it also checks if the file is still where it was
    /// opened, and if programs that have gone left a long log.
    ///
    /// # Errors
    /// [`Error::Gone`], and from then on at every write; [`Error::Unusable`].
    pub fn change_counter(&self) -> Result<i64> {
        let now = self.now().boot;
        self.in_place.look(&self.sidecar, &self.share, now)?;
        // For a file outside the system's VFS, only SQLite knows.
        let on_disk = self.options.vfs.is_none();
        let log = on_disk.then(|| LogStamp::of(&beside(&self.path, "-wal")));
        let log = log.flatten();
        if let (Some(log), Access::Write(writer)) = (log, &self.access) {
            writer.saw(log);
        }
        self.readers.change_counter(log)
    }

    /// Refuses to write if a newer program has migrated the file since it was opened.
    pub(super) fn check_known(&self, connection: &Connection) -> Result<()> {
        let newer = self.writer()?.known().check(connection);
        match newer.map_err(|error| located(&self.path, error))? {
            Some(newer) => Err(newer.error(&self.path)),
            None => Ok(()),
        }
    }

    /// Time for which a write waits for other processes.
    pub fn busy_timeout(&self) -> Duration {
        self.options.busy_timeout
    }

    /// Options it was opened with.
    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Error of the background thread.
    pub(super) fn trouble(&self) -> Option<String> {
        match &self.access {
            Access::Write(writer) => writer.trouble(),
            Access::Read(_) => None,
        }
    }

    /// Runs `look` on the connection whose pragmas matter: the one that writes, or a new one opened
    /// as for a write, which changes nothing. If that is refused, the one that reads.
    pub(super) fn on_the_connection<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        match &self.access {
            Access::Write(writer) => look(&writer.connection()),
            Access::Read(connection) => match open_writer(&self.path, &self.options) {
                Ok(writer) => look(&writer),
                Err(_) => look(&lock(connection)),
            },
        }
    }

    /// Schema lines in the file, including those that this program does not know.
    pub fn lines(&self) -> Result<Vec<AppliedLine>> {
        self.read(|connection| lines(connection, &self.path))
    }

    /// Path of the file, absolute and without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder beside the file.
    pub fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// Coordination of the processes at this file.
    pub fn coordination(&self) -> &Arc<dyn Coordination> {
        &self.coordination
    }

    /// Known queue ids.
    pub fn queue_ids(&self) -> &Arc<QueueIds> {
        &self.queue_ids
    }

    /// Current time.
    pub fn now(&self) -> Now {
        self.options.clock.now()
    }

    /// Clocks, for code that reads them later.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.options.clock)
    }

    /// 64 random bits.
    pub fn random(&self) -> u64 {
        self.options.random.bits()
    }
}

/// A one-shot program that leaves a long log moves it into the file if no process stays that would:
/// all of it if it is the only one; with others, once none of them seems to do so.
impl Drop for Database {
    fn drop(&mut self) {
        let (Access::Write(writer), Some(open)) = (&self.access, &self.open) else {
            return;
        };
        let frames = writer.frames();
        if frames < DUE_AT || writer.trouble().is_some() || self.in_place.check().is_err() {
            return;
        }
        // The next program tries again after an error here, and reports it.
        if matches!(open.try_exclusive(), Ok(true)) {
            let _ = truncate(&writer.connection());
        } else if frames >= EXCLUSIVE_AT {
            let _ = move_log(&writer.connection());
        }
    }
}

fn open_to_read(path: &Path, options: &OpenOptions, wanted: &[SchemaLine]) -> Result<Connection> {
    let connection = open_reader(path, options)?;
    let applied = lines(&connection, path)?;
    if is_behind(path, &applied, wanted)? {
        return Err(behind(path, &applied));
    }
    Ok(connection)
}

fn open_to_write(
    path: &Path,
    sidecar: &Sidecar,
    options: &OpenOptions,
    wanted: &[SchemaLine],
) -> Result<(Writer, LockFile)> {
    let mut connection = open_writer(path, options)?;
    let mode = journal_mode(&connection).map_err(|error| located(path, error))?;
    let applied = lines(&connection, path)?;
    let behind_wanted = is_behind(path, &applied, wanted)?;
    if behind_wanted && !options.create {
        return Err(behind(path, &applied));
    }
    prepare_sidecar(path, sidecar)?;
    let open = LockFile::open(&sidecar.folder().join("open.lock"))
        .map_err(|error| sidecar_refused(path, error))?;
    let lock_path = sidecar.writer_lock();
    let upgraded = || Ok(!is_behind(path, &lines(&connection, path)?, wanted)?);
    // Several programs may create a file at the same time. An existing file belongs to the
    // processes that have it open. This one takes its share later.
    let whole = if behind_wanted && !applied.is_empty() {
        WholeLock::take_to_upgrade(sidecar, options.busy_timeout, upgraded)?
    } else {
        None
    };
    if behind_wanted || !mode.eq_ignore_ascii_case("wal") {
        let lock = LockFile::open(&lock_path).map_err(|error| sidecar_refused(path, error))?;
        lock.exclusive_within(&lock_path, options.busy_timeout)?;
        use_wal(&connection, path)?;
        let creation = Creation {
            file_id: options.random.bits().cast_signed(),
            at: options.clock.now().wall,
        };
        migrate(&mut connection, path, wanted, creation)?;
    }
    drop(whole);
    // The log of a new file holds nothing old, and emptying it would cost the first commit a sync.
    if open.try_exclusive()? && !applied.is_empty() {
        empty_log(&connection, path, options)?;
    }
    open.try_shared()?;
    let writer = Writer::new(path.to_owned(), lock_path, connection, options);
    let is_beside = |error: &Error| matches!(error, Error::Io { .. });
    let writer = writer.map_err(|error| {
        if is_beside(&error) {
            return sidecar_refused(path, error);
        }
        error
    })?;
    let writer = writer.knowing(Known::new(wanted));
    let writer = writer.map_err(|error| located(path, error))?;
    Ok((writer, open))
}

/// Empties the log if this process is the first to open the file, so that after a power cut no
/// rolled-back write comes back from it. One-shot programs do so only for a log so long that
/// reading it back costs each of them more.
fn empty_log(connection: &Connection, path: &Path, options: &OpenOptions) -> Result<()> {
    let tolerated = if options.one_shot { ONE_SHOT_LOG } else { 0 };
    let is_long = match options.vfs {
        None => log_size(path) > tolerated,
        // Only SQLite sees the log there.
        Some(_) => !options.one_shot,
    };
    if is_long {
        truncate(connection).map_err(|error| located(path, error))?;
    }
    Ok(())
}

/// Bytes in the write-ahead log.
pub(super) fn log_size(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len())
}

/// Error for a file without a queue, or without a part of it that this program needs.
fn behind(path: &Path, applied: &[AppliedLine]) -> Error {
    let what = if applied.is_empty() {
        "there is no queue in this file yet; the first task added creates it, or name another file"
    } else {
        "the file's schema is older than this program's; a command that writes upgrades it"
    };
    unusable(path, what)
}
