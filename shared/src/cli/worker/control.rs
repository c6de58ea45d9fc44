//! `worker stop` and `worker slots`: requests to living workers.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use super::super::program::{Access, Context};
use super::super::{Failure, number, tasks};
use crate::claim::WorkerId;
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::{Queue, Serves, WorkerInfo};

/// Time within which a worker takes a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// Interval at which a worker is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Requests to a living worker.
#[derive(clap::Subcommand, Debug)]
pub(super) enum Control {
    Stop(StopArguments),
    Slots(SlotsArguments),
}

/// Stop a living worker
///
/// As SIGTERM does: it claims nothing more, lets tasks finish for its grace time and hands back the
/// rest. A second request makes it hand back at once.
#[derive(clap::Args, Debug)]
pub(super) struct StopArguments {
    /// The worker's id, as shown by `workers`, or all; the only one unless given
    #[arg(value_name = "ID", value_parser = chosen)]
    worker: Option<Chosen>,

    /// Wait until it has ended
    #[arg(long)]
    wait: bool,
}

/// Change the number of tasks that a living worker runs at once
///
/// Tasks that run beyond a lower number go on.
#[derive(clap::Args, Debug)]
pub(super) struct SlotsArguments {
    /// Number of slots
    #[arg(value_name = "NUMBER", value_parser = number::within(1..=10_000_u32))]
    slots: u32,

    /// The worker's id, as shown by `workers`, or all; the only one unless given
    #[arg(value_name = "ID", value_parser = chosen)]
    worker: Option<Chosen>,
}

/// Choice among the living workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    One(WorkerId),
    All,
}

fn chosen(text: &str) -> Result<Chosen, String> {
    if text == "all" {
        return Ok(Chosen::All);
    }
    let id = WorkerId::parse(text).map(Chosen::One);
    id.ok_or_else(|| "a worker has 16 hexadecimal digits, which `workers` shows; or all".to_owned())
}

#[derive(Serialize)]
struct StopView {
    id: String,
    pid: u32,
    running: usize,
    ended: bool,
}

#[derive(Serialize)]
struct SlotsView {
    id: String,
    pid: u32,
    slots: u32,
}

/// Makes the request.
///
/// # Errors
/// [`Error::NotFound`] without such a worker, [`Failure::Usage`] if several live and none is named,
/// and [`Failure::Unfinished`] if a worker does not take the request.
pub(super) fn run<Q: Queue>(context: &Context<Q>, control: &Control) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    match control {
        Control::Stop(arguments) => stop(context, &queue, arguments),
        Control::Slots(arguments) => slots(context, &queue, arguments),
    }
}

fn stop<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    arguments: &StopArguments,
) -> Result<(), Failure> {
    for worker in select(context, queue, arguments.worker)? {
        let running = queue.claims_of(worker.id)?.len();
        if !queue.coordination().ask_to_stop(worker.id)
            && queue.coordination().is_alive(worker.id)?
        {
            return Err(deaf(&worker));
        }
        if arguments.wait {
            watch(queue, None, || {
                Ok(!queue.coordination().is_alive(worker.id)?)
            })?;
        }
        let (id, pid) = (worker.id, worker.pid);
        let sentence = if arguments.wait {
            format!("Worker {id} (pid {pid}) has ended")
        } else {
            let count = tasks::count(running.try_into().unwrap_or(u64::MAX));
            format!("Asked worker {id} (pid {pid}) to stop; {count} running")
        };
        let view = StopView {
            id: id.to_string(),
            pid,
            running,
            ended: arguments.wait,
        };
        context.printer.of_done().say(&sentence, &view)?;
    }
    Ok(())
}

fn slots<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    arguments: &SlotsArguments,
) -> Result<(), Failure> {
    let workers = select(context, queue, arguments.worker)?;
    for worker in &workers {
        worker.serves.queues.check(arguments.slots)?;
    }
    let is_set = |worker: &WorkerInfo| -> Result<bool> {
        let workers = queue.workers()?;
        let mut same = workers.iter().filter(|one| one.id == worker.id);
        Ok(same.any(|one| one.slots == arguments.slots))
    };
    for worker in workers {
        let asked = queue
            .coordination()
            .ask_for_slots(worker.id, arguments.slots);
        let until = queue.now().boot.after(PATIENCE);
        if !asked || !watch(queue, Some(until), || is_set(&worker))? {
            return Err(deaf(&worker));
        }
        let (id, pid) = (worker.id, worker.pid);
        let count = tasks::count(arguments.slots.into());
        let sentence = format!("Worker {id} (pid {pid}) runs up to {count} at a time");
        let view = SlotsView {
            id: id.to_string(),
            pid,
            slots: arguments.slots,
        };
        context.printer.of_done().say(&sentence, &view)?;
    }
    Ok(())
}

/// Waits until `is_so`, or until a time. Returns true if it is so.
fn watch<Q: Queue>(
    queue: &Q,
    until: Option<BootTime>,
    is_so: impl Fn() -> Result<bool>,
) -> Result<bool> {
    let id = WorkerId::from_bits(queue.random());
    let listener = queue.coordination().listen(id)?;
    while !is_so()? {
        if until.is_some_and(|until| until <= queue.now().boot) {
            return Ok(false);
        }
        listener.wait(LOOK_EVERY)?;
    }
    Ok(true)
}

/// The chosen living workers.
fn select<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    chosen: Option<Chosen>,
) -> Result<Vec<WorkerInfo>, Failure> {
    let living = queue.live_workers()?;
    match chosen {
        _ if living.is_empty() => Err(Error::not_found("no worker is running").into()),
        Some(Chosen::All) => Ok(living),
        Some(Chosen::One(id)) => {
            let list = context.command("workers");
            let found = living.into_iter().find(|worker| worker.id == id);
            let found = found.ok_or_else(|| {
                Error::not_found(format!("no worker {id} is running; {list} shows all"))
            })?;
            Ok(vec![found])
        }
        None if living.len() == 1 => Ok(living),
        None => {
            let named: Vec<String> = living
                .iter()
                .map(|worker| format!("{} (pid {})", worker.id, worker.pid))
                .collect();
            Err(Failure::Usage(format!(
                "{} workers are running: {}; name one of them, or all",
                living.len(),
                named.join(", ")
            )))
        }
    }
}

fn deaf(worker: &WorkerInfo) -> Failure {
    Failure::Unfinished(format!(
        "worker {} (pid {}) has not taken the request in time: it is stopped, held up, or of an \
         earlier version",
        worker.id, worker.pid
    ))
}

/// Living worker that serves the same as one with these slots and queues would.
pub(super) fn same<Q: Queue>(queue: &Q, serves: &Serves) -> Result<Option<WorkerInfo>> {
    let living = queue.live_workers()?;
    Ok(living.into_iter().find(|worker| worker.serves == *serves))
}

/// Sentence about a worker in whose place no other is started.
pub(super) fn runs_already<Q: Queue>(
    context: &Context<Q>,
    worker: &WorkerInfo,
    slots: NonZeroU32,
) -> String {
    let mut sentence = format!(
        "a worker that serves the same queues runs already (pid {}, {} at a time); --another starts \
         one more",
        worker.pid,
        tasks::count(worker.slots.into())
    );
    if worker.slots != slots.get() {
        let change = context.command(&format!("worker slots {slots} {}", worker.id));
        let _ = write!(sentence, ", and {change} gives it other slots");
    }
    sentence
}
