//! The decisions of the verbs, over any [`Slice`](crate::slice::Slice). No statement and no clock;
//! randomness is a parameter.
//!
//! `enqueue` adds tasks, `fire` those of due schedules. `cancel` ends waiting ones, `late` those past
//! their deadline; `hold`, `release`, `start` and `edit` change them. `settle` records the ends of
//! executions, `ended` applies an end to dependents, and `admit` hands out the slots it freed. `link`
//! adds edges between stored tasks; `retry` re-opens ended ones, `rerun` copies them. `limits` is the arithmetic of rates,
//! which claims use.

mod admit;
mod cancel;
mod edit;
pub(crate) mod ended;
mod enqueue;
mod fire;
mod hold;
mod late;
pub(crate) mod limits;
mod link;
#[cfg(test)]
mod memory;
mod release;
mod rerun;
mod retry;
mod settle;
mod start;
mod writing;

pub(crate) use fire::submission;
pub(crate) use retry::plan_retry;
pub(crate) use writing::{Effects, Writing};
