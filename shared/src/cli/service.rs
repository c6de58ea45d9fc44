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
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
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
    match &arguments.action {
        Action::Add(arguments) => add::run(context, arguments),
        Action::List(arguments) => list::run(context, arguments),
        Action::Status(arguments) => status::run(context, arguments),
        Action::Start(arguments) => start::run(context, arguments),
        Action::Stop(arguments) => stop::run(context, arguments),
        Action::Restart(arguments) => restart::run(context, arguments),
        Action::Log(arguments) => log::run(context, arguments),
        Action::Remove(arguments) => remove::run(context, arguments),
        Action::Cleanup(arguments) => cleanup::run(context, arguments),
    }
}
