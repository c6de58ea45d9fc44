//! Thread that moves the log into the file, as `checkpoint` decides.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;

use super::checkpoint::{self, Checkpoints, Next, Pass};
use super::connection::open_writer;
use super::fault::{Fault, SharedError};
use super::file_sync::sync_file;
use super::log_limit::LogLimit;
use super::log_stamp::LogStamp;
use super::operation::lock;
use super::options::OpenOptions;
use super::poison::Poison;
use super::statement;
use super::writer_lock::WriterLock;
use crate::error::Result;

const PASSIVE: &str = statement(include_str!("../../queries/checkpoint_passive.sql"));
const LOOK: &str = statement(include_str!("../../queries/checkpoint_look.sql"));
const TRUNCATE: &str = statement(include_str!("../../queries/checkpoint_truncate.sql"));

thread_local! {
    /// Frames in the log after the last commit of this thread, until taken.
    static FRAMES: Cell<u32> = const { Cell::new(0) };
}

/// Bytes of log at which the thread looks at it, whichever process wrote it: the size at which a
/// checkpoint is due.
const LONG: u64 = checkpoint::DUE_AT as u64 * 4096;

/// Makes every commit on `connection` note the length of the log, without a system call.
pub(super) fn watch_log(connection: &Connection) {
    connection.wal_hook(Some(|_, frames| {
        FRAMES.set(u32::try_from(frames).unwrap_or(0));
        Ok(())
    }));
}

/// Takes the frames in the log after the last commit of this thread; 0 if they were taken since.
pub(super) fn take_frames() -> u32 {
    FRAMES.take()
}

/// Starts checkpoints when they are due, on its own thread and connection.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Work>,
    /// Sender to the thread, once it runs. Dropping it ends the thread.
    due: OnceLock<Sender<()>>,
    /// Long log that was looked at last.
    looked_at: Mutex<Option<LogStamp>>,
    /// Limit of the writer's connection.
    limit: Mutex<LogLimit>,
}

#[derive(Debug)]
struct Work {
    path: PathBuf,
    lock_path: PathBuf,
    options: OpenOptions,
    poison: Arc<Poison>,
    connection: Mutex<Slot>,
    checkpoints: Mutex<Checkpoints>,
    trouble: Mutex<Option<String>>,
}

/// Connection of the thread. Closing the database closes it between two passes.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Unused,
    Open(Connection),
    Closed,
}

impl Checkpointer {
    pub(super) fn new(
        path: &Path,
        lock_path: &Path,
        options: &OpenOptions,
        poison: &Arc<Poison>,
    ) -> Self {
        Self {
            shared: Arc::new(Work {
                path: path.to_owned(),
                lock_path: lock_path.to_owned(),
                options: options.clone(),
                poison: Arc::clone(poison),
                connection: Mutex::default(),
                checkpoints: Mutex::default(),
                trouble: Mutex::default(),
            }),
            due: OnceLock::new(),
            looked_at: Mutex::default(),
            limit: Mutex::new(LogLimit::new()),
        }
    }

    /// Takes in a commit of this thread on the writer's connection.
    pub(super) fn committed(&self, connection: &Connection) {
        let frames = take_frames();
        if frames == 0 {
            return;
        }
        let limit = {
            let mut limit = lock(&self.limit);
            limit.committed(frames).then(|| limit.bytes())
        };
        if let Some(bytes) = limit {
            // With an old limit more is cut at once, which only takes longer.
            let _ = connection.pragma_update(None, "journal_size_limit", bytes);
        }
        self.has_grown(frames);
    }

    /// Takes in a commit of this thread on another connection, which never cuts the log.
    pub(super) fn committed_beside(&self) {
        self.has_grown(take_frames());
    }

    fn has_grown(&self, frames: u32) {
        if frames > 0 && lock(&self.shared.checkpoints).committed(frames) {
            self.wake();
        }
    }

    /// Takes in the log as the file system shows it. A long log that this process did not write is
    /// looked at, because its writer may have gone.
    pub(super) fn saw(&self, log: LogStamp) {
        let is_new = log.bytes() >= LONG && lock(&self.looked_at).replace(log) != Some(log);
        if is_new {
            self.wake();
        }
    }

