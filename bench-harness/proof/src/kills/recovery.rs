//! Time until a killed worker's task runs elsewhere.

use std::time::Duration;

use queue_core::sqlite::Durability;

use super::journal::{Entry, Journal, Run};
use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, wait_until};
use crate::process::scratch::Running;
use crate::process::{Program, ScratchFolder};

/// Longest time allowed from the kill of a worker to the next run of its task.
const LIMIT: Duration = Duration::from_secs(1);

/// Durations of recoveries.
#[derive(Debug)]
pub struct Recoveries {
    /// Number of killed workers, and of those whose task took longer than the limit to run elsewhere.
    pub figure: Figure,
    /// Half of the recoveries took less.
    pub median: Duration,
    /// 99 of 100 recoveries took less.
    pub p99: Duration,
}

/// Repeatedly kills a worker that runs a task, while another worker is idle.
///
/// # Errors
/// When a process cannot be started, or a task does not run again at all.
pub fn recoveries(kills: usize) -> Result<Recoveries> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let mut times = Vec::new();
    for program in [Program::Fast, Program::Workflow] {
        times.extend(of(program, kills.div_ceil(2))?);
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    Ok(Recoveries {
        figure: Figure {
            what: "kills of a worker whose task runs elsewhere within a second".to_owned(),
            count: times.len() as u64,
            violations: times.iter().filter(|time| **time >= LIMIT).count() as u64,
            seconds: watch.elapsed().as_secs_f64(),
            commit,
            ..Figure::default()
        },
        median: at(50),
        p99: at(99),
    })
}

fn of(program: Program, kills: usize) -> Result<Vec<Duration>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let journal = Journal::new(scratch.file("journal"));
    let mut workers = vec![worker(&scratch, program)?, worker(&scratch, program)?];
    let mut times = Vec::new();
    for kill in 0..kills {
        let name = format!("held-{kill}");
        // The first run waits to be killed with its worker; the next run ends at once.
        let mark = format!("mkdir {name} 2> mkdir.log && exec sleep 600");
        scratch.ok(program, &["add-task", &name, &journal.command(&mark, 0)])?;
        let runs = || -> Result<Vec<Run>> { Ok(starts(&journal.read()?, &name)) };
        wait_until("the task runs", || Ok(scratch.file(&name).is_dir()))?;
        let first = runs()?;
        let holder = workers.iter().position(|one| one.0.id() == first[0].worker);
        let holder = workers.swap_remove(holder.ok_or("the task runs under an unknown worker")?);
        let watch = Stopwatch::start();
        drop(holder);
        wait_until("the task runs elsewhere", || Ok(runs()?.len() == 2))?;
        times.push(watch.elapsed());
        workers.push(worker(&scratch, program)?);
    }
    Ok(times)
}

/// Starts a worker and waits until it is registered.
fn worker(scratch: &ScratchFolder, program: Program) -> Result<Running> {
    let log = scratch.file("workers.log");
    let append = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&log)?;
    let before = std::fs::read_to_string(&log)?
        .matches(" runs up to ")
        .count();
    let mut command = scratch.command(program, &["worker", "--slots", "1"])?;
    let running = Running(command.stderr(append).spawn()?);
    wait_until("the worker is registered", || {
        Ok(std::fs::read_to_string(&log)?
            .matches(" runs up to ")
            .count()
            > before)
    })?;
    Ok(running)
}

fn starts(journal: &[Entry], name: &str) -> Vec<Run> {
    let runs = journal.iter().filter_map(|entry| match entry {
        Entry::Start(run) if run.name == name => Some(run.clone()),
        Entry::Start(_)
        | Entry::End(_)
        | Entry::Kill(_)
        | Entry::Reopen(_)
        | Entry::Cancel(_)
        | Entry::Succeeded(_) => None,
    });
    runs.collect()
}
