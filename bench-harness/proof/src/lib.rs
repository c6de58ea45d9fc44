//! Tries to make the engines and their programs break a promise, and counts how often they did.
//!
//! Every proof is a verb of the program `prove` and ends in figures: what was tried, how often, how
//! often a promise was broken, from which seed and at which commit.
//!
//! - The shipped engines, on real `SQLite`, over a disk that loses power, fails and fills up on
//!   purpose: [`cuts`], [`errors`], [`sim`]. They stand on [`disk`], which says what a power cut may
//!   leave, on [`vfs`], which has `SQLite` use it, and on [`test_machine`] and [`workload`].
//! - The shipped programs, as processes: [`kills`], [`syscalls`], [`zombies`], [`children`], [`full`],
//!   [`clock`], [`backup`], [`environment`],
//!   [`identity`], [`shortage`], [`files`]. They stand on [`process`].
//! - What reads what others wrote, with inputs by the million: [`fuzz`].
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
pub mod scorecard;
pub mod shortage;
pub mod sim;
pub mod syscalls;
pub mod test_machine;
pub mod vfs;
pub mod workload;
pub mod zombies;

/// What keeps a proof from being carried out, as a sentence. A broken promise is no error: it is
/// counted.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
