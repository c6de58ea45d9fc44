//! `retry`: queues ended tasks again.

use super::Failure;
use super::change::{self, Verb};
use super::program::Context;
use super::select::{self, Selector};
use crate::error::Result;
use crate::queue::{Change, Queue};
use crate::state::State;
use crate::task::TaskId;

/// Queue failed, cancelled or skipped tasks again
///
/// They get fresh attempts. A task that succeeded is not run again: enqueue it anew.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Which tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const VERB: Verb = Verb {
    done: "Requeued",
    refused: "retried",
    states: &[State::Failed, State::Cancelled, State::Skipped],
};

/// Queues them again with `retry`, which is [`Queue::retry`] or does more than that.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) for a task that does not exist, [`Failure::Tasks`]
/// if one named by itself refused the change; the others are changed all the same.
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    retry: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    change::run(context, &arguments.ids.concat(), &VERB, retry)
}
