//! The engines' programs as processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use queue_core::Queue;
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::measure::wait_until;
use crate::systems::{Engine, EngineName};

/// Path of an engine's program, which lies beside this one.
fn program(engine: EngineName) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(engine.as_str());
    if path.is_file() {
        return Ok(path);
    }
    let missing = path.display();
    Err(format!("there is no {missing}; build it with `cargo build --release`").into())
}

/// A verb of a program on a file, at the durability at which the engines are compared. The verb comes
/// first, so that flags may follow.
pub(crate) fn verb(engine: EngineName, database: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(program(engine)?);
    command.args(arguments).args(["--durability", "fast"]);
    command.arg("--db").arg(database);
    Ok(command)
}

/// Runs a command to its end.
pub(super) fn finish(mut command: Command) -> Result<()> {
    let ended = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !ended.success() {
        return Err(format!("{command:?} ended with {ended}").into());
    }
    Ok(())
}

/// A program that runs until this is dropped.
pub(super) struct Running(Child);

impl Running {
    /// Starts a command whose output nobody reads.
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(silent.spawn()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running worker of the program. On drop it ends with its commands.
pub(super) struct Worker(Child);

impl Worker {
    /// Starts a worker and returns once it is registered.
    pub(super) fn start<E: Engine>(queue: &E::Queue, slots: usize) -> Result<Self> {
        let known = queue.workers()?.len();
        let slots = slots.to_string();
        let child = verb(
            E::NAME,
            queue.coordination().location().path(),
            &["worker", "--slots", &slots],
        )?
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
        let mut worker = Self(child);
        wait_until("the worker is registered", || {
            if let Some(status) = worker.0.try_wait()? {
                return Err(format!("the worker ended with {status}").into());
            }
            Ok(queue.workers()?.len() > known)
        })?;
        Ok(worker)
    }

    /// Process id.
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends the worker with SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The second signal makes a worker end its commands at once; two equal signals might be merged
        // into one. A killed worker is gone already.
        if let Ok(None) = self.0.try_wait() {
            for signal in [Signal::TERM, Signal::INT] {
                let _ = kill_process(Pid::from_child(&self.0), signal);
            }
            let _ = self.0.wait();
        }
    }
}
