//! The statements, the rows and the transactions of one `SQLite` file: the core line and the workflow
//! line of the schema.

pub(crate) mod ageing;
pub(crate) mod attempts;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod edges;
pub(crate) mod enqueue;
pub(crate) mod facts;
pub(crate) mod fire;
pub(crate) mod heartbeat;
mod late;
pub(crate) mod limits;
mod link;
#[cfg(test)]
mod lone_statement_tests;
pub(crate) mod next_waiting;
pub(crate) mod options;
pub(crate) mod pause;
#[cfg(test)]
mod plans;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod reap;
mod rerun;
mod retry;
pub(crate) mod schedules;
mod settle;
mod slice;
mod start;
pub(crate) mod statements;
pub(crate) mod stats;
pub(crate) mod transaction;
pub(crate) mod verify;
pub(crate) mod why;
