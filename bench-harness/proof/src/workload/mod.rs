//! What the engines are made to do while the disk is watched: a script of calls drawn from a seed.

mod player;
mod script;

pub use player::Player;
pub use script::{Common, OfWorkflows, Script, Step};
