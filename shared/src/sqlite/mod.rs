//! The `SQLite` store: one file, one write connection per process, short readers.
//!
//! [`read`] and [`write`] hold what both engines do with the core line in the same way.

mod database;
mod migrate;
pub mod read;
pub mod rows;
mod statement;
pub mod write;

pub use database::{Database, Durability, OpenOptions};
pub use migrate::{CORE, Line, Migration};
pub use statement::statement;
