//! The `SQLite` store: one file, one write connection per process, short readers.
//!
//! [`verbs`] holds the operations on the core line that both engines share.

pub mod aside;
mod backup;
mod caller;
mod checkpoint;
mod checkpointer;
mod combine;
mod connection;
mod database;
mod diagnose;
mod due;
mod epoch;
mod exchange;
mod fault;
mod handler_queue;
mod heartbeat_lock;
mod heartbeats;
mod in_place;
mod in_use;
mod known;

mod file_identity;
mod file_sync;
mod lines;
mod locate;
mod lock;
mod log_limit;
mod log_stamp;
mod migrate;
mod operation;
mod options;
mod owners;
mod poison;
mod processes;
mod queue_ids;
mod readers;
pub(crate) mod restore;
pub mod rows;
pub(crate) mod salvage;
#[cfg(test)]
mod schedules;
pub(crate) mod shrink;
#[cfg(test)]
mod simulation;
mod statement;
mod sync;
mod unreadable;
pub mod verbs;
pub mod verify;
mod writer;
mod writer_core;
mod writer_lock;
#[cfg(test)]
mod writer_tests;

pub use database::Database;
pub use due::Due;
pub use fault::Fault;
#[cfg(feature = "internals")]
pub use handler_queue::HANDLER_QUEUE_STATEMENTS;
pub use handler_queue::{HandlerQueue, handler_queue, handler_queue_or_create};
pub use lines::{AppliedLine, CORE, Migration, SchemaLine, WORKFLOW};
pub use migrate::promote;
pub use options::{Durability, OpenOptions};
pub use statement::statement;
