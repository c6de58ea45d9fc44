//! The store in one `SQLite` file: the core line and the workflow line of the schema.

mod attempts;
mod cancel;
mod claim;
mod edges;
mod enqueue;
mod facts;
mod lease;
mod limits;
mod link;
mod options;
mod promote;
mod prune;
mod retry;
mod settle;
mod slice;
mod statements;
mod stats;
mod store;
mod transaction;
mod verify;
mod why;

pub use lease::check_lease;
pub use options::SqliteOptions;
pub use promote::{Promotion, promote_file};
pub use store::SqliteStore;

#[cfg(test)]
mod plans;
