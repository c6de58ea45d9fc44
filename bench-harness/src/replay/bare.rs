//! The baseline: the same commands in the same order, started by a loop that stores nothing.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::trace::{Trace, dependents};
use crate::Result;

/// A started command, by its task's index.
struct Running {
    index: usize,
    child: Child,
    ended: OwnedFd,
}

/// Runs every command (by index) in `folder` once its dependencies have ended, at most `slots` at a
/// time.
///
/// # Errors
/// When a command cannot be started or does not exit 0.
pub(super) fn run(trace: &Trace, commands: &[String], folder: &Path, slots: usize) -> Result<()> {
    let dependencies: Vec<Vec<usize>> = {
        let tasks = trace.tasks.iter();
        tasks.map(|task| task.dependencies.clone()).collect()
    };
    let dependents = dependents(&dependencies);
    let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let mut ready: VecDeque<usize> = (0..open.len()).filter(|index| open[*index] == 0).collect();
    let mut running: Vec<Running> = Vec::new();
    loop {
        while running.len() < slots
            && let Some(index) = ready.pop_front()
        {
            running.push(start(index, &commands[index], folder)?);
        }
        if running.is_empty() {
            return Ok(());
        }
        for index in wait_for_some(&mut running)? {
            for dependent in &dependents[index] {
                open[*dependent] -= 1;
                if open[*dependent] == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
    }
}

fn start(index: usize, command: &str, folder: &Path) -> Result<Running> {
    let child = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    Ok(Running {
        index,
        child,
        ended,
    })
}

/// Waits until at least one command has ended. Returns the indices of all that have.
fn wait_for_some(running: &mut Vec<Running>) -> Result<Vec<usize>> {
    let fds = running.iter();
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|running| PollFd::new(&running.ended, PollFlags::IN))
        .collect();
    poll(&mut fds, None)?;
    let over: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let mut indices = Vec::new();
    for index in (0..over.len()).rev().filter(|index| over[*index]) {
        let mut ended = running.swap_remove(index);
        let status = ended.child.wait()?;
        if !status.success() {
            return Err(format!(
                "the bare command of task {} ended with {status}",
                ended.index
            )
            .into());
        }
        indices.push(ended.index);
    }
    Ok(indices)
}
