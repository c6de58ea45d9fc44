//! Kills backups while a worker and a producer use the database. The database stays intact, and a file
//! that has the target's name is a whole, consistent backup with every task acknowledged before it
//! began.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use queue_core::sqlite::Durability;
use rustix::process::Signal;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause, wait_until};
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Backups of one database in a round, killed ones and complete ones.
const BACKUPS_OF_A_ROUND: u64 = 50;

/// Number of tasks enqueued before the first backup, and bytes of each one's command: enough for a kill
/// to hit a backup while it copies.
const PRELOAD: (usize, usize) = (300, 30_000);

/// Kills `count` backups, alternating between databases of both programs. Returns the number killed and
/// the broken promises; backups that completed before their kill are counted as a detail.
///
/// # Errors
/// When a process cannot be started, or a task cannot be enqueued.
pub fn run(count: u64, seed: u64) -> Result<(Figure, Vec<String>)> {
    let mut figure = Figure {
        what: "backups killed with SIGKILL while others work".to_owned(),
        seeds: vec![seed],
        commit: commit(),
        ..Figure::default()
    };
    let watch = Stopwatch::start();
    let mut faults = Vec::new();
    let mut done = 0;
    let programs = [Program::Fast, Program::Workflow];
    for (number, program) in programs.into_iter().cycle().enumerate() {
        let left = count.saturating_sub(figure.count);
        if left == 0 {
            break;
        }
        // Even a short run includes one round of each program.
        let kills = left.min(BACKUPS_OF_A_ROUND).min(count.div_ceil(2));
        let rng = Rng::with_seed(seed.wrapping_add(number as u64));
        let round = round(program, rng, kills)?;
        figure.count += kills;
        done += round.done;
        faults.extend(round.faults);
    }
    figure.violations = faults.len() as u64;
    figure.seconds = watch.elapsed().as_secs_f64();
    figure
        .details
        .insert("done before their kill".to_owned(), done);
    Ok((figure, faults))
}

/// Result of one database's backups.
#[derive(Default)]
struct Round {
    done: u64,
    faults: Vec<String>,
}

/// Thread that enqueues tasks, and the ids acknowledged to it.
struct Producer<'a> {
    scratch: &'a ScratchFolder,
    program: Program,
    acknowledged: Mutex<BTreeSet<i64>>,
    ends: AtomicBool,
}

impl Producer<'_> {
    fn acknowledged(&self) -> BTreeSet<i64> {
        let ids = self.acknowledged.lock();
        ids.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Enqueues one task after another until `ends` is set.
    fn enqueue(&self) -> Result<()> {
        while !self.ends.load(Ordering::Relaxed) {
            let words = ["add-task", "one", "true", "--print", "id"];
            let id = self.scratch.ok(self.program, &words)?.trim_end().parse()?;
            let ids = self.acknowledged.lock();
            ids.unwrap_or_else(PoisonError::into_inner).insert(id);
        }
        Ok(())
    }
}

fn round(program: Program, mut rng: Rng, kills: u64) -> Result<Round> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    fill(&scratch, program)?;
    let mut worker = scratch.command(program, &["worker", "--slots", "2"])?;
    worker.stderr(std::fs::File::create(scratch.file("worker.log"))?);
    let worker = Running(worker.spawn()?);
    let producer = Producer {
        scratch: &scratch,
        program,
        acknowledged: Mutex::default(),
        ends: AtomicBool::new(false),
    };
    let mut round = std::thread::scope(|scope| -> Result<Round> {
        let enqueues = scope.spawn(|| producer.enqueue());
        let round = back_up(&producer, &mut rng, kills);
        producer.ends.store(true, Ordering::Relaxed);
        enqueues.join().map_err(|_| "a thread has panicked")??;
        round
    })?;
    wait_until("all tasks have ended", || {
        let unfinished = include_str!("../queries/unfinished.sql");
        let reader = scratch.reader()?;
        Ok(reader.query_row(unfinished, [], |row| row.get::<_, i64>(0))? == 0)
    })?;
    worker.signal(Signal::TERM);
    worker.output()?;
    let there = ids(&scratch.database())?;
    let lost: Vec<i64> = producer
        .acknowledged()
        .difference(&there)
        .copied()
        .collect();
    if !lost.is_empty() {
        round.faults.push(format!("the database has lost {lost:?}"));
    }
    round.faults.extend(scratch.broken(program)?);
    let name = |fault| format!("{}: {fault}", program.name());
    round.faults = round.faults.into_iter().map(name).collect();
    Ok(round)
}

