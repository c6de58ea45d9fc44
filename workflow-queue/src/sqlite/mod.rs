//! The store in one `SQLite` file: the core line and the workflow line of the schema.

mod change;
mod claim;
mod edges;
mod enqueue;
mod keeper;
mod lease;
mod limits;
mod link;
mod options;
mod promotion;
mod retry;
mod settle;
mod slice;
mod store;
mod verify;
mod view;

pub use lease::check_lease;
pub use options::SqliteOptions;
pub use promotion::{Promotion, promote_file};
pub use store::SqliteStore;

#[cfg(test)]
mod plans;
