//! Puts another queue through the operations that `bench-harness peers` measures.
//!
//! A driver is called with a folder of its own, the number of the hundred operations, the number
//! of the scaled ones and the seconds it may spend on each part of those. It prints one [`Report`]
//! as JSON. What the peer prints itself is never taken for that: the report is the last line.

mod peer;
mod report;
mod run;

pub use peer::{Claims, Peer};
pub use report::{Rate, Report, synchronous};
pub use run::main;

/// What a peer could not do, as a sentence.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
