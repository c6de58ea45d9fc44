//! One file under kills, then a drain and the checks.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::check;
use super::journal::{Entry, Journal};
use super::ledger::Ledger;
use super::verb::{Verb, VerbGenerator};
use super::{Setting, Tally};
use crate::Result;
use crate::process::killing::{Killing, drain};
use crate::process::patience::{Stopwatch, pause};
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Number of threads that start and kill processes.
const KILLERS: usize = 8;

/// Kills `kills` processes that work on one file, and checks the result. Faults name the folder, which
/// is then kept as evidence.
///
/// # Errors
/// When a process cannot be started or the file cannot be read.
pub(super) fn run(setting: &Setting, seed: u64, kills: u64) -> Result<Tally> {
    let scratch = ScratchFolder::new(setting.parent.as_deref(), setting.durability)?;
    let journal = Journal::new(scratch.file("journal"));
    let ledger = Mutex::new(Ledger::default());
    let generator = VerbGenerator {
        scratch: &scratch,
        journal: &journal,
        program: setting.program,
        undisturbed: undisturbed(&scratch, &journal, setting.program, &ledger)?,
    };
    let round = Round {
        generator,
        ledger,
        killing: Killing::new(kills),
    };
    let kill_one = |_, rng: &mut Rng| round.kill_one(rng);
    let (mut faults, ()) = round.killing.run(seed, KILLERS, kill_one, || Ok(()))?;
    let mut program = setting.program;
    if setting.promotes {
        faults.extend(round.promote(seed)?);
        program = Program::Workflow;
    }
    let (last_worker, fault) = drain(&scratch, program, journal.append()?)?;
    faults.extend(fault);
    let left = scratch.marked()?.into_iter();
    faults.extend(left.map(|process| format!("process {process} was left over")));
    let ledger = round
        .ledger
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let told = journal.read()?;
    let rows = check::rows(&scratch)?;
    faults.extend(check::ledger_faults(&ledger, &rows, &told));
    faults.extend(check::run_faults(&told, last_worker));
    if program == Program::Workflow {
        faults.extend(check::recorded_twice(&scratch)?);
    }
    faults.extend(scratch.broken(program)?);
    let tally = Tally {
        kills: round.killing.killed(),
        acknowledged: ledger.acknowledged.len() as u64,
        faults: Vec::new(),
    };
    if faults.is_empty() {
        return Ok(tally);
    }
    let kept = scratch.keep();
    let name = |fault| {
        format!(
            "{setting}, seed {seed}: {fault} (kept in {})",
            kept.display()
        )
    };
    Ok(Tally {
        faults: faults.into_iter().map(name).collect(),
        ..tally
    })
}

/// Duration of an undisturbed `add-task`.
fn undisturbed(
    scratch: &ScratchFolder,
    journal: &Journal,
    program: Program,
    ledger: &Mutex<Ledger>,
) -> Result<Duration> {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let mut longest = Duration::ZERO;
    // The first task creates the file.
    for name in ["one-0", "one-1", "one-2"] {
        let watch = Stopwatch::start();
        let printed = scratch.ok(
            program,
            &["add-task", name, &journal.command(":", 0), "--print", "id"],
        )?;
        longest = watch.elapsed();
        ledger.singles.push(name.to_owned());
        ledger.acknowledge(printed.as_bytes(), &[name.to_owned()]);
    }
    Ok(longest)
}

struct Round<'a> {
    generator: VerbGenerator<'a>,
    ledger: Mutex<Ledger>,
    killing: Killing,
}

impl Round<'_> {
    /// Starts one process, kills it after a random time, and records its acknowledgements.
    fn kill_one(&self, rng: &mut Rng) -> Result<Option<String>> {
        let verb = self.generator.generate(rng, &mut self.ledger())?;
        let names = verb.names.clone();
        let output = self.kill(verb, rng)?;
        self.ledger().acknowledge(&output.stdout, &names);
        Ok(unexpected_end(&output))
    }

    fn kill(&self, mut verb: Verb, rng: &mut Rng) -> Result<Output> {
        if let Some(entry) = &verb.tell {
            self.generator.journal.say(entry)?;
        }
        let mut process = Running(verb.command.spawn()?);
        if let Some(mut input) = process.0.stdin.take() {
            // The input fits into the pipe's buffer, so this does not block.
            input.write_all(verb.input.as_bytes())?;
        }
        pause(verb.longest.mul_f64(rng.f64()));
        self.generator.journal.say(&Entry::Kill(process.0.id()))?;
        self.killing.kill(process)
    }

    /// Promotes the file; most promotions are killed, the last one runs to its end.
    fn promote(&self, seed: u64) -> Result<Vec<String>> {
        let mut rng = Rng::with_seed(seed);
        let mut faults = Vec::new();
        for _ in 0..rng.u32(1..12) {
            let verb = Verb {
                command: self
                    .generator
                    .scratch
                    .command(Program::Workflow, &["promote"])?,
                input: String::new(),
                names: Vec::new(),
                tell: None,
                longest: self.generator.undisturbed * 4,
            };
            faults.extend(unexpected_end(&self.kill(verb, &mut rng)?));
        }
        self.generator.scratch.ok(Program::Workflow, &["promote"])?;
        Ok(faults)
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Describes an unexpected end before the kill. A process may succeed, or find a task in an unsuitable
/// state or gone.
fn unexpected_end(output: &Output) -> Option<String> {
    match output.status.code() {
        None if output.status.signal() == Some(9) => None,
        Some(0 | 1 | 3) => None,
        None | Some(_) => Some(format!("a process ended with {}", describe_exit(output))),
    }
}
