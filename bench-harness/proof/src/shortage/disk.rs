//! A disk that is full for a time: a small file system in memory, mounted where nobody else sees it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use queue_core::sqlite::Durability;

use super::Shortage;
use super::load::Load;
use crate::Result;
use crate::process::patience::{Stopwatch, pause};
use crate::process::small_disk::within;
use crate::process::{Arena, Program};

/// What the hidden verb is given.
#[derive(Clone, Debug, clap::Args)]
pub struct Disk {
    /// A folder on a small file system
    folder: PathBuf,
    /// A folder elsewhere, for what the commands write
    elsewhere: PathBuf,
    /// The name of the program
    program: String,
    /// How long the file system is full, in milliseconds
    duration_ms: u64,
}

/// Goes on on such a file system. Nothing where this user may not mount.
///
/// # Errors
/// If what is tried there cannot be tried.
pub(super) fn run(program: Program, duration: Duration) -> Result<Option<(u64, Vec<String>)>> {
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let duration = duration.as_millis().to_string();
    let verb = [
        OsStr::new("disk"),
        folder.path().as_os_str(),
        elsewhere.path().as_os_str(),
        OsStr::new(program.name()),
        OsStr::new(&duration),
    ];
    within("64m", folder.path(), &verb)
}

/// What is tried on the small file system.
///
/// # Errors
/// If a process cannot be started, or the load does not end.
pub fn fill(args: &Disk) -> Result<(u64, Vec<String>)> {
    let program = [Program::Fast, Program::Workflow]
        .into_iter()
        .find(|program| program.name() == args.program)
        .ok_or("there is no such program")?;
    let duration = Duration::from_millis(args.duration_ms);
    let arena = Arena::new(Some(&args.folder), Durability::Full)?;
    let mut load = Load::start(&arena, program, &args.elsewhere, duration)?;
    keep_full(&arena.file("ballast"), duration)?;
    load.is_over();
    load.end(Shortage::Disk.met())
}

/// Takes all there is, again and again: what others give back is not to help anybody.
fn keep_full(ballast: &Path, duration: Duration) -> Result<()> {
    let mut file = fs::File::create(ballast)?;
    let watch = Stopwatch::start();
    while watch.elapsed() < duration {
        for block in [1 << 20, 4096] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
        pause(Duration::from_millis(1));
    }
    drop(file);
    Ok(fs::remove_file(ballast)?)
}
