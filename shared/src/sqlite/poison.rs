//! End of all writing by this process, once the disk did not confirm a write. The kernel may have
//! dropped the pages and call them clean, so no later write can be trusted.

use std::path::Path;
use std::sync::OnceLock;

use super::fault::{NOT_CONFIRMED, SharedError};
use crate::error::{Error, Result};
use crate::remedy::Remedy;

/// Set once, never cleared: only a new process reads the file anew.
#[derive(Debug, Default)]
pub(super) struct Poison(OnceLock<Option<SharedError>>);

impl Poison {
    pub(super) fn set(&self, source: Option<SharedError>) {
        // The first reason is the one that matters.
        let _ = self.0.set(source);
    }

    /// True if writing has ended.
    pub(super) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Reason, if writing has ended and there is one.
    pub(super) fn source(&self) -> Option<SharedError> {
        self.0.get().cloned().flatten()
    }

    /// Refuses if writing has ended.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(source) => Err(poisoned(path, source.clone())),
        }
    }
}

/// Error of every later write.
pub(super) fn poisoned(path: &Path, source: Option<SharedError>) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        what: NOT_CONFIRMED.to_owned(),
        remedy: Some(Remedy::StopAndCheck),
        source: source.map(|source| Box::new(source) as Box<_>),
    }
}
