//! Common parts of both engines: the schema, the domain types, the `SQLite` store, the runtime that
//! runs tasks, and the shared half of the command line. No module here knows an engine.
//!
//! Reading order: [`state`] and [`task`] define tasks; [`claim`], [`outcome`] and `backoff` are pure
//! functions that change them; [`queue`] is the interface of an engine; [`coordination`] and
//! [`sidecar`] connect the processes of one host; [`sqlite`] stores tasks; [`runtime`] runs them.

#![cfg_attr(
    not(feature = "internals"),
    expect(
        dead_code,
        unreachable_pub,
        reason = "only `internals` reaches some parts from outside"
    )
)]

mod ageing;
mod backoff;
pub mod claim;
pub mod clock;
pub mod coordination;
pub mod error;
pub mod hook;
mod ids;
mod in_turn;
pub mod journal;
pub mod location;
pub mod maintenance;
mod names;
pub mod options;
pub mod outcome;
pub mod output;
mod panics;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod queue;
pub mod queue_ids;
pub mod random;
mod ready;
mod remedy;
pub mod runtime;
mod served;
pub mod settings;
mod shares;
pub mod sidecar;
pub mod sqlite;
pub mod state;
pub mod task;
mod usage;
mod work;
mod worker_info;
pub mod workflow;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod services;
#[cfg(feature = "cli")]
mod text;
#[cfg(feature = "cli")]
pub mod watch;
#[cfg(feature = "web")]
pub mod web;

#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;

pub use ageing::Ageing;
pub use claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
pub use clock::{Clock, Now, SystemClock, Timestamp};
pub use error::{Error, Result};
pub use in_turn::InTurn;
pub use location::Location;
pub use options::TaskOptions;
pub use outcome::{Outcome, Reason, Settled, Settlement};
pub use output::Output;
pub use queue::{Enqueued, Queue};
pub use ready::{QueueSet, ReadyTasks};
pub use remedy::Remedy;
pub use served::{ServedQueue, ServedQueues};
pub use shares::{Shares, Turns};
pub use state::State;
pub use task::{NewTask, Task, TaskId, Work};
pub use usage::Usage;
pub use workflow::{Condition, Edge};
