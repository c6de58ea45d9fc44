//! The combining writer: threads, the connection and the lock between processes around the
//! decisions in `combine`.
//!
//! A lone caller runs its operation at once on its own thread. Callers that meet share one
//! transaction: the leader commits all waiting operations, and each caller returns only after the
//! commit of its own. A leader that finds another process writing leaves its operation to the lock
//! thread. That thread sleeps in the kernel's queue for the lock and then leads, so that the
//! caller's own wait can time out.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::{Checkpointer, watch_log};
use super::fault::located;
use super::known::Known;
use super::log_stamp::LogStamp;
use super::operation::{Call, Parked, Waited, WaitingCall, lock, watch_commits};
use super::options::OpenOptions;
use super::poison::{Poison, poisoned};
use super::sync::channel::{Sender, unbounded};
use super::sync::{Arc, Mutex, MutexGuard, OnceLock, thread};
#[cfg(test)]
use super::writer_core::Perform;
use super::writer_core::{Arrived, Core, perform};
use super::writer_lock::{HeartbeatLock, WriterLock, busy};
use crate::error::{Error, Result};

/// Write connection of one database, with its waiting callers.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    /// Sender to the lock thread, once it runs. Dropping it ends the thread.
    contended: OnceLock<Sender<Arc<dyn WaitingCall>>>,
    starting: Mutex<()>,
}

impl Writer {
    /// Writer on `connection`, in competition with other processes on `lock_path`.
    pub(super) fn new(
        path: PathBuf,
        lock_path: PathBuf,
        connection: Connection,
        options: &OpenOptions,
    ) -> Result<Self> {
        watch_commits(&connection, None).map_err(|error| located(&path, error))?;
        let poison = Arc::new(Poison::default());
        watch_log(&connection);
        let checkpointer =
            (!options.one_shot).then(|| Checkpointer::new(&path, &lock_path, options, &poison));
        let (queue, queued) = unbounded();
        Ok(Self {
            core: Arc::new(Core {
                path,
                lock: WriterLock::open(&lock_path)?,
                lock_path,
                busy_timeout: options.busy_timeout,
                connection: Mutex::new(connection),
                turns: Mutex::default(),
                queue,
                queued,
                poison,
                checkpointer,
                frames: AtomicU32::new(0),
                known: Known::default(),
                perform,
            }),
            contended: OnceLock::new(),
            starting: Mutex::default(),
        })
    }

    /// Makes the writer refuse a file with newer lines than these.
    pub(super) fn knowing(mut self, known: Known) -> rusqlite::Result<Self> {
        if let Some(core) = Arc::get_mut(&mut self.core) {
            let connection = lock(&core.connection);
            watch_commits(&connection, Some(known.watch(&connection)?.clone()))?;
            drop(connection);
            core.known = known;
        }
        Ok(self)
    }

    /// Lines that the program knows.
    pub(super) fn known(&self) -> &Known {
        &self.core.known
    }

    /// Replaces the function that begins and commits.
    #[cfg(test)]
    pub(super) fn performing(mut self, perform: Perform) -> Self {
        Arc::get_mut(&mut self.core).unwrap().perform = perform;
        self
    }

    /// True if an operation waits behind the leader's.
    #[cfg(test)]
    pub(super) fn has_waiting(&self) -> bool {
        !self.core.queued.is_empty()
    }

