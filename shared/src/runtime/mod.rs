//! Working tasks off: generic over [`Queue`](crate::Queue), so that both engines share it.
//!
//! Everything that loops is a state machine, `step(now, events) -> actions, next wake`, that
//! neither reads a clock nor touches the system. A thin shell performs the actions: the real one
//! with child processes, sockets and locks, the simulation's with none of them.

mod capture;
mod capturing;
mod child;
mod command;
pub mod driver;
pub mod end;
mod eventfd;
mod execution;
pub mod executor;
#[cfg(feature = "internals")]
pub(crate) mod fuzzing;
pub mod handlers;
pub mod heart;
mod inherited;
pub mod inputs;
pub mod log;
mod looks;
pub mod machine;
pub mod orphans;
mod overdue;
pub mod pacemaker;
mod pool;
pub mod protocol;
pub mod recovery;
mod resolve;
pub mod rest;
mod scribe;
pub mod shell;
mod shortage;
pub(crate) mod spawn;
mod standby;
pub mod stop;
pub mod system;
pub mod trust;
mod turn;
pub mod worker;

pub use driver::Observer;
pub use protocol::{Unrecorded, WorkerEvent};
pub use recovery::Recovered;
pub use rest::{Hold, NextDue, Obstacle};
pub use stop::{SignalGuard, Stopper};
pub use system::recover_once;
pub use worker::{Summary, Worker, WorkerOptions};
