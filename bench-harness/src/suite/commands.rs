//! Real commands through a real worker, against bare spawning.

use std::path::Path;
use std::process::Stdio;

use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue, State};

use super::chart::{self, Sampled};
use super::context::{Context, database};
use super::findings::Findings;
use super::process::verb;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::document::Curves;
use crate::report::{Bar, Figure};
use crate::systems::{Engine, EngineName, Fast, Workflow};
use crate::{Result, probe};

const COMMANDS: usize = 1_000;
const AT_ONCE: usize = 8;

pub(super) fn measure_fast(context: &Context) -> Result<Vec<Figure>> {
    measure::<Fast>(context, Bar::AtMost(1.15))
}

pub(super) fn measure_workflow(context: &Context) -> Result<Vec<Figure>> {
    measure::<Workflow>(context, Bar::AtMost(1.25))
}

fn measure<E: Engine>(context: &Context, bar: Bar) -> Result<Vec<Figure>> {
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| probe::spawns(COMMANDS, AT_ONCE)),
        Box::new(|| {
            let folder = context.scratch()?;
            enqueue_to_settled::<E>(&database(folder.path()), COMMANDS, AT_ONCE)
        }),
    ];
    let samples = interleaved(context.rounds(), subjects)?;
    let (bare, engine) = (&samples[0], &samples[1]);
    let figure = Figure::ratio(
        "`true` × 1,000, 8 at a time",
        Spread::of_ratios(engine, bare),
        "× spawn",
        bar,
    );
    Ok(vec![figure.beside(format!(
        "bare loop of posix_spawn of /bin/sh -c true {:.3} s; {} {:.3} s from enqueue to the end \
         of `worker --drain`, its start and the capture of output included",
        Spread::of(bare).median,
        E::NAME,
        Spread::of(engine).median
    ))])
}

/// Commands per second against the number that run at once.
pub(super) fn chart(context: &Context, engines: &[EngineName]) -> Result<Findings> {
    let commands = context.either(100, COMMANDS);
    let rate = move |seconds: f64| count(commands) / seconds;
    let bare = move |at_once| probe::spawns(commands, at_once).map(rate);
    let mut sampled = vec![Sampled::new("bare posix_spawn", bare)];
    for engine in engines {
        sampled.push(Sampled::new(engine.as_str(), move |at_once| {
            let folder = context.scratch()?;
            let path = database(folder.path());
            let seconds = match engine {
                EngineName::Fast => enqueue_to_settled::<Fast>(&path, commands, at_once),
                EngineName::Workflow => enqueue_to_settled::<Workflow>(&path, commands, at_once),
            };
            seconds.map(rate)
        }));
    }
    let curves = Curves {
        title: "`true` from enqueue to settled".to_owned(),
        x: chart::log("commands at a time"),
        y: chart::linear("commands/s"),
        note: format!(
            "{commands} times /bin/sh -c true; the start of the worker and the capture of output \
             included"
        ),
        lines: chart::lines(context.either(1, 5), &[1, 2, 4, 8, 16], &sampled)?,
    };
    Ok(curves.into())
}

/// Seconds from the enqueue until a draining worker has settled everything and ended.
fn enqueue_to_settled<E: Engine>(path: &Path, commands: usize, at_once: usize) -> Result<f64> {
    let queue = E::open(path, Durability::Fast)?;
    let tasks = (0..commands)
        .map(|_| NewTask::shell("true", "true"))
        .collect();
    let slots = at_once.to_string();
    let mut worker = verb(E::NAME, path, &["worker", "--drain", "--slots", &slots])?;
    worker
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let watch = Stopwatch::start();
    queue.enqueue(tasks)?;
    let status = worker.status()?;
    let seconds = watch.seconds();
    let succeeded = queue.stats()?.count(State::Succeeded);
    if status.success() && usize::try_from(succeeded)? == commands {
        return Ok(seconds);
    }
    Err(
        format!("{succeeded} of {commands} commands succeeded; the worker ended with {status}")
            .into(),
    )
}
