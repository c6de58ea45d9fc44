//! Durable shell commands and in-process handlers in one `SQLite` file.
//!
//! A [`FastQueue`] is an open file; [`Queue`] is what can be done with it; a [`Worker`] claims, runs
//! and settles in a loop. Nothing else is needed: no server, no other program.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//!
//! use fast_queue::{
//!     Done, FastQueue, Handlers, NewTask, Observer, Queue, State, Worker, WorkerEvent,
//!     WorkerOptions,
//! };
//!
//! struct Log;
//!
//! impl Observer for Log {
//!     fn on(&mut self, event: &WorkerEvent) {
//!         println!("{event:?}");
//!     }
//! }
//!
//! # fn main() -> fast_queue::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder for the example");
//! # let path = folder.path().join("queue.db");
//! let queue = Arc::new(FastQueue::open(&path)?);
//! let added = queue.enqueue(vec![
//!     NewTask::shell("greet", "echo hello"),
//!     NewTask::handler("resize", b"photo.jpg").priority(5).key("photo.jpg"),
//! ])?;
//!
//! let handlers = Handlers::new().register("resize", |task| {
//!     let photo = std::str::from_utf8(task.payload())?;
//!     println!("resizing {photo}, attempt {}", task.attempt());
//!     Ok(Done::Succeeded)
//! });
//! let options = WorkerOptions {
//!     commands: true,
//!     drain: true,
//!     ..WorkerOptions::handlers(NonZeroU32::MIN, handlers)
//! };
//! Worker::new(Arc::clone(&queue), options)?.run(&mut Log)?;
//! for task in added {
//!     assert_eq!(queue.get(task.id)?.map(|task| task.state), Some(State::Succeeded));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program with a loop of its own does what the worker does: claim, run, settle.
//!
//! ```
//! use fast_queue::{ClaimRequest, FastQueue, NewTask, Outcome, Queue, Settlement, WorkerId};
//!
//! # fn main() -> fast_queue::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder for the example");
//! # let path = folder.path().join("queue.db");
//! let queue = FastQueue::open(&path)?;
//! queue.enqueue(vec![NewTask::shell("greet", "echo hello")])?;
//!
//! let worker = WorkerId::from_bits(queue.random());
//! for task in queue.claim(&ClaimRequest::commands(worker, 10))?.tasks {
//!     queue.settle(vec![Settlement {
//!         claim: task.claim,
//!         outcome: Outcome::Succeeded,
//!         output: None,
//!         ended_at: None,
//!     }])?;
//! }
//! assert_eq!(queue.stats()?.count(fast_queue::State::Succeeded), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//! - Every call is one transaction: it returns after the commit, and an error means that nothing
//!   was written, [`Error::CommitUnknown`] excepted. [`prune`](Queue::prune) alone takes several.
//! - What was acknowledged survives `kill -9`; with [`Durability::Full`] a power cut too.
//! - A task runs at least once. Every write on behalf of a claim is refused once the claim is lost
//!   ([`Settled::ClaimLost`]); the same settle repeated is a success.
//! - A task with a [`key`](NewTask::key) is enqueued once, however often it is asked for.
//! - Higher priorities first, then older tasks; a task with a [`run_at`](NewTask::run_at) joins when
//!   that has come.
//! - Failed attempts and dead workers are counted apart ([`TaskOptions`]); a task out of either is
//!   [`Failed`](State::Failed) and kept until it is [retried](Queue::retry) or
//!   [pruned](Queue::prune).
//! - [`enqueue_in`](Queue::enqueue_in) and [`settle_in`](Queue::settle_in) take a transaction on a
//!   connection of yours, so that a task appears or is done together with your own rows. Begin it
//!   as IMMEDIATE, on the same file, without ATTACH, at a `synchronous` not below the queue's.
//! - A worker that is stopped (SIGSTOP) but not dead keeps its tasks: there are no leases here.

mod cancel;
mod claim;
mod dispatch;
mod enqueue;
mod guard;
#[cfg(test)]
mod lone_statement_tests;
mod pause;
#[cfg(test)]
mod plans;
mod prune;
mod queue;
mod reap;
mod register;
mod reprioritize;
mod retry;
mod settle;
mod statements;
mod stats;
mod verify;
mod why;

pub use queue::FastQueue;
pub use queue_core::Remedy;
pub use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
pub use queue_core::clock::Timestamp;
pub use queue_core::coordination::Wake;
pub use queue_core::error::{Error, Result};
pub use queue_core::options::TaskOptions;
pub use queue_core::outcome::{Outcome, Reason, Settled, Settlement};
pub use queue_core::output::Output;
pub use queue_core::queue::{
    Change, Enqueued, Finding, Invariant, ListQuery, PruneRequest, Queue, QueueInfo, Reaped,
    Repaired, Serves, Stats, Waits, WorkerInfo,
};
pub use queue_core::runtime::handlers::{Done, HandlerError, HandlerResult, HandlerTask, Handlers};
pub use queue_core::runtime::{Observer, Stopper, Summary, Worker, WorkerEvent, WorkerOptions};
pub use queue_core::sqlite::{Durability, OpenOptions};
pub use queue_core::state::State;
pub use queue_core::task::{NewTask, Task, TaskId, Work};
