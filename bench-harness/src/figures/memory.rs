//! Memory of the worker's own process.

use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue, State};

use super::figure::{Bar, Figure};
use super::process::Worker;
use super::{Context, database};
use crate::measure::wait_until;
use crate::{Result, probe};

const CHILDREN: usize = 1_000;

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    Ok(vec![
        figure(context, "memory of an idle worker", 0, 12.0)?,
        figure(
            context,
            "memory with 1,000 running children",
            CHILDREN,
            25.0,
        )?,
    ])
}

fn figure(context: &Context, name: &str, children: usize, megabytes: f64) -> Result<Figure> {
    let folder = context.scratch()?;
    let options = OpenOptions::new(Durability::Fast)?;
    let queue = FastQueue::open_with(database(folder.path()), options)?;
    let worker = Worker::start(&queue, children.max(8))?;
    let sleeps = (0..children).map(|_| NewTask::argv("sleep", ["sleep", "600"]));
    queue.enqueue(sleeps.collect())?;
    wait_until("every child runs", || {
        Ok(usize::try_from(queue.stats()?.count(State::Running))? == children)
    })?;
    let spawned = || children_of(worker.pid());
    wait_until("every child is a process", || Ok(spawned() >= children))?;
    let resident = probe::resident_megabytes(worker.pid()).ok_or("the worker has gone")?;
    let figure = Figure::value(name, resident, "MB", Bar::AtMost(megabytes));
    Ok(figure.beside("resident set of the worker's process, its children not counted"))
}

/// How many children a process has.
fn children_of(pid: u32) -> usize {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().count()
}
