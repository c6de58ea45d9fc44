//! Processes that work on a file and are killed at random moments.

use std::time::Duration;

use fastrand::Rng;

use crate::Result;
use crate::process::killing::Killing;
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
    pub(super) killing: Killing,
}

impl<'a> Load<'a> {
    /// A load that ends after so many kills.
    pub(super) fn new(scratch: &'a ScratchFolder, kills: u64) -> Self {
        Self {
            scratch,
            killing: Killing::new(kills),
        }
    }

    /// Starts and kills processes of these kinds, each on a thread of its own, and does `beside`
    /// meanwhile.
    pub(super) fn run<T>(
        &self,
        seed: u64,
        kinds: &[Kind],
        beside: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let kill_one = |number: usize, rng: &mut Rng| {
            let process = self.start(kinds[number])?;
            pause(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS)));
            self.killing.kill(process)?;
            Ok(None)
        };
        let (_, done) = self.killing.run(seed, kinds.len(), kill_one, beside)?;
        Ok(done)
    }

    fn start(&self, kind: Kind) -> Result<Running> {
        let words: &[&str] = match kind {
            Kind::Worker { hooks: true } => &["worker", "--slots", "4", "--hooks"],
            Kind::Worker { hooks: false } => &["worker", "--slots", "4"],
            Kind::Deliverer => &["hook", "run"],
            Kind::Producer => {
                let number = self.killing.killed();
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
