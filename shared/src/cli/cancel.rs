//! `cancel`: cancels tasks.

use super::Failure;
use super::change_selected::{self, ChangeVerb};
use super::program::Context;
use super::select::{self, Selector};
use crate::queue::Queue;
use crate::state::State;

/// Cancel tasks
///
/// Waiting tasks are cancelled at once. A running one's process group is ended by its worker:
/// first by SIGTERM, ten seconds later by SIGKILL. A task that has ended cannot be cancelled.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Cancelled",
    refused: "cancelled",
    states: &State::LIVE,
    already: Some(State::Cancelled),
    standing: None,
};

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    change_selected::run(context, &arguments.ids.concat(), &VERB, Q::cancel)
}
