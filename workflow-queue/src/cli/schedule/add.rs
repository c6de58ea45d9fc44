//! `schedule add`: adds a schedule, or gives an existing one these times and this task.

use queue_core::cli::add_task::{self, TaskSettings};
use queue_core::cli::{Access, Context, Failure};
use queue_core::clock::{Clock as _, SystemClock};
use queue_core::task::{NewTask, Work};
use workflow_queue::{NewSchedule, Settings, WorkflowQueue, WorkflowTask};

use super::print;
use super::times::Times;
use crate::cli::enqueue::settings::WorkflowSettings;

/// Add a schedule: a command and the times at which it is enqueued
///
/// CRON has five fields: minute, hour, day of month, month and day of week. With --every it is left
/// out, and the second argument is COMMAND. A program and its arguments after `--` are started without a
/// shell. The command runs in the folder from which the schedule was added, and finds
/// `QUEUE_SCHEDULE`, `QUEUE_SLOT` and `QUEUE_INTERVAL_START` in its environment.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("keyed").args(["key"]))]
pub(super) struct Arguments {
    /// Its name, and the name of its tasks; 1 to 200 bytes
    name: String,

    /// The times: '30 2 * * *', @daily
    #[arg(value_name = "CRON")]
    cron: Option<String>,

    /// The command line for `/bin/sh -c`
    #[arg(conflicts_with = "argv")]
    command: Option<String>,

    /// The program and its arguments, started without a shell
    #[arg(last = true, value_name = "PROGRAM")]
    argv: Vec<String>,

    /// If there is a schedule of that name, give it these times and this task; if it has both
    /// already, leave it as it is
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    times: Times,

    #[command(flatten)]
    settings: TaskSettings,

    #[command(flatten)]
    workflow: WorkflowSettings,
}

const EXAMPLES: &str = "Examples:
  <PROGRAM> schedule add nightly '30 2 * * *' './backup' --zone Europe/Berlin --timeout 1h
  <PROGRAM> schedule add poll --every 90m 'curl -fsS https://example.org' --jitter 5m
  <PROGRAM> schedule add report '0 9 * * MON-FRI' --overlap queue -- ./report --all";

/// Times and work that the positional arguments give.
fn read(arguments: &mut Arguments) -> Result<(Option<String>, Work), Failure> {
    let mut words = [arguments.cron.take(), arguments.command.take()]
        .into_iter()
        .flatten();
    let cron = if arguments.times.every.is_some() {
        None
    } else {
        words.next()
    };
    let work = match (words.next(), arguments.argv.is_empty()) {
        (Some(command), true) => Work::Shell(command),
        (None, false) => Work::Argv(std::mem::take(&mut arguments.argv)),
        (None, true) => {
            return Err(Failure::Usage(
                "there is nothing to run; give a command after the times, or a program after `--`"
                    .to_owned(),
            ));
        }
        (Some(_), false) => {
            return Err(Failure::Usage(
                "there are two commands; leave out the one before `--`".to_owned(),
            ));
        }
    };
    if words.next().is_some() {
        return Err(Failure::Usage(
            "with --every there is no cron expression; leave one of them out".to_owned(),
        ));
    }
    Ok((cron, work))
}

pub(super) fn run(
    context: &Context<WorkflowQueue>,
    mut arguments: Arguments,
) -> Result<(), Failure> {
    let (cron, work) = read(&mut arguments)?;
    let mut task = NewTask::of(&arguments.name, work);
    arguments.settings.apply(&mut task)?;
    add_task::in_this_folder(&mut task)?;
    let mut settings = Settings::default();
    arguments.workflow.apply(&mut settings);
    let now = SystemClock.now().wall;
    let spec = arguments
        .times
        .spec(&arguments.name, cron.as_deref(), None, now)?;
    let task = WorkflowTask::from(task).settings(settings);
    let new = NewSchedule::new(arguments.name, spec, task);
    let queue = context.open(Access::Create)?;
    let schedules = queue.schedules();
    let (schedule, changed) = if arguments.replace {
        schedules.ensure(&new)?
    } else {
        (schedules.add(&new)?, true)
    };
    let done = match (changed, schedule.revision) {
        (true, 1) => "Added",
        (true, _) => "Changed",
        (false, _) => "Kept",
    };
    print::report(context, &queue, (done, changed), &schedule)
}
