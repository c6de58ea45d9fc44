//! Real commands through a real worker, against spawning them bare.

use std::path::Path;
use std::process::Stdio;

use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue, State};

use super::process::verb;
use super::{Context, database};
use crate::measure::{Spread, Stopwatch, Subject, interleaved};
use crate::report::{Bar, Figure};
use crate::systems::{Engine, Fast, Workflow};
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
            enqueue_to_settled::<E>(&database(folder.path()))
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

/// Seconds from the enqueue until a draining worker has settled everything and left.
fn enqueue_to_settled<E: Engine>(path: &Path) -> Result<f64> {
    let queue = E::open(path, Durability::Fast)?;
    let tasks = (0..COMMANDS)
        .map(|_| NewTask::shell("true", "true"))
        .collect();
    let slots = AT_ONCE.to_string();
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
    if status.success() && usize::try_from(succeeded)? == COMMANDS {
        return Ok(seconds);
    }
    Err(
        format!("{succeeded} of {COMMANDS} commands succeeded; the worker ended with {status}")
            .into(),
    )
}
