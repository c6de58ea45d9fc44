//! `schedule backfill`: enqueues the tasks of past times.

use std::io::{BufRead as _, IsTerminal as _};
use std::num::NonZeroU32;

use queue_core::Queue as _;
use queue_core::cli::{Access, Context, Failure, add_task, note, number, tasks};
use queue_core::clock::Timestamp;
use workflow_queue::{Backfill, WorkflowQueue};

use super::{print, times};

/// Most tasks that are enqueued without a confirmation.
const UNCONFIRMED: usize = 100;

/// Enqueue the tasks of past times that did not fire
///
/// Each task waits for the end of the one before it, or as --concurrency says. More than 100 tasks
/// need --yes; on a terminal this asks.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The schedule
    name: String,

    /// The first time, in the zone of the schedule
    #[arg(long, value_name = "TIME")]
    from: String,

    /// The last time, in the zone of the schedule [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Number of its tasks that may run at once
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = number::within(1..=u32::MAX)
    )]
    concurrency: u32,

    /// Enqueue also the tasks of times that fired
    #[arg(long)]
    again: bool,

    /// Enqueue them all, however many
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let schedule = print::find(&queue, &arguments.name)?;
    let spec = print::spec_of(&schedule)?;
    let now = queue.now().wall;
    let from = times::at("--from", &arguments.from, spec.zone(), now)?;
    let until = match &arguments.to {
        Some(text) => times::at("--to", text, spec.zone(), now)?,
        None => now,
    };
    let backfill = Backfill::new(from, until)
        .concurrency(NonZeroU32::new(arguments.concurrency).unwrap_or(NonZeroU32::MIN))
        .again(arguments.again);
    let slots = queue.schedules().plan_backfill(&schedule.name, &backfill)?;
    if let [first, .., last] = slots.as_slice()
        && slots.len() > UNCONFIRMED
        && !arguments.yes
    {
        let range = |time: &Timestamp| spec.rfc_3339(*time);
        confirm(slots.len(), (&range(first), &range(last)))?;
    }
    let enqueued = queue.schedules().backfill(&schedule.name, &backfill)?;
    add_task::report_enqueued(context, &queue, &enqueued, "Enqueued")?;
    if let (false, Ok(task)) = (enqueued.is_empty(), &schedule.task) {
        let (name, handler) = (&task.task.queue, task.task.work.handler());
        context.note_after_change(add_task::advise(context, &queue, name, handler));
    }
    Ok(())
}

/// Asks on a terminal if so many tasks are to be enqueued.
///
/// # Errors
/// [`Failure::Usage`] if it is no terminal, [`Failure::Tasks`] for any answer but yes.
fn confirm(number: usize, (first, last): (&str, &str)) -> Result<(), Failure> {
    let number = tasks::count(u64::try_from(number).unwrap_or(u64::MAX));
    let what = format!("{number} for the times from {first} to {last}");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "this enqueues {what}; add --yes to confirm"
        )));
    }
    note(&format!("this enqueues {what}; type yes to confirm"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::Tasks("nothing was enqueued".to_owned()))
}
