//! Processes that work on a file and are killed at random moments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::Result;
use crate::process::patience::pause;
use crate::process::scratch::Running;
use crate::process::{Program, ScratchFolder};

/// Longest life of a process, in milliseconds.
const LONGEST_LIFE_MS: u64 = 400;
/// Tasks that are in the file at once: more are not enqueued.
const MOST_WAITING: i64 = 300;

/// A kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A worker, which may also deliver events.
    Worker {
        /// True if it delivers.
        hooks: bool,
    },
    /// A process that enqueues some tasks.
    Producer,
    /// A process that delivers events.
    Deliverer,
}

/// Processes on one file.
#[derive(Debug)]
pub(super) struct Load<'a> {
    scratch: &'a ScratchFolder,
    killed: AtomicU64,
    most: u64,
}

impl<'a> Load<'a> {
    /// A load that ends after so many kills.
    pub(super) fn new(scratch: &'a ScratchFolder, most: u64) -> Self {
        Self {
            scratch,
            killed: AtomicU64::new(0),
            most,
        }
    }

    /// Number of kills so far.
    pub(super) fn killed(&self) -> u64 {
        self.killed.load(Ordering::Relaxed)
    }

    /// Counts a kill of somebody else.
    pub(super) fn count(&self) {
        self.killed.fetch_add(1, Ordering::Relaxed);
    }

    /// True once there were enough kills.
    pub(super) fn is_over(&self) -> bool {
        self.killed() >= self.most
    }

    /// Starts and kills processes of these kinds, each on a thread of its own, and does `beside`
    /// meanwhile.
    pub(super) fn run<T>(
        &self,
        seed: u64,
        kinds: &[Kind],
        beside: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        std::thread::scope(|scope| {
            let start = |(number, kind): (u64, &Kind)| {
                let kind = *kind;
                scope.spawn(move || self.kill_many(seed ^ number << 56, kind))
            };
            let threads: Vec<_> = (0..).zip(kinds).map(start).collect();
            let done = beside();
            for thread in threads {
                thread
                    .join()
                    .map_err(|_| "a thread that kills has panicked")??;
            }
            done
        })
    }

    fn kill_many(&self, seed: u64, kind: Kind) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        while !self.is_over() {
            let mut process = self.start(kind)?;
            pause(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS)));
            process.0.kill()?;
            let status = process.0.wait()?;
            if status.code().is_none() {
                self.count();
            }
        }
        Ok(())
    }

    fn start(&self, kind: Kind) -> Result<Running> {
        let words: &[&str] = match kind {
            Kind::Worker { hooks: true } => &["worker", "--slots", "4", "--hooks"],
            Kind::Worker { hooks: false } => &["worker", "--slots", "4"],
            Kind::Deliverer => &["hook", "run"],
            Kind::Producer => {
                let number = self.killed();
                return self.producer(number);
            }
        };
        self.quiet(words)
    }

    /// A producer, unless there are many tasks: then a process that counts them.
    fn producer(&self, number: u64) -> Result<Running> {
        let reader = self.scratch.reader()?;
        let query = include_str!("../../queries/unfinished.sql");
        let waiting: i64 = reader.query_row(query, [], |row| row.get(0)).unwrap_or(0);
        drop(reader);
        if waiting > MOST_WAITING {
            return self.quiet(&["status"]);
        }
        let command = if number.is_multiple_of(5) {
            "exit 3"
        } else {
            "true"
        };
        self.quiet(&[
            "add-task",
            "one",
            command,
            "--max-attempts",
            "2",
            "--backoff",
            "1ms",
        ])
    }

    fn quiet(&self, words: &[&str]) -> Result<Running> {
        let mut command = self.scratch.command(Program::Workflow, words)?;
        command.stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        Ok(Running(command.spawn()?))
    }
}

/// Runs the remaining tasks without kills.
pub(super) fn drain(scratch: &ScratchFolder) -> Result<Option<String>> {
    let output = scratch.run(Program::Workflow, &["worker", "--drain", "--slots", "8"])?;
    let is_good = matches!(output.status.code(), Some(0 | 1));
    Ok((!is_good).then(|| {
        let how = crate::process::scratch::describe_exit(&output);
        format!("the last worker ended with {how}")
    }))
}
