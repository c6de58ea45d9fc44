//! Whether an open database is still what stands at its path. Who deletes a file, or moves another
//! one over it, leaves those who have it open with a file without a name: what they write is lost
//! with them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::in_use::Share;
use super::operation::lock;
use super::place::Identity;
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::runtime::sidecar::Sidecar;

/// Looks closer to each other than this are one.
const INTERVAL: Duration = Duration::from_secs(1);

/// A file that was opened at a path.
#[derive(Debug)]
pub(super) struct InPlace {
    path: PathBuf,
    /// The file; `None` where nobody but `SQLite` sees it.
    opened: Option<Identity>,
    looked_at: Mutex<Option<BootTime>>,
    /// What was found instead.
    gone: OnceLock<String>,
}

impl InPlace {
    /// The file that was `opened` at `path`.
    pub(super) fn new(path: &Path, opened: Option<Identity>) -> Self {
        Self {
            path: path.to_owned(),
            opened,
            looked_at: Mutex::default(),
            gone: OnceLock::new(),
        }
    }

    /// Refuses once a look has found it gone. Looks at nothing.
    pub(super) fn check(&self) -> Result<()> {
        match self.gone.get() {
            None => Ok(()),
            Some(what) => Err(Error::Gone {
                path: self.path.clone(),
                what: what.clone(),
            }),
        }
    }

    /// Looks at the path and at the folder beside it, unless that was done just now.
    pub(super) fn look(&self, sidecar: &Sidecar, share: &Share, now: BootTime) -> Result<()> {
        self.check()?;
        let Some(opened) = self.opened else {
            return Ok(());
        };
        let before = &mut *lock(&self.looked_at);
        if before.is_some_and(|before| now < before.after(INTERVAL)) {
            return Ok(());
        }
        *before = Some(now);
        let found = Identity::look(&self.path);
        let what = if found == Ok(Some(opened)) {
            let is_there = share.is_at(&sidecar.in_use_lock());
            (!is_there).then(|| {
                format!(
                    "the folder {} beside it was deleted or replaced while it was open, and with it \
                     the locks that tell who works; start again",
                    sidecar.folder().display()
                )
            })
        } else {
            match found {
                Ok(Some(_)) => Some(
                    "another file was put in its place while it was open, and what is written to \
                     the one before is lost; start again to use the new one"
                        .to_owned(),
                ),
                Ok(None) => Some(
                    "the file was deleted while it was open, and what is written to it is lost; put \
                     a backup in its place with `restore`, or start again with a new one"
                        .to_owned(),
                ),
                // What cannot be looked at may well be there.
                Err(_) => None,
            }
        };
        if let Some(what) = what {
            let _ = self.gone.set(what);
        }
        self.check()
    }
}
