//! Durable workflows in one `SQLite` file: tasks that depend on each other, claimed under leases by
//! any number of workers.
//!
//! ```
//! use workflow_queue::{
//!     ClaimRequest, Condition, Outcome, Queue, Settlement, State, WorkerId, WorkflowQueue,
//!     WorkflowTask,
//! };
//!
//! # fn main() -> workflow_queue::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder for the example");
//! # let path = folder.path().join("workflow.db");
//! let queue = WorkflowQueue::open(&path)?;
//! queue.enqueue_workflow(vec![
//!     WorkflowTask::shell("build", "make"),
//!     WorkflowTask::shell("test", "make test").after("build", Condition::Success),
//!     WorkflowTask::shell("report", "./mail-me").after("test", Condition::Any),
//! ])?;
//!
//! let worker = WorkerId::from_bits(queue.random());
//! let request = ClaimRequest::new(worker, 10).commands(true);
//! for name in ["build", "test", "report"] {
//!     let claimed = queue.claim(&request)?.tasks.remove(0);
//!     assert_eq!(claimed.name, name);
//!     queue.settle(vec![Settlement::new(claimed.claim, Outcome::Succeeded)])?;
//! }
//! assert_eq!(queue.stats()?.count(State::Succeeded), 3);
//! # Ok(())
//! # }
//! ```
//!
//! The feature `tokio` has calls and handlers on the runtime of the caller. This crate re-exports
//! everything that it promises. `queue_core` is the inside of both engines: its paths may change with
//! any version.
//!
//! Reading order: [`workflow_task`] defines the tasks of a request; `graph` and `upstream` are the
//! pure part of dependencies; `dispatch` and `workflow` list the verbs. `plan` decides, over a
//! `slice` of the rows, and `sqlite` has the statements. [`handlers`] receive the engine with their
//! tasks.

mod attempt;
mod counts;
#[cfg(feature = "cli")]
mod deliver;
mod details;
mod dispatch;
mod events;
mod graph;
pub mod handlers;
mod hook;
mod hooks;
mod input;
mod lease;
mod limit;
mod plan;
mod queue;
pub mod schedule;
mod schedules;
mod slice;
mod sqlite;
mod submission;
mod upstream;
mod workflow;
pub mod workflow_task;

pub use attempt::Attempt;
pub use counts::Counts;
pub use details::Details;
pub use events::EventFollower;
#[cfg(feature = "tokio")]
pub use handlers::AsyncContext;
pub use handlers::{Context, Handlers};
pub use hook::{DEFAULT_HOOK_LIMIT, DeadLetter, Hook, MOST_HOOKS, NewHook, can_be_chosen};
pub use hooks::Hooks;
pub use input::Input;
pub use lease::check_lease;
pub use limit::{Limit, LimitKind, LimitStanding, Rate};
pub use queue::WorkflowQueue;
pub use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
pub use queue_core::clock::{BootTime, Clock, Now, SystemClock, Timestamp};
pub use queue_core::coordination::{Coordination, Listening, Origin, Wake};
pub use queue_core::error::{Error, Result};
pub use queue_core::hook::{HookSecret, HookStanding, HookTarget, HookUrl};
pub use queue_core::journal::{
    Actor, AttemptEnd, Cursor, Event, EventFilter, EventKind, EventPage, Histogram, OlderEvents,
    Rollup, Span, Sums,
};
pub use queue_core::options::TaskOptions;
pub use queue_core::outcome::{Outcome, Reason, Settled, Settlement};
pub use queue_core::output::{Chunk, Damaged, MAX_RESULT_BYTES, Output, Stream};
pub use queue_core::queue::{
    Alert, AlertChange, AlertKind, AlertPhase, AlertRule, AlertState, Backlog, Change, ClaimOrder,
    DEFAULT_PAGE, Edit, Enqueued, Fact, FactValue, Finding, Gauges, Invariant, LimitGauge,
    ListQuery, Monitored, PruneRequest, Queue, QueueGauges, QueueInfo, Reaped, Repaired, RetryPlan,
    ScheduleStanding, Serves, Stats, TaskCopy, Waiter, Waits, WorkerInfo,
};
pub use queue_core::random::{Random, SystemRandom};
#[cfg(feature = "tokio")]
pub use queue_core::runtime::AsyncQueue;
pub use queue_core::runtime::handlers::{Done, HandlerError, HandlerResult, HandlerTask};
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
pub use schedule::{Backfill, NewSchedule, Overview, Schedule};
pub use schedules::{MOST_BACKFILLED, Schedules};
pub use sqlite::options::SqliteOptions;
pub use sqlite::promote::{Promotion, promote_file};
pub use workflow_task::{
    Dependency, Dependent, DependentTasks, KeyScope, On, OnConflict, Settings, WorkflowTask,
};
