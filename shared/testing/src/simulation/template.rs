//! New file, the beginning of many runs.

use std::path::{Path, PathBuf};

/// Bytes of a new file: to copy them is cheaper than to create every table again.
#[derive(Clone, Debug)]
pub struct Template {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Template {
    /// Reads the file that `make` creates.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn new<T>(make: impl FnOnce(&Path) -> queue_core::Result<T>) -> Self {
        let folder = folder();
        let path = folder.path().join("q.db");
        drop(make(&path).unwrap());
        Self {
            database: std::fs::read(&path).unwrap(),
            log: std::fs::read(log(&path)).unwrap_or_default(),
        }
    }

    /// Writes a copy to `path`.
    pub(super) fn put(&self, path: &Path) {
        std::fs::write(path, &self.database).unwrap();
        std::fs::write(log(path), &self.log).unwrap();
    }
}

/// Creates the folder of one run, in memory if possible: nothing here has to survive a power cut.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.unwrap()
}

/// Path of the write-ahead log of the file at `path`.
fn log(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}
