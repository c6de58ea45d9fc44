//! `health`: a short look at the file, its workers and the machine, for probes and monitors.

use std::fmt::Write as _;

use serde::Serialize;

use super::program::{Access, Context};
use super::table::{Column, Table, left};
use super::{Failure, worker_id};
use crate::claim::WorkerId;
use crate::error::Error;
use crate::queue::Queue;
use crate::watch::{Check, Level, Measure, Readings, judge, worst};

/// Exit code of Nagios plugins for a state that is not known.
const UNKNOWN: u8 = 3;

/// Check the file, its workers and the machine, in some milliseconds
///
/// The exit code is 5 if a check is critical: work stops, or will soon. A warning leaves it 0.
/// `doctor` looks deeper and takes longer.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Print one line with figures, and exit with 0, 1, 2 or 3, as plugins for Nagios do
    #[arg(long)]
    nagios: bool,

    /// Check only that this worker lives, as a probe of its container or service
    #[arg(long, value_name = "ID", value_parser = worker_id::parse, conflicts_with = "nagios")]
    worker: Option<WorkerId>,
}

#[derive(Serialize)]
struct Probe {
    worker: String,
    alive: bool,
}

const COLUMNS: [Column; 4] = [left("CHECK"), left("LEVEL"), left("FOUND"), left("ADVICE")];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.nagios {
        return nagios(context);
    }
    if let Some(worker) = arguments.worker {
        return probe(context, worker);
    }
    let checks = checks(context)?;
    print(context, &checks)?;
    let is_bad = |check: &&Check| check.level == Level::Critical;
    let critical: Vec<&str> = checks.iter().filter(is_bad).map(|one| one.name).collect();
    if critical.is_empty() {
        return Ok(());
    }
    Err(Failure::Error(Error::Unusable {
        path: context.path().to_owned(),
        what: format!("critical: {}", critical.join(", ")),
        remedy: None,
        source: None,
    }))
}

fn checks<Q: Queue>(context: &Context<Q>) -> Result<Vec<Check>, Failure> {
    let queue = context.open(Access::Read)?;
    Ok(judge(&Readings::take(&queue)?))
}

fn print<Q: Queue>(context: &Context<Q>, checks: &[Check]) -> Result<(), Failure> {
    let command = |verb: &str| context.command(verb);
    if context.printer.is_json() {
        let views = checks.iter().map(|check| check.view(command));
        return context.printer.json(&views.collect::<Vec<_>>());
    }
    let mut table = Table::new(&COLUMNS);
    for check in checks {
        let advice = check.advice_with(command).unwrap_or_default();
        table.row([check.name, check.level.as_str(), &check.found, &advice]);
    }
    context.printer.table(&table)
}

fn probe<Q: Queue>(context: &Context<Q>, worker: WorkerId) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let workers = queue.workers()?;
    if !workers.iter().any(|one| one.id == worker) {
        let list = context.command("workers");
        return Err(
            Error::not_found(format!("there is no worker {worker}; {list} shows all")).into(),
        );
    }
    if queue.coordination().is_alive(worker)? {
        let view = Probe {
            worker: worker.to_string(),
            alive: true,
        };
        let line = format!("worker {worker} is alive");
        return context.printer.say(&line, &view);
    }
    Err(Failure::Error(Error::Unusable {
        path: context.path().to_owned(),
        what: format!("worker {worker} is dead"),
        remedy: None,
        source: None,
    }))
}

/// Prints the line of a plugin. A file that cannot be read is a line as well.
fn nagios<Q: Queue>(context: &Context<Q>) -> Result<(), Failure> {
    let name = context.program.name;
    let (line, code) = match checks(context) {
        Ok(checks) => (of_checks(name, &checks), code(worst(&checks))),
        Err(failure) => {
            let sentence = failure.complete(&context.invocation()).sentence();
            (format!("{name} UNKNOWN - {}", plain(&sentence)), UNKNOWN)
        }
    };
    context.printer.raw(format!("{line}\n").as_bytes())?;
    match code {
        0 => Ok(()),
        code => Err(Failure::Completed {
            code,
            sentence: String::new(),
        }),
    }
}

fn code(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => 2,
    }
}

/// The line, with the worst findings first and the figures of all.
fn of_checks(program: &str, checks: &[Check]) -> String {
    let level = worst(checks);
    let mut bad: Vec<&Check> = checks.iter().filter(|one| one.level > Level::Ok).collect();
    bad.sort_by_key(|check| std::cmp::Reverse(check.level));
    let found: Vec<&str> = bad.iter().map(|check| check.found.as_str()).collect();
    let found = match found.as_slice() {
        [] => format!("{} checks", checks.len()),
        found => plain(&found.join("; ")),
    };
    let mut line = format!("{program} {} - {found} |", level.as_str().to_uppercase());
    for check in checks {
        if let Some(measure) = check.measure {
            let _ = write!(line, " {}={}", check.name, figure(measure));
        }
    }
    line
}

/// A value as `VALUE;WARNING;CRITICAL`. A limit with a colon is one below which the value is bad.
fn figure(measure: Measure) -> String {
    let Measure {
        value, unit, limit, ..
    } = measure;
    let colon = if measure.is_floor { ":" } else { "" };
    match measure.beyond {
        Level::Critical => format!("{value}{unit};;{limit}{colon}"),
        Level::Warning | Level::Ok => format!("{value}{unit};{limit}{colon};"),
    }
}

/// Text without the sign that ends it.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}
