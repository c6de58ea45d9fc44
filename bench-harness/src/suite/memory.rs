//! Memory of the worker's own process.

use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue, State};

use super::context::{Context, database};
use super::process::Worker;
use crate::measure::wait_until;
use crate::report::{Bar, Figure};
use crate::systems::Engine;
use crate::{Result, probe};

const CHILDREN: usize = 1_000;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let (idle, full) = (
        megabytes::<E>(context, 0)?,
        megabytes::<E>(context, CHILDREN)?,
    );
    let figure = |name, megabytes, bar| {
        Figure::value(name, megabytes, "MB", Bar::AtMost(bar))
            .beside("resident set of the worker's process, its children not counted")
    };
    Ok(vec![
        figure("memory of an idle worker", idle, 12.0),
        figure("memory with 1,000 running children", full, 25.0),
    ])
}

/// Memory of a worker while that many children run.
fn megabytes<E: Engine>(context: &Context, children: usize) -> Result<f64> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let worker = Worker::start::<E>(&queue, children.max(8))?;
    let sleeps = (0..children).map(|_| NewTask::argv("sleep", ["sleep", "600"]));
    queue.enqueue(sleeps.collect())?;
    wait_until("every child runs", || {
        Ok(usize::try_from(queue.stats()?.count(State::Running))? == children)
    })?;
    let spawned = || children_of(worker.pid());
    wait_until("every child is a process", || Ok(spawned() >= children))?;
    probe::resident_megabytes(worker.pid()).ok_or_else(|| "the worker has ended".into())
}

/// Number of children of a process.
fn children_of(pid: u32) -> usize {
    // The system lists them by the thread that started them.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")));
    lists
        .map(|list| list.map_or(0, |list| list.split_whitespace().count()))
        .sum()
}
