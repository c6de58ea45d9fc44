//! Followers that are killed and go on after the cursor of their last line: together they show every event
//! once and in order, while workers and producers are killed too.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use queue_core::journal::EventKind;
use queue_core::sqlite::Durability;
use serde_json::Value;
use workflow_queue::WorkflowQueue;

use super::check::{Order, faults, repeated};
use super::load::{Kind, Load};
use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::killing::drain;
use crate::process::patience::{Stopwatch, pause};
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Longest life of a follower, in milliseconds.
const LONGEST_LIFE_MS: u64 = 700;
/// Most events that are read at once.
const PAGE: usize = 10_000;

/// Processes that are started and killed all the time, beside the follower.
const KINDS: [Kind; 4] = [
    Kind::Worker { hooks: false },
    Kind::Worker { hooks: false },
    Kind::Producer,
    Kind::Producer,
];

/// Lines of all followers, one after the other.
#[derive(Debug)]
struct Lines {
    /// Cursor of the last whole line.
    cursor: String,
    /// Numbers of events of the log.
    log: Vec<String>,
    /// Tasks of enqueues.
    enqueues: Vec<String>,
    /// Task and token of each start, and of each end that had no start before it.
    starts: BTreeSet<(i64, i64)>,
    without_start: Vec<String>,
}

impl Lines {
    /// Takes the whole lines of a follower.
    fn take(&mut self, printed: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(printed);
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let event: Value = serde_json::from_str(line)?;
            let number = |field: &str| event[field].as_i64();
            if let Some(cursor) = event["cursor"].as_str() {
                cursor.clone_into(&mut self.cursor);
            }
            let execution = number("task").zip(number("token"));
            match (event["type"].as_str(), number("seq")) {
                (Some("task.enqueued"), _) => {
                    let task = number("task").unwrap_or_default();
                    self.enqueues.push(task.to_string());
                }
                (Some("task.started"), _) => self.starts.extend(execution),
                (_, Some(seq)) => {
                    self.log.push(seq.to_string());
                    let has_start = execution.is_none_or(|one| self.starts.contains(&one));
                    if !event["since"].is_null() && !has_start {
                        self.without_start.push(seq.to_string());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Kills `kills` processes. Returns the number of events that were shown, and those that were lost, shown
/// twice or out of order.
///
/// # Errors
/// When a process cannot be started or the file cannot be read.
pub fn run(kills: u64, seed: u64) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let queue = WorkflowQueue::open(scratch.database())?;
    let mut lines = Lines {
        cursor: "0.0.0".to_owned(),
        log: Vec::new(),
        enqueues: Vec::new(),
        starts: BTreeSet::new(),
        without_start: Vec::new(),
    };
    let load = Load::new(&scratch, kills);
    let mut wrong = load.run(seed, &KINDS, || follow(&load, &scratch, &mut lines, seed))?;
    wrong.extend(drain(&scratch, Program::Workflow, Stdio::null())?.1);
    let since = lines.cursor.clone();
    let rest = ["events", "--since", &since, "-o", "json"];
    lines.take(scratch.ok(Program::Workflow, &rest)?.as_bytes())?;
    let mut events = 0;
    let orders = expected(&queue)?;
    for (order, arrived) in orders.iter().zip([&lines.log, &lines.enqueues]) {
        events += order.expected.len() as u64;
        wrong.extend(faults(order, arrived));
        let twice = repeated(arrived);
        if twice > 0 {
            wrong.push(format!("{}: {twice} were shown twice", order.name));
        }
    }
    let without = lines.without_start.iter();
    wrong.extend(without.map(|seq| format!("event {seq} ends an execution without a start")));
    wrong.extend(scratch.broken(Program::Workflow)?);
    let figure = Figure {
        what: format!(
            "events followed while {} processes were killed",
            load.killing.killed()
        ),
        count: events,
        violations: wrong.len() as u64,
        seeds: vec![seed],
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    if !wrong.is_empty() {
        drop(queue);
        wrong.push(format!("the file is kept in {}", scratch.keep().display()));
    }
    Ok((figure, wrong))
}

/// Starts and kills followers until there were enough kills.
fn follow(
    load: &Load<'_>,
    scratch: &ScratchFolder,
    lines: &mut Lines,
    seed: u64,
) -> Result<Vec<String>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut wrong = Vec::new();
    while !load.killing.is_over() {
        let since = lines.cursor.clone();
        let words = ["events", "--follow", "--since", &since, "-o", "json"];
        let follower = Running(scratch.command(Program::Workflow, &words)?.spawn()?);
        // A pipe holds what it writes in its life.
        pause(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS)));
        let output = load.killing.kill(follower)?;
        if output.status.code().is_some() {
            wrong.push(format!("a follower ended with {}", describe_exit(&output)));
        }
        lines.take(&output.stdout)?;
    }
    Ok(wrong)
}

/// The events of the file in their two orders: those of the log, and the enqueues.
fn expected(queue: &WorkflowQueue) -> Result<[Order; 2]> {
    let (mut log, mut enqueues) = (Vec::new(), Vec::new());
    let mut at = queue.hooks().beginning()?;
    loop {
        let page = queue.events_after(&at, PAGE)?;
        for (after, event) in &page.events {
            at = *after;
            match (event.kind, event.seq, event.task) {
                (EventKind::Enqueued, _, Some(task)) => enqueues.push(task.to_string()),
                (_, Some(seq), _) => log.push(seq.to_string()),
                _ => {}
            }
        }
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
