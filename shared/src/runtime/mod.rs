//! Working tasks off: generic over [`Queue`](crate::Queue), so that both engines share it.
//!
//! Everything that loops is a state machine, `step(now, events) -> actions, next wake`, that
//! neither reads a clock nor touches the system. A thin shell performs the actions: the real one
//! with child processes, sockets and locks, the simulation's with none of them.

mod capture;
mod capturing;
mod child;
mod command;
pub(crate) mod driver;
pub(crate) mod end;
mod eventfd;
mod execution;
pub(crate) mod executor;
#[cfg(feature = "internals")]
pub(crate) mod fuzzing;
pub mod handlers;
pub(crate) mod heart;
mod inherited;
pub(crate) mod inputs;
pub(crate) mod log;
mod looks;
pub(crate) mod machine;
pub(crate) mod orphans;
mod overdue;
pub(crate) mod pacemaker;
mod pool;
pub(crate) mod protocol;
pub(crate) mod recovery;
mod resolve;
pub(crate) mod rest;
mod scribe;
pub(crate) mod shell;
mod shortage;
pub(crate) mod spawn;
mod standby;
pub(crate) mod stop;
pub(crate) mod system;
pub(crate) mod trust;
mod turn;
pub(crate) mod worker;

pub use driver::Observer;
pub use log::last_outputs;
pub use protocol::{Unrecorded, WorkerEvent};
pub use recovery::Recovered;
pub use rest::{Hold, NextDue, Obstacle};
pub use stop::{SignalGuard, Stopper};
pub use system::recover_once;
pub use worker::{Summary, Worker, WorkerOptions};
