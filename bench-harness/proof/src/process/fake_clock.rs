//! A wall clock of their own for programs: libfaketime, which stands between them and the C library.
//! Boot time stays the system's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Where distributions put the library.
const PLACES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib/faketime",
    "/usr/lib64/faketime",
    "/usr/local/lib/faketime",
    "/usr/local/lib/x86_64-linux-gnu/faketime",
];

/// The form for programs with several threads.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// A clock that is set while programs go by it.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
}

impl FakeClock {
    /// A clock that tells the true time and is set by means of that file; nothing where the library
    /// is not installed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn new(file: PathBuf) -> Result<Option<Self>> {
        let Some(library) = library() else {
            return Ok(None);
        };
        let clock = Self { library, file };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Sets it so many seconds ahead of the true time, or behind it where negative.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&self, ahead: i64) -> Result<()> {
        // In one step: the programs read it whenever they ask for the time.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        Ok(std::fs::rename(new, &self.file)?)
    }

    /// Has a program, and all it starts, go by this clock.
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
    let mut candidates = PLACES.iter().map(|place| Path::new(place).join(LIBRARY));
    candidates.find(|path| path.is_file())
}
