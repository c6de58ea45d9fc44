//! `schedule`: tasks enqueued at given times.

mod add;
mod backfill;
mod edit;
mod import;
mod list;
mod next;
mod pause;
pub(super) mod print;
mod remove;
mod run;
mod show;
mod times;
mod view;

use queue_core::cli::{Context, Failure};
use workflow_queue::WorkflowQueue;

/// Enqueue a command at given times: every night, every 90 minutes
///
/// Any worker fires the schedules of its file, idle or busy, unless it drains or stops. A time fires
/// once, and a time that did not fire is recorded with the reason.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    Add(Box<add::Arguments>),
    List(list::Arguments),
    Show(show::Arguments),
    Next(next::Arguments),
    Edit(Box<edit::Arguments>),
    Pause(pause::Arguments),
    Resume(pause::ResumeArguments),
    Remove(remove::Arguments),
    Run(run::Arguments),
    Backfill(backfill::Arguments),
    Import(import::Arguments),
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: Arguments) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Add(arguments) => add::run(context, *arguments),
        Verb::List(arguments) => list::run(context, &arguments),
        Verb::Show(arguments) => show::run(context, &arguments),
        Verb::Next(arguments) => next::run(context, &arguments),
        Verb::Edit(arguments) => edit::run(context, *arguments),
        Verb::Pause(arguments) => pause::pause(context, &arguments),
        Verb::Resume(arguments) => pause::resume(context, &arguments),
        Verb::Remove(arguments) => remove::run(context, &arguments),
        Verb::Run(arguments) => run::run(context, &arguments),
        Verb::Backfill(arguments) => backfill::run(context, &arguments),
        Verb::Import(arguments) => import::run(context, &arguments),
    }
}
