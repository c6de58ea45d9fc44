//! Lock between processes for heartbeats. Its files stay open and one thread waits for it, however
//! long it is held and however often a heartbeat gives up.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock::LockFile;
use super::operation::lock;
use crate::error::Result;

/// Lock and waiting mark, on files of their own, as another process would have them.
#[derive(Debug)]
pub(super) struct HeartbeatTurns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lock: LockFile,
    waiting: LockFile,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is set by one side and read by the other"
)]
struct State {
    has_thread: bool,
    /// The thread waits for the lock, or is about to.
    asked: bool,
    /// A heartbeat waits for the thread.
    wanted: bool,
    /// The thread has the lock for that heartbeat.
    held: bool,
    /// No heartbeat will ask any more.
    over: bool,
}

impl HeartbeatTurns {
    /// Opens the lock's file at `path` and the file beside it that shows waiting processes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            lock: LockFile::open(path)?,
            waiting: LockFile::open(&path.with_extension("waiting"))?,
            state: Mutex::default(),
            changed: Condvar::new(),
        })))
    }

    /// Takes the lock if it is free.
    pub(super) fn try_take(&self) -> Result<Option<HeartbeatLock>> {
        // A wait continues even if the heartbeat that began it gave up.
        let free = !lock(&self.0.state).asked && self.0.lock.try_exclusive()?;
        Ok(free.then(|| HeartbeatLock(Arc::clone(&self.0))))
    }

    /// Takes the lock; `None` once `patience` has passed.
    pub(super) fn take_within(&self, patience: Duration) -> Option<HeartbeatLock> {
        let mut state = lock(&self.0.state);
        if !state.has_thread {
            state.has_thread = self.start_thread();
        }
        if !state.has_thread {
            return None;
        }
        state.asked = true;
        state.wanted = true;
        self.0.changed.notify_all();
        // Refused only while another process looks; the next wait shows it then.
        let _ = self.0.waiting.try_shared();
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(state, patience, |state| !state.held)
            .unwrap_or_else(PoisonError::into_inner);
        state.wanted = false;
        let held = std::mem::take(&mut state.held);
        self.0.waiting.release();
        held.then(|| HeartbeatLock(Arc::clone(&self.0)))
    }

    fn start_thread(&self) -> bool {
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("queue-heartbeat".to_owned());
        thread.spawn(move || shared.wait_for_lock()).is_ok()
    }
}

impl Drop for HeartbeatTurns {
    /// A thread in the middle of a wait ends after it.
    fn drop(&mut self) {
        lock(&self.0.state).over = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// Takes the lock whenever a heartbeat asks for it. Releases it at once if the heartbeat gave
    /// up.
    fn wait_for_lock(&self) {
        loop {
            let state = self
                .changed
                .wait_while(lock(&self.state), |state| !state.asked && !state.over)
                .unwrap_or_else(PoisonError::into_inner);
            if state.over {
                return;
            }
            drop(state);
            let locked = self.lock.exclusive().is_ok();
            let mut state = lock(&self.state);
            state.asked = false;
            if locked && state.wanted {
                state.held = true;
                self.changed.notify_all();
            } else {
                self.lock.release();
            }
        }
    }
}

/// Lock, held by a heartbeat.
#[derive(Debug)]
pub(super) struct HeartbeatLock(Arc<Shared>);

impl Drop for HeartbeatLock {
    fn drop(&mut self) {
        self.0.lock.release();
    }
}
