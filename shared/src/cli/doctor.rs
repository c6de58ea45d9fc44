//! `doctor`: what stands between the program and its file, and what is stuck in it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::program::{Access, Context};
use super::table::{Column, Table, left};
use super::{Failure, tasks};
use super::{moment, select};
use crate::clock::SMALL_STEP_MS;
use crate::error::{Error, Result};
use crate::queue::{Finding, ListQuery, Queue};
use crate::runtime::presence::live_workers;
use crate::state::State;
use crate::task::TaskId;

/// Look for what is wrong with the database, its file system and its tasks
///
/// Nothing is changed. The exit code is 5 if there is a problem.
#[derive(clap::Args, Debug)]
pub struct Arguments {}

#[derive(Serialize)]
struct View<'a> {
    check: &'a str,
    found: &'a str,
    problem: Option<&'a str>,
}

const COLUMNS: [Column; 3] = [left("CHECK"), left("FOUND"), left("PROBLEM")];

/// Running tasks looked at for one that no worker runs.
const MOST_RUNNING: usize = 100_000;

pub(crate) fn run<Q: Queue>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let mut findings = vec![
        ok(
            "program",
            format!("{} {}", context.program.name, env!("CARGO_PKG_VERSION")),
        ),
        ok("file", queue.path().display().to_string()),
    ];
    findings.extend(queue.diagnose()?);
    findings.extend(workers(context, &queue)?);
    findings.extend(paused(context, &queue)?);
    findings.push(clock(&queue)?);
    let problems = findings.iter().filter(|one| one.problem.is_some()).count();
    if context.screen.is_json() {
        let views: Vec<View<'_>> = findings
            .iter()
            .map(|finding| View {
                check: &finding.what,
                found: &finding.value,
                problem: finding.problem.as_deref(),
            })
            .collect();
        context.screen.json(&views)?;
    } else {
        let mut table = Table::new(&COLUMNS);
        for finding in &findings {
            let problem = finding.problem.as_deref().unwrap_or_default();
            table.row([&finding.what, &finding.value, problem]);
        }
        context.screen.table(&table)?;
    }
    if problems == 0 {
        return Ok(());
    }
    Err(Failure::Error(Error::Unusable {
        path: queue.path().to_owned(),
        what: format!(
            "doctor found {problems} {}",
            if problems == 1 { "problem" } else { "problems" }
        ),
        source: None,
    }))
}

/// Whether every registered worker lives, and every running task has a living one.
fn workers<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let registered = queue.workers()?;
    let living = live_workers(queue)?;
    let alive: BTreeSet<_> = living.iter().map(|worker| worker.id).collect();
    let dead = registered.len().saturating_sub(living.len());
    let running = queue.list(&ListQuery {
        states: vec![State::Running],
        limit: MOST_RUNNING,
        ..ListQuery::default()
    })?;
    let stuck: Vec<TaskId> = running
        .iter()
        .filter(|task| task.worker.is_none_or(|worker| !alive.contains(&worker)))
        .map(|task| task.id)
        .rev()
        .collect();
    let start = context.command("worker");
    Ok(vec![
        Finding {
            what: "workers".to_owned(),
            value: format!("{} alive, {dead} dead", living.len()),
            problem: (dead > 0 && living.is_empty())
                .then(|| format!("nobody cleans up after the dead; start {start}")),
        },
        Finding {
            what: "running tasks".to_owned(),
            value: format!("{} running, {} of dead workers", running.len(), stuck.len()),
            problem: (!stuck.is_empty()).then(|| {
                let number = tasks::count(stuck.len() as u64);
                let ids = select::show(&stuck[..stuck.len().min(20)]);
                format!("{number} ({ids}) wait to be returned; {start} does it")
            }),
        },
    ])
}

fn paused<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let lanes = queue.queues()?;
    let paused = lanes.iter().filter(|lane| lane.paused_at.is_some());
    let mut names: Vec<&str> = paused.map(|lane| lane.name.as_str()).collect();
    names.dedup();
    let value = if names.is_empty() {
        "none".to_owned()
    } else {
        format!(
            "{}; {} lets one go on",
            names.join(", "),
            context.command("resume")
        )
    };
    Ok(vec![ok("paused queues", value)])
}

/// Whether the clock was set back since the newest task was added. That is followed, so it is no
/// problem, but it explains times that lie ahead.
fn clock<Q: Queue>(queue: &Q) -> Result<Finding> {
    let newest = match queue.last_id()? {
        Some(id) => queue.get(id)?,
        None => None,
    };
    let ahead = newest.map_or(0, |task| task.created_at.since(queue.now().wall));
    let value = if ahead > SMALL_STEP_MS {
        let by = Duration::from_millis(ahead.unsigned_abs());
        format!(
            "set back by {} or more since the newest task was added",
            moment::rough(by)
        )
    } else {
        "not behind the newest task".to_owned()
    };
    Ok(ok("clock", value))
}

fn ok(what: &str, value: String) -> Finding {
    Finding {
        what: what.to_owned(),
        value,
        problem: None,
    }
}
