//! `retry`: queues ended tasks again.

use super::Failure;
use super::change::{self, Verb};
use super::program::Context;
use super::select::{self, Selector};
use crate::queue::Queue;
use crate::state::State;

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

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    change::run(context, &arguments.ids.concat(), &VERB, Q::retry)
}
