//! `start`: lets waiting tasks start before their time.

use super::change_selected::{self, ChangeVerb};
use super::printer::note;
use super::program::Context;
use super::select::{self, Selector};
use super::{Failure, escape, why};
use crate::error::Result;
use crate::queue::{Change, Queue};
use crate::state::State;
use crate::task::TaskId;

/// Most tasks of which it is said what they still wait for.
const TOLD_AT_MOST: usize = 5;

/// Let waiting tasks start before their time
///
/// Clears the delay of a task, or the backoff before its next attempt. Whatever else it waits for
/// stays, and is named.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const VERB: ChangeVerb = ChangeVerb {
    done: "Due now:",
    refused: "started early",
    states: &State::WAITING,
    already: None,
    standing: Some("waits for no time"),
};

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    change_selected::run_told(
        context,
        &arguments.ids.concat(),
        &VERB,
        Q::start,
        |queue, changes| tell(context, queue, changes),
    )
}

/// Prints notes on standard error about what the tasks still wait for.
fn tell<Q: Queue>(context: &Context<Q>, queue: &Q, changes: &[(TaskId, Change)]) -> Result<()> {
    let waiting = changes
        .iter()
        .filter(|(_, change)| matches!(change, Change::Done(_) | Change::Already(_)));
    for (id, _) in waiting.take(TOLD_AT_MOST) {
        let reasons = why::obstacles(context, queue, *id)?;
        if !reasons.is_empty() {
            let reasons = reasons.join("; ");
            note(&format!(
                "task {id} still waits: {}",
                escape::line(&reasons)
            ));
        }
    }
    Ok(())
}
