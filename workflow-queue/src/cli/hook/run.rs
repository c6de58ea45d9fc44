//! `hook run`: delivers events until it is stopped.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use queue_core::Queue as _;
use queue_core::cli::{Access, Context, Failure, moment, note, stop_on_signals};
use queue_core::clock::{Clock as _, SystemClock};
use queue_core::watch::deliver::{Notice, Options, deliver};
use workflow_queue::WorkflowQueue;

/// Deliver the events of all hooks, until Ctrl-C
///
/// Of several deliverers of a file, among them `worker --hooks` and `serve`, one delivers; if it dies,
/// another one takes over within a second.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// As root, run commands even from a database that others can change; as `worker --trust-file`
    #[arg(long)]
    trust_file: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = Arc::new(context.open(Access::Serve)?);
    if let Some(refusal) = queue.refuses()? {
        return Err(refusal.into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let options = Options::new().trust_file(arguments.trust_file);
    deliver(&queue, &options, &stop, &|notice| note(&line(notice)))?;
    Ok(())
}

/// A line of a log.
pub(in super::super) fn line(notice: &Notice) -> String {
    format!("{} {notice}", moment::iso(SystemClock.now().wall))
}
