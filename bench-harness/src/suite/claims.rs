//! Time of claims, one commit each.

use queue_core::claim::WorkerId;
use queue_core::{ClaimRequest, Outcome, Queue, ServedQueues, Settlement};

use crate::Result;
use crate::measure::{Stopwatch, count};

/// Claims of one sample.
const CLAIMS: usize = 500;

/// Claims commands one by one as a worker with one free slot, returns the tasks to their queues, and
/// computes the mean time of a claim.
pub(super) fn micros_a_claim(queue: &impl Queue, queues: &ServedQueues) -> Result<f64> {
    let mut request = ClaimRequest::new(WorkerId::from_bits(queue.random()), 1)
        .commands(true)
        .queues(queues.clone());
    let mut claimed = Vec::with_capacity(CLAIMS);
    let watch = Stopwatch::start();
    for _ in 0..CLAIMS {
        let claims = queue.claim(&request)?;
        request.after = claims.after;
        claimed.extend(claims.tasks);
    }
    let seconds = watch.seconds();
    if claimed.len() != CLAIMS {
        return Err(format!("{} of {CLAIMS} tasks were claimed", claimed.len()).into());
    }
    let returned = claimed
        .into_iter()
        .map(|task| Settlement::new(task.claim, Outcome::Returned));
    queue.settle(returned.collect())?;
    Ok(seconds * 1e6 / count(CLAIMS))
}