fn fill(scratch: &ScratchFolder, program: Program) -> Result<()> {
    let (tasks, bytes) = PRELOAD;
    let line = format!("true # {}\n", "x".repeat(bytes));
    std::fs::write(scratch.file("input"), line.repeat(tasks))?;
    let mut bulk = scratch.command(program, &["add-task", "--stdin", "preload"])?;
    bulk.stdin(std::fs::File::open(scratch.file("input"))?);
    let output = bulk.output()?;
    if !output.status.success() {
        return Err(describe_exit(&output).into());
    }
    Ok(())
}

/// Kills backups at random moments. They alternate between replacing the last backup and making a new
/// file.
fn back_up(producer: &Producer<'_>, rng: &mut Rng, kills: u64) -> Result<Round> {
    let Producer {
        scratch, program, ..
    } = producer;
    let mut round = Round::default();
    let replaced = scratch.file("replaced.db");
    let watch = Stopwatch::start();
    let mut held = producer.acknowledged();
    scratch.ok(*program, &["backup", "replaced.db"])?;
    let whole = watch.elapsed();
    for number in 0..kills {
        let before = producer.acknowledged();
        let (target, words) = if number.is_multiple_of(2) {
            (replaced.clone(), vec!["backup", "replaced.db", "--force"])
        } else {
            (scratch.file("new.db"), vec!["backup", "new.db"])
        };
        let mut backup = scratch.command(*program, &words)?.spawn()?;
        pause(whole.mul_f64(rng.f64() * 1.2));
        backup.kill()?;
        let output = backup.wait_with_output()?;
        let is_done = output.status.success();
        if !is_done && output.status.signal() != Some(9) {
            round
                .faults
                .push(format!("a backup ended with {}", describe_exit(&output)));
        }
        round.done += u64::from(is_done);
        let is_new = target != replaced;
        let least = match (is_done, is_new) {
            (true, _) => Some(&before),
            (false, false) => Some(&held),
            (false, true) => target.exists().then_some(&before),
        };
        if let Some(least) = least {
            round
                .faults
                .extend(wrong(scratch, *program, &target, least)?);
        }
        if is_new {
            remove(&target)?;
        } else if is_done {
            held = before;
        }
    }
    Ok(round)
}

/// Faults of a complete backup that must hold at least the tasks in `acknowledged`.
fn wrong(
    scratch: &ScratchFolder,
    program: Program,
    target: &Path,
    least: &BTreeSet<i64>,
) -> Result<Vec<String>> {
    let mut faults = scratch.broken_in(target, program)?;
    if !faults.is_empty() {
        return Ok(faults);
    }
    let there = ids(target)?;
    let lacking: Vec<i64> = least.difference(&there).copied().collect();
    if !lacking.is_empty() {
        faults.push(format!("a backup lacks {lacking:?}"));
    }
    // Ids are assigned in order, one commit each.
    let highest = there.last().copied().unwrap_or(0);
    if there.len() as u64 != highest.unsigned_abs() {
        faults.push(format!(
            "a backup holds {} of {highest} tasks: that was never committed",
            there.len()
        ));
    }
    Ok(faults)
}

fn ids(database: &Path) -> Result<BTreeSet<i64>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let reader = rusqlite::Connection::open_with_flags(database, flags)?;
    let mut statement = reader.prepare(include_str!("../queries/states.sql"))?;
    let ids = statement.query_map([], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Removes a backup, if it exists, and its partial file.
fn remove(target: &Path) -> Result<()> {
    for path in [
        target.to_owned(),
        PathBuf::from(format!("{}.partial", target.display())),
    ] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
