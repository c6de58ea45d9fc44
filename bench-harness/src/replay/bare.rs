//! The floor: the same commands in the same order, started by a loop that keeps nothing.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::trace::{Trace, dependents};
use crate::Result;

/// A started command, by its task's place.
struct Running {
    place: usize,
    child: Child,
    ended: OwnedFd,
}

/// Runs every command (by place) in `folder` once its dependencies have ended, at most `slots` at
/// a time.
///
/// # Errors
/// When one cannot be started or does not exit 0.
pub(super) fn run(trace: &Trace, commands: &[String], folder: &Path, slots: usize) -> Result<()> {
    let dependencies: Vec<Vec<usize>> = {
        let tasks = trace.tasks.iter();
        tasks.map(|task| task.dependencies.clone()).collect()
    };
    let dependents = dependents(&dependencies);
    let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let mut ready: VecDeque<usize> = (0..open.len()).filter(|place| open[*place] == 0).collect();
    let mut running: Vec<Running> = Vec::new();
    loop {
        while running.len() < slots
            && let Some(place) = ready.pop_front()
        {
            running.push(start(place, &commands[place], folder)?);
        }
        if running.is_empty() {
            return Ok(());
        }
        for place in wait_for_some(&mut running)? {
            for dependent in &dependents[place] {
                open[*dependent] -= 1;
                if open[*dependent] == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
    }
}

fn start(place: usize, command: &str, folder: &Path) -> Result<Running> {
    let child = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    Ok(Running {
        place,
        child,
        ended,
    })
}

/// Waits until at least one command has ended; returns the places of all that have.
fn wait_for_some(running: &mut Vec<Running>) -> Result<Vec<usize>> {
    let fds = running.iter();
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|running| PollFd::new(&running.ended, PollFlags::IN))
        .collect();
    poll(&mut fds, None)?;
    let over: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let mut places = Vec::new();
    for index in (0..over.len()).rev().filter(|index| over[*index]) {
        let mut ended = running.swap_remove(index);
        let status = ended.child.wait()?;
        if !status.success() {
            return Err(format!(
                "the bare command of task {} ended with {status}",
                ended.place
            )
            .into());
        }
        places.push(ended.place);
    }
    Ok(places)
}
