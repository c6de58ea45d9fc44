//! Handlers without work, run by a worker in this process.

use std::num::NonZeroU32;
use std::sync::Arc;

use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Worker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue};

use super::context::{Context, database};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count, interleaved};
use crate::report::{Bar, Figure, short};
use crate::systems::Engine;
use crate::systems::raw::Raw;
use crate::workload::{System, drain, tasks};

/// Slots of the worker, and numbers of tasks that bare statements claim and settle in one transaction
/// each.
const SLOTS: [NonZeroU32; 2] = [NonZeroU32::new(64).unwrap(), NonZeroU32::new(256).unwrap()];

/// A worker beside bare statements that take as many tasks at a time as the worker has slots.
pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    SLOTS
        .into_iter()
        .map(|slots| at::<E>(context, slots))
        .collect()
}

fn at<E: Engine>(context: &Context, slots: NonZeroU32) -> Result<Figure> {
    let samples = interleaved(
        context.rounds(),
        vec![
            Box::new(|| bare(context, slots)),
            Box::new(|| worked::<E>(context, slots)),
        ],
    )?;
    let [raw, own] =
        <[Vec<f64>; 2]>::try_from(samples).map_err(|_| "there must be two rows of samples")?;
    let figure = Figure::ratio(
        format!("handlers that do nothing, {slots} slots"),
        Spread::of_ratios(&own, &raw),
        "× raw",
        Bar::AtLeast(0.9),
    );
    Ok(figure.beside(format!(
        "bare statements claim and settle {}/s, {slots} at a time; a worker of {} runs {}/s",
        short(Spread::of(&raw).median),
        E::NAME,
        short(Spread::of(&own).median)
    )))
}

/// Tasks per second of bare statements.
fn bare(context: &Context, slots: NonZeroU32) -> Result<f64> {
    let folder = context.scratch()?;
    let raw = Raw::open(&database(folder.path()), Durability::Fast)?;
    raw.enqueue(tasks(number_of(context)))?;
    let watch = Stopwatch::start();
    let done = drain(&raw, usize::try_from(slots.get())?)?;
    Ok(count(done) / watch.seconds())
}

/// Tasks per second of a worker, from its start until it has drained the queue and ended.
fn worked<E: Engine>(context: &Context, slots: NonZeroU32) -> Result<f64> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let number = number_of(context);
    queue.enqueue(vec![NewTask::handler("nothing", []); number])?;
    let handlers = Handlers::new().register("nothing", |_| Ok(Done::Succeeded));
    let options = WorkerOptions::new(slots).handlers(handlers).drain(true);
    let worker = Worker::new(Arc::new(queue), options)?;
    let watch = Stopwatch::start();
    let summary = worker.run(&mut Silent)?;
    let seconds = watch.seconds();
    if summary.succeeded != u64::try_from(number)? {
        return Err(format!("{} of {number} handlers ran", summary.succeeded).into());
    }
    Ok(count(number) / seconds)
}

fn number_of(context: &Context) -> usize {
    context.either(10_000, 100_000)
}

/// Observer that does nothing.
pub(super) struct Silent;

impl Observer for Silent {
    fn on(&mut self, _: &WorkerEvent) {}
}

#[cfg(test)]
mod tests {
    use super::{Context, measure};
    use crate::systems::Fast;

    #[test]
    fn both_numbers_of_slots_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            folder: folder.path().to_owned(),
            quick: true,
        };
        let figures = measure::<Fast>(&context).unwrap();
        assert_eq!(figures.len(), 2);
        for figure in figures {
            assert!(figure.value.unwrap().min > 0.0, "{figure:?}");
        }
    }
}
