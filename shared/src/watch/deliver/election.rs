//! Election of the one process that delivers: it holds a lock in the folder beside the file, which the
//! system drops when it dies.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files::Folder;

/// A process that stands for election.
#[derive(Debug)]
pub(super) struct Election {
    path: PathBuf,
    lock: Option<File>,
    is_elected: bool,
}

impl Election {
    /// Stands for election beside that file. The lock ends with this value.
    pub(super) fn new(sidecar: &Sidecar) -> Self {
        Self {
            path: sidecar.hooks_lock(),
            lock: None,
            is_elected: false,
        }
    }

    /// True if this process delivers, from now on or already.
    ///
    /// # Errors
    /// [`Error::Io`] if the lock cannot be opened.
    pub(super) fn is_won(&mut self) -> Result<bool> {
        if self.is_elected {
            return Ok(true);
        }
        let refused = |error| {
            let what = format!("cannot open {}", self.path.display());
            Error::io(what, error)
        };
        let folder = self.path.parent().unwrap_or(&self.path);
        let name = self.path.file_name().unwrap_or(OsStr::new("hooks.lock"));
        let folder = Folder::open(folder).map_err(refused)?;
        let lock = match self.lock.take() {
            Some(lock) if folder.holds(name, &lock) => lock,
            _ => folder.file(name).map_err(refused)?,
        };
        let is_locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        // Somebody may have replaced it since it was opened.
        self.is_elected = is_locked && folder.holds(name, &lock);
        self.lock = Some(lock);
        Ok(self.is_elected)
    }
}

#[cfg(test)]
mod tests {
    use super::Election;
    use crate::sidecar::Sidecar;

    #[test]
    fn of_several_one_is_elected_and_another_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("q.db");
        std::fs::write(&path, "").unwrap();
        let sidecar = Sidecar::of(&path);
        sidecar.create().unwrap();
        let (mut first, mut second) = (Election::new(&sidecar), Election::new(&sidecar));
        assert!(first.is_won().unwrap() && first.is_won().unwrap());
        assert!(!second.is_won().unwrap());
        drop(first);
        assert!(second.is_won().unwrap());
        std::fs::remove_file(sidecar.hooks_lock()).unwrap();
        let mut third = Election::new(&sidecar);
        assert!(third.is_won().unwrap());
    }
}
