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

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, Subcommand as _};
    use queue_core::cli::{self, WORKFLOW_VERBS};

    use super::Arguments;

    /// Verbs that each program describes itself.
    const OF_BOTH: [&str; 10] = [
        "add-task", "enqueue", "list", "queues", "retry", "run", "serve", "status", "systemd",
        "worker",
    ];

    /// The names and aliases of the verbs of a command line.
    fn names(command: &Command) -> Vec<String> {
        let verbs = command.get_subcommands();
        let names = verbs.flat_map(|verb| {
            let aliases = verb.get_all_aliases();
            std::iter::once(verb.get_name()).chain(aliases)
        });
        names.map(str::to_owned).collect()
    }

    #[test]
    fn fast_queue_knows_the_verbs_that_it_does_not_have() {
        let command = Arguments::command();
        let common = names(&cli::Verb::augment_subcommands(Command::new("common")));
        let is_of_both = |name: &str| {
            let verb = command.find_subcommand(name).map(Command::get_name);
            common.iter().any(|one| one == name) || verb.is_some_and(|verb| OF_BOTH.contains(&verb))
        };
        let mut own = names(&command);
        own.retain(|name| !is_of_both(name));
        own.sort();
        assert_eq!(own, WORKFLOW_VERBS);
    }
}
