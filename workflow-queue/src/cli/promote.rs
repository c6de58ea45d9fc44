//! `promote FILE`: makes a file of fast-queue's this program's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use queue_core::cli::screen::note;
use queue_core::cli::{Context, Failure, duration, escape};
use queue_core::error::{Error, Result};
use queue_core::queue::{Queue, WorkerInfo};
use queue_core::runtime::Listener;
use serde::Serialize;
use workflow_queue::{Promotion, SqliteOptions, WorkflowQueue, promote_file};

/// How often it is looked whether the workers have left.
const POLL: Duration = Duration::from_millis(200);

/// Make a file of fast-queue's this program's, for good
///
/// Its tasks stay, with their ids. Workers of fast-queue finish what they run, take nothing more
/// and end; this waits for them. From the first moment on fast-queue refuses to enqueue there. If
/// it is stopped before it is done, run it again.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The file [default: the database]
    file: Option<PathBuf>,

    /// How long to wait for the workers; without it, as long as they take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    promoted: bool,
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.file.as_ref().unwrap_or(&context.path);
    let shown = file.to_string_lossy();
    // What cannot be looked at is for the opening to complain of.
    if file.try_exists().is_ok_and(|exists| !exists) {
        return Err(Error::not_found(format!("there is no file {shown}")).into());
    }
    let mut options = SqliteOptions::new()?;
    options.open.create = false;
    options.open.one_shot = true;
    if let Promotion::Waiting(workers) = promote_file(file, options.open.clone())? {
        wait(file, &options, arguments.timeout, workers)?;
    }
    let view = View {
        file: &shown,
        promoted: true,
    };
    let sentence = format!("Promoted {}", escape::line(&shown));
    context.screen.say(&sentence, &view)
}

/// Goes on with the promotion until the workers of before have left, and says who they are.
fn wait(
    file: &Path,
    options: &SqliteOptions,
    timeout: Option<Duration>,
    mut workers: Vec<WorkerInfo>,
) -> Result<()> {
    let queue = WorkflowQueue::open_with(file, options.clone())?;
    let until = timeout.map(|time| queue.now().boot.after(time));
    let listener = Listener::new(&queue)?;
    let mut told = Vec::new();
    loop {
        if workers != told {
            let pids = pids(&workers);
            note(&format!(
                "waiting for workers to finish and leave: pid {pids}"
            ));
            told.clone_from(&workers);
        }
        if until.is_some_and(|until| until <= queue.now().boot) {
            let what = format!(
                "workers of before still finish what they run (pid {}); fast-queue takes nothing \
                 more on there",
                pids(&workers)
            );
            return Err(Error::Busy { what });
        }
        listener.wait(POLL)?;
        workers = match promote_file(file, options.open.clone())? {
            Promotion::Done => return Ok(()),
            Promotion::Waiting(workers) => workers,
        };
    }
}

fn pids(workers: &[WorkerInfo]) -> String {
    let pids: Vec<String> = workers.iter().map(|one| one.pid.to_string()).collect();
    pids.join(", ")
}
