//! History of a file before a run begins: fast-queue used it, and it was promoted while the power
//! failed.

use std::path::Path;

use fast_queue::{FastQueue, NewTask, Outcome, Queue, Settlement};
use queue_core::claim::{ClaimRequest, WorkerId};
use queue_core::queue::{Serves, WorkerInfo};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{Result, TaskId};
use workflow_queue::{Promotion, promote_file};

use crate::disk::{Fault, Guess, Image, Kind};
use crate::vfs::Machine;

/// Number of tasks that fast-queue leaves.
const TASKS: usize = 12;

/// Creates the file with fast-queue and promotes it. `boot` starts the machine with the content of the
/// disk. Returns the tasks that must exist.
pub(super) fn promote(
    seed: u64,
    path: &Path,
    options: &OpenOptions,
    boot: &mut dyn FnMut(&Image) -> Machine,
) -> Result<Vec<TaskId>> {
    let mut lots = fastrand::Rng::with_seed(seed);
    // At full durability in every run: these tasks must survive.
    let options = options.clone().durability(Durability::Full);
    let mut machine = boot(&Image::default());
    let enqueued = leave_tasks(&FastQueue::open_with(path, options.clone())?)?;
    loop {
        // The power fails after this many writes, if the promotion makes that many.
        let cut_at = lots.u64(1..200);
        machine.disk(|disk| disk.fail(Fault::for_good(Kind::Write, cut_at)));
        match promote_file(path, options.clone()) {
            Ok(Promotion::Done) => {
                machine.disk(crate::disk::Disk::mend);
                return Ok(enqueued);
            }
            Ok(Promotion::Waiting(_)) | Err(_) => {
                let mut guess = Guess::random(lots.u64(..));
                let image = machine.disk(|disk| disk.after_cut(&mut guess));
                machine = boot(&image);
            }
        }
    }
}

/// Leaves tasks that wait, that have ended, and that a dead worker had claimed.
fn leave_tasks(queue: &FastQueue) -> Result<Vec<TaskId>> {
    let tasks = (0..TASKS).map(|number| {
        let task = NewTask::shell(format!("of fast-queue {number}"), "true");
        task.key(format!("before {number}"))
    });
    let enqueued = queue.enqueue(tasks.collect())?;
    let worker = WorkerId(77);
    queue.register(
        &WorkerInfo::new(worker, 1, "another boot")
            .started_at(queue.now().wall)
            .slots(4)
            .serves(Serves::new(DEFAULT_QUEUE).commands(true)),
    )?;
    let claims = queue
        .claim(&ClaimRequest::new(worker, 4).commands(true))?
        .tasks;
    if let Some(first) = claims.first() {
        queue.settle(vec![Settlement::new(first.claim, Outcome::Succeeded)])?;
    }
    Ok(enqueued.iter().map(|one| one.id).collect())
}
