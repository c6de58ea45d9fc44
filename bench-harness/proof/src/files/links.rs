//! Links: the owner of a database replaces a file that root opens by a link into a folder where only
//! root may write. Root must not create or change a file there.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use queue_testing::links::{PLANTED, is_folder};
use rustix::process::{Pid, Signal, kill_process};

use super::other_user::{OtherUser, all_below};
use crate::Result;
use crate::process::patience::wait_until;
use crate::process::scratch::Running;
use crate::process::{Program, ScratchFolder};

/// Time and target of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Exists from the start, and leads to no file.
    Dangling,
    /// Exists from the start, and leads to a file or a folder.
    Leading,
    /// Comes and goes while root works, and leads to a file or a folder.
    Flickering,
}

/// Tries every `stride`th link. Returns the number of links, and the faults.
pub(super) fn run(
    user: OtherUser,
    programs: &[Program],
    stride: usize,
) -> Result<(usize, Vec<String>)> {
    let kinds = [Kind::Dangling, Kind::Leading, Kind::Flickering];
    let of_all = programs.iter().flat_map(|program| {
        let links = PLANTED
            .iter()
            .flat_map(|name| kinds.map(|kind| (*name, kind)));
        links.map(|(name, kind)| (*program, name, kind))
    });
    let (mut count, mut faults) = (0, Vec::new());
    for (program, name, kind) in of_all.step_by(stride.max(1)) {
        count += 1;
        let found = try_link(user, program, name, kind)?;
        let named = |fault| format!("{}, {kind:?} {name}: {fault}", program.name());
        faults.extend(found.into_iter().map(named));
    }
    Ok((count, faults))
}

/// Runs root's verbs with one link in place.
fn try_link(user: OtherUser, program: Program, name: &str, kind: Kind) -> Result<Vec<String>> {
    let (scratch, only_root) = (user.scratch()?, tempfile::tempdir()?);
    let mut faults = Vec::new();
    for words in [&["add-task", "own", "true"][..], &["backup", "copy.db"]] {
        faults.extend(user.failed(&scratch, program, words)?);
    }
    let target = Target {
        path: only_root.path().join("target"),
        is_folder: is_folder(name),
    };
    if kind != Kind::Dangling {
        target.make()?;
    }
    let (place, output) = (scratch.file(name), only_root.path().join("output"));
    if kind == Kind::Flickering {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            scope.spawn(|| flicker(&place, &target.path, &is_over));
            let worked = work(&scratch, program, &output);
            is_over.store(true, Ordering::Relaxed);
            worked
        })?;
    } else {
        // The link replaces a folder, a file, or nothing.
        let _ = fs::remove_dir_all(&place);
        let _ = fs::remove_file(&place);
        if let Some(folder) = place.parent().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
            chown(folder, Some(user.uid), Some(user.gid))?;
        }
        symlink(&target.path, &place)?;
        work(&scratch, program, &output)?;
    }
    faults.extend(if kind == Kind::Dangling {
        let made = target.path.symlink_metadata().is_ok();
        made.then(|| "root created a file through the link".to_owned())
    } else {
        target.changed()?
    });
    Ok(faults)
}

/// Creates and removes the link as fast as possible.
fn flicker(place: &Path, target: &Path, is_over: &AtomicBool) {
    let aside = place.with_extension("aside");
    while !is_over.load(Ordering::Relaxed) {
        let moved = fs::rename(place, &aside).is_ok();
        let _ = symlink(target, place);
        let _ = fs::remove_file(place);
        if moved {
            let _ = fs::rename(&aside, place);
        }
    }
}

/// A file or folder that only root may write.
struct Target {
    path: PathBuf,
    is_folder: bool,
}

const CONTENT: &str = "precious";

impl Target {
    fn make(&self) -> Result<()> {
        if self.is_folder {
            return Ok(fs::create_dir(&self.path)?);
        }
        Ok(fs::write(&self.path, CONTENT)?)
    }

    /// Describes a change of the target.
    fn changed(&self) -> Result<Option<String>> {
        let is_roots = self.path.symlink_metadata().is_ok_and(|one| one.uid() == 0);
        let is_whole = if self.is_folder {
            all_below(&self.path)?.len() == 1
        } else {
            fs::read(&self.path).is_ok_and(|content| content == CONTENT.as_bytes())
        };
        let is_changed = !is_roots || !is_whole;
        Ok(is_changed.then(|| "root changed the link's target".to_owned()))
    }
}

/// Runs every verb that root may run on another user's database; each may succeed or be refused.
fn work(scratch: &ScratchFolder, program: Program, output: &Path) -> Result<()> {
    let loud = "head -c 100000 /dev/zero | tr '\\0' x";
    for words in [
        &["add-task", "loud", loud][..],
        &["worker", "--drain", "--trust-file"],
        &["wait", "2", "--timeout", "1ms"],
        &["log", "2"],
        &["prune", "--all"],
        &["doctor", "--repair"],
        &["worker", "--background", "--trust-file"],
        &["shrink"],
        &["restore", "copy.db"],
    ] {
        let mut command = scratch.command(program, words)?;
        command
            .stdout(fs::File::create(output)?)
            .stderr(Stdio::null());
        let mut running = Running(command.spawn()?);
        let mut is_done = false;
        wait_until("root's program ends", || {
            let status = running.0.try_wait()?;
            is_done = status.is_some_and(|status| status.success());
            Ok(status.is_some())
        })?;
        if is_done && words.contains(&"--background") {
            end(fs::read_to_string(output)?.trim())?;
        }
    }
    Ok(())
}

/// Kills a process by its id and waits until it is gone.
fn end(pid: &str) -> Result<()> {
    let process = Pid::from_raw(pid.parse()?).ok_or("a worker in the background has no id")?;
    let _ = kill_process(process, Signal::KILL);
    wait_until("the worker is gone", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        // A zombie counts as gone: only its parent has yet to reap it.
        Ok(stat.map_or(true, |stat| stat.contains(") Z ")))
    })
}
