//! The decisions of the verbs, over any [`Slice`](crate::slice::Slice): no statement, no clock, and no
//! randomness but what is passed in.
//!
//! `enqueue` adds tasks, `cancel` ends waiting ones, `late` those whose time is over. `settle` records how executions ended, `ended` carries the end of a task to its dependents,
//! `admit` gives away the slots that were freed, `link` adds edges between stored tasks, and `retry`
//! re-opens ended ones. `limits` is the arithmetic of rates, which claims ask.

mod admit;
mod cancel;
pub(crate) mod ended;
mod enqueue;
mod late;
pub(crate) mod limits;
mod link;
#[cfg(test)]
mod memory;
mod retry;
mod settle;
mod writing;

pub(crate) use retry::plan_retry;
pub(crate) use writing::{Effects, Writing};
