//! `hook`: events delivered to a program or a URL.

mod add;
mod dead;
mod list;
mod pause;
mod remove;
mod replay;
pub(super) mod run;
mod test;

use queue_core::cli::{Context, Failure};
use queue_core::error::Error;
use workflow_queue::WorkflowQueue;

/// Deliver events to a program or a URL: an alert on each failure, a mail, a chat
///
/// `hook run`, `worker --hooks` and `serve` deliver. Each event arrives at least once, and in order: the
/// next one follows when a program has exited with 0 or a URL has answered with 2xx. After eight tries an
/// event becomes a dead letter.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    Add(Box<add::Arguments>),
    List(list::Arguments),
    Pause(pause::Arguments),
    Resume(pause::ResumeArguments),
    Remove(remove::Arguments),
    Test(test::Arguments),
    Replay(replay::Arguments),
    Dead(dead::Arguments),
    Run(run::Arguments),
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: Arguments) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Add(arguments) => add::run(context, *arguments),
        Verb::List(arguments) => list::run(context, &arguments),
        Verb::Pause(arguments) => pause::pause(context, &arguments),
        Verb::Resume(arguments) => pause::resume(context, &arguments),
        Verb::Remove(arguments) => remove::run(context, &arguments),
        Verb::Test(arguments) => test::run(context, &arguments),
        Verb::Replay(arguments) => replay::run(context, &arguments),
        Verb::Dead(arguments) => dead::run(context, &arguments),
        Verb::Run(arguments) => run::run(context, &arguments),
    }
}

/// The error for a name that no hook has.
fn missing(name: &str) -> Failure {
    let name = name.escape_debug();
    let sentence = format!("there is no hook `{name}`; `hook list` names all");
    Error::not_found(sentence).into()
}
