//! Cost of an idle worker.

use std::time::Duration;

use queue_core::sqlite::Durability;

use super::context::{Context, database};
use super::process::Worker;
use super::stamp::Sleeper;
use super::wakeup::leases;
use crate::measure::{Spread, Stopwatch, pause};
use crate::report::{Bar, Figure};
use crate::systems::Engine;
use crate::{Result, probe};

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let figure = of_worker::<E>(context, &queue, "processor time of an idle worker")?;
    Ok(vec![figure])
}

/// Processor time of a worker on a file in which nothing is to be done. Judged over several windows,
/// because other work on the machine could distort a single one.
pub(super) fn of_worker<E: Engine>(
    context: &Context,
    queue: &E::Queue,
    name: &str,
) -> Result<Figure> {
    let worker = Worker::start::<E>(queue, 2)?;
    let bare = Sleeper::start()?;
    // Waits until both are idle.
    pause(Duration::from_secs(1));
    let window = Duration::from_secs(context.either(1, 3));
    let windows = context.either(3, 7);
    let (mut idle, mut asleep) = (Vec::new(), Vec::new());
    let used = |pid| probe::processor_seconds(pid).ok_or("an idle process has ended");
    for _ in 0..windows {
        let (worker_before, bare_before) = (used(worker.pid())?, used(bare.pid())?);
        let watch = Stopwatch::start();
        pause(window);
        let percent = 100.0 / watch.seconds();
        idle.push((used(worker.pid())? - worker_before) * percent);
        asleep.push((used(bare.pid())? - bare_before) * percent);
    }
    let figure = Figure::ratio(name, Spread::of(&idle), "%", Bar::AtMost(0.2));
    let figure = figure.probe(
        "a bare process that wakes once a second",
        Spread::of(&asleep).median,
    );
    Ok(figure.beside(format!(
        "{windows} windows of {} s; {}",
        window.as_secs(),
        leases(queue)
    )))
}
