//! The `workflow-queue` program.

mod cli;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli::{AddingVerb, Verb, WorkerVerb};
use queue_core::cli::{Common, Program, overview};
use queue_core::sqlite::Durability;
use workflow_queue::{SqliteOptions, WorkflowQueue};

const ABOUT: &str = "Durable workflows of shell commands in one SQLite file: tasks that depend on \
                     each other, run by any number of workers. Without a verb, shows how things \
                     stand.";

#[derive(Parser)]
#[command(name = "workflow-queue", version, max_term_width = 100, about = ABOUT)]
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

const PROGRAM: Program<WorkflowQueue> = Program {
    name: "workflow-queue",
    other: "fast-queue",
    durability: Durability::Full,
    open: |location, open| {
        WorkflowQueue::open_with(location.path(), SqliteOptions::new()?.open(open))
    },
    command: Arguments::command,
};

fn main() -> ExitCode {
    queue_core::cli::main::<Arguments, AddingVerb, WorkerVerb>(PROGRAM.name, |arguments, config| {
        PROGRAM.run(arguments.common, config, |context| match arguments.verb {
            Some(verb) => {
                overview::refuse(arguments.overview)?;
                verb.run(context)
            }
            None => overview::run(context, arguments.overview),
        })
    })
}
