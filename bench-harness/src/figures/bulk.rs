//! Many tasks in one call.

use queue_core::sqlite::Durability;

use super::figure::{Bar, Figure};
use super::{Context, raw_and_fast};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::short;
use crate::workload::tasks;

const TASKS: usize = 100_000;

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let [raw, fast] = raw_and_fast(context, Durability::Fast, |system| {
        let tasks = tasks(TASKS);
        let watch = Stopwatch::start();
        system.enqueue(tasks)?;
        Ok(count(TASKS) / watch.seconds())
    })?;
    let figure = Figure::ratio(
        "bulk enqueue of 100k tasks",
        Spread::of_ratios(&fast, &raw),
        "× raw",
        Bar::AtLeast(0.5),
    );
    Ok(vec![figure.beside(format!(
        "raw {}/s, fast-queue {}/s; one transaction, ten priorities",
        short(Spread::of(&raw).median),
        short(Spread::of(&fast).median)
    ))])
}
