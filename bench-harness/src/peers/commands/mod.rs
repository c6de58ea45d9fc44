//! Command-line peers: `true` many times, end to end, at several slots, beside bare spawning.

mod bare;
mod engines;
mod parallel;
mod pueue;
mod tsp;
mod xargs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::child;
use super::turns::Turns;
use crate::Result;
use crate::measure::{Spread, Stopwatch};
use crate::report::document::Failed;

/// A way to run commands. Each has a file.
pub(super) struct Runner {
    pub(super) name: &'static str,
    /// The required program, and the arguments that print its version.
    needs: Option<(&'static str, &'static str)>,
    /// Description of the measured commands, and missing features.
    pub(super) note: &'static str,
    /// Seconds from handing over the first command until the last one has ended.
    run: fn(&Batch<'_>) -> Result<f64>,
}

/// Work for a runner.
struct Batch<'a> {
    /// An empty folder for this run alone.
    folder: &'a Path,
    commands: usize,
    slots: usize,
    limit: Duration,
}

/// All runners; bare spawning comes first, as the baseline of the others.
pub(super) static RUNNERS: [Runner; 9] = [
    bare::RUNNER,
    engines::FAST_RUN,
    engines::FAST_WORKER,
    engines::WORKFLOW_RUN,
    engines::WORKFLOW_WORKER,
    xargs::RUNNER,
    parallel::RUNNER,
    tsp::RUNNER,
    pueue::RUNNER,
];

/// Numbers of slots.
pub(super) const SLOTS: [usize; 2] = [2, 8];

/// Measurements of a runner.
pub(super) struct Ran {
    pub(super) runner: &'static Runner,
    pub(super) version: String,
    /// Seconds of each round, for each of [`SLOTS`].
    pub(super) seconds: [Vec<f64>; SLOTS.len()],
}

impl Ran {
    /// Seconds at one of [`SLOTS`].
    pub(super) fn spread(&self, column: usize) -> Spread {
        Spread::of(&self.seconds[column])
    }

    /// Ratio to another runner's time, round by round.
    pub(super) fn ratio(&self, other: &Self, column: usize) -> f64 {
        Spread::of_ratios(&self.seconds[column], &other.seconds[column]).median
    }
}

impl Runner {
    /// Returns true for the baseline.
    pub(super) fn is_baseline(&self) -> bool {
        self.name == bare::RUNNER.name
    }

    /// Returns true for the runners in every run: the engines and the baseline.
    pub(super) fn is_ours(&self) -> bool {
        self.needs.is_none()
    }

    /// The first line of the program's version output; empty for the engines and the baseline.
    ///
    /// # Errors
    /// When it is not on the path.
    pub(super) fn version(&self) -> Result<String> {
        let Some((program, argument)) = self.needs else {
            return Ok(String::new());
        };
        on_path(program).ok_or_else(|| format!("{program} is not on the path"))?;
        let limit = Duration::from_secs(10);
        let told = child::run(Command::new(program).arg(argument), "", limit)?;
        Ok(child::shown(told.lines().next().unwrap_or_default()))
    }
}

/// Runs all of `runners` in turns. A runner that fails is left out of later rounds.
pub(super) fn measure(
    runners: Vec<(&'static Runner, String)>,
    commands: u32,
    turns: &Turns<'_>,
) -> (Vec<Ran>, Vec<Failed>) {
    let ran = |(runner, version)| Ran {
        runner,
        version,
        seconds: SLOTS.map(|_| Vec::new()),
    };
    let mut ran: Vec<Ran> = runners.into_iter().map(ran).collect();
    let mut failed = Vec::new();
    for _ in 0..turns.rounds {
        ran.retain_mut(|one| match round(one.runner, commands, turns) {
            Ok(seconds) => {
                for (all, seconds) in one.seconds.iter_mut().zip(seconds) {
                    all.push(seconds);
                }
                true
            }
            Err(error) => {
                failed.push(Failed {
                    case: one.runner.name.to_owned(),
                    why: error.to_string(),
                });
                false
            }
        });
    }
    (ran, failed)
}

fn round(runner: &Runner, commands: u32, turns: &Turns<'_>) -> Result<Vec<f64>> {
    let run = |slots| -> Result<f64> {
        let folder = tempfile::tempdir_in(turns.folder)?;
        (runner.run)(&Batch {
            folder: folder.path(),
            commands: usize::try_from(commands)?,
            slots,
            limit: turns.limit,
        })
    };
    SLOTS.into_iter().map(run).collect()
}

impl Batch<'_> {
    /// A program that runs in the folder and leaves its output files there.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder).env("TMPDIR", self.folder);
        command
    }

    /// Seconds that `command` takes for `input`.
    fn time(&self, command: &mut Command, input: &str) -> Result<f64> {
        let watch = Stopwatch::start();
        child::run(command, input, self.limit)?;
        Ok(watch.seconds())
    }

    /// A line `true` for every command.
    fn lines(&self) -> String {
        "true\n".repeat(self.commands)
    }

    /// # Errors
    /// When a command has not succeeded.
    fn check(&self, succeeded: usize) -> Result<()> {
        if succeeded == self.commands {
            return Ok(());
        }
        Err(format!("{succeeded} of {} commands succeeded", self.commands).into())
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