    fn wake(&self) {
        let thread = self.due.get_or_init(|| {
            let (due, waits) = crossbeam_channel::bounded(1);
            self.shared.start(waits);
            due
        });
        // A full channel means that the thread has not looked yet.
        let _ = thread.try_send(());
    }

    /// Makes the due checkpoint on this thread. Returns its error.
    #[cfg(feature = "internals")]
    pub(super) fn checkpoint(&self) -> Option<String> {
        self.shared.checkpoint();
        self.trouble()
    }

    /// Error of the last checkpoint, if it failed.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
    }

    /// Closes the thread's connection, after the current pass if there is one. The thread itself
    /// may wait for other processes for a while.
    pub(super) fn close(&self) {
        *lock(&self.shared.connection) = Slot::Closed;
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Work {
    fn start(self: &Arc<Self>, due: Receiver<()>) {
        let work = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("queue-checkpoint".to_owned());
        if let Err(error) = thread.spawn(move || serve(&work, &due)) {
            *lock(&self.trouble) = Some(format!("the checkpointer cannot start: {error}"));
        }
    }

    /// Looks at the log, and makes a checkpoint if one is due.
    fn look(&self) {
        let found = self.noted(self.run(LOOK));
        if lock(&self.checkpoints).looked(found) {
            self.checkpoint();
        }
    }

    /// Makes passes until the machine rests.
    fn checkpoint(&self) {
        let mut exclusive = false;
        loop {
            let pass = self.noted(self.attempt(exclusive));
            match lock(&self.checkpoints).passed(pass, exclusive) {
                Next::Rest => return,
                Next::Exclusive => exclusive = true,
            }
        }
    }

    /// The pass, if it worked. Keeps the error.
    fn noted(&self, result: Result<Option<Pass>, String>) -> Option<Pass> {
        let (found, trouble) = match result {
            Ok(found) => (found, None),
            Err(what) => (None, Some(what)),
        };
        *lock(&self.trouble) = trouble;
        found
    }

    /// Makes one pass; `None` if another process makes one.
    fn attempt(&self, exclusive: bool) -> Result<Option<Pass>, String> {
        if !exclusive {
            return self.run(PASSIVE);
        }
        // Only a pass that moves the whole log syncs the file. The writers would wait for the sync of
        // all that the passes before have written.
        self.on_connection(sync_file)?;
        let writers = WriterLock::open(&self.lock_path).map_err(|error| error.to_string())?;
        writers.exclusive().map_err(|error| error.to_string())?;
        let pass = self.run(PASSIVE);
        writers.release();
        pass
    }

    /// Runs a checkpoint; `None` if others prevent it, or the database was closed.
    fn run(&self, sql: &str) -> Result<Option<Pass>, String> {
        let pass = self.on_connection(|connection| run(connection, sql))?;
        Ok(pass.flatten())
    }

    /// Calls `work` with the connection; `None` if the database was closed.
    fn on_connection<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, String> {
        let mut slot = lock(&self.connection);
        if let Slot::Unused = *slot {
            let opened = open_writer(&self.path, &self.options);
            *slot = Slot::Open(opened.map_err(|error| error.to_string())?);
        }
        let Slot::Open(connection) = &*slot else {
            return Ok(None);
        };
        work(connection).map(Some).map_err(|error| {
            let what = error.to_string();
            if Fault::of(&error) == Fault::Sync {
                self.poison.set(Some(SharedError(Arc::new(error))));
            }
            what
        })
    }
}

/// Loop of the thread, until its `Checkpointer` is dropped.
fn serve(work: &Weak<Work>, due: &Receiver<()>) {
    while due.recv().is_ok() {
        let Some(work) = work.upgrade() else { return };
        work.look();
    }
}

/// Moves as much of the log into the file as no one blocks, without waiting.
pub(super) fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, PASSIVE).map(|_| ())
}

/// Moves the whole log into the file and empties it; false if someone else uses it.
pub(super) fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    run(connection, TRUNCATE).map(|pass| pass.is_some())
}

/// Runs a checkpoint; `None` if others prevent it.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<Option<Pass>> {
    let (busy, log, done): (bool, i64, i64) = connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match (u32::try_from(log), u32::try_from(done)) {
        (Ok(log), Ok(done)) if !busy => Some(Pass { log, done }),
        _ => None,
    })
}
