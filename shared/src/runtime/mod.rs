//! Running tasks. Generic over [`Queue`](crate::Queue), so that both engines share it. Each loop is
//! a state machine, `step(now, events) -> actions, next wake`, that reads no clock and makes no
//! system call. A driver performs the actions: the real one with child processes, sockets and
//! locks, the simulation's without them.

#[cfg(feature = "tokio")]
mod async_queue;
mod awaited_thread;
#[cfg(feature = "cli")]
pub(crate) mod bounded;
mod capture;
mod capture_handle;
mod child;
mod command;
pub(crate) mod current_settings;
pub(crate) mod drain;
pub(crate) mod driver;
pub(crate) mod end;
mod eventfd;
mod execution;
pub(crate) mod executor;
#[cfg(feature = "internals")]
pub(crate) mod fuzzing;
mod group_check;
pub mod handlers;
pub(crate) mod host;
mod inherited;
pub(crate) mod inputs;
pub(crate) mod lease_keeper;
pub(crate) mod leases;
mod left_handlers;
pub(crate) mod linux_host;
pub(crate) mod log;
mod log_thread;
pub(crate) mod machine;
pub(crate) mod orphans;
mod overdue;
mod pool;
pub(crate) mod protocol;
pub(crate) mod recover;
pub(crate) mod recovery;
mod resolve;
mod shortage;
pub(crate) mod spawn;
mod standby;
pub(crate) mod stop;
mod stop_reason;
pub(crate) mod trust;
mod turn;
pub(crate) mod worker;
mod worker_options;

#[cfg(feature = "tokio")]
pub use async_queue::AsyncQueue;
pub use drain::{Hold, NextDue, Obstacle};
pub use driver::Observer;
pub use end::Unreachable;
pub use log::last_outputs;
pub use protocol::{Halt, LeftRunning, Unrecorded, WorkerEvent};
pub use recover::recover_once;
pub use recovery::Recovered;
pub use stop::{SignalGuard, Stopper};
pub use stop_reason::{StopReason, Stopped};
pub use worker::{Summary, Worker};
pub use worker_options::WorkerOptions;
