//! Tries to make the engines and their programs break a promise, and counts how often they did.
//!
//! Every proof is a verb of the program `prove` and ends in figures: what was tried, how often, how
//! often a promise was broken, from which seed and at which commit. `process` is what the proofs on
//! real processes stand on.

pub mod children;
pub mod figure;
pub mod full;
pub mod kills;
pub mod planted;
pub mod process;
pub mod scorecard;
pub mod syscalls;
pub mod zombies;

/// What keeps a proof from being carried out, as a sentence. A broken promise is no error: it is
/// counted.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
