//! Hooks whose deliverers, workers and producers are killed: every chosen event arrives at least once, and
//! first arrivals are in order.
//!
//! Each hook appends the id of its event to a journal. Deliverers and workers that deliver compete for
//! the lock, and are killed after a random time, before, during and after their deliveries.

use std::fs;
use std::process::Stdio;

use queue_core::hook::HookTarget;
use queue_core::journal::{Cursor, EventKind};
use queue_core::sqlite::Durability;
use queue_core::watch::deliver::Choice;
use rustix::process::Signal;
use workflow_queue::{NewHook, WorkflowQueue, can_be_chosen};

use super::check::{Order, faults, repeated};
use super::load::{Kind, Load};
use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::killing::drain;
use crate::process::patience::{Stopwatch, wait_until};
use crate::process::scratch::Running;
use crate::process::{Program, ScratchFolder};

/// Most events that are read at once.
const PAGE: usize = 10_000;

/// Processes that are started and killed all the time.
const KINDS: [Kind; 6] = [
    Kind::Deliverer,
    Kind::Deliverer,
    Kind::Worker { hooks: true },
    Kind::Worker { hooks: false },
    Kind::Producer,
    Kind::Producer,
];

/// Kills `kills` processes. Returns the number of events that arrived, and those that were lost or out of
/// order.
///
/// # Errors
/// When a process cannot be started or the file cannot be read.
pub fn run(kills: u64, seed: u64) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let queue = WorkflowQueue::open(scratch.database())?;
    let choices = add(&queue, &scratch)?;
    let begin = queue.events_end()?;
    let load = Load::new(&scratch, kills);
    load.run(seed, &KINDS, || Ok(()))?;
    let mut wrong: Vec<String> = drain(&scratch, Program::Workflow, Stdio::null())?
        .1
        .into_iter()
        .collect();
    deliver_the_rest(&scratch, &queue)?;
    let mut events = 0;
    let mut repetitions = 0;
    for choice in &choices {
        let journal = fs::read_to_string(scratch.file(&choice.hook))?;
        let arrived: Vec<String> = journal.lines().map(str::to_owned).collect();
        for order in expected(&queue, choice, begin)? {
            events += order.expected.len() as u64;
            let found = faults(&order, &arrived).into_iter();
            wrong.extend(found.map(|fault| format!("hook {}, {fault}", choice.hook)));
        }
        repetitions += repeated(&arrived);
    }
    let dead = queue.hooks().dead_letters(None, 100)?.len();
    if dead > 0 {
        wrong.push(format!("{dead} events became dead letters"));
    }
    wrong.extend(scratch.broken(Program::Workflow)?);
    let figure = Figure {
        what: format!(
            "events delivered to hooks while {} processes were killed",
            load.killing.killed()
        ),
        count: events,
        violations: wrong.len() as u64,
        seeds: vec![seed],
        seconds: watch.elapsed().as_secs_f64(),
        details: [("arrived more than once".to_owned(), repetitions)].into(),
        commit,
    };
    if !wrong.is_empty() {
        drop(queue);
        wrong.push(format!("the file is kept in {}", scratch.keep().display()));
    }
    Ok((figure, wrong))
}

/// Adds a hook on ends, and one on everything.
fn add(queue: &WorkflowQueue, scratch: &ScratchFolder) -> Result<Vec<Choice>> {
    let ends = vec![EventKind::Succeeded, EventKind::Failed];
    let all = EventKind::ALL.iter().copied();
    let all: Vec<EventKind> = all.filter(|kind| can_be_chosen(*kind)).collect();
    let mut choices = Vec::new();
    for (name, kinds) in [("ends", ends), ("all", all)] {
        let script = "echo $QUEUE_EVENT_ID >> \"$QUEUE_HOOK\"";
        let target = HookTarget::Command {
            argv: ["sh", "-c", script].map(str::to_owned).into(),
            cwd: scratch.file("").to_str().map(str::to_owned),
        };
        queue
            .hooks()
            .add(&NewHook::new(name, kinds.clone(), target))?;
        choices.push(Choice::new(name, kinds));
    }
    Ok(choices)
}

/// Delivers the rest without kills.
fn deliver_the_rest(scratch: &ScratchFolder, queue: &WorkflowQueue) -> Result<()> {
    let mut command = scratch.command(Program::Workflow, &["hook", "run"])?;
    command.stderr(Stdio::null());
    let last = Running(command.spawn()?);
    wait_until("every hook has seen all events", || {
        let end = queue.events_end()?;
        Ok(queue.hooks().list()?.iter().all(|hook| hook.at == end))
    })?;
    last.signal(Signal::TERM);
    last.output()?;
    Ok(())
}

/// The events that a hook had to get, in the two orders that it sees: those of the log, and the
/// enqueues. How the two are mixed depends on the moment of a read.
fn expected(queue: &WorkflowQueue, choice: &Choice, begin: Cursor) -> Result<[Order; 2]> {
    let source = queue.source()?;
    let (mut log, mut enqueues) = (Vec::new(), Vec::new());
    let mut at = begin;
    // The hook of that name was added before the other one.
    at.seq = first_of(queue, choice)?;
    loop {
        let page = queue.events_after(&at, PAGE)?;
        let now = queue.database().now().wall;
        let (letters, end) = choice.letters(&source, (at, now), &page)?;
        for letter in letters {
            if letter.kind == EventKind::Enqueued {
                enqueues.push(letter.id.clone());
            } else {
                log.push(letter.id.clone());
            }
        }
        at = end;
        if page.is_last {
            break;
        }
    }
    Ok([
        Order {
            name: "the log",
            expected: log,
        },
        Order {
            name: "enqueues",
            expected: enqueues,
        },
    ])
}

/// Number of the event that tells of the hook.
fn first_of(queue: &WorkflowQueue, choice: &Choice) -> Result<i64> {
    let page = queue.events_after(&queue.hooks().beginning()?, PAGE)?;
    let mut events = page.events.iter().map(|(_, event)| event);
    let added = events.find(|event| {
        event.kind == EventKind::HookAdded && event.named("hook").as_ref() == Some(&choice.hook)
    });
    let seq = added.and_then(|event| event.seq);
    seq.ok_or_else(|| "the log does not tell of the hook".into())
}
