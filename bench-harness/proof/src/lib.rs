//! Tries to break the promises of the engines and their programs, and counts the broken ones.
//!
//! Every proof is a verb of the program `prove` and ends in figures: the cases tried, their number, the
//! number of broken promises, the seed and the commit.
//!
//! - The shipped engines, on real `SQLite`, over a disk that loses power, fails and fills up on
//!   request: [`cuts`], [`errors`], [`sim`]. They use [`disk`], which models the effects of a power
//!   cut, [`vfs`], which connects it to `SQLite`, [`test_machine`] and [`workload`].
//! - The shipped programs, as processes: [`kills`], [`syscalls`], [`zombies`], [`children`],
//!   [`full`], [`clock`], [`backup`], [`environment`], [`identity`], [`schedules`], [`shortage`], [`files`],
//!   [`readers`]. They use [`process`].
//! - The parsers and decoders of untrusted input, with millions of inputs: [`fuzz`].
//! - The tests themselves: [`planted`].

pub mod backup;
pub mod budget;
pub mod campaign;
pub mod children;
pub mod clock;
pub mod cuts;
pub mod digest;
pub mod disk;
pub mod environment;
pub mod errors;
pub mod figure;
pub mod files;
pub mod full;
pub mod fuzz;
pub mod identity;
pub mod kills;
mod mix;
pub mod planted;
pub mod process;
pub mod readers;
pub mod schedules;
pub mod scorecard;
pub mod shortage;
pub mod sim;
pub mod syscalls;
pub mod test_machine;
pub mod vfs;
pub mod workload;
pub mod zombies;

/// Result of a proof; the error is a sentence that says why the proof could not run. A broken promise
/// is no error: it is counted.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
