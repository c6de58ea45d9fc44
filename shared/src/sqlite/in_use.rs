//! Who has the database open: everybody holds a share of the lock on a file in the folder beside
//! it, and whoever puts another file in its place holds it alone.

use std::path::Path;
use std::time::Duration;

use super::lock::LockFile;
use super::place::Identity;
use super::processes::{self, named};
use crate::error::{Error, Result};
use crate::runtime::sidecar::Sidecar;

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
    /// [`Error::Busy`] while another file is put in its place, or was since.
    pub(super) fn take(
        path: &Path,
        sidecar: &Sidecar,
        opened: Option<Identity>,
        wait: Duration,
    ) -> Result<Self> {
        let lock_path = sidecar.in_use_lock();
        let Ok(lock) = LockFile::open(&lock_path) else {
            return Ok(Self { lock: None });
        };
        if !lock.try_shared()? && lock.shared_within(&lock_path, wait).is_err() {
            return Err(Error::Busy {
                what: format!(
                    "it is being restored{}",
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
        let users: Vec<String> = processes::locking(&path).into_iter().map(named).collect();
        let users = if users.is_empty() {
            "other processes use it".to_owned()
        } else {
            format!("it is used by {}", users.join(", "))
        };
        Err(Error::Busy {
            what: format!("{users}; stop its workers and every other program that has it open"),
        })
    }
}
