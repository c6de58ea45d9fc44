//! `doctor`: looks for problems of the database, its file system and its tasks.

mod dead;
mod firings;
mod repair;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::program::{Access, Context};
use super::table::{Column, Table, left};
use super::{Failure, moment, select, size, tasks};
use crate::claim::WorkerId;
use crate::clock::SMALL_STEP_MS;
use crate::error::{Error, Result};
use crate::queue::{Finding, ListQuery, Queue};
use crate::remedy::Remedy;
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::TaskId;
use crate::watch::{Check, Level, Readings, judge};

/// Look for problems of the database, its file system and its tasks
///
/// Without --repair it changes nothing and says what a repair would do. The exit code is 5 if a
/// problem is left.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Return the tasks of dead workers and end their commands, compute counters anew, empty the
    /// write-ahead log
    #[arg(long)]
    repair: bool,

    /// Return also the tasks of programs that never registered as workers; none of these programs
    /// may be running
    #[arg(long, requires = "repair")]
    unregistered: bool,
}

#[derive(Serialize)]
struct View<'a> {
    check: &'a str,
    found: &'a str,
    problem: Option<&'a str>,
}

const COLUMNS: [Column; 3] = [left("CHECK"), left("FOUND"), left("PROBLEM")];

/// Most running tasks that are checked for a living worker.
const MOST_RUNNING: usize = 100_000;

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(if arguments.repair {
        Access::Write
    } else {
        Access::Read
    })?;
    let mut findings = vec![
        ok(
            "program",
            format!("{} {}", context.program.name, env!("CARGO_PKG_VERSION")),
        ),
        ok("file", queue.coordination().location().to_string()),
    ];
    if arguments.repair {
        findings.extend(repair::repair(context, &queue, arguments.unregistered)?);
    }
    findings.extend(queue.diagnose()?);
    findings.extend(queue.log_keeper()?.map(|task| {
        let sentence =
            "keeps events that are older than the file retains, because it has not ended";
        ok("event log", format!("task {task} {sentence}"))
    }));
    findings.extend(workers(context, &queue)?);
    findings.extend(paused(context, &queue)?);
    findings.extend(firings::findings(context, &queue)?);
    findings.extend(health(context, &queue)?);
    findings.push(logs(&queue)?);
    findings.push(clock(&queue)?);
    findings.extend(invariants(&queue)?);
    for finding in &mut findings {
        complete(context, finding);
    }
    let problems = findings.iter().filter(|one| one.problem.is_some()).count();
    let printer = if arguments.repair {
        context.printer.of_done()
    } else {
        context.printer
    };
    if printer.is_json() {
        let views: Vec<View<'_>> = findings
            .iter()
            .map(|finding| View {
                check: &finding.what,
                found: &finding.value,
                problem: finding.problem.as_deref(),
            })
            .collect();
        printer.json(&views)?;
    } else {
        let mut table = Table::new(&COLUMNS);
        for finding in &findings {
            let problem = finding.problem.as_deref().unwrap_or_default();
            table.row([&finding.what, &finding.value, problem]);
        }
        printer.table(&table)?;
    }
    if problems == 0 {
        return Ok(());
    }
    Err(Failure::Error(Error::Unusable {
        path: queue.coordination().location().path().to_owned(),
        what: format!(
            "doctor found {problems} {}",
            if problems == 1 { "problem" } else { "problems" }
        ),
        remedy: None,
        source: None,
    }))
}

/// Adds the commands that help to the text of the problem.
fn complete<Q: Queue>(context: &Context<Q>, finding: &mut Finding) {
    if let (Some(problem), Some(remedy)) = (&mut finding.problem, finding.remedy) {
        let clause = remedy.clause(&|verb| context.command(verb));
        problem.push_str("; ");
        problem.push_str(&clause);
    }
}

/// Findings of `verify`, with the commands that help.
fn invariants<Q: Queue>(queue: &Q) -> Result<Vec<Finding>> {
    let invariants = queue.verify()?;
    let broken = invariants.iter().filter(|one| !one.holds());
    let findings: Vec<Finding> = broken
        .map(|one| Finding {
            what: "invariant".to_owned(),
            value: format!("broken {} times: {}", one.violations, one.name),
            problem: Some(one.examples.join("; ")),
            remedy: Some(if one.repairable {
                Remedy::Recompute
            } else {
                Remedy::CopyAndRestoreOrSalvage
            }),
        })
        .collect();
    if findings.is_empty() {
        return Ok(vec![ok("invariants", format!("{} hold", invariants.len()))]);
    }
    Ok(findings)
}

