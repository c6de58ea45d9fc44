//! Claims of an earlier epoch: checks that a restore invalidates them.

use fast_queue::FastQueue;
use queue_core::sqlite::OpenOptions;
use queue_core::{Claim, ClaimRequest, Outcome, Queue, Settled, Settlement, WorkerId};
use workflow_queue::{SqliteOptions, WorkflowQueue};

use crate::Result;
use crate::process::{Program, ScratchFolder};

/// Worker that claims before and after the restore: only the token distinguishes its claims.
const WORKER: WorkerId = WorkerId(7);

/// Claims the next task.
///
/// # Errors
/// When there is none, or the file cannot be opened.
pub(super) fn claim(scratch: &ScratchFolder, program: Program) -> Result<Claim> {
    with_queue(scratch, program, next)
}

/// Claims the next task again, and tries to settle it with the earlier claim. Returns true if that was
/// recorded; the new claim is returned to the queue.
///
/// # Errors
/// As [`claim`].
pub(super) fn settles(scratch: &ScratchFolder, program: Program, before: Claim) -> Result<bool> {
    with_queue(scratch, program, |queue| {
        let fresh = next(queue)?;
        if fresh.task != before.task {
            return Err(format!("{} is the next task, not {}", fresh.task, before.task).into());
        }
        let settled = settle(queue, before, Outcome::Succeeded)?;
        settle(queue, fresh, Outcome::Returned)?;
        Ok(settled != Settled::ClaimLost)
    })
}

fn with_queue<T>(
    scratch: &ScratchFolder,
    program: Program,
    work: impl FnOnce(&dyn Claims) -> Result<T>,
) -> Result<T> {
    let open = OpenOptions::new(scratch.durability)?;
    match program {
        Program::Fast => work(&FastQueue::open_with(scratch.database(), open)?),
        Program::Workflow => {
            let options = SqliteOptions::new()?.open(open);
            work(&WorkflowQueue::open_with(scratch.database(), options)?)
        }
    }
}

/// The methods of a queue that this module needs.
trait Claims {
    fn claim_one(&self) -> queue_core::Result<Option<Claim>>;
    fn settle_one(&self, settlement: Settlement) -> queue_core::Result<Vec<Settled>>;
}

impl<Q: Queue> Claims for Q {
    fn claim_one(&self) -> queue_core::Result<Option<Claim>> {
        let claims = self.claim(&ClaimRequest::new(WORKER, 1).commands(true))?;
        Ok(claims.tasks.first().map(|task| task.claim))
    }

    fn settle_one(&self, settlement: Settlement) -> queue_core::Result<Vec<Settled>> {
        self.settle(vec![settlement])
    }
}

fn next(queue: &dyn Claims) -> Result<Claim> {
    let claimed = queue.claim_one()?;
    Ok(claimed.ok_or("there is no task to claim")?)
}

fn settle(queue: &dyn Claims, claim: Claim, outcome: Outcome) -> Result<Settled> {
    let settled = queue.settle_one(Settlement::new(claim, outcome))?;
    Ok(settled.into_iter().next().ok_or("a settle has no answer")?)
}
