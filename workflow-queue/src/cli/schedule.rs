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
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
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
    match arguments.action {
        Action::Add(arguments) => add::run(context, *arguments),
        Action::List(arguments) => list::run(context, &arguments),
        Action::Show(arguments) => show::run(context, &arguments),
        Action::Next(arguments) => next::run(context, &arguments),
        Action::Edit(arguments) => edit::run(context, *arguments),
        Action::Pause(arguments) => pause::pause(context, &arguments),
        Action::Resume(arguments) => pause::resume(context, &arguments),
        Action::Remove(arguments) => remove::run(context, &arguments),
        Action::Run(arguments) => run::run(context, &arguments),
        Action::Backfill(arguments) => backfill::run(context, &arguments),
        Action::Import(arguments) => import::run(context, &arguments),
    }
}
