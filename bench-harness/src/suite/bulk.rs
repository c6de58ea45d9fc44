//! Many tasks in one call.

use queue_core::sqlite::Durability;

use super::chart::{self, Sampled};
use super::context::{Context, database, in_turns};
use super::findings::Findings;
use crate::Result;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::document::Curves;
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, EngineName, SystemName};
use crate::workload::{drain, tasks};

const TASKS: usize = 100_000;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let systems = [SystemName::Raw, E::NAME.into()];
    let [raw, engine] = in_turns(context, Durability::Fast, systems, |system| {
        let tasks = tasks(TASKS);
        let watch = Stopwatch::start();
        system.enqueue(tasks)?;
        Ok(count(TASKS) / watch.seconds())
    })?;
    let figure = Figure::ratio(
        "bulk enqueue of 100k tasks",
        Spread::of_ratios(&engine, &raw),
        "× raw",
        Bar::AtLeast(0.5),
    );
    Ok(vec![figure.beside(format!(
        "raw {}/s, {} {}/s; one transaction, ten priorities",
        short(Spread::of(&raw).median),
        E::NAME,
        short(Spread::of(&engine).median)
    ))])
}

/// Tasks per second against the number enqueued, or claimed and settled, in one call.
pub(super) fn chart(context: &Context, engines: &[EngineName]) -> Result<Findings> {
    let draw = |title: &str, y: &str, sample: Sample| -> Result<Curves> {
        let systems = [SystemName::Raw].into_iter();
        let systems = systems.chain(engines.iter().map(|engine| SystemName::from(*engine)));
        let sampled: Vec<Sampled<'_>> = systems
            .map(|system| {
                Sampled::new(system.as_str(), move |batch| sample(context, system, batch))
            })
            .collect();
        let places = context.either(
            [1, 10, 100, 1_000, 10_000].as_slice(),
            &[1, 10, 100, 1_000, 10_000, 100_000],
        );
        Ok(Curves {
            title: title.to_owned(),
            x: chart::log("tasks in a call"),
            y: chart::log(y),
            note: "a call is one commit, at `fast`".to_owned(),
            lines: chart::lines(context.either(1, 5), places, &sampled)?,
        })
    };
    Ok(Findings {
        curves: vec![
            draw("Enqueue in batches", "enqueued/s", enqueued)?,
            draw(
                "Claim and settle in batches",
                "claimed and settled/s",
                drained,
            )?,
        ],
        ..Findings::default()
    })
}

type Sample = fn(&Context, SystemName, usize) -> Result<f64>;

fn enqueued(context: &Context, system: SystemName, batch: usize) -> Result<f64> {
    let folder = context.scratch()?;
    let system = system.open(&database(folder.path()), Durability::Fast)?;
    let calls = (context.either(1_000, 10_000) / batch).max(1);
    let batches: Vec<_> = (0..calls).map(|_| tasks(batch)).collect();
    let watch = Stopwatch::start();
    for tasks in batches {
        system.enqueue(tasks)?;
    }
    Ok(count(calls * batch) / watch.seconds())
}

fn drained(context: &Context, system: SystemName, batch: usize) -> Result<f64> {
    let folder = context.scratch()?;
    let system = system.open(&database(folder.path()), Durability::Fast)?;
    system.enqueue(tasks(batch.max(context.either(1_000, 10_000))))?;
    let watch = Stopwatch::start();
    let done = drain(system.as_ref(), batch)?;
    Ok(count(done) / watch.seconds())
}
