//! A wall clock for selected programs: libfaketime, which wraps the C library's clock calls. Boot time
//! stays the system's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Folders in which distributions install the library.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib/faketime",
    "/usr/lib64/faketime",
    "/usr/local/lib/faketime",
    "/usr/local/lib/x86_64-linux-gnu/faketime",
];

/// Variant of the library for multi-threaded programs.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// A clock that can be set while programs read it.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
}

impl FakeClock {
    /// A clock that shows the true time and is set by means of a file; `None` if the library is not
    /// installed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: PathBuf) -> Result<Option<Self>> {
        let Some(library) = library() else {
            return Ok(None);
        };
        let clock = Self { library, file };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Sets the clock this many seconds ahead of the true time, or behind it if negative.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&self, ahead: i64) -> Result<()> {
        // Atomically: the programs read the file whenever they read the clock.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        Ok(std::fs::rename(new, &self.file)?)
    }

    /// Makes a program and its descendants use this clock.
    pub fn govern(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

fn library() -> Option<PathBuf> {
    let mut candidates = FOLDERS.iter().map(|place| Path::new(place).join(LIBRARY));
    candidates.find(|path| path.is_file())
}
