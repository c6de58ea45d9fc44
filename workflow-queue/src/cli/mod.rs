//! The verbs that only this program has, and its additions to common verbs. Each verb is a file of
//! its name.

mod alert;
mod attempts;
mod enqueue;
mod events;
mod hook;
mod limit;
mod list;
mod promote;
mod queues;
mod retry;
mod run;
mod schedule;
#[cfg(feature = "web")]
mod serve;
mod status;
mod test;
mod tree;
mod worker;

use clap::Subcommand;
use queue_core::cli::{self, Context, Failure, systemd};
use workflow_queue::WorkflowQueue;

/// The names of the verb that adds a task.
#[derive(Debug, Subcommand)]
pub(crate) enum AddingVerb {
    #[command(visible_alias = "add")]
    AddTask(Box<enqueue::Arguments>),
    Enqueue(Box<enqueue::Arguments>),
}

/// The verb `worker`, which is also parsed alone.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkerVerb {
    Worker(worker::Arguments),
}

/// A verb of this program.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    #[command(flatten)]
    Adding(AddingVerb),
    Run(cli::run::Arguments),
    #[command(flatten)]
    Worker(WorkerVerb),
    Systemd(systemd::Arguments<worker::Leased>),
    Retry(retry::Arguments),
    #[command(visible_aliases = ["ls", "ps"])]
    List(list::Arguments),
    Tree(tree::Arguments),
    Attempts(attempts::Arguments),
    Events(events::Arguments),
    #[command(visible_alias = "stats")]
    Status(status::Arguments),
    Queues(cli::queues::Arguments),
    Limit(limit::Arguments),
    Alert(alert::Arguments),
    Schedule(schedule::Arguments),
    Hook(hook::Arguments),
    Promote(promote::Arguments),
    Test(test::Arguments),
    #[cfg(feature = "web")]
    Serve(cli::serve::Arguments),
    #[command(flatten)]
    Common(cli::Verb),
}

impl AddingVerb {
    fn run(self, context: &Context<WorkflowQueue>) -> Result<(), Failure> {
        match self {
            Self::AddTask(arguments) => enqueue::run(context, *arguments, "Added"),
            Self::Enqueue(arguments) => enqueue::run(context, *arguments, "Enqueued"),
        }
    }
}

impl Verb {
    /// Runs the verb.
    pub(crate) fn run(self, context: &Context<WorkflowQueue>) -> Result<(), Failure> {
        match self {
            Self::Adding(verb) => verb.run(context),
            Self::Run(arguments) => run::run(context, &arguments),
            Self::Worker(WorkerVerb::Worker(arguments)) => worker::run(context, &arguments),
            Self::Systemd(arguments) => systemd::run(context, &arguments),
            Self::Retry(arguments) => retry::run(context, &arguments),
            Self::List(arguments) => list::run(context, &arguments),
            Self::Tree(arguments) => tree::run(context, &arguments),
            Self::Events(arguments) => events::run(context, &arguments),
            Self::Status(arguments) => status::run(context, &arguments),
            Self::Attempts(arguments) => attempts::run(context, &arguments),
            Self::Queues(arguments) => cli::queues::run::<_, queues::Limits>(context, &arguments),
            Self::Limit(arguments) => limit::run(context, &arguments),
            Self::Alert(arguments) => alert::run(context, &arguments),
            Self::Schedule(arguments) => schedule::run(context, arguments),
            Self::Hook(arguments) => hook::run(context, arguments),
            Self::Promote(arguments) => promote::run(context, &arguments),
            Self::Test(arguments) => test::run(context, &arguments),
            #[cfg(feature = "web")]
            Self::Serve(arguments) => serve::run(context, &arguments),
            Self::Common(verb) => verb.run(context),
        }
    }
}
