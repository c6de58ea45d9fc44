//! The suite that every engine passes: the promises of [`Queue`], one function per behaviour. An
//! engine's crate implements [`Engine`] and turns the functions into tests of its own:
//!
//! ```ignore
//! queue_testing::conformance_tests!(MyEngine);
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use queue_core::ServedQueues;
use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, WorkerId};
use queue_core::clock::{Clock, Timestamp};
use queue_core::error::Result;
use queue_core::outcome::{Outcome, Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{Queue, Serves};
use queue_core::random::{Random, SystemRandom};
use queue_core::sidecar::Registration;
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, NewTask, Task, TaskId};

pub mod ageing;
pub mod cancel;
mod cases;
pub mod claim;
mod clock;
pub mod edit;
pub mod enqueue;
pub mod get;
pub mod handlers;
pub mod hold;
pub mod list;
pub mod model;
pub mod pause;
pub mod prune;
pub mod queues;
pub mod reprioritize;
pub mod rerun;
pub mod retry;
pub mod served;
pub mod settings;
pub mod settle;
pub mod start;
pub mod stats;
mod tasks;
pub mod transaction;
pub mod version;
pub mod wait;
pub mod why;
pub mod worker;

pub use clock::ManualClock;

/// An engine under test.
pub trait Engine {
    /// The engine's type.
    type Queue: Queue;

    /// Opens the file at `path`, creating it if it is missing.
    fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self::Queue>;

    /// Runs `work` in a transaction on a connection of the caller, then commits or rolls back.
    fn transaction<T>(
        path: &Path,
        commit: bool,
        work: impl FnOnce(&<Self::Queue as Queue>::Tx<'_>) -> T,
    ) -> T;
}

/// The worker of cases that need only one.
pub const WORKER: WorkerId = WorkerId(0x1111);
/// A second worker.
pub const OTHER: WorkerId = WorkerId(0x2222);

/// A queue in a folder of its own, with a clock that the case moves.
pub struct Bench<E: Engine> {
    pub queue: E::Queue,
    pub clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl<E: Engine> Default for Bench<E> {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::<ManualClock>::default();
        Self {
            queue: open::<E>(&folder.path().join("queue.db"), &clock),
            clock,
            folder,
        }
    }
}

fn open<E: Engine>(path: &Path, clock: &Arc<ManualClock>) -> E::Queue {
    let random = Arc::new(SystemRandom::seeded(42));
    E::open(path, Arc::clone(clock) as Arc<dyn Clock>, random).unwrap()
}

impl<E: Engine> Bench<E> {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }

    /// A second handle on the same file, as in another process.
    pub fn another(&self) -> E::Queue {
        open::<E>(&self.path(), &self.clock)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// The time this many milliseconds from now.
    pub fn later(&self, millis: u64) -> Timestamp {
        self.now().after(Duration::from_millis(millis))
    }

    pub fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Enqueues one task.
    pub fn add(&self, task: NewTask) -> TaskId {
        self.queue.enqueue(vec![task]).unwrap()[0].id
    }

    /// Enqueues a command that is ready at once.
    pub fn shell(&self, name: &str) -> TaskId {
        self.add(NewTask::shell(name, "true"))
    }

    /// An idle worker of another process.
    pub fn idle_worker(&self) -> Registration {
        self.idle_worker_of(DEFAULT_QUEUE.into(), "")
    }

    /// An idle worker of another process for one handler, or for commands ('').
    pub fn idle_worker_of(&self, queues: ServedQueues, handler: &str) -> Registration {
        let serves = if handler.is_empty() {
            Serves::new(queues).commands(true)
        } else {
            Serves::new(queues).handlers([handler])
        };
        let idle = Registration::new(&self.another(), 1, serves).unwrap();
        idle.set_idle(true);
        idle
    }

    /// Claims commands of the default queue.
    pub fn claim(&self, limit: usize) -> Vec<ClaimedTask> {
        let request = ClaimRequest::new(WORKER, limit).commands(true);
        self.queue.claim(&request).unwrap().tasks
    }

    /// The ids that a claim takes.
    pub fn claim_ids(&self, limit: usize) -> Vec<TaskId> {
        ids(&self.claim(limit))
    }

    /// Claims the only task there is.
    pub fn claim_only(&self) -> Claim {
        let tasks = self.claim(10);
        assert_eq!(tasks.len(), 1, "there is one task to claim");
        tasks[0].claim
    }

    /// Settles one claim.
    pub fn settle(&self, claim: Claim, outcome: Outcome) -> Settled {
        self.settle_with(claim, outcome, None)
    }

    /// Settles one claim with an output.
    pub fn settle_with(&self, claim: Claim, outcome: Outcome, output: Option<&str>) -> Settled {
        let settlement = settlement(claim, outcome, output);
        self.queue.settle(vec![settlement]).unwrap()[0]
    }

    /// Enqueues, claims and settles a task.
    pub fn ended(&self, task: NewTask, outcome: Outcome) -> TaskId {
        let id = self.add(task);
        let claim = self.claim_only();
        assert_eq!(claim.task, id);
        self.settle(claim, outcome);
        id
    }

    pub fn task(&self, id: TaskId) -> Task {
        self.queue.get(id).unwrap().unwrap()
    }

    pub fn state(&self, id: TaskId) -> State {
        self.task(id).state
    }

    /// Names of the queues of the file, once for each handler.
    pub fn queue_names(&self) -> Vec<String> {
        let queues = self.queue.queues().unwrap();
        queues.into_iter().map(|queue| queue.name).collect()
    }
}

/// A settlement, with an output of that text.
pub fn settlement(claim: Claim, outcome: Outcome, output: Option<&str>) -> Settlement {
    let mut settlement = Settlement::new(claim, outcome);
    settlement.output = output.map(|text| Output(text.as_bytes().to_vec()));
    settlement
}

fn ids(tasks: &[ClaimedTask]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.claim.task).collect()
}
