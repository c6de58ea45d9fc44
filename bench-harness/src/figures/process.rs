//! The real program, as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fast_queue::FastQueue;
use queue_core::Queue;
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::measure::wait_until;

/// The `fast-queue` program beside this one.
pub(super) fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("fast-queue");
    if path.is_file() {
        return Ok(path);
    }
    let missing = path.display();
    Err(format!("there is no {missing}; build it with `cargo build --release`").into())
}

/// A verb of the program on a file; the verb comes first, so that flags may follow.
pub(super) fn verb(database: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(program()?);
    command.args(arguments).arg("--db").arg(database);
    Ok(command)
}

/// A running `fast-queue worker`. It and its commands end with the value.
pub(super) struct Worker(Child);

impl Worker {
    /// Starts one and returns once it is registered.
    pub(super) fn start(queue: &FastQueue, slots: usize) -> Result<Self> {
        let known = queue.workers()?.len();
        let child = verb(queue.path(), &["worker", "--slots", &slots.to_string()])?
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

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it with SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Asked twice, a worker ends its commands at once. One that was killed is gone already.
        if let Ok(None) = self.0.try_wait() {
            for _ in 0..2 {
                let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
            }
            let _ = self.0.wait();
        }
    }
}
