//! Real commands through a real worker, against spawning them bare.

use std::path::Path;
use std::process::Stdio;

use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue, State};

use super::figure::{Bar, Figure};
use super::process::verb;
use super::{Context, database};
use crate::measure::{Spread, Stopwatch, Subject, interleaved};
use crate::{Result, probe};

const COMMANDS: usize = 1_000;
const AT_ONCE: usize = 8;

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| probe::spawns(COMMANDS, AT_ONCE)),
        Box::new(|| {
            let folder = context.scratch()?;
            enqueue_to_settled(&database(folder.path()))
        }),
    ];
    let samples = interleaved(context.rounds(), subjects)?;
    let (bare, fast) = (&samples[0], &samples[1]);
    let figure = Figure::ratio(
        "`true` × 1,000, 8 at a time",
        Spread::of_ratios(fast, bare),
        "× spawn",
        Bar::AtMost(1.15),
    );
    Ok(vec![figure.beside(format!(
        "bare loop of posix_spawn of /bin/sh -c true {:.3} s; fast-queue {:.3} s from enqueue to \
         the end of `worker --drain`, its start and the capture of output included",
        Spread::of(bare).median,
        Spread::of(fast).median
    ))])
}

/// Seconds from the enqueue until a draining worker has settled everything and left.
fn enqueue_to_settled(path: &Path) -> Result<f64> {
    let queue = FastQueue::open_with(path, OpenOptions::new(Durability::Fast)?)?;
    let tasks = (0..COMMANDS)
        .map(|_| NewTask::shell("true", "true"))
        .collect();
    let mut worker = verb(
        path,
        &["worker", "--drain", "--slots", &AT_ONCE.to_string()],
    )?;
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
