//! Working tasks off: generic over [`Queue`](crate::Queue), so that both engines share it.
//!
//! Everything that loops is a state machine, `step(now, events) -> actions, next wake`, that
//! neither reads a clock nor touches the system. A thin shell performs the actions: the real one
//! with child processes, sockets and locks, the simulation's with none of them.

mod capture;
mod child;
pub mod executor;
pub mod handlers;
pub mod log;
pub mod orphans;
pub mod presence;
pub mod recovery;
mod resolve;
pub mod sidecar;
pub mod wakeup;
