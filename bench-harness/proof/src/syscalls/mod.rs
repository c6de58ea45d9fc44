//! Kills every scripted scenario at each of its system calls, and fails each of its `fsync` calls.
//!
//! Every run of a scenario begins on a copy of the same file. After a kill the file holds the state
//! before the scenario or after it, and the latter if the program reported success. Then the scenario
//! runs again, a worker finishes all tasks, and their outcomes are the same as without a kill.

mod scenario;
mod snapshot;
mod stale;

use queue_core::Claim;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::Stopwatch;
use crate::process::scratch::describe_exit;
use crate::process::trace::{Call, Traced, was_killed};
use crate::process::{Program, ScratchFolder};

use scenario::{SCENARIOS, SHRINKS, Scenario};
use snapshot::{Row, content, has_killed_command, rows};

/// Result of all scenarios.
#[derive(Debug)]
pub struct Syscalls {
    /// Number of kills at system calls, and of files in a wrong state.
    pub kills: Figure,
    /// Number of failed `fsync` calls, and of those that a program did not report.
    pub syncs: Figure,
    /// Faults, as sentences.
    pub faults: Vec<String>,
    /// Name of each scenario, and its number of system calls.
    pub scenarios: Vec<(String, usize)>,
}

/// Kills every scenario of both programs at every `stride`th of its system calls. `None` if strace is
/// missing or may not trace processes.
///
/// # Errors
/// When a scenario fails undisturbed.
pub fn run(stride: usize) -> Result<Option<Syscalls>> {
    let found = Syscalls {
        kills: figure("system calls of scripted scenarios at which a process was killed"),
        syncs: figure("failed calls of fsync in a shipped program"),
        faults: Vec::new(),
        scenarios: Vec::new(),
    };
    of_all(SCENARIOS.iter(), stride, found)
}

/// As [`run`], for `shrink` of these programs, which must also leave every row unchanged.
///
/// # Errors
/// As [`run`].
pub(crate) fn shrink(programs: &[Program], stride: usize) -> Result<Option<Syscalls>> {
    let found = Syscalls {
        kills: figure("system calls of `shrink` at which it was killed"),
        syncs: figure("failed calls of fsync in `shrink`"),
        faults: Vec::new(),
        scenarios: Vec::new(),
    };
    let shrinks = SHRINKS.iter();
    let shrinks = shrinks.filter(|scenario| programs.contains(&scenario.program));
    of_all(shrinks, stride.max(1), found)
}

fn of_all(
    scenarios: impl Iterator<Item = &'static Scenario>,
    stride: usize,
    mut found: Syscalls,
) -> Result<Option<Syscalls>> {
    for scenario in scenarios {
        let watch = Stopwatch::start();
        let prepared = Prepared::new(scenario)?;
        let calls = prepared.traced(&prepared.copy()?)?.calls()?;
        if calls.is_empty() {
            return Ok(None);
        }
        found
            .scenarios
            .push((scenario.name.to_owned(), calls.len()));
        // The last call ends the process, when all work is done.
        for call in calls.iter().step_by(stride).chain(calls.last()) {
            let (was_killed, faults) = prepared.kill(call)?;
            found.kills.count += u64::from(was_killed);
            found.kills.violations += faults.len() as u64;
            found.faults.extend(faults);
        }
        found.kills.seconds += watch.elapsed().as_secs_f64();
        let watch = Stopwatch::start();
        for number in 1.. {
            let Some((counts, faults)) = prepared.fail_sync(number)? else {
                break;
            };
            found.syncs.count += u64::from(counts);
            found.syncs.violations += faults.len() as u64;
            found.faults.extend(faults);
        }
        found.syncs.seconds += watch.elapsed().as_secs_f64();
    }
    Ok(Some(found))
}

fn figure(what: &str) -> Figure {
    Figure {
        what: what.to_owned(),
        commit: commit(),
        ..Figure::default()
    }
}

/// A scenario, its initial file, and its undisturbed result.
struct Prepared {
    scenario: &'static Scenario,
    template: ScratchFolder,
    before: Vec<Row>,
    after: Vec<Row>,
    finished: Vec<Row>,
    /// A claim that must be lost after the scenario.
    stale: Option<Claim>,
    /// Digest of all rows, if the scenario must not change them.
    content: Option<u64>,
}

impl Prepared {
    fn new(scenario: &'static Scenario) -> Result<Self> {
        let template = ScratchFolder::new(None, scenario.durability)?;
        (scenario.prepare)(&template, scenario.program)?;
        let restores = scenario.restores();
        let claimed = restores.then(|| stale::claim(&template, scenario.program));
        let mut prepared = Self {
            scenario,
            stale: claimed.transpose()?,
            before: rows(&template)?,
            content: scenario
                .keeps_content
                .then(|| content(&template))
                .transpose()?,
            template,
            after: Vec::new(),
            finished: Vec::new(),
        };
        let scratch = prepared.copy()?;
        prepared.again(&scratch)?;
        prepared.after = rows(&scratch)?;
        finish(&scratch, scenario.finisher)?;
        prepared.finished = rows(&scratch)?;
        Ok(prepared)
    }

