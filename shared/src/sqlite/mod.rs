//! The `SQLite` store: one file, one write connection per process, short readers.

mod database;
mod migrate;

pub use database::{Database, Durability, OpenOptions};
pub use migrate::{CORE, Line, Migration};
