//! Lock between processes under the scheduler's control: a lock that sleeps in the kernel would
//! stop all threads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sync::{Arc, Condvar, Mutex};
use crate::error::Result;

pub(super) use super::super::lock::busy;

type Held = Arc<(Mutex<bool>, Condvar)>;

thread_local! {
    static LOCKS: RefCell<HashMap<PathBuf, Held>> = RefCell::default();
}

/// Forgets the locks of an earlier schedule.
pub(super) fn forget() {
    LOCKS.take();
}

#[derive(Debug)]
pub(super) struct WriterLock(Held);

/// Heartbeats take no part in these schedules.
#[derive(Debug)]
pub(super) enum HeartbeatLock {}

#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "as the lock it stands for"
)]
impl WriterLock {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let lock = LOCKS.with_borrow_mut(|locks| locks.entry(path.to_owned()).or_default().clone());
        Ok(Self(lock))
    }

    pub(super) fn try_exclusive(&self) -> Result<bool> {
        let mut held = self.0.0.lock().unwrap();
        Ok(!std::mem::replace(&mut *held, true))
    }

    pub(super) fn exclusive(&self) -> Result<()> {
        let held = self.0.0.lock().unwrap();
        *self.0.1.wait_while(held, |held| *held).unwrap() = true;
        Ok(())
    }

    pub(super) fn release(&self) {
        *self.0.0.lock().unwrap() = false;
        self.0.1.notify_one();
    }

    pub(super) fn prepare_heartbeats(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    pub(super) fn for_heartbeat(&self, _: &Path, _: Duration) -> Result<Option<HeartbeatLock>> {
        Ok(None)
    }
}
