//! The hidden verb that enqueues through the library until it is killed.

use std::io::Write as _;
use std::path::PathBuf;

use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue, TaskOptions};
use workflow_queue::{SqliteOptions, WorkflowQueue};

use crate::Result;

/// Tasks to enqueue, and the database.
#[derive(Clone, Debug, clap::Args)]
pub struct Produce {
    /// Engine: fast-queue or workflow-queue
    #[arg(long)]
    program: String,
    /// Durability: fast or full
    #[arg(long)]
    durability: String,
    /// Command of every task
    #[arg(long)]
    command: String,
    /// Database file
    database: PathBuf,
    /// Names of the tasks; each is enqueued in its own commit
    names: Vec<String>,
}

/// Enqueues the tasks one by one and prints each id when it is acknowledged.
///
/// # Errors
/// Errors of the engine.
pub fn produce(args: &Produce) -> Result<()> {
    let durability = match args.durability.as_str() {
        "full" => Durability::Full,
        _ => Durability::Fast,
    };
    let open = OpenOptions::new(durability)?;
    match args.program.as_str() {
        "workflow-queue" => {
            let options = SqliteOptions::new()?.open(open);
            enqueue(&WorkflowQueue::open_with(&args.database, options)?, args)
        }
        _ => enqueue(&FastQueue::open_with(&args.database, open)?, args),
    }
}

fn enqueue(queue: &impl Queue, args: &Produce) -> Result<()> {
    let mut stdout = std::io::stdout();
    for name in &args.names {
        let options = TaskOptions::new().max_attempts(1).max_crashes(1_000_000);
        let task = NewTask::shell(name, &args.command).options(options);
        let enqueued = queue.enqueue(vec![task])?;
        stdout.write_all(format!("{}\n", enqueued[0].id).as_bytes())?;
    }
    Ok(())
}
