//! Every scripted scenario, killed at each of its system calls, and with each `fsync` failing.
//!
//! A scenario begins on a copy of the same file. After a kill the file holds what was there before
//! or what the whole scenario leaves, and the latter if the program said so. Then the scenario is
//! run again, a worker finishes all tasks, and they end as if nothing had happened.

mod scenario;
mod snapshot;
mod stale;

use queue_core::Claim;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::arena::said;
use crate::process::patience::Stopwatch;
use crate::process::trace::{Call, Traced, was_killed};
use crate::process::{Arena, Program};

use scenario::{SCENARIOS, SHRINKS, Scenario};
use snapshot::{Row, content, rows};

/// What was done and found.
#[derive(Debug)]
pub struct Syscalls {
    /// Kills at system calls, and files that were not as they must be.
    pub kills: Figure,
    /// Failed `fsync` calls, and those that a program did not own up to.
    pub syncs: Figure,
    /// What was found wrong.
    pub faults: Vec<String>,
    /// Of each scenario its name, and how many calls it makes.
    pub scenarios: Vec<(String, usize)>,
}

/// Kills every scenario of both programs at every `stride`th of its system calls. Nothing where
/// strace is missing or may not trace.
///
/// # Errors
/// If a scenario does not work undisturbed.
pub fn run(stride: usize) -> Result<Option<Syscalls>> {
    let found = Syscalls {
        kills: figure("system calls of scripted scenarios at which a process was killed"),
        syncs: figure("failed calls of fsync in a shipped program"),
        faults: Vec::new(),
        scenarios: Vec::new(),
    };
    of_all(SCENARIOS.iter(), stride, found)
}

/// As [`run`], for `shrink` of these programs, which besides leaves every row as it is.
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
        // The last call ends the process, with everything done.
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

/// A scenario, the file it begins on, and what it leaves when nothing happens to it.
struct Prepared {
    scenario: &'static Scenario,
    template: Arena,
    before: Vec<Row>,
    after: Vec<Row>,
    finished: Vec<Row>,
    /// A claim that has to be lost once the scenario has run.
    stale: Option<Claim>,
    /// All rows, where the scenario has to leave them as they are.
    content: Option<u64>,
}

impl Prepared {
    fn new(scenario: &'static Scenario) -> Result<Self> {
        let template = Arena::new(None, scenario.durability)?;
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
        let arena = prepared.copy()?;
        prepared.again(&arena)?;
        prepared.after = rows(&arena)?;
        finish(&arena, scenario.finisher)?;
        prepared.finished = rows(&arena)?;
        Ok(prepared)
    }

    fn copy(&self) -> Result<Arena> {
        self.template.copy()
    }

    fn traced(&self, arena: &Arena) -> Result<Traced> {
        let mut traced = Traced::of(&arena.command(self.scenario.program, self.scenario.words)?);
        if self.scenario.reads_input {
            traced.input = Some(arena.file("input"));
        }
        Ok(traced)
    }

    /// Whether the scenario was killed at that call, and what is wrong afterwards.
    fn kill(&self, call: &Call) -> Result<(bool, Vec<String>)> {
        let arena = self.copy()?;
        let output = self.traced(&arena)?.killed_at(call)?;
        let was_killed = was_killed(&output);
        let faults = if was_killed || self.scenario.is_atomic {
            self.check(&arena, self.has_said_so(&output))?
        } else {
            // It met the worker's command, as often as that was tried.
            arena.broken(self.scenario.finisher)?
        };
        let named = faults
            .into_iter()
            .map(|fault| format!("{} killed at {call:?}: {fault}", self.scenario.name));
        Ok((was_killed, named.collect()))
    }

    /// What is wrong after the disk refused to confirm a write, and whether that was a file's: of a
    /// folder's `SQLite` takes no notice. Nothing if the scenario makes no such call any more.
    fn fail_sync(&self, number: usize) -> Result<Option<(bool, Vec<String>)>> {
        let arena = self.copy()?;
        let (output, path) = self.traced(&arena)?.with_failed_sync(number)?;
        let Some(path) = path else {
            return Ok(None);
        };
        let mut faults = self.check(&arena, self.has_said_so(&output))?;
        // A folder in which a restore makes its file ready is gone by now; files have an extension.
        let is_file = !path.is_dir() && path.extension().is_some();
        let owned_up = output.status.code() == Some(5) && !output.stderr.is_empty();
        // After its last task a worker only says goodbye. If that is lost, the next one recovers it.
        let is_goodbye = !self.scenario.is_atomic && self.has_said_so(&output);
        if is_file && !owned_up && !is_goodbye {
            faults.push(format!("the program ended with {}", said(&output)));
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

    /// Whether the program told that it had done all it was to do.
    fn has_said_so(&self, output: &std::process::Output) -> bool {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        String::from_utf8_lossy(&said).contains(self.scenario.says)
    }

    fn check(&self, arena: &Arena, has_said_so: bool) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let copy = arena.copy()?;
        let left = rows(&copy)?;
        if self.scenario.is_atomic && !left.is_empty() {
            faults.extend(copy.broken(self.scenario.finisher)?);
        }
        if self.content.is_some() && self.content != Some(content(&copy)?) {
            faults.push("it has changed a row".to_owned());
        }
        if has_said_so && left != self.after {
            faults.push(format!(
                "it had said {:?}, but left {left:?}",
                self.scenario.says
            ));
        } else if self.scenario.is_atomic && left != self.after && left != self.before {
            faults.push(format!("it was done by half: {left:?}"));
        }
        if let Err(error) = self
            .again(arena)
            .and_then(|()| self.refuse_stale(arena))
            .and_then(|()| finish(arena, self.scenario.finisher))
        {
            faults.push(format!("it could not be finished: {error}"));
        }
        let finished = rows(arena)?;
        if finished != self.finished {
            faults.push(format!(
                "its tasks ended as {finished:?}, not {:?}",
                self.finished
            ));
        }
        faults.extend(arena.broken(self.scenario.finisher)?);
        Ok(faults)
    }

    fn refuse_stale(&self, arena: &Arena) -> Result<()> {
        let Some(stale) = self.stale else {
            return Ok(());
        };
        if stale::settles(arena, self.scenario.program, stale)? {
            return Err("a claim from before was settled".into());
        }
        Ok(())
    }

    /// Runs the scenario to its end. What was done before the kill is not done again; a program may
    /// find that there is nothing left to do.
    fn again(&self, arena: &Arena) -> Result<()> {
        let mut command = arena.command(self.scenario.program, self.scenario.words)?;
        if self.scenario.reads_input {
            command.stdin(std::fs::File::open(arena.file("input"))?);
        }
        let output = command.output()?;
        match output.status.code() {
            Some(0 | 1) => Ok(()),
            _ => Err(format!("repeated, it ends with {}", said(&output)).into()),
        }
    }
}

/// Has a worker work off whatever waits.
fn finish(arena: &Arena, program: Program) -> Result<()> {
    let output = arena.run(program, &["worker", "--drain"])?;
    match output.status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(format!("the worker ended with {}", said(&output)).into()),
    }
}
