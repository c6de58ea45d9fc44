//! `status`: counts of now, or of an earlier time.

use queue_core::cli::json::Moment;
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, duration, moment, status};
use queue_core::clock::Timestamp;
use queue_core::error::Error;
use queue_core::queue::Queue as _;
use serde::Serialize;
use workflow_queue::{Counts, WorkflowQueue};

/// Show the number of tasks in each state
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: status::Arguments,

    /// Show it as of an earlier time, from the event log; waiting tasks in one number
    #[arg(long, value_name = "TIME", conflicts_with = "watch")]
    at: Option<String>,
}

const COLUMNS: [Column; 2] = [left("STATE"), right("TASKS")];

#[derive(Serialize)]
struct View {
    at: Moment,
    waiting: i64,
    running: i64,
    succeeded: i64,
    failed: i64,
    cancelled: i64,
    skipped: i64,
    total: i64,
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let Some(text) = &arguments.at else {
        return status::run(context, &arguments.common);
    };
    let queue = context.open(Access::Read)?;
    let now = queue.now().wall;
    let at = past(("--at", text), "", now)?;
    let view = view(at, queue.counts_at(at)?);
    if context.printer.is_json() {
        return context.printer.json(&view);
    }
    let mut table = Table::new(&COLUMNS);
    for (state, tasks) in [
        ("waiting", view.waiting),
        ("running", view.running),
        ("succeeded", view.succeeded),
        ("failed", view.failed),
        ("cancelled", view.cancelled),
        ("skipped", view.skipped),
        ("total", view.total),
    ] {
        table.row([state, &tasks.to_string()]);
    }
    context.printer.table(&table)
}

/// Reads a duration before now or a time that lies behind; a time of day without a date is today's or
/// yesterday's. A refusal names the option and the `other` forms that its value has.
pub(super) fn past(
    (option, text): (&str, &str),
    other: &str,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    if let Ok(ago) = duration::parse(text) {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp(now.0.saturating_sub(ago)));
    }
    let zone = jiff::tz::TimeZone::system();
    let read = |now| {
        moment::parse(text, now, &zone).map_err(|sentence| {
            Failure::Usage(format!("{option} {text}: {sentence}, or 2h (ago){other}"))
        })
    };
    let day_ago = Timestamp(now.0.saturating_sub(86_400_000));
    let at = match read(now)? {
        at if at <= now => at,
        _ => read(day_ago)?,
    };
    if at > now {
        let sentence = format!("{} lies ahead; name a time that is over", moment::iso(at));
        return Err(Error::invalid(sentence).into());
    }
    Ok(at)
}

fn view(at: Timestamp, counts: Counts) -> View {
    let Counts {
        waiting,
        running,
        succeeded,
        failed,
        cancelled,
        skipped,
        ..
    } = counts;
    View {
        at: Moment(at),
        waiting,
        running,
        succeeded,
        failed,
        cancelled,
        skipped,
        total: waiting + running + succeeded + failed + cancelled + skipped,
    }
}
