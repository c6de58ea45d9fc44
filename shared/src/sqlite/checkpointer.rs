//! The thread that moves the log into the file, around the decisions in `checkpoint`.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;

use super::checkpoint::{Checkpoints, Next, Pass};
use super::connection::open_writer;
use super::fault::{Fault, Shared};
use super::lock::WriterLock;
use super::operation::lock;
use super::options::OpenOptions;
use super::poison::Poison;
use super::statement;
use crate::error::Result;

const PASSIVE: &str = statement(include_str!("../../queries/checkpoint_passive.sql"));
const TRUNCATE: &str = statement(include_str!("../../queries/checkpoint_truncate.sql"));

thread_local! {
    /// Frames in the log after the last commit of this thread, until taken.
    static FRAMES: Cell<u32> = const { Cell::new(0) };
}

/// Has every commit on `connection` note the length of the log, at no system call.
pub(super) fn watch_log(connection: &Connection) {
    connection.wal_hook(Some(|_, frames| {
        FRAMES.set(u32::try_from(frames).unwrap_or(0));
        Ok(())
    }));
}

/// Starts checkpoints when they are due, on a thread and a connection of its own.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Work>,
    /// To the thread, once there is one. Dropping it ends the thread.
    due: OnceLock<Sender<()>>,
}

#[derive(Debug)]
struct Work {
    path: PathBuf,
    lock_path: PathBuf,
    options: OpenOptions,
    poison: Arc<Poison>,
    checkpoints: Mutex<Checkpoints>,
    trouble: Mutex<Option<String>>,
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
                checkpoints: Mutex::default(),
                trouble: Mutex::default(),
            }),
            due: OnceLock::new(),
        }
    }

    /// This thread has committed.
    pub(super) fn committed(&self) {
        let frames = FRAMES.take();
        if frames == 0 || !lock(&self.shared.checkpoints).committed(frames) {
            return;
        }
        let thread = self.due.get_or_init(|| {
            let (due, waits) = crossbeam_channel::bounded(1);
            self.shared.start(waits);
            due
        });
        // Full means that the thread has not looked yet.
        let _ = thread.try_send(());
    }

    /// Does on this thread what is due on the other. Returns what went wrong.
    #[cfg(feature = "testing")]
    pub(super) fn checkpoint(&self) -> Option<String> {
        self.shared.checkpoint(&mut None);
        self.trouble()
    }

    /// What went wrong with the last checkpoint, if anything did.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.shared.trouble).clone()
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

    /// Passes until the machine rests.
    fn checkpoint(&self, connection: &mut Option<Connection>) {
        let mut exclusive = false;
        loop {
            let pass = self.attempt(connection, exclusive);
            let pass = match pass {
                Ok(pass) => {
                    *lock(&self.trouble) = None;
                    pass
                }
                Err(what) => {
                    *lock(&self.trouble) = Some(what);
                    None
                }
            };
            match lock(&self.checkpoints).passed(pass, exclusive) {
                Next::Rest => return,
                Next::Exclusive => exclusive = true,
            }
        }
    }

    /// One pass; `None` if another process is at it.
    fn attempt(
        &self,
        slot: &mut Option<Connection>,
        exclusive: bool,
    ) -> Result<Option<Pass>, String> {
        let connection = match slot {
            Some(connection) => connection,
            None => slot
                .insert(open_writer(&self.path, &self.options).map_err(|error| error.to_string())?),
        };
        let writers = if exclusive {
            let writers = WriterLock::open(&self.lock_path).map_err(|error| error.to_string())?;
            writers.exclusive().map_err(|error| error.to_string())?;
            Some(writers)
        } else {
            None
        };
        let pass = run(connection, PASSIVE);
        drop(writers);
        pass.map_err(|error| {
            let what = error.to_string();
            if Fault::of(&error) == Fault::Sync {
                self.poison.set(Some(Shared(Arc::new(error))));
            }
            what
        })
    }
}

/// The thread's life: until its `Checkpointer` is dropped.
fn serve(work: &Weak<Work>, due: &Receiver<()>) {
    let mut connection = None;
    while due.recv().is_ok() {
        let Some(work) = work.upgrade() else { return };
        work.checkpoint(&mut connection);
    }
}

/// Moves the whole log into the file and empties it; false if somebody else uses it.
pub(super) fn truncate(connection: &Connection) -> rusqlite::Result<bool> {
    run(connection, TRUNCATE).map(|pass| pass.is_some())
}

/// Runs a checkpoint; `None` where it could not be done because of others.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<Option<Pass>> {
    let (busy, log, done): (bool, i64, i64) = connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match (u32::try_from(log), u32::try_from(done)) {
        (Ok(log), Ok(done)) if !busy => Some(Pass { log, done }),
        _ => None,
    })
}
