//! Durable shell commands and in-process handlers in one `SQLite` file.
//!
//! ```
//! use fast_queue::{ClaimRequest, FastQueue, NewTask, Outcome, Queue, Settlement, WorkerId};
//!
//! # fn main() -> fast_queue::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder for the example");
//! # let path = folder.path().join("queue.db");
//! let queue = FastQueue::open(&path)?;
//! queue.enqueue(vec![NewTask::shell("greet", "echo hello").priority(5)])?;
//!
//! let worker = WorkerId::from_bits(queue.random());
//! for task in queue.claim(&ClaimRequest::commands(worker, 10))?.tasks {
//!     queue.settle(vec![Settlement {
//!         claim: task.claim,
//!         outcome: Outcome::Succeeded,
//!         output: None,
//!     }])?;
//! }
//! assert_eq!(queue.stats()?.count(fast_queue::State::Succeeded), 1);
//! # Ok(())
//! # }
//! ```

mod change;
mod claim;
mod due;
mod enqueue;
mod guard;
mod lanes;
#[cfg(test)]
mod plans;
mod prune;
mod queue;
mod reap;
mod settle;

pub use queue::FastQueue;
pub use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
pub use queue_core::clock::Timestamp;
pub use queue_core::error::{Error, Result};
pub use queue_core::options::TaskOptions;
pub use queue_core::outcome::{Outcome, Reason, Settled, Settlement};
pub use queue_core::output::Output;
pub use queue_core::queue::{
    Change, Enqueued, Finding, ListQuery, PruneRequest, Queue, QueueInfo, Reaped, Serves, Stats,
    Waits, WorkerInfo,
};
pub use queue_core::runtime::handlers::{Done, HandlerError, HandlerResult, HandlerTask, Handlers};
pub use queue_core::runtime::wakeup::Wake;
pub use queue_core::runtime::{Observer, Stopper, Summary, Worker, WorkerEvent, WorkerOptions};
pub use queue_core::sqlite::{Durability, OpenOptions};
pub use queue_core::state::State;
pub use queue_core::task::{NewTask, Task, TaskId, Work};

#[cfg(doctest)]
mod pages {
    #![doc = include_str!("../../docs/guide/library.md")]
    #![doc = include_str!("../../docs/reference/library.md")]
}
