//! Durable workflows in one `SQLite` file: tasks that depend on each other, claimed under leases by
//! any number of workers.
//!
//! ```
//! use queue_core::{ClaimRequest, Outcome, Queue, Settlement, State, WorkerId};
//! use workflow_queue::{Condition, WorkflowQueue, WorkflowTask};
//!
//! # fn main() -> queue_core::Result<()> {
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
//! let request = ClaimRequest::commands(worker, 10);
//! for name in ["build", "test", "report"] {
//!     let claimed = queue.claim(&request)?.tasks.remove(0);
//!     assert_eq!(claimed.name, name);
//!     queue.settle(vec![Settlement {
//!         claim: claimed.claim,
//!         outcome: Outcome::Succeeded,
//!         output: None,
//!     }])?;
//! }
//! assert_eq!(queue.stats()?.count(State::Succeeded), 3);
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: [`submission`] says what is asked for, `graph` and `upstream` are the pure
//! half of dependencies, [`store`] is what a database has to do, [`sqlite`] does it, [`queue`] is
//! the engine over any store.

mod graph;
pub mod queue;
pub mod sqlite;
pub mod store;
pub mod submission;
mod upstream;

pub use queue::WorkflowQueue;
pub use queue_core::workflow::{Condition, Edge};
pub use sqlite::{Promotion, SqliteOptions, SqliteStore, promote_file};
pub use store::{Attempt, Input, Limit, LimitKind, Rate, Store};
pub use submission::{Dependency, KeyScope, On, OnConflict, Settings, WorkflowTask};
