//! `reap`: returns the tasks of one dead worker at a person's request.

use serde::Serialize;

use super::program::{Access, Context};
use super::{Failure, select, tasks, worker_id};
use crate::claim::WorkerId;
use crate::coordination::Origin;
use crate::error::Error;
use crate::queue::Queue;
use crate::runtime::inputs;
use crate::runtime::recover::recover_locked;
use crate::runtime::recovery::Recovered;
use crate::sidecar::Sidecar;
use crate::sidecar::registration::DeadLock;
use crate::task::TaskId;

/// Return the tasks of a dead worker
///
/// Workers do this by themselves, after they have ended what the dead one left running. A person is
/// needed where they cannot see that: the dead worker ran in another pid namespace of this machine,
/// such as another container, and processes of it that are left would run beside its tasks.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The worker's id, as shown by `workers`
    #[arg(value_parser = worker_id::parse)]
    worker: WorkerId,

    /// Return its tasks even though its processes cannot be seen from here; make sure first that
    /// none of them is left
    #[arg(long)]
    gone: bool,
}

#[derive(Serialize)]
struct View {
    worker: String,
    returned: Vec<i64>,
    ended_processes: usize,
    kept: Vec<i64>,
    unreachable: Vec<u32>,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let id = arguments.worker;
    let workers = queue.workers()?;
    let Some(worker) = workers.iter().find(|worker| worker.id == id) else {
        let list = context.command("workers");
        return Err(Error::not_found(format!("there is no worker {id}; {list} shows all")).into());
    };
    let sidecar = Sidecar::at(queue.coordination().folder());
    let Some(lock) = DeadLock::take(&sidecar, id)? else {
        return Err(Failure::Tasks(format!(
            "worker {id} (pid {}) is alive, or another process is returning its tasks; nothing \
             was done",
            worker.pid
        )));
    };
    let origin = match queue.coordination().origin_of(worker)? {
        Origin::Elsewhere if arguments.gone => Origin::EarlierBoot,
        origin @ (Origin::Elsewhere | Origin::Here | Origin::EarlierBoot) => origin,
    };
    let recovered = recover_locked(&queue, lock, origin)?;
    inputs::InputSource::sweep(&queue)?;
    report(context, &recovered)
}

fn report<Q: Queue>(context: &Context<Q>, recovered: &Recovered) -> Result<(), Failure> {
    let returned: Vec<TaskId> = recovered.tasks.iter().map(|one| one.claim.task).collect();
    let kept: Vec<TaskId> = recovered.kept.iter().map(|claim| claim.task).collect();
    let number = |ids: &[TaskId]| match ids.len() {
        0 => "no task".to_owned(),
        length => format!("{} ({})", tasks::count(length as u64), select::show(ids)),
    };
    let id = recovered.worker;
    let ids = |ids: &[TaskId]| ids.iter().map(|id| id.0).collect();
    context.printer.say(
        &format!(
            "Returned {} of worker {id}, ended {} processes",
            number(&returned),
            recovered.ended
        ),
        &View {
            worker: id.to_string(),
            returned: ids(&returned),
            ended_processes: recovered.ended,
            kept: ids(&kept),
            unreachable: recovered.unreachable.clone(),
        },
    )?;
    if kept.is_empty() {
        return Ok(());
    }
    let kept = number(&kept);
    Err(Failure::Tasks(if recovered.elsewhere {
        let gone = context.command(&format!("reap {id} --gone"));
        format!(
            "it ran in another pid namespace of this machine, such as a container, whose \
             processes are not visible from here; make sure that none of them is left, then \
             {gone} returns {kept}"
        )
    } else {
        let pids: Vec<String> = recovered.unreachable.iter().map(u32::to_string).collect();
        format!(
            "{kept} would run beside pid {}, which this user cannot end; end that first",
            pids.join(", ")
        )
    }))
}
