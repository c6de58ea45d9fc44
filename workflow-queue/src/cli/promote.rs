//! `promote FILE`: turns a file of fast-queue into one of this program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use queue_core::claim::WorkerId;
use queue_core::cli::note;
use queue_core::cli::{Context, Failure, duration, escape};
use queue_core::error::{Error, Result};
use queue_core::queue::{Queue, WorkerInfo};
use serde::Serialize;
use workflow_queue::{Promotion, SqliteOptions, WorkflowQueue, promote_file};

/// Interval of checks whether the workers have ended.
const POLL: Duration = Duration::from_millis(200);
/// Time after which waiting for workers that are all stopped is given up.
const STOPPED: Duration = Duration::from_secs(2);

/// Turn a file of fast-queue into one of this program, for good
///
/// Its tasks stay, with their ids. Workers of fast-queue finish what they run, take nothing more
/// and end; this waits for them. From its start, fast-queue refuses to enqueue there. If it is
/// interrupted, run it again.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The file [default: the database]
    file: Option<PathBuf>,

    /// Time to wait for the workers; without it, as long as one of them still runs
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    promoted: bool,
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.file.as_deref().unwrap_or(context.path());
    let shown = file.to_string_lossy();
    // If the file cannot be looked at, opening it reports the reason.
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
    context.printer.of_done().say(&sentence, &view)
}

/// Continues the promotion until the workers of fast-queue have ended, and reports their pids
/// meanwhile.
fn wait(
    file: &Path,
    options: &SqliteOptions,
    timeout: Option<Duration>,
    mut workers: Vec<WorkerInfo>,
) -> Result<()> {
    let queue = WorkflowQueue::open_with(file, options.clone())?;
    let until = timeout.map(|time| queue.now().boot.after(time));
    let listener = queue
        .coordination()
        .listen(WorkerId::from_bits(queue.random()))?;
    let mut told = String::new();
    let mut stopped_since = None;
    loop {
        let (pids, stopped) = pids(&workers);
        if pids != told {
            note(&format!(
                "waiting for workers to finish and leave: pid {pids}"
            ));
            told.clone_from(&pids);
        }
        let now = queue.now().boot;
        stopped_since = stopped.then(|| stopped_since.unwrap_or(now));
        if stopped_since.is_some_and(|since| since.after(STOPPED) <= now) {
            let what = format!(
                "the workers waited for are stopped: pid {pids}; let them go on with `kill -CONT`, \
                 or end them, and promote again"
            );
            return Err(Error::Busy { what });
        }
        if until.is_some_and(|until| until <= now) {
            let what = format!(
                "workers of fast-queue still finish their tasks (pid {pids}); they claim nothing \
                 more"
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

/// The pids of the workers, with a mark at stopped ones, and true if all are stopped.
fn pids(workers: &[WorkerInfo]) -> (String, bool) {
    let mut all = true;
    let pids = workers.iter().map(|worker| {
        let stopped = is_stopped(worker.pid);
        all &= stopped;
        format!("{}{}", worker.pid, if stopped { " (stopped)" } else { "" })
    });
    let pids: Vec<String> = pids.collect();
    (pids.join(", "), all)
}

/// True if a signal has stopped the process. A process that cannot be read counts as running.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the state may contain anything.
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest);
    after_name.is_some_and(|rest| rest.starts_with('T'))
}
