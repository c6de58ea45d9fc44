//! `hold`: makes waiting tasks wait until they are released.

use super::Failure;
use super::change_selected::{self, ChangeVerb};
use super::program::Context;
use super::select::{self, Selector};
use crate::queue::Queue;
use crate::state::State;

/// Hold waiting tasks until they are released
///
/// A held task does not start, whatever else it waits for ends. It can be changed and cancelled, and
/// still fails when its time limit passes. A running task cannot be held.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Held",
    refused: "held",
    states: &State::WAITING,
    already: None,
    standing: Some("is held already"),
};

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    change_selected::run(context, &arguments.ids.concat(), &VERB, Q::hold)
}
