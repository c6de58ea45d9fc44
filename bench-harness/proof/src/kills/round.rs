//! One file under kills, then a drain and the checks.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use super::check;
use super::journal::{Entry, Journal};
use super::ledger::Ledger;
use super::verb::{Lots, Verb};
use super::{Setting, Tally};
use crate::Result;
use crate::process::arena::{Running, said};
use crate::process::patience::{PATIENCE, Stopwatch, pause};
use crate::process::{Arena, Program};

/// How many processes are started and killed at the same time.
const KILLERS: u64 = 8;

/// Kills `kills` processes that work on one file and checks what is left. What was found wrong
/// names the folder that was kept as evidence.
///
/// # Errors
/// If a process cannot be started or the file cannot be read.
pub(super) fn run(setting: &Setting, seed: u64, kills: u64) -> Result<Tally> {
    let arena = Arena::new(setting.parent.as_deref(), setting.durability)?;
    let journal = Journal::new(arena.file("journal"));
    let ledger = Mutex::new(Ledger::default());
    let lots = Lots {
        arena: &arena,
        journal: &journal,
        program: setting.program,
        whole: undisturbed(&arena, &journal, setting.program, &ledger)?,
    };
    let round = Round {
        lots,
        ledger,
        killed: AtomicU64::new(0),
    };
    let mut faults = round.storm(seed, kills)?;
    let mut program = setting.program;
    if setting.promotes {
        faults.extend(round.promote(seed)?);
        program = Program::Workflow;
    }
    let (last_worker, found) = drain(&arena, &journal, program)?;
    faults.extend(found);
    let ledger = round
        .ledger
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let told = journal.read()?;
    let rows = check::rows(&arena)?;
    faults.extend(check::ledger_faults(&ledger, &rows, &told));
    faults.extend(check::run_faults(&told, last_worker));
    if program == Program::Workflow {
        faults.extend(check::recorded_twice(&arena)?);
    }
    faults.extend(arena.broken(program)?);
    let tally = Tally {
        kills: round.killed.into_inner(),
        acknowledged: ledger.acknowledged.len() as u64,
        faults: Vec::new(),
    };
    if faults.is_empty() {
        return Ok(tally);
    }
    let kept = arena.keep();
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

/// How long an `add-task` takes when nobody disturbs it.
fn undisturbed(
    arena: &Arena,
    journal: &Journal,
    program: Program,
    ledger: &Mutex<Ledger>,
) -> Result<Duration> {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let mut longest = Duration::ZERO;
    // The first one creates the file.
    for name in ["one-0", "one-1", "one-2"] {
        let watch = Stopwatch::start();
        let printed = arena.ok(
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
    lots: Lots<'a>,
    ledger: Mutex<Ledger>,
    killed: AtomicU64,
}

impl Round<'_> {
    /// Starts and kills processes from several threads at once.
    fn storm(&self, seed: u64, kills: u64) -> Result<Vec<String>> {
        let ends: Vec<Result<Vec<String>>> = std::thread::scope(|scope| {
            let start = |killer: u64| scope.spawn(move || self.killer(seed ^ killer << 56, kills));
            let killers: Vec<_> = (0..KILLERS).map(start).collect();
            let joined = killers.into_iter().map(|killer| match killer.join() {
                Ok(end) => end,
                Err(_) => Err("a thread that kills has panicked".into()),
            });
            joined.collect()
        });
        let faults: Result<Vec<Vec<String>>> = ends.into_iter().collect();
        Ok(faults?.concat())
    }

    fn killer(&self, seed: u64, kills: u64) -> Result<Vec<String>> {
        let mut rng = Rng::with_seed(seed);
        let mut faults = Vec::new();
        while self.killed.load(Ordering::Relaxed) < kills {
            faults.extend(self.strike(&mut rng)?);
        }
        Ok(faults)
    }

    /// Starts one process, kills it after a time drawn by lot, and notes what it acknowledged.
    fn strike(&self, rng: &mut Rng) -> Result<Option<String>> {
        let verb = self.lots.draw(rng, &mut self.ledger())?;
        let names = verb.names.clone();
        let output = self.kill(verb, rng)?;
        self.ledger().acknowledge(&output.stdout, &names);
        Ok(unexpected_end(&output))
    }

    fn kill(&self, mut verb: Verb, rng: &mut Rng) -> Result<Output> {
        if let Some(entry) = &verb.tell {
            self.lots.journal.say(entry)?;
        }
        let mut child = verb.command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // It fits the pipe, so that this waits for nobody.
            input.write_all(verb.input.as_bytes())?;
        }
        pause(verb.longest.mul_f64(rng.f64()));
        self.lots.journal.say(&Entry::Kill(child.id()))?;
        child.kill()?;
        let output = child.wait_with_output()?;
        if output.status.signal() == Some(9) {
            self.killed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(output)
    }

    /// Promotes the file; most promotions are killed on their way, the last is left alone.
    fn promote(&self, seed: u64) -> Result<Vec<String>> {
        let mut rng = Rng::with_seed(seed);
        let mut faults = Vec::new();
        for _ in 0..rng.u32(1..12) {
            let verb = Verb {
                command: self.lots.arena.command(Program::Workflow, &["promote"])?,
                input: String::new(),
                names: Vec::new(),
                tell: None,
                longest: self.lots.whole * 4,
            };
            faults.extend(unexpected_end(&self.kill(verb, &mut rng)?));
        }
        self.lots.arena.ok(Program::Workflow, &["promote"])?;
        Ok(faults)
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process that ended before it was killed: well, or because a task was not in a state for what
/// was asked, or not there any more. All else is a fault.
fn unexpected_end(output: &Output) -> Option<String> {
    match output.status.code() {
        None if output.status.signal() == Some(9) => None,
        Some(0 | 1 | 3) => None,
        None | Some(_) => Some(format!("a process ended with {}", said(output))),
    }
}

/// Works off what is left, with nobody killed any more; nothing may stay behind. Returns the worker
/// that did it, and what is wrong.
fn drain(arena: &Arena, journal: &Journal, program: Program) -> Result<(u32, Vec<String>)> {
    let mut command = arena.command(program, &["worker", "--drain", "--slots", "8"])?;
    command.stderr(journal.append()?);
    let mut worker = Running(command.spawn()?);
    let mut faults = Vec::new();
    let watch = Stopwatch::start();
    let code = loop {
        if let Some(status) = worker.0.try_wait()? {
            break status.code();
        }
        if watch.elapsed() > PATIENCE {
            worker.signal(Signal::KILL);
            break None;
        }
        pause(Duration::from_millis(5));
    };
    // 1 says that tasks failed, which some were told to.
    if !matches!(code, Some(0 | 1)) {
        faults.push(format!(
            "the last worker did not drain the file, exit code {code:?}"
        ));
    }
    for process in arena.marked()? {
        faults.push(format!("process {process} was left over"));
    }
    Ok((worker.0.id(), faults))
}
