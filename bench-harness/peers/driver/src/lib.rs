//! Runs the operations measured by `bench-harness peers` on another queue.
//!
//! A driver's arguments are an empty folder, the number of operations of the hundred, the number of
//! scaled operations, and the time limit in seconds for each part of the latter. It prints one
//! [`Report`] as JSON on its last line, so that the peer's own output before it does no harm.

mod peer;
mod report;
mod run;

pub use peer::{Claims, Peer};
pub use report::{Rate, Report, synchronous};
pub use run::main;

/// Failure of a peer, as a sentence.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
