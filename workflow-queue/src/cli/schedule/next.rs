//! `schedule next`: the coming times of a schedule, or of a cron expression.

use std::time::Duration;

use queue_core::Queue as _;
use queue_core::cli::{Access, Context, Failure, duration, note, number};
use queue_core::clock::{Clock as _, SystemClock, Timestamp};
use queue_core::error::Result;
use workflow_queue::WorkflowQueue;
use workflow_queue::schedule::cron::Cron;
use workflow_queue::schedule::spec::{Spec, zone};

use super::{print, times};

/// Show the next times of a schedule, a cron expression or an interval, one a line
///
/// With --cron or --every no database is read. NAME then only chooses the values of H.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("times").args(["cron", "every"]))]
#[command(group = clap::ArgGroup::new("what").args(["name", "cron", "every"]).multiple(true).required(true))]
pub(super) struct Arguments {
    /// The schedule
    name: Option<String>,

    /// A cron expression, such as '30 2 * * *'
    #[arg(long, value_name = "CRON")]
    cron: Option<String>,

    /// A fixed interval, counted from --after
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    every: Option<Duration>,

    /// The time zone of the expression [default: that of this machine]
    #[arg(long, value_name = "ZONE", requires = "times")]
    zone: Option<String>,

    /// Show the times after this one [default: now]
    #[arg(long, value_name = "TIME")]
    after: Option<String>,

    /// Most times to show
    #[arg(
        short = 'n',
        long,
        value_name = "NUMBER",
        default_value_t = 3,
        value_parser = number::within(1..=10_000_u32)
    )]
    limit: u32,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let (spec, after) = match &arguments.name {
        Some(name) if arguments.cron.is_none() && arguments.every.is_none() => {
            stored(context, arguments, name)?
        }
        _ => given(arguments)?,
    };
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let next = print::times_after(&spec, after, limit);
    print::note_days(&spec);
    if context.printer.is_json() {
        return context.printer.json(&next);
    }
    if next.is_empty() {
        note("it fires no more: its end is over before its next time");
        return Ok(());
    }
    context.printer.raw((next.join("\n") + "\n").as_bytes())
}

/// The times of a stored schedule.
fn stored(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
    name: &str,
) -> Result<(Spec, Timestamp)> {
    let queue = context.open(Access::Read)?;
    let schedule = print::find(&queue, name)?;
    let spec = print::spec_of(&schedule)?.clone();
    let now = queue.now().wall;
    let after = match &arguments.after {
        Some(text) => times::at("--after", text, spec.zone(), now)?,
        None => now,
    };
    if schedule.paused_at.is_some() {
        let resume = context.command(&format!("schedule resume {}", print::argument(name)));
        note(&format!("it is paused; {resume} lets it fire"));
    }
    Ok((spec, after))
}

/// The times of the arguments alone.
fn given(arguments: &Arguments) -> Result<(Spec, Timestamp)> {
    let now = SystemClock.now().wall;
    let zone_name = match &arguments.zone {
        Some(name) => name.clone(),
        None => times::system_zone(),
    };
    let zone = zone(&zone_name)?;
    let after = match &arguments.after {
        Some(text) => times::at("--after", text, &zone, now)?,
        None => now,
    };
    let spec = match (&arguments.cron, arguments.every) {
        (Some(cron), _) => {
            // Without a name, H has no values.
            Cron::parse(cron, arguments.name.as_deref())?;
            let name = arguments.name.as_deref().unwrap_or("next");
            Spec::cron(name, cron, &zone_name)?
        }
        (None, every) => {
            let anchor = match arguments.after {
                Some(_) => after,
                None => times::whole_second(now),
            };
            Spec::every(every.unwrap_or_default(), anchor, &zone_name)?
        }
    };
    Ok((spec, after))
}
