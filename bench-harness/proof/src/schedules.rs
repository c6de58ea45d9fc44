//! Schedules whose workers are killed: each slot fires once, and its command runs.
//!
//! Some schedules of a second each, which catch up with every slot, count on one worker. It is killed
//! after a random time and replaced at once. Each command appends its schedule and its slot to a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::queue::Queue as _;
use queue_core::sqlite::Durability;
use workflow_queue::schedule::firing::FiringResult;
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec};
use workflow_queue::{NewSchedule, WorkflowQueue, WorkflowTask};

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause};
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Number of schedules.
const SCHEDULES: usize = 20;
/// Longest life of a worker, in milliseconds.
const LONGEST_LIFE_MS: u64 = 400;
/// Most firings that are read of a schedule.
const ALL: u32 = 1_000_000;

/// Kills `kills` workers. Returns the number of slots, and those that were lost or doubled.
///
/// # Errors
/// When a process cannot be started or the file cannot be read.
pub fn run(kills: u64, seed: u64) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let queue = WorkflowQueue::open(scratch.database())?;
    add(&queue)?;
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..kills {
        let mut worker = worker(&scratch, &[])?;
        pause(Duration::from_millis(random.u64(0..LONGEST_LIFE_MS)));
        worker.0.kill()?;
        worker.0.wait()?;
    }
    // The last worker fires what is due, and is stopped; another one runs the rest.
    let last = worker(&scratch, &[])?;
    pause(Duration::from_secs(2));
    last.signal(rustix::process::Signal::TERM);
    let mut faults = ended(last)?;
    for schedule in queue.schedules().list()? {
        queue.schedules().set_paused(&schedule.name, true)?;
    }
    faults.extend(ended(worker(&scratch, &["--drain"])?)?);
    let (slots, wrong) = check(&scratch, &queue)?;
    faults.extend(wrong);
    faults.extend(scratch.broken(Program::Workflow)?);
    let figure = Figure {
        what: format!("slots of schedules while {kills} workers were killed"),
        count: slots,
        violations: faults.len() as u64,
        seeds: vec![seed],
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    if !faults.is_empty() {
        drop(queue);
        faults.push(format!("the file is kept in {}", scratch.keep().display()));
    }
    Ok((figure, faults))
}

fn add(queue: &WorkflowQueue) -> Result<()> {
    let mut rules = Rules::default();
    rules.catch_up = CatchUp::All;
    rules.overlap = Overlap::Allow;
    let command = "echo \"$QUEUE_SCHEDULE $QUEUE_SLOT\" >> journal";
    for number in 0..SCHEDULES {
        let anchor = Timestamp(queue.now().wall.0 + 50 * i64::try_from(number)?);
        let spec = Spec::every(Duration::from_secs(1), anchor, "UTC")?;
        queue.schedules().add(&NewSchedule::new(
            format!("s{number}"),
            spec.with_rules(rules.clone())?,
            WorkflowTask::shell("slot", command),
        ))?;
    }
    Ok(())
}

fn worker(scratch: &ScratchFolder, more: &[&str]) -> Result<Running> {
    let words = [&["worker", "--slots", "8"], more].concat();
    Ok(Running(
        scratch.command(Program::Workflow, &words)?.spawn()?,
    ))
}

/// Waits for a worker that has to end well. Returns its fault otherwise.
fn ended(worker: Running) -> Result<Vec<String>> {
    let output = worker.output()?;
    Ok(if output.status.success() {
        Vec::new()
    } else {
        vec![format!("a worker ended with {}", describe_exit(&output))]
    })
}

/// Number of slots that fired, and the violations.
fn check(scratch: &ScratchFolder, queue: &WorkflowQueue) -> Result<(u64, Vec<String>)> {
    let journal = fs::read_to_string(scratch.file("journal")).unwrap_or_default();
    let ran: BTreeSet<&str> = journal.lines().collect();
    let (mut slots, mut faults) = (0, Vec::new());
    for schedule in queue.schedules().list()? {
        let name = &schedule.name;
        let spec = schedule.spec?;
        let firings = queue.schedules().firings(name, Timestamp::MAX, ALL)?;
        let mut tasks = BTreeMap::new();
        for firing in &firings {
            match firing.result {
                FiringResult::Fired(task) => {
                    if let Some(other) = tasks.insert(task, firing.slot) {
                        faults.push(format!("{task} of {name} is of {other:?} too"));
                    }
                }
                FiringResult::Skipped(reason) => {
                    faults.push(format!(
                        "{:?} of {name} was skipped: {reason:?}",
                        firing.slot
                    ));
                }
            }
        }
        let fired: BTreeSet<Timestamp> = tasks.values().copied().collect();
        slots += fired.len() as u64;
        let (Some(first), Some(last)) = (fired.first(), fired.last()) else {
            faults.push(format!("{name} never fired"));
            continue;
        };
        let mut slot = *first;
        while let Some(next) = spec.next_after(slot).filter(|next| next <= last) {
            if !fired.contains(&next) {
                faults.push(format!("{next:?} of {name} was lost"));
            }
            slot = next;
        }
        faults.extend(doubled(scratch, name)?);
    }
    // The commands name the slots to the second, and so do not tell all of a schedule apart.
    if ran.len() < SCHEDULES {
        faults.push("some schedules ran no command".to_owned());
    }
    let unfinished = queue.stats()?;
    let succeeded = unfinished.count(queue_core::state::State::Succeeded);
    if succeeded < slots {
        faults.push(format!(
            "{slots} slots fired and {succeeded} tasks succeeded"
        ));
    }
    Ok((slots, faults))
}

/// Slots with two tasks.
fn doubled(scratch: &ScratchFolder, name: &str) -> Result<Vec<String>> {
    let reader = scratch.reader()?;
    let mut query = reader.prepare(include_str!("../queries/doubled_slots.sql"))?;
    let found = query.query_map([name], |row| row.get::<_, i64>(0))?;
    let found: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
    let fault = |slot| format!("slot {slot} of {name} has several tasks");
    Ok(found.into_iter().map(fault).collect())
}
