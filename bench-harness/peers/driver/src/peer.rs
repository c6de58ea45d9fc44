//! Operations that a queue must offer to be measured.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;

/// A queue, opened and used as its documentation recommends. A call is one commit unless stated
/// otherwise.
pub trait Peer: Sized {
    /// Version of the queue.
    fn version() -> String;

    /// Operations that the queue lacks or does differently, one clause each.
    fn limits() -> Vec<String>;

    /// Opens a new queue in an empty folder.
    fn open(folder: &Path) -> Result<Self>;

    /// `PRAGMA synchronous` of the writing connection, and how that is known.
    fn synchronous(&self) -> Result<String>;

    /// Enqueues one task durably: a name, the command `echo number`, priority number mod 10.
    fn enqueue(&mut self, number: usize) -> Result<()>;

    /// Enqueues `count` tasks durably in one call.
    ///
    /// Returns `false` if the queue has no such call.
    fn enqueue_all(&mut self, _count: usize) -> Result<bool> {
        Ok(false)
    }

    /// Claims `claims` tasks one by one, then completes the first `settles` of them.
    fn claim_then_settle(&mut self, claims: usize, settles: usize) -> Result<()>;

    /// Claims a task and completes it, up to `count` times or until `limit` is over. Returns the number
    /// of tasks.
    fn cycle(&mut self, count: usize, limit: Duration) -> Result<usize>;
}

/// A queue that claims and completes a task by separate calls.
pub trait Claims: Sized {
    /// A claimed task.
    type Claim;

    /// As [`Peer::version`].
    fn version() -> String;

    /// As [`Peer::limits`].
    fn limits() -> Vec<String>;

    /// As [`Peer::open`].
    fn open(folder: &Path) -> Result<Self>;

    /// As [`Peer::synchronous`].
    fn synchronous(&self) -> Result<String>;

    /// As [`Peer::enqueue`].
    fn enqueue(&mut self, number: usize) -> Result<()>;

    /// As [`Peer::enqueue_all`].
    fn enqueue_all(&mut self, _count: usize) -> Result<bool> {
        Ok(false)
    }

    /// Claims the next task; `None` if no task is due.
    fn claim(&mut self) -> Result<Option<Self::Claim>>;

    /// Records success of a claimed task.
    fn settle(&mut self, claim: Self::Claim) -> Result<()>;
}

impl<T: Claims> Peer for T {
    fn version() -> String {
        <T as Claims>::version()
    }

    fn limits() -> Vec<String> {
        <T as Claims>::limits()
    }

    fn open(folder: &Path) -> Result<Self> {
        <T as Claims>::open(folder)
    }

    fn synchronous(&self) -> Result<String> {
        Claims::synchronous(self)
    }

    fn enqueue(&mut self, number: usize) -> Result<()> {
        Claims::enqueue(self, number)
    }

    fn enqueue_all(&mut self, count: usize) -> Result<bool> {
        Claims::enqueue_all(self, count)
    }

    fn claim_then_settle(&mut self, claims: usize, settles: usize) -> Result<()> {
        let claimed: Vec<_> = (0..claims)
            .map(|number| {
                let missing = || format!("{number} of {claims} tasks were claimed");
                self.claim()?.ok_or_else(|| missing().into())
            })
            .collect::<Result<_>>()?;
        let ended = claimed.into_iter().take(settles);
        ended.into_iter().try_for_each(|claim| self.settle(claim))
    }

    fn cycle(&mut self, count: usize, limit: Duration) -> Result<usize> {
        let start = Instant::now();
        for done in 0..count {
            if start.elapsed() > limit {
                return Ok(done);
            }
            let claim = self.claim()?.ok_or("no task was left to claim")?;
            self.settle(claim)?;
        }
        Ok(count)
    }
}
