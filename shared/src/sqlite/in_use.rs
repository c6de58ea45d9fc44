//! Lock of the processes that have the database open. Each holds a share of a lock on a file in the
//! folder beside it. A process that replaces the database holds the lock alone.

use std::path::Path;
use std::time::Duration;

use super::file_identity::Identity;
use super::locate::sidecar_refused;
use super::lock::LockFile;
use super::processes::{self, named};
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;

/// Share of the lock, kept as long as the database is open.
#[derive(Debug)]
pub(super) struct LockShare {
    lock: Option<LockFile>,
}

impl LockShare {
    /// Takes a share for the database at `path`, whose file was `opened`. A reader that may not use
    /// the folder takes none; nor does a reader of a database that was never written here.
    ///
    /// # Errors
    /// [`Error::Busy`] while another file replaces it, or if one has since; [`Error::Shortage`] if
    /// a shortage prevents opening the lock.
    pub(super) fn take(
        path: &Path,
        sidecar: &Sidecar,
        opened: Option<Identity>,
        wait: Duration,
    ) -> Result<Self> {
        let lock_path = sidecar.in_use_lock();
        let lock = match LockFile::open(&lock_path) {
            Ok(lock) => lock,
            // Without a share, a restore would not know of this process.
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

    /// True if the lock's file is still the one at `path`; also true if there is none.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let held = self.lock.as_ref().and_then(LockFile::identity);
        held.is_none_or(|held| Identity::look(path).map_or(true, |found| found == Some(held)))
    }
}

/// Releases the share, instead of closing its file alone: a program that this process is just
/// starting has the file open too, until it runs.
impl Drop for LockShare {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            lock.release();
        }
    }
}

/// The whole lock.
#[derive(Debug)]
pub(super) struct WholeLock {
    lock: LockFile,
}

/// As for [`LockShare`].
impl Drop for WholeLock {
    fn drop(&mut self) {
        self.lock.release();
    }
}

impl WholeLock {
    /// Takes the lock if no process has the database open.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that have it open.
    pub(super) fn take(sidecar: &Sidecar) -> Result<Self> {
        let path = sidecar.in_use_lock();
        let lock = LockFile::open(&path)?;
        if lock.try_exclusive()? {
            return Ok(Self { lock });
        }
        let what = format!("{}; {STOP_THEM}", users(&path));
        Err(Error::Busy { what })
    }

    /// Takes the lock to upgrade the schema, and waits for programs that end by themselves; `None`
    /// as soon as `is_done` says that another program has upgraded it.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that keep it open.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing ends the wait for a lock of this kind"
    )]
    pub(super) fn take_to_upgrade(
        sidecar: &Sidecar,
        wait: Duration,
        is_done: impl Fn() -> Result<bool>,
    ) -> Result<Option<Self>> {
        let path = sidecar.in_use_lock();
        let lock = LockFile::open(&path)?;
        let mut left = wait;
        while !lock.try_exclusive()? {
            // A share is free unless a program upgrades it now. One that has may keep it open.
            let may_be_done = lock.try_shared()?;
            lock.release();
            if may_be_done && is_done()? {
                return Ok(None);
            }
            if left.is_zero() {
                let what = format!(
                    "its schema is older than this program's and can be upgraded only while nobody \
                     else has it open; {}; {STOP_THEM}",
                    users(&path)
                );
                return Err(Error::Busy { what });
            }
            let pause = left.min(LOOK_EVERY);
            std::thread::sleep(pause);
            left -= pause;
        }
        Ok(Some(Self { lock }))
    }
}

/// Interval at which a program that waits to upgrade the schema checks if it may, or if another one has.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const STOP_THEM: &str = "stop its workers and every other program that has it open";

/// Processes that have the database open, in words.
fn users(path: &Path) -> String {
    let users: Vec<String> = processes::locking(path).into_iter().map(named).collect();
    if users.is_empty() {
        "other processes use it".to_owned()
    } else {
        format!("it is used by {}", users.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::super::file_identity::Identity;
    use super::{LockShare, WholeLock};
    use crate::sidecar::Sidecar;

    /// A program that the process was starting kept the lock of a database that was closed already, so
    /// that a restore was refused.
    #[test]
    fn a_dropped_lock_is_free_although_a_child_still_has_its_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        File::create(&path).unwrap();
        let sidecar = Sidecar::of(&path);
        sidecar.create().unwrap();
        let take = || LockShare::take(&path, &sidecar, Identity::at(&path), Duration::ZERO);
        let share = take().unwrap();
        let inherited = share.lock.as_ref().unwrap().duplicate().unwrap();
        assert!(WholeLock::take(&sidecar).unwrap_err().is_busy());
        drop(share);
        let whole = WholeLock::take(&sidecar).unwrap();
        let inherited = [inherited, whole.lock.duplicate().unwrap()];
        drop(whole);
        assert!(take().is_ok());
        drop(inherited);
    }
}
