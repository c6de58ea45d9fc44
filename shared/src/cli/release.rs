//! `release`: ends the hold of tasks.

use super::Failure;
use super::change_selected::{self, ChangeVerb};
use super::program::Context;
use super::select::{self, Filter, Selector};
use crate::queue::Queue;
use crate::state::State;

/// Release held tasks
///
/// A released task still waits for its time and for everything else that it has to.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Released",
    refused: "released",
    states: &State::WAITING,
    already: None,
    standing: Some("is not held"),
};

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let filter = Filter {
        held: true,
        ..Filter::states(VERB.states)
    };
    change_selected::run_filtered(context, &arguments.ids.concat(), &filter, &VERB, Q::release)
}