    /// State that the simulation drives instead of the threads.
    #[cfg(test)]
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Connection, outside any transaction; blocks while another thread writes.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.core.connection)
    }

    /// Opens the files that a heartbeat needs for the lock between processes.
    pub(super) fn prepare_heartbeats(&self) -> Result<()> {
        self.core.lock.prepare_heartbeats(&self.core.lock_path)
    }

    /// Lock between processes, for a heartbeat; `None` if `patience` has passed.
    pub(super) fn lock_for_heartbeat(&self, patience: Duration) -> Result<Option<HeartbeatLock>> {
        self.core.lock.for_heartbeat(&self.core.lock_path, patience)
    }

    /// End of all writing, once the disk did not confirm a write.
    pub(super) fn poison(&self) -> &Poison {
        &self.core.poison
    }

    /// Takes in a commit of another connection of this process, made on this thread.
    pub(super) fn committed_beside(&self) {
        match &self.core.checkpointer {
            Some(checkpointer) => checkpointer.committed_beside(),
            None => self.core.keep_frames(),
        }
    }

    /// Frames in the log after the last commit of a one-shot program; 0 if it committed nothing.
    pub(super) fn frames(&self) -> u32 {
        self.core.frames.load(Ordering::Relaxed)
    }

    /// Takes in the log as the file system shows it.
    pub(super) fn saw(&self, log: LogStamp) {
        if let Some(checkpointer) = &self.core.checkpointer {
            checkpointer.saw(log);
        }
    }

    /// Error in the background: a write that was not confirmed, a checkpoint that failed.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.core.poison.is_set() {
            let source = self.core.poison.source();
            return Some(poisoned(&self.core.path, source).to_string());
        }
        self.core.checkpointer.as_ref()?.trouble()
    }

    /// Makes the due checkpoint on this thread, as the checkpointer does on its own.
    #[cfg(feature = "internals")]
    pub(super) fn checkpoint(&self, options: &OpenOptions) -> Option<String> {
        let Core {
            path,
            lock_path,
            poison,
            ..
        } = &*self.core;
        Checkpointer::new(path, lock_path, options, poison).checkpoint()
    }

    /// Runs `operation` in a transaction and returns after its commit. A lone statement may be its
    /// own transaction.
    pub(super) fn write<T, F>(&self, operation: F, is_statement: bool) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        self.core.poison.check(&self.core.path)?;
        let mut call = match self.core.arrive(Call::new(operation, is_statement)) {
            Arrived::Leads(call) => call,
            Arrived::Waits(job) => match job.wait(self.core.busy_timeout) {
                Waited::Lead(call) => call,
                Waited::Told(call) => return call.answer(&self.core.path),
                Waited::GaveUp => return Err(busy(&self.core.lock_path)),
            },
        };
        match self.core.lock.try_exclusive() {
            Ok(true) => {}
            Ok(false) => return self.leave_to_lock_thread(call),
            Err(error) => {
                self.core.leave();
                return Err(error);
            }
        }
        let joined = self.core.turn(&mut call);
        self.core.lock.release();
        self.core.leave();
        for job in joined {
            job.wake();
        }
        call.answer(&self.core.path)
    }

    /// Lets the lock thread lead with `call`, and waits as a follower.
    fn leave_to_lock_thread<T, F>(&self, call: Call<T, F>) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let job = Arc::new(Parked::new(call));
        let sent = self.lock_thread().and_then(|thread| {
            thread.send(job.clone()).map_err(|_| Error::Bug {
                what: "the lock thread is gone".to_owned(),
            })
        });
        if let Err(error) = sent {
            self.core.leave();
            return Err(error);
        }
        match job.wait(self.core.busy_timeout) {
            Waited::Told(call) => call.answer(&self.core.path),
            Waited::GaveUp => Err(busy(&self.core.lock_path)),
            Waited::Lead(_) => unreachable!("the lock thread keeps the lead"),
        }
    }

    /// Sender to the lock thread, which the first call starts.
    fn lock_thread(&self) -> Result<&Sender<Arc<dyn WaitingCall>>> {
        let _starting = lock(&self.starting);
        if let Some(sender) = self.contended.get() {
            return Ok(sender);
        }
        let (sender, receiver) = unbounded::<Arc<dyn WaitingCall>>();
        let core = Arc::clone(&self.core);
        thread::Builder::new()
            .name("queue-lock".to_owned())
            .spawn(move || {
                for job in receiver {
                    core.lead_contended(job);
                }
            })
            .map_err(|error| Error::io("cannot start the lock thread", error))?;
        Ok(self.contended.get_or_init(|| sender))
    }
}

/// Takes the connection from the lock thread and closes the file, as callers expect that drop the
/// last handle of a database. The lock thread ends by itself, but keeps the connection for a moment
/// longer, or as long as another process keeps the lock between processes.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.contended.get().is_some() {
            self.contended = OnceLock::new();
            self.core.close();
        }
    }
}
