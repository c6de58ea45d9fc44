//! Workloads of the engines on a watched disk: scripts of random calls.

mod player;
mod script;

pub use player::Player;
pub use script::{Common, OfWorkflows, Script, Step};
