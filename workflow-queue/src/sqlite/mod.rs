//! The statements, the rows and the transactions of one `SQLite` file: the core line and the workflow
//! line of the schema.

pub(crate) mod ageing;
pub(crate) mod alert;
pub(crate) mod attempts;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod counts_at;
pub(crate) mod edges;
pub(crate) mod enqueue;
pub(crate) mod events;
pub(crate) mod events_before;
pub(crate) mod facts;
pub(crate) mod fire;
pub(crate) mod fold;
mod folded;
pub(crate) mod gauges;
pub(crate) mod heartbeat;
pub(crate) mod hooks;
pub(crate) mod journal;
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
pub(crate) mod register;
pub(crate) mod reprioritize;
mod rerun;
mod retry;
pub(crate) mod schedules;
pub(crate) mod settings;
mod settle;
mod slice;
mod start;
pub(crate) mod statements;
pub(crate) mod stats;
pub(crate) mod sums;
pub(crate) mod take_back;
pub(crate) mod transaction;
pub(crate) mod trim_log;
pub(crate) mod verify;
pub(crate) mod why;
