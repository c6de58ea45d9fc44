//! A disk that is full for a limited time: a small file system in memory, mounted in a private mount
//! namespace.

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
use crate::process::{Program, ScratchFolder};

/// Arguments of the hidden verb.
#[derive(Clone, Debug, clap::Args)]
pub struct Disk {
    /// Folder on the small file system
    folder: PathBuf,
    /// Folder on another file system, for the commands' output
    elsewhere: PathBuf,
    /// Name of the program
    program: String,
    /// Time for which the file system is full, in milliseconds
    duration_ms: u64,
}

/// Runs the load on such a file system. `None` if this user may not mount.
///
/// # Errors
/// When the proof cannot run there.
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

/// Runs the load on the small file system.
///
/// # Errors
/// When a process cannot be started, or the load does not end.
pub fn fill(args: &Disk) -> Result<(u64, Vec<String>)> {
    let program = [Program::Fast, Program::Workflow]
        .into_iter()
        .find(|program| program.name() == args.program)
        .ok_or("unknown program")?;
    let duration = Duration::from_millis(args.duration_ms);
    let scratch = ScratchFolder::new(Some(&args.folder), Durability::Full)?;
    let mut load = Load::start(&scratch, program, &args.elsewhere, duration)?;
    keep_full(&scratch.file("filler"), duration)?;
    load.mark_over();
    load.end(Shortage::Disk.met())
}

/// Repeatedly takes all free space, so that space freed by others does not help the load.
fn keep_full(filler: &Path, duration: Duration) -> Result<()> {
    let mut file = fs::File::create(filler)?;
    let watch = Stopwatch::start();
    while watch.elapsed() < duration {
        for block in [1 << 20, 4096] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
        pause(Duration::from_millis(1));
    }
    drop(file);
    Ok(fs::remove_file(filler)?)
}
