//! The `fast-queue` program.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use fast_queue::{Durability, FastQueue};
use queue_core::cli::{self, Common, Program, Verb};

const ABOUT: &str = "Durable shell commands in one SQLite file: enqueue them now, let workers run \
                     them. Without a verb, shows how things stand.";

#[derive(Parser)]
#[command(name = "fast-queue", version, max_term_width = 100, about = ABOUT)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Option<Verb>,
}

const PROGRAM: Program<FastQueue> = Program {
    name: "fast-queue",
    durability: Durability::Fast,
    open: |path, options| FastQueue::open_with(path, options),
    command: Arguments::command,
};

fn main() -> ExitCode {
    cli::main(PROGRAM.name, |arguments: Arguments| {
        PROGRAM.run(arguments.common, arguments.verb.unwrap_or_default())
    })
}
