//! Proof that the engines keep their promises when the machine does not: the shipped code, on real
//! `SQLite`, over a disk that loses power, fails and fills up on purpose.

pub mod budget;
pub mod campaign;
pub mod cuts;
pub mod digest;
pub mod disk;
pub mod errors;
pub mod evidence;
mod mix;
pub mod rig;
pub mod sim;
pub mod vfs;
pub mod workload;