/// Checks that every registered worker is alive and every running task has a living worker.
fn workers<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let running = queue.list(
        &ListQuery::new()
            .states([State::Running])
            .limit(MOST_RUNNING),
    )?;
    // Read afterwards, since a worker registers before it claims.
    let registered = queue.workers()?;
    let living = queue.live_workers()?;
    let alive: BTreeSet<_> = living.iter().map(|worker| worker.id).collect();
    let dead = registered.len().saturating_sub(living.len());
    let known: BTreeSet<_> = registered.iter().map(|worker| worker.id).collect();
    let of = |wanted: &dyn Fn(Option<WorkerId>) -> bool| -> Vec<TaskId> {
        let wanted = running.iter().rev().filter(|task| wanted(task.worker));
        wanted.map(|task| task.id).collect()
    };
    let is_known = |worker: Option<WorkerId>| worker.is_some_and(|id| known.contains(&id));
    let lives = |worker: Option<WorkerId>| worker.is_some_and(|id| alive.contains(&id));
    let foreign = of(&|worker| !is_known(worker));
    let leased = queue.lease().is_some();
    let start = context.command("worker");
    let repair = context.command("doctor --repair");
    let left: Vec<_> = registered
        .iter()
        .filter(|one| !alive.contains(&one.id))
        .collect();
    let (mut findings, apart) = dead::findings(context, queue, &left)?;
    let is_apart = |worker: Option<WorkerId>| worker.is_some_and(|id| apart.contains(&id));
    let stuck = of(&|worker| is_known(worker) && !lives(worker) && !is_apart(worker));
    findings.extend([
        Finding {
            what: "workers".to_owned(),
            value: format!("{} alive, {dead} dead", living.len()),
            problem: (dead > 0 && living.is_empty()).then(|| {
                format!(
                    "no worker returns the tasks of the dead ones; {start} or \
                                  {repair} does"
                )
            }),
            remedy: None,
        },
        Finding {
            what: "running tasks".to_owned(),
            value: format!("{} running, {} of dead workers", running.len(), stuck.len()),
            problem: (!stuck.is_empty()).then(|| {
                let number = tasks::count(stuck.len() as u64);
                let ids = select::show(&stuck[..stuck.len().min(20)]);
                format!("{number} ({ids}) of dead workers; {start} or {repair} returns them")
            }),
            remedy: None,
        },
        Finding {
            what: "claims of programs".to_owned(),
            value: match foreign.len() {
                0 => "none".to_owned(),
                _ if leased => format!("{} under leases", foreign.len()),
                number => format!(
                    "{number} by programs that are not workers ({}); if these are dead, {} \
                     returns them",
                    select::show(&foreign[..number.min(20)]),
                    context.command("doctor --repair --unregistered")
                ),
            },
            problem: None,
            remedy: None,
        },
    ]);
    Ok(findings)
}

/// Checks of `health`, except those that are looked at more closely here. A warning is no problem.
fn health<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let mut checks = judge(&Readings::take(queue)?);
    checks.retain(|check| !matches!(check.name, "workers" | "log"));
    // Of these only what is found is of interest here.
    let is_of_log = |check: &Check| matches!(check.name, "stuck" | "alerts");
    checks.retain(|check| check.level > Level::Ok || !is_of_log(check));
    let finding = |check: Check| {
        let advice = check.advice_with(|verb| context.command(verb));
        let (value, problem) = match (check.level, advice) {
            (Level::Critical, advice) => (check.found, advice),
            (_, None) => (check.found, None),
            (_, Some(advice)) => (format!("{}; {advice}", check.found), None),
        };
        Finding {
            problem,
            ..ok(check.name, value)
        }
    };
    Ok(checks.into_iter().map(finding).collect())
}

fn paused<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let queues = queue.queues()?;
    let paused = queues.iter().filter(|queue| queue.paused_at.is_some());
    let mut names: Vec<&str> = paused.map(|queue| queue.name.as_str()).collect();
    names.dedup();
    let value = if names.is_empty() {
        "none".to_owned()
    } else {
        format!(
            "{}; resume one with {}",
            names.join(", "),
            context.command("resume QUEUE")
        )
    };
    Ok(vec![ok("paused queues", value)])
}

/// Reports the bytes of all logs, and the settings that bound them.
fn logs<Q: Queue>(queue: &Q) -> Result<Finding> {
    let settings = queue.settings()?;
    let sidecar = Sidecar::at(queue.coordination().folder());
    // Without a folder of logs there are none.
    let total = crate::runtime::log::total(&sidecar).unwrap_or_default();
    let (most, each) = (settings.logs_total, settings.log_size);
    let value = format!(
        "{} of {}, up to {} each",
        size::rough(total),
        size::show(most),
        size::show(each)
    );
    Ok(ok("logs", value))
}

/// Reports whether the clock was set back since the newest task was added. The programs follow the
/// new time, so it is no problem, but it explains times that lie ahead.
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
        remedy: None,
    }
}
