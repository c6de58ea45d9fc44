//! A file whose size stays steady under the measured operations.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use queue_core::claim::WorkerId;
use queue_core::queue::PruneRequest;
use queue_core::{Claim, ClaimRequest, ClaimedTask, NewTask, Outcome, Queue, Settlement, State};

/// Number of tasks that wait in the file.
const WAITING: usize = 1_000;
/// Number of tasks that operations may add or take before the file is restored.
const DRIFT: usize = 500;

/// An engine on a file in which 1,000 tasks wait, give or take 500, and few have ended.
pub(crate) struct Steady<Q> {
    pub(crate) queue: Q,
    worker: WorkerId,
    drift: Cell<usize>,
    _folder: tempfile::TempDir,
}

impl<Q: Queue> Steady<Q> {
    pub(crate) fn new(open: impl FnOnce(&Path) -> Q) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = open(&folder.path().join("tasks.db"));
        let steady = Self {
            worker: WorkerId::from_bits(queue.random()),
            queue,
            drift: Cell::new(0),
            _folder: folder,
        };
        steady.restore();
        steady
    }

    /// Makes sure that an operation on `count` tasks finds the file in the usual state. Returns `count`
    /// tasks to enqueue.
    pub(crate) fn make_room(&self, count: usize) -> Vec<NewTask> {
        self.drift.set(self.drift.get() + count);
        if self.drift.get() > DRIFT {
            self.restore();
            self.drift.set(count);
        }
        tasks(count)
    }

    /// Claims `count` tasks.
    pub(crate) fn claim(&self, count: usize) -> Vec<ClaimedTask> {
        let request = ClaimRequest::new(self.worker, count).commands(true);
        let claimed = self.queue.claim(&request).expect("claimed").tasks;
        assert_eq!(claimed.len(), count, "enough tasks wait");
        claimed
    }

    /// Settles the claims, restores the number of waiting tasks, and removes ended ones.
    fn restore(&self) {
        let left = self.queue.claims_of(self.worker).expect("claims");
        self.settle(left);
        let queued = self.queue.stats().expect("stats").count(State::Queued);
        let queued = usize::try_from(queued).expect("a number of tasks");
        if queued > WAITING {
            let surplus = self.claim(queued - WAITING);
            self.settle(surplus.into_iter().map(|task| task.claim).collect());
        } else {
            let missing = tasks(WAITING - queued);
            self.queue.enqueue(missing).expect("enqueued");
        }
        let ended = PruneRequest::new(self.queue.now().wall.after(Duration::from_secs(1)));
        self.queue.prune(&ended).expect("pruned");
    }

    fn settle(&self, claims: Vec<Claim>) {
        let settlements = claims.into_iter().map(succeeded).collect();
        self.queue.settle(settlements).expect("settled");
    }
}

/// Makes `count` tasks to enqueue.
pub(crate) fn tasks(count: usize) -> Vec<NewTask> {
    (0..count)
        .map(|i| NewTask::shell(format!("task {i}"), format!("echo {i}")))
        .collect()
}

/// The settlements that end claimed tasks as succeeded.
pub(crate) fn settlements(claimed: &[ClaimedTask]) -> Vec<Settlement> {
    claimed.iter().map(|task| succeeded(task.claim)).collect()
}

fn succeeded(claim: Claim) -> Settlement {
    Settlement::new(claim, Outcome::Succeeded)
}