    fn copy(&self) -> Result<ScratchFolder> {
        self.template.copy()
    }

    fn traced(&self, scratch: &ScratchFolder) -> Result<Traced> {
        let mut traced = Traced::of(&scratch.command(self.scenario.program, self.scenario.words)?);
        if self.scenario.reads_input {
            traced.input = Some(scratch.file("input"));
        }
        Ok(traced)
    }

    /// Kills the scenario at that call. Returns true if a process was killed, and the faults.
    fn kill(&self, call: &Call) -> Result<(bool, Vec<String>)> {
        let scratch = self.copy()?;
        let output = self.traced(&scratch)?.killed_at(call)?;
        let was_killed = was_killed(&output);
        // The number may be one of the worker's command too, which the kill then hits in every trial,
        // before it hits the worker, if that makes as many calls.
        let command_was_hit =
            !self.scenario.is_atomic && (!was_killed || has_killed_command(&scratch)?);
        let faults = if command_was_hit {
            scratch.broken(self.scenario.finisher)?
        } else {
            self.check(&scratch, self.has_reported_success(&output))?
        };
        let named = faults
            .into_iter()
            .map(|fault| format!("{} killed at {call:?}: {fault}", self.scenario.name));
        Ok((was_killed, named.collect()))
    }

    /// Fails one sync of the scenario. Returns true if it was a file's sync, and the faults: `SQLite`
    /// ignores a failed sync of a folder. `None` if the scenario makes fewer calls.
    fn fail_sync(&self, number: usize) -> Result<Option<(bool, Vec<String>)>> {
        let scratch = self.copy()?;
        let (output, path) = self.traced(&scratch)?.with_failed_sync(number)?;
        let Some(path) = path else {
            return Ok(None);
        };
        let mut faults = self.check(&scratch, self.has_reported_success(&output))?;
        // A restore's temporary folder is gone by now; files have an extension.
        let is_file = !path.is_dir() && path.extension().is_some();
        let owned_up = output.status.code() == Some(5) && !output.stderr.is_empty();
        // After its last task a worker only removes its registration. If that write is lost, the next
        // worker recovers it.
        let is_goodbye = !self.scenario.is_atomic && self.has_reported_success(&output);
        if is_file && !owned_up && !is_goodbye {
            faults.push(format!("the program ended with {}", describe_exit(&output)));
        }
        let name = self.scenario.name;
        let named = faults.into_iter().map(|fault| {
            format!(
                "{name} with fsync {number} failed, of {}: {fault}",
                path.display()
            )
        });
        Ok(Some((is_file, named.collect())))
    }

    /// Returns true if the program reported that its work was done.
    fn has_reported_success(&self, output: &std::process::Output) -> bool {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        String::from_utf8_lossy(&said).contains(self.scenario.says)
    }

    fn check(&self, scratch: &ScratchFolder, has_reported: bool) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let copy = scratch.copy()?;
        let left = rows(&copy)?;
        if self.scenario.is_atomic && !left.is_empty() {
            faults.extend(copy.broken(self.scenario.finisher)?);
        }
        if self.content.is_some() && self.content != Some(content(&copy)?) {
            faults.push("it changed a row".to_owned());
        }
        if has_reported && left != self.after {
            faults.push(format!(
                "it reported {:?}, but left {left:?}",
                self.scenario.says
            ));
        } else if self.scenario.is_atomic && left != self.after && left != self.before {
            faults.push(format!("it was half done: {left:?}"));
        }
        if let Err(error) = self
            .again(scratch)
            .and_then(|()| self.refuse_stale(scratch))
            .and_then(|()| finish(scratch, self.scenario.finisher))
        {
            faults.push(format!("it could not be finished: {error}"));
        }
        let finished = rows(scratch)?;
        if finished != self.finished {
            faults.push(format!(
                "its tasks ended as {finished:?}, not {:?}",
                self.finished
            ));
        }
        faults.extend(scratch.broken(self.scenario.finisher)?);
        Ok(faults)
    }

    fn refuse_stale(&self, scratch: &ScratchFolder) -> Result<()> {
        let Some(stale) = self.stale else {
            return Ok(());
        };
        if stale::settles(scratch, self.scenario.program, stale)? {
            return Err("a claim of the earlier epoch was settled".into());
        }
        Ok(())
    }

    /// Runs the scenario again to its end. Work done before the kill is not repeated; the program may
    /// find no work left.
    fn again(&self, scratch: &ScratchFolder) -> Result<()> {
        let mut command = scratch.command(self.scenario.program, self.scenario.words)?;
        if self.scenario.reads_input {
            command.stdin(std::fs::File::open(scratch.file("input"))?);
        }
        let output = command.output()?;
        match output.status.code() {
            Some(0 | 1) => Ok(()),
            _ => Err(format!("run again, it ends with {}", describe_exit(&output)).into()),
        }
    }
}

/// Runs a worker until all waiting tasks have ended.
fn finish(scratch: &ScratchFolder, program: Program) -> Result<()> {
    let output = scratch.run(program, &["worker", "--drain"])?;
    match output.status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(format!("the worker ended with {}", describe_exit(&output)).into()),
    }
}
