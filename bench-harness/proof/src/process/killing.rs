//! Processes that are started and killed from several threads, until enough of them have died.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use super::patience::{PATIENCE, Stopwatch, pause};
use super::scratch::Running;
use super::{Program, ScratchFolder};
use crate::Result;

/// Number of kills so far, and of those that are enough.
#[derive(Debug)]
pub struct Killing {
    killed: AtomicU64,
    enough: u64,
}

impl Killing {
    /// No kill yet; so many are enough.
    pub fn new(enough: u64) -> Self {
        Self {
            killed: AtomicU64::new(0),
            enough,
        }
    }

    /// Number of kills so far.
    pub fn killed(&self) -> u64 {
        self.killed.load(Ordering::Relaxed)
    }

    /// True once there were enough kills.
    pub fn is_over(&self) -> bool {
        self.killed() >= self.enough
    }

    /// Kills a process, and counts the kill unless the process had ended before. Returns its piped output.
    ///
    /// # Errors
    /// When the process cannot be killed, or a pipe cannot be read.
    pub fn kill(&self, mut process: Running) -> Result<Output> {
        process.0.kill()?;
        let output = process.output()?;
        if output.status.signal() == Some(Signal::KILL.as_raw()) {
            self.killed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(output)
    }

    /// Calls `kill_one` on each of so many threads, with the thread's number and random numbers, until there
    /// were enough kills, and does `beside` meanwhile. Returns the faults that the calls found.
    ///
    /// # Errors
    /// The first error of a call or of `beside`.
    pub fn run<T>(
        &self,
        seed: u64,
        threads: usize,
        kill_one: impl Fn(usize, &mut Rng) -> Result<Option<String>> + Sync,
        beside: impl FnOnce() -> Result<T>,
    ) -> Result<(Vec<String>, T)> {
        let kill_many = |number: usize| -> Result<Vec<String>> {
            let mut rng = Rng::with_seed(seed ^ (number as u64) << 56);
            let mut faults = Vec::new();
            while !self.is_over() {
                faults.extend(kill_one(number, &mut rng)?);
            }
            Ok(faults)
        };
        let kill_many = &kill_many;
        std::thread::scope(|scope| {
            let start = |number| scope.spawn(move || kill_many(number));
            let threads: Vec<_> = (0..threads).map(start).collect();
            let done = beside();
            let mut faults = Vec::new();
            for thread in threads {
                let end = thread.join();
                faults.extend(end.map_err(|_| "a thread that kills has panicked")??);
            }
            Ok((faults, done?))
        })
    }
}

/// Runs the remaining tasks without kills; the worker's log goes to `log`. Returns the worker's process id,
/// and a fault if it does not drain the file.
///
/// # Errors
/// When the worker cannot be started.
pub fn drain(
    scratch: &ScratchFolder,
    program: Program,
    log: impl Into<Stdio>,
) -> Result<(u32, Option<String>)> {
    let mut command = scratch.command(program, &["worker", "--drain", "--slots", "8"])?;
    let mut worker = Running(command.stderr(log).spawn()?);
    let watch = Stopwatch::start();
    let code = loop {
        if let Some(status) = worker.0.try_wait()? {
            break status.code();
        }
        if watch.elapsed() > PATIENCE {
            break None;
        }
        pause(Duration::from_millis(5));
    };
    // Exit code 1 means that tasks failed, as some are meant to.
    let fault = (!matches!(code, Some(0 | 1)))
        .then(|| format!("the last worker did not drain the file, exit code {code:?}"));
    Ok((worker.0.id(), fault))
}
