//! `pause` and `resume`: stop claims from a queue and allow them again.

use super::Failure;
use super::pause_report::PauseReport;
use super::program::{Access, Context};
use super::queue_name::check_known;
use crate::queue::Queue;
use crate::task::{DEFAULT_QUEUE, check_name, check_queue_name};

/// Stop starting tasks of a queue
///
/// Running tasks go on, and tasks can still be enqueued. A queue that never had a task and that no
/// worker serves is refused: its name may be mistyped.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The queue
    #[arg(default_value = DEFAULT_QUEUE)]
    queue: String,

    /// Pause it even if nobody has used it yet
    #[arg(long)]
    create: bool,
}

/// Resume a paused queue
#[derive(clap::Args, Debug)]
pub struct ResumeArguments {
    /// The queue
    #[arg(default_value = DEFAULT_QUEUE)]
    queue: String,
}

pub(crate) fn pause<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let name = arguments.queue.as_str();
    check_name("a queue's name", name)?;
    if arguments.create {
        check_queue_name(name)?;
        let queue = context.open(Access::Create)?;
        return set(context, &queue, name, true);
    }
    let queue = context.open(Access::Write)?;
    check_known(&queue, name, "; --create pauses it in advance")?;
    set(context, &queue, name, true)
}

pub(crate) fn resume<Q: Queue>(
    context: &Context<Q>,
    arguments: &ResumeArguments,
) -> Result<(), Failure> {
    let name = arguments.queue.as_str();
    check_name("a queue's name", name)?;
    let queue = context.open(Access::Write)?;
    check_known(&queue, name, "")?;
    set(context, &queue, name, false)
}

/// Pauses the queue, or resumes it if `paused` is false.
fn set<Q: Queue>(context: &Context<Q>, queue: &Q, name: &str, paused: bool) -> Result<(), Failure> {
    let changed = queue.set_paused(name, paused)?;
    let report = PauseReport {
        noun: "queue",
        name,
        paused,
        changed,
    };
    report.print(context.printer)
}
