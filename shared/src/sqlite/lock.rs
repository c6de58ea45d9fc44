//! Lock files. The kernel queues waiting processes, and releases the lock however its holder dies.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::file_identity::Identity;
use super::processes::{locking_alone, named};
use crate::error::{Error, Result};
use crate::sidecar::files;

/// Open lock file. The lock belongs to the open file: any thread may take or release it.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl LockFile {
    /// Opens or creates the file at `path`, private to the owner.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = files::open(path)
            .map_err(|error| Error::io(format!("cannot open {}", path.display()), error))?;
        Ok(Self { file })
    }

    /// Identity of the file, whatever its name is by now.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.file.metadata().ok().map(|found| Identity::of(&found))
    }

    /// Takes the lock if it is free.
    pub(super) fn try_exclusive(&self) -> Result<bool> {
        self.attempt(FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes or keeps a share of the lock, unless a process holds all of it.
    pub(super) fn try_shared(&self) -> Result<bool> {
        self.attempt(FlockOperation::NonBlockingLockShared)
    }

    /// Takes the lock. Waits for any length of time.
    pub(super) fn exclusive(&self) -> Result<()> {
        self.attempt(FlockOperation::LockExclusive).map(|_| ())
    }

    /// As [`exclusive`](Self::exclusive), but gives up as busy after `timeout`. For rare use: a
    /// thread of its own does the waiting, because nothing can interrupt a wait for this kind of
    /// lock.
    pub(super) fn exclusive_within(&self, path: &Path, timeout: Duration) -> Result<()> {
        if self.try_exclusive()? {
            return Ok(());
        }
        self.within(path, timeout, FlockOperation::LockExclusive)
    }

    /// As [`exclusive_within`](Self::exclusive_within), for a share of the lock.
    pub(super) fn shared_within(&self, path: &Path, timeout: Duration) -> Result<()> {
        self.within(path, timeout, FlockOperation::LockShared)
    }

    fn within(&self, path: &Path, timeout: Duration, operation: FlockOperation) -> Result<()> {
        let (locked, result) = crossbeam_channel::bounded(1);
        let waiter = self
            .duplicate()
            .map_err(|error| Error::io("cannot wait for a lock", error))?;
        std::thread::Builder::new()
            .name("queue-lock".to_owned())
            .spawn(move || {
                // The descriptors share the lock: it is kept as long as the caller's is open.
                let _ = locked.send(waiter.attempt(operation).map(|_| ()));
            })
            .map_err(|error| Error::io("cannot wait for a lock", error))?;
        match result.recv_timeout(timeout) {
            Ok(result) => result,
            Err(_) => Err(busy(path)),
        }
    }

    /// Second descriptor of the same open file, with the same lock.
    pub(super) fn duplicate(&self) -> std::io::Result<Self> {
        let file = self.file.try_clone()?;
        Ok(Self { file })
    }

    /// Releases the lock. The kernel cannot refuse this on an open file.
    pub(super) fn release(&self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    fn attempt(&self, operation: FlockOperation) -> Result<bool> {
        loop {
            match flock(&self.file, operation) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(Error::io("cannot lock beside the database", error)),
            }
        }
    }
}

/// Error of a write that waited too long for the lock on the file at `path`.
pub(super) fn busy(path: &Path) -> Error {
    let what = match locking_alone(path) {
        Some(pid) => format!("{} is writing and does not finish", named(pid)),
        None => "other processes keep writing".to_owned(),
    };
    Error::Busy { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_open_file_excludes_another_until_released() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (one, two) = (
            LockFile::open(&path).unwrap(),
            LockFile::open(&path).unwrap(),
        );
        assert!(one.try_exclusive().unwrap());
        assert!(!two.try_exclusive().unwrap());
        assert!(!two.try_shared().unwrap());
        assert_eq!(locking_alone(&path), Some(std::process::id()));
        one.release();
        assert!(two.try_shared().unwrap());
        assert!(one.try_shared().unwrap());
        assert_eq!(locking_alone(&path), None);
    }
}
