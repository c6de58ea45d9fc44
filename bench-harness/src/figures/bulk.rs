//! Many tasks in one call.

use queue_core::sqlite::Durability;

use super::{Context, in_turns};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, SystemName};
use crate::workload::tasks;

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
