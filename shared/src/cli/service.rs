//! `service`: commands that systemd keeps running.

mod add;
mod change;
mod chosen;
mod cleanup;
mod list;
mod log;
mod remove;
mod restart;
mod start;
mod status;
mod stop;

use super::Failure;
use super::program::Context;
use crate::queue::Queue;

/// Keep commands running as services of systemd, beside the tasks
///
/// A service is no task: it never ends, and starts again at every boot or login. It belongs to this
/// database, whose id its unit file carries; services of other files and other units of systemd are
/// never touched.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    Add(Box<add::Arguments>),
    List(list::Arguments),
    Status(status::Arguments),
    Start(start::Arguments),
    Stop(stop::Arguments),
    Restart(restart::Arguments),
    Log(log::Arguments),
    Remove(remove::Arguments),
    Cleanup(cleanup::Arguments),
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Add(arguments) => add::run(context, arguments),
        Verb::List(arguments) => list::run(context, arguments),
        Verb::Status(arguments) => status::run(context, arguments),
        Verb::Start(arguments) => start::run(context, arguments),
        Verb::Stop(arguments) => stop::run(context, arguments),
        Verb::Restart(arguments) => restart::run(context, arguments),
        Verb::Log(arguments) => log::run(context, arguments),
        Verb::Remove(arguments) => remove::run(context, arguments),
        Verb::Cleanup(arguments) => cleanup::run(context, arguments),
    }
}
