//! The operations every system is put through, and what a system must be able to do for it.

use queue_core::{Claim, NewTask};

use crate::Result;
use crate::measure::Stopwatch;

/// Something that stores, hands out and settles tasks. A call is one commit.
pub(crate) trait System {
    /// Makes the tasks durable.
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()>;

    /// Claims up to `limit` tasks, highest priority first.
    fn claim(&self, limit: usize) -> Result<Vec<Claim>>;

    /// Settles the claims as succeeded.
    fn settle(&self, claims: &[Claim]) -> Result<()>;
}

/// `count` tasks: a name, `echo i`, priority i mod 10.
pub(crate) fn tasks(count: usize) -> Vec<NewTask> {
    (0..count)
        .map(|i| {
            let priority = i32::try_from(i % 10).unwrap_or(0);
            NewTask::shell(format!("task {i}"), format!("echo {i}")).priority(priority)
        })
        .collect()
}

/// How a workload is cut into commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    /// One for every operation.
    Each,
    /// One for all operations of a kind.
    Batched,
}

/// Seconds for `operations` enqueues, half as many claims and a quarter as many settles. Opening
/// the file and making up the tasks are not part of it.
pub(crate) fn hundred(system: &dyn System, operations: usize, commits: Commits) -> Result<f64> {
    let tasks = tasks(operations);
    let (claims, settles) = (operations / 2, operations / 4);
    let watch = Stopwatch::start();
    let mut claimed = Vec::with_capacity(claims);
    match commits {
        Commits::Each => {
            for task in tasks {
                system.enqueue(vec![task])?;
            }
            for _ in 0..claims {
                claimed.extend(system.claim(1)?);
            }
            for claim in claimed.iter().take(settles) {
                system.settle(std::slice::from_ref(claim))?;
            }
        }
        Commits::Batched => {
            system.enqueue(tasks)?;
            claimed = system.claim(claims)?;
            system.settle(claimed.get(..settles).unwrap_or(&claimed))?;
        }
    }
    let seconds = watch.seconds();
    if claimed.len() != claims {
        return Err(format!("{} of {claims} tasks were claimed", claimed.len()).into());
    }
    Ok(seconds)
}
