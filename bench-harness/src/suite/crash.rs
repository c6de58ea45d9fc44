//! Time until a dead worker's task runs elsewhere.

use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue, State, TaskId};

use super::context::{Context, database};
use super::process::Worker;
use crate::Result;
use crate::measure::{Spread, Stopwatch, wait_until};
use crate::report::{Bar, Figure};
use crate::systems::Engine;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let rounds = context.either(3, 7);
    let seconds: Vec<f64> = (0..rounds)
        .map(|_| recovery::<E>(context))
        .collect::<Result<_>>()?;
    let spread = Spread::of(&seconds);
    // The slowest round is judged: the promise holds for every recovery.
    let figure = Figure::value(
        "kill -9 until its task runs elsewhere",
        spread.max,
        "s",
        Bar::AtMost(1.0),
    );
    Ok(vec![figure.beside(format!(
        "slowest of {rounds}; median {:.3} s; the dead worker's command is ended first",
        spread.median
    ))])
}

/// Seconds from the kill to the second start of the task.
fn recovery<E: Engine>(context: &Context) -> Result<f64> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let start = || Worker::start::<E>(&queue, 1);
    let (one, other) = (start()?, start()?);
    let starts = folder.path().join("starts");
    let command = format!("echo $PPID >> '{}'; exec sleep 600", starts.display());
    let id = queue.enqueue(vec![NewTask::shell("long", command)])?[0].id;
    let started = || std::fs::read_to_string(&starts).unwrap_or_default();
    wait_until("the task runs", || Ok(started().lines().count() == 1))?;
    let runner: u32 = started().trim().parse()?;
    let (victim, survivor) = if runner == one.pid() {
        (one, other)
    } else {
        (other, one)
    };
    let watch = Stopwatch::start();
    victim.kill()?;
    wait_until("the task runs elsewhere", || {
        Ok(started().lines().count() == 2)
    })?;
    let seconds = watch.seconds();
    end(&queue, id)?;
    drop(survivor);
    Ok(seconds)
}

/// Cancels the task, so that its command does not outlive the measurement.
fn end(queue: &impl Queue, id: TaskId) -> Result<()> {
    queue.cancel(&[id])?;
    wait_until("the task is cancelled", || {
        let task = queue.get(id)?;
        Ok(task.is_some_and(|task| task.state == State::Cancelled))
    })
}
