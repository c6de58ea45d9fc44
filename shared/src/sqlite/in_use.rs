//! Who has the database open: everybody holds a share of the lock on a file in the folder beside
//! it, and whoever puts another file in its place holds it alone.

use std::path::Path;
use std::time::Duration;

use super::locate::sidecar_refused;
use super::lock::LockFile;
use super::place::Identity;
use super::processes::{self, named};
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;

/// A share of the lock, kept as long as the database is open.
#[derive(Debug)]
pub(super) struct Share {
    lock: Option<LockFile>,
}

impl Share {
    /// Takes a share for the database at `path`, which was opened when it was `opened`. A reader
    /// that may not use the folder goes without; so does one in whose place nobody ever wrote.
    ///
    /// # Errors
    /// [`Error::Busy`] while another file is put in its place, or was since; [`Error::Shortage`]
    /// if its lock cannot be opened for want of something.
    pub(super) fn take(
        path: &Path,
        sidecar: &Sidecar,
        opened: Option<Identity>,
        wait: Duration,
    ) -> Result<Self> {
        let lock_path = sidecar.in_use_lock();
        let lock = match LockFile::open(&lock_path) {
            Ok(lock) => lock,
            // Without a share, a restore would not know of it.
            Err(error) if error.may_pass() => return Err(sidecar_refused(path, error)),
            Err(_) => return Ok(Self { lock: None }),
        };
        if !lock.try_shared()? && lock.shared_within(&lock_path, wait).is_err() {
            return Err(Error::Busy {
                what: format!(
                    "it is being restored or upgraded{}",
                    processes::locking(&lock_path)
                        .first()
                        .map(|process| format!(" by {}", named(*process)))
                        .unwrap_or_default()
                ),
            });
        }
        if Identity::at(path) != opened {
            return Err(Error::Busy {
                what: "it was restored while it was opened".to_owned(),
            });
        }
        Ok(Self { lock: Some(lock) })
    }

    /// Whether the file of the lock is still the one at `path`; true where there is none.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let held = self.lock.as_ref().and_then(LockFile::identity);
        held.is_none_or(|held| Identity::look(path).map_or(true, |found| found == Some(held)))
    }
}

/// The lock as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    _lock: LockFile,
}

impl Whole {
    /// Takes the lock, if nobody has the database open.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that have.
    pub(super) fn take(sidecar: &Sidecar) -> Result<Self> {
        let path = sidecar.in_use_lock();
        let lock = LockFile::open(&path)?;
        if lock.try_exclusive()? {
            return Ok(Self { _lock: lock });
        }
        let what = format!("{}; {STOP_THEM}", users(&path));
        Err(Error::Busy { what })
    }

    /// Takes the lock for an upgrade of the schema, waiting for programs that end by themselves;
    /// `None` as soon as `is_done` says that another program has upgraded it.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that keep it open.
    pub(super) fn take_to_upgrade(
        sidecar: &Sidecar,
        wait: Duration,
        is_done: impl Fn() -> Result<bool>,
    ) -> Result<Option<Self>> {
        let path = sidecar.in_use_lock();
        let lock = LockFile::open(&path)?;
        if lock.try_exclusive()? {
            return Ok(Some(Self { _lock: lock }));
        }
        // A share is to be had once whoever upgrades it now has done so.
        let may_be_done = lock.shared_within(&path, wait).is_ok();
        lock.release();
        if may_be_done && is_done()? {
            return Ok(None);
        }
        match lock.exclusive_within(&path, wait) {
            Ok(()) => Ok(Some(Self { _lock: lock })),
            Err(error) if !error.is_busy() => Err(error),
            Err(_) if is_done()? => Ok(None),
            Err(_) => Err(Error::Busy {
                what: format!(
                    "its schema is older than this program's and can be upgraded only while nobody \
                     else has it open; {}; {STOP_THEM}",
                    users(&path)
                ),
            }),
        }
    }
}

const STOP_THEM: &str = "stop its workers and every other program that has it open";

/// Who has the database open.
fn users(path: &Path) -> String {
    let users: Vec<String> = processes::locking(path).into_iter().map(named).collect();
    if users.is_empty() {
        "other processes use it".to_owned()
    } else {
        format!("it is used by {}", users.join(", "))
    }
}
