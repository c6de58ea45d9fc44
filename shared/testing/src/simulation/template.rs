//! A file as it is before anything was enqueued, to begin many runs from.

use std::path::{Path, PathBuf};

/// The bytes of a new file: to copy them is cheaper than to create every table anew.
#[derive(Clone, Debug)]
pub struct Template {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Template {
    /// The file that `make` creates.
    ///
    /// # Panics
    /// When it cannot be created.
    pub fn new<T>(make: impl FnOnce(&Path) -> queue_core::Result<T>) -> Self {
        let folder = folder();
        let path = folder.path().join("q.db");
        drop(make(&path).unwrap());
        Self {
            database: std::fs::read(&path).unwrap(),
            log: std::fs::read(log(&path)).unwrap_or_default(),
        }
    }

    /// Puts a copy at `path`.
    pub(super) fn put(&self, path: &Path) {
        std::fs::write(path, &self.database).unwrap();
        std::fs::write(log(path), &self.log).unwrap();
    }
}

/// A folder for one run. Nothing here survives a power cut, so nothing has to wait for a disk.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.unwrap()
}

/// The write-ahead log of the file at `path`.
fn log(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}
