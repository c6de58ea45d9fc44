//! `reprioritize`: changes the priority of waiting tasks.

use super::change_selected::{self, ChangeVerb};
use super::program::Context;
use super::select::{self, Selector};
use super::{Failure, option_values};
use crate::queue::Queue;
use crate::state::State;

/// The tasks of one selector argument.
type Ids = Vec<Selector>;

/// Change the priority of waiting tasks
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", value_parser = select::parse)]
    ids: Ids,

    /// The new priority; higher runs first
    #[arg(allow_negative_numbers = true, value_parser = option_values::priority)]
    priority: i32,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Reprioritized",
    refused: "reprioritized",
    states: &State::WAITING,
    already: None,
    standing: None,
};

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let priority = arguments.priority;
    change_selected::run(context, &arguments.ids, &VERB, |queue, ids| {
        queue.reprioritize(ids, priority)
    })
}
