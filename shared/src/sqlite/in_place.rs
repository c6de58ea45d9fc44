//! Check that an open database is still the file at its path. If a user deletes the file or moves
//! another one over it, processes that have it open keep a file without a name, and their writes
//! are lost with it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use super::file_identity::Identity;
use super::in_use::LockShare;
use super::operation::lock;
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::LOOK_INTERVAL;
use crate::remedy::Remedy;
use crate::sidecar::Sidecar;

/// File that was opened at a path.
#[derive(Debug)]
pub(super) struct InPlace {
    path: PathBuf,
    /// Identity of the file; `None` if only `SQLite` sees it.
    opened: Option<Identity>,
    looked_at: Mutex<Option<BootTime>>,
    /// Loss that a look has found.
    gone: OnceLock<Gone>,
}

/// Loss of a file or of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// The file was deleted.
    Deleted,
    /// Another file is at its path.
    Replaced,
    /// The folder beside it is gone, with the locks. The file may still be written to.
    Folder,
}

impl InPlace {
    /// Makes a check for the file that was `opened` at `path`.
    pub(super) fn new(path: &Path, opened: Option<Identity>) -> Self {
        Self {
            path: path.to_owned(),
            opened,
            looked_at: Mutex::default(),
            gone: OnceLock::new(),
        }
    }

    /// Refuses to write once a look has found a loss. Does not look itself.
    pub(super) fn check(&self) -> Result<()> {
        match self.gone.get() {
            None | Some(Gone::Folder) => Ok(()),
            Some(gone @ (Gone::Deleted | Gone::Replaced)) => Err(self.error(*gone)),
        }
    }

    /// Looks at the path and at the folder beside it, unless the last look is recent.
    ///
    /// # Errors
    /// [`Error::Gone`] if either of them is gone.
    pub(super) fn look(&self, sidecar: &Sidecar, share: &LockShare, now: BootTime) -> Result<()> {
        if self.gone.get().is_none() && self.is_time(now) {
            self.look_anew(sidecar, share);
        }
        match self.gone.get() {
            None => Ok(()),
            Some(gone) => Err(self.error(*gone)),
        }
    }

    fn is_time(&self, now: BootTime) -> bool {
        let mut looked_at = lock(&self.looked_at);
        let is_time = looked_at.is_none_or(|before| before.after(LOOK_INTERVAL) <= now);
        if is_time {
            *looked_at = Some(now);
        }
        is_time
    }

    fn look_anew(&self, sidecar: &Sidecar, share: &LockShare) {
        let Some(opened) = self.opened else {
            return;
        };
        let gone = match Identity::look(&self.path) {
            Ok(Some(found)) if found == opened => {
                // Every process that opens the file takes this lock.
                if share.is_at(&sidecar.in_use_lock()) {
                    return;
                }
                Gone::Folder
            }
            Ok(Some(_)) => Gone::Replaced,
            Ok(None) => Gone::Deleted,
            // A file that cannot be looked at may well be there.
            Err(_) => return,
        };
        let _ = self.gone.set(gone);
    }

    fn error(&self, gone: Gone) -> Error {
        let remedy = match gone {
            Gone::Deleted => Some(Remedy::RestoreOrBegin),
            Gone::Replaced | Gone::Folder => None,
        };
        let what = match gone {
            Gone::Deleted => {
                "the file was deleted while it was open, and what is written to it is lost"
            }
            Gone::Replaced => {
                "another file was put in its place while it was open, and what is written to the one \
                 before is lost; start again to use the new one"
            }
            Gone::Folder => {
                "the folder beside it was deleted or replaced while it was open, and with it the \
                 locks that tell who works; start again"
            }
        };
        Error::Gone {
            path: self.path.clone(),
            what: what.to_owned(),
            is_lost: gone != Gone::Folder,
            remedy,
        }
    }
}
