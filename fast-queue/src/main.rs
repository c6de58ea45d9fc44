//! The `fast-queue` program.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use fast_queue::{Durability, FastQueue};
use queue_core::cli::{
    self, Common, Context, Failure, Plain, Program, add_task, list, overview, queues, retry, run,
    status, systemd, worker,
};

const ABOUT: &str = "Durable shell commands in one SQLite file: enqueue them now, let workers run \
                     them. Without a verb, shows how things stand.";

#[derive(Parser)]
#[command(name = "fast-queue", version, max_term_width = 100, about = ABOUT)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    overview: overview::Arguments,
    #[command(subcommand)]
    verb: Option<Verb>,
}

impl From<(Common, AddingVerb)> for Arguments {
    fn from((common, verb): (Common, AddingVerb)) -> Self {
        Self {
            common,
            overview: overview::Arguments::default(),
            verb: Some(Verb::Adding(verb)),
        }
    }
}

impl From<(Common, WorkerVerb)> for Arguments {
    fn from((common, verb): (Common, WorkerVerb)) -> Self {
        Self {
            common,
            overview: overview::Arguments::default(),
            verb: Some(Verb::Worker(verb)),
        }
    }
}

/// The names of the verb that adds a task.
#[derive(Subcommand)]
enum AddingVerb {
    #[command(visible_alias = "add")]
    AddTask(Box<add_task::Arguments>),
    Enqueue(Box<add_task::Arguments>),
}

/// The verb `worker`, which is also parsed alone.
#[derive(Subcommand)]
enum WorkerVerb {
    Worker(worker::Arguments),
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Adding(AddingVerb),
    Run(run::Arguments),
    #[command(flatten)]
    Worker(WorkerVerb),
    Systemd(systemd::Arguments),
    Retry(retry::Arguments),
    Queues(queues::Arguments),
    #[command(visible_aliases = ["ls", "ps"])]
    List(list::Arguments),
    #[command(visible_alias = "stats")]
    Status(status::Arguments),
    #[cfg(feature = "web")]
    Serve(cli::serve::Arguments),
    #[command(flatten)]
    Common(cli::Verb),
}

impl AddingVerb {
    fn run(self, context: &Context<FastQueue>) -> Result<(), Failure> {
        match self {
            Self::AddTask(task) => add_task::run(context, *task, &Plain {}, "Added"),
            Self::Enqueue(task) => add_task::run(context, *task, &Plain {}, "Enqueued"),
        }
    }
}

impl Verb {
    fn run(self, context: &Context<FastQueue>) -> Result<(), Failure> {
        match self {
            Self::Adding(verb) => verb.run(context),
            Self::Run(arguments) => run::run(context, &arguments, &Plain {}),
            Self::Worker(WorkerVerb::Worker(arguments)) => {
                worker::run(context, &arguments, &Plain {})
            }
            Self::Systemd(arguments) => systemd::run(context, &arguments),
            Self::Retry(arguments) => retry::run(context, &arguments, &Plain {}),
            Self::Queues(arguments) => queues::run::<_, Plain>(context, &arguments),
            Self::List(arguments) => list::run(context, &arguments, &Plain {}),
            Self::Status(arguments) => status::run(context, &arguments),
            #[cfg(feature = "web")]
            Self::Serve(arguments) => cli::serve::run(context, &arguments, Default::default()),
            Self::Common(verb) => verb.run(context),
        }
    }
}

const PROGRAM: Program<FastQueue> = Program {
    name: "fast-queue",
    other: "workflow-queue",
    durability: Durability::Fast,
    open: |location, options| FastQueue::open_with(location.path(), options),
    command: Arguments::command,
};

fn main() -> ExitCode {
    cli::main::<Arguments, AddingVerb, WorkerVerb>(PROGRAM.name, |arguments, config| {
        PROGRAM.run(arguments.common, config, |context| match arguments.verb {
            Some(verb) => {
                overview::refuse(arguments.overview)?;
                verb.run(context)
            }
            None => overview::run(context, arguments.overview),
        })
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use queue_core::cli::WORKFLOW_VERBS;

    use super::Arguments;

    #[test]
    fn the_verbs_of_workflow_queue_alone_are_not_verbs_here() {
        let command = Arguments::command();
        for verb in WORKFLOW_VERBS {
            assert!(command.find_subcommand(verb).is_none(), "{verb}");
        }
    }
}
