//! `alert`: rules about the file that are judged while somebody serves it or reads its metrics.

mod list;
mod remove;
mod set;

use queue_core::cli::duration;
use queue_core::cli::{Context, Failure};
use workflow_queue::{AlertKind, WorkflowQueue};

/// Be told when tasks wait for too long, fail too often, or the disk fills up
///
/// `serve` judges the alerts of its file every fifteen seconds, and `metrics` whenever it is called. An
/// alert that fires is shown by `health`, `doctor` and the dashboard, and is an event, which hooks act on.
/// Five alerts are there from the start: see `alert list`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    Set(set::Arguments),
    List(list::Arguments),
    Remove(remove::Arguments),
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Set(arguments) => set::run(context, arguments),
        Verb::List(arguments) => list::run(context, arguments),
        Verb::Remove(arguments) => remove::run(context, arguments),
    }
}

/// A threshold or a reading of that kind for people.
fn shown(kind: AlertKind, value: i64) -> String {
    if kind.is_time() {
        time(value)
    } else if kind.is_percentage() {
        format!("{value}%")
    } else {
        value.to_string()
    }
}

/// A duration in milliseconds for people.
fn time(millis: i64) -> String {
    let millis = u64::try_from(millis).unwrap_or(0);
    duration::show(std::time::Duration::from_millis(millis))
}
