//! Links: the owner of a database puts one in the place of a file that root opens, to a place where
//! only root may write. Nothing may be made or changed there.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use queue_testing::links::{PLANTED, is_folder};
use rustix::process::{Pid, Signal, kill_process};

use super::other_user::{OtherUser, all_below};
use crate::Result;
use crate::process::arena::Running;
use crate::process::patience::wait_until;
use crate::process::{Arena, Program};

/// When the link is there, and what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// From the beginning, to nothing.
    Dangling,
    /// From the beginning, to a file or a folder.
    Leading,
    /// It comes and goes while root works, and leads to a file or a folder.
    Flickering,
}

/// Puts every `stride`th link in its place. Returns how many there were, and what was wrong.
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
        let found = meet(user, program, name, kind)?;
        let named = |fault| format!("{}, {kind:?} {name}: {fault}", program.name());
        faults.extend(found.into_iter().map(named));
    }
    Ok((count, faults))
}

/// Has root meet one link.
fn meet(user: OtherUser, program: Program, name: &str, kind: Kind) -> Result<Vec<String>> {
    let (arena, only_root) = (user.arena()?, tempfile::tempdir()?);
    let mut faults = Vec::new();
    for words in [&["add-task", "own", "true"][..], &["backup", "copy.db"]] {
        faults.extend(user.failed(&arena, program, words)?);
    }
    let target = Target {
        path: only_root.path().join("target"),
        is_folder: is_folder(name),
    };
    if kind != Kind::Dangling {
        target.make()?;
    }
    let (place, output) = (arena.file(name), only_root.path().join("output"));
    if kind == Kind::Flickering {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            scope.spawn(|| flicker(&place, &target.path, &is_over));
            let worked = work(&arena, program, &output);
            is_over.store(true, Ordering::Relaxed);
            worked
        })?;
    } else {
        // What stands there may be a folder, a file or nothing.
        let _ = fs::remove_dir_all(&place);
        let _ = fs::remove_file(&place);
        if let Some(folder) = place.parent().filter(|folder| !folder.exists()) {
            fs::create_dir(folder)?;
            chown(folder, Some(user.uid), Some(user.gid))?;
        }
        symlink(&target.path, &place)?;
        work(&arena, program, &output)?;
    }
    faults.extend(if kind == Kind::Dangling {
        let made = target.path.symlink_metadata().is_ok();
        made.then(|| "root made something through it".to_owned())
    } else {
        target.changed()?
    });
    Ok(faults)
}

/// Puts the link there and takes it away, as fast as it can.
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

/// A place where only root may write.
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

    /// What became of it.
    fn changed(&self) -> Result<Option<String>> {
        let is_roots = self.path.symlink_metadata().is_ok_and(|one| one.uid() == 0);
        let is_whole = if self.is_folder {
            all_below(&self.path)?.len() == 1
        } else {
            fs::read(&self.path).is_ok_and(|content| content == CONTENT.as_bytes())
        };
        let is_changed = !is_roots || !is_whole;
        Ok(is_changed.then(|| "root changed what it leads to".to_owned()))
    }
}

/// All that root may do with another user's database, whether it succeeds or is refused.
fn work(arena: &Arena, program: Program, output: &Path) -> Result<()> {
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
        let mut command = arena.command(program, words)?;
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

/// Ends the process of that id and waits until it is gone.
fn end(pid: &str) -> Result<()> {
    let process = Pid::from_raw(pid.parse()?).ok_or("a worker in the background has no id")?;
    let _ = kill_process(process, Signal::KILL);
    wait_until("the worker has gone", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        // A zombie is gone for all but whoever has to wait for it.
        Ok(stat.map_or(true, |stat| stat.contains(") Z ")))
    })
}
