//! Durable shell commands and in-process handlers in one `SQLite` file.
//!
//! A [`FastQueue`] is an open file; [`Queue`] has its operations; a [`Worker`] claims, runs and
//! settles in a loop. Nothing else is needed: no server, no other program.
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
//! let options = WorkerOptions::new(NonZeroU32::MIN)
//!     .commands(true)
//!     .handlers(handlers)
//!     .drain(true);
//! Worker::new(Arc::clone(&queue), options)?.run(&mut Log)?;
//! for task in added {
//!     assert_eq!(queue.get(task.id)?.map(|task| task.state), Some(State::Succeeded));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program with a loop of its own claims, runs and settles itself.
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
//! for task in queue.claim(&ClaimRequest::new(worker, 10).commands(true))?.tasks {
//!     queue.settle(vec![Settlement::new(task.claim, Outcome::Succeeded)])?;
//! }
//! assert_eq!(queue.stats()?.count(fast_queue::State::Succeeded), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - Every call is one transaction. It returns after the commit, and an error means that nothing
//!   was written, except [`Error::CommitUnknown`]. Only [`prune`](Queue::prune) uses several.
//! - An acknowledged write survives `kill -9`; with [`Durability::Full`] also a power cut.
//! - A task runs at least once. Once a claim is lost, every write on its behalf is refused
//!   ([`Settled::ClaimLost`]); a repeated settle succeeds.
//! - A task with a [`key`](NewTask::key) is enqueued once, however often a program enqueues it.
//! - Higher priorities run first, then older tasks. A task with a [`run_at`](NewTask::run_at) can
//!   be claimed from that time on.
//! - Failed attempts and dead workers are counted separately ([`TaskOptions`]). A task that is out
//!   of either is [`Failed`](State::Failed) and kept until it is [retried](Queue::retry) or
//!   [pruned](Queue::prune).
//! - [`enqueue_in`](Queue::enqueue_in) and [`settle_in`](Queue::settle_in) take a transaction on
//!   your own connection, so that a task appears or ends together with your own rows. Begin it as
//!   IMMEDIATE, on the same file, without ATTACH, with a `synchronous` not below the queue's and `wal_autocheckpoint` 0.
//! - A worker that is stopped (SIGSTOP) but not dead keeps its tasks: there are no leases here.
//!
//! # Features
//! - `cli`, on by default: the program. A library needs none of it.
//! - `tokio`: [`AsyncQueue`](https://docs.rs/fast-queue/latest/fast_queue/struct.AsyncQueue.html) and
//!   handlers on the runtime of the caller.
//!
//! This crate re-exports everything that it promises. `queue_core` is the inside of both engines: its
//! paths may change with any version.

mod ageing;
mod cancel;
mod claim;
mod dispatch;
mod edit;
mod enqueue;
mod guard;
mod hold;
#[cfg(test)]
mod lone_statement_tests;
mod pause;
#[cfg(test)]
mod plans;
mod prune;
mod queue;
mod reap;
mod register;
mod release;
mod reprioritize;
mod rerun;
mod retry;
mod settings;
mod settle;
mod start;
mod statements;
mod stats;
mod verify;
mod why;

pub use queue::FastQueue;
pub use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
pub use queue_core::clock::{BootTime, Clock, Now, SystemClock, Timestamp};
pub use queue_core::coordination::{Coordination, Listening, Origin, Wake};
pub use queue_core::error::{Error, Result};
pub use queue_core::options::TaskOptions;
pub use queue_core::outcome::{Outcome, Reason, Settled, Settlement};
pub use queue_core::output::{Chunk, Damaged, MAX_RESULT_BYTES, Output, Stream};
pub use queue_core::queue::{
    Backlog, Change, ClaimOrder, DEFAULT_PAGE, Edit, Enqueued, Fact, FactValue, Finding, Gauges,
    Invariant, LimitGauge, ListQuery, Monitored, PruneRequest, Queue, QueueGauges, QueueInfo,
    Reaped, Repaired, RetryPlan, ScheduleStanding, Serves, Stats, TaskCopy, Waiter, Waits,
    WorkerInfo,
};
pub use queue_core::random::{Random, SystemRandom};
#[cfg(feature = "tokio")]
pub use queue_core::runtime::AsyncQueue;
pub use queue_core::runtime::handlers::{Done, HandlerError, HandlerResult, HandlerTask, Handlers};
pub use queue_core::runtime::{
    Halt, Hold, LeftRunning, NextDue, Observer, Obstacle, Recovered, SignalGuard, StopReason,
    Stopped, Stopper, Summary, Unreachable, Unrecorded, Worker, WorkerEvent, WorkerOptions,
};
pub use queue_core::settings::{FileSetting, FileSettings};
pub use queue_core::sqlite::{Durability, OpenOptions};
pub use queue_core::state::State;
pub use queue_core::task::{NewTask, Task, TaskId, Work};
pub use queue_core::workflow::{Condition, Edge};
pub use queue_core::{Ageing, Location, Remedy, ServedQueue, ServedQueues};
/// The version of rusqlite that transactions of the caller come from: 0.40.
pub use rusqlite;
