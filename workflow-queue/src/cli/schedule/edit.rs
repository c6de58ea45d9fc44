//! `schedule edit`: changes a schedule.

use queue_core::Queue as _;
use queue_core::cli::add_task::TaskSettings;
use queue_core::cli::{Access, Context, Failure};
use queue_core::task::Work;
use workflow_queue::WorkflowQueue;

use super::print;
use super::times::Times;
use crate::cli::enqueue::settings::WorkflowSettings;

/// Change a schedule; its next time is the first one after now
///
/// Options that are not given stay as they are. An interval goes on from where it counted, unless
/// --every is given. A schedule that was set aside fires again once this machine can read it: if its
/// time zone has vanished, --zone gives it another.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("keyed").args(["key"]))]
pub(super) struct Arguments {
    /// The schedule
    name: String,

    /// The program and its arguments, started without a shell
    #[arg(last = true, value_name = "PROGRAM")]
    argv: Vec<String>,

    /// The times: '30 2 * * *', @daily
    #[arg(long, value_name = "CRON", conflicts_with = "every")]
    cron: Option<String>,

    /// The command line for `/bin/sh -c`
    #[arg(long, value_name = "COMMAND", conflicts_with = "argv")]
    command: Option<String>,

    #[command(flatten)]
    times: Times,

    #[command(flatten)]
    settings: TaskSettings,

    #[command(flatten)]
    workflow: WorkflowSettings,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let (name, now) = (arguments.name.clone(), queue.now().wall);
    let schedule = queue.schedules().edit(&name, move |schedule| {
        let cron = arguments.cron.as_deref();
        let old = Some(&schedule.spec);
        schedule.spec = arguments.times.spec(&schedule.name, cron, old, now)?;
        let task = &mut schedule.task;
        if let Some(command) = &arguments.command {
            task.task.work = Work::Shell(command.clone());
        } else if !arguments.argv.is_empty() {
            task.task.work = Work::Argv(arguments.argv.clone());
        }
        arguments.workflow.apply(&mut task.settings);
        arguments.settings.apply(&mut task.task)
    })?;
    print::report(context, &queue, ("Changed", true), &schedule)
}
