//! `limit`: shows and sets the limits of queues and keys.

use std::time::Duration;

use queue_core::cli::note;
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, duration, escape, json};
use queue_core::error::Result;
use queue_core::queue::{Queue, QueueInfo};
use queue_core::task::DEFAULT_QUEUE;
use serde::Serialize;
use workflow_queue::{Limit, LimitKind, Rate, WorkflowQueue};

/// Show limits, or set one on a queue or a key
///
/// A limit holds from the next claim on; tasks that run already go on. Bounds that are not
/// given stay as they are. Without --queue and --key, every limit is shown.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// All tasks of this queue
    #[arg(long, value_name = "QUEUE", conflicts_with = "key")]
    queue: Option<String>,

    /// All tasks that were enqueued with this --limit-key, in whatever queue
    #[arg(long)]
    key: Option<String>,

    /// Number of tasks that may run at once; 0 stops them, `none` sets no bound
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        value_parser = concurrency
    )]
    concurrency: Option<Bound<u32>>,

    /// Number of tasks of a queue that may start in a period: 100/1m; 0/1s stops them, `none` sets
    /// no bound
    #[arg(long, value_name = "NUMBER/DURATION", value_parser = rate, conflicts_with = "key")]
    rate: Option<Bound<Rate>>,

    /// Remove the limit
    #[arg(long, conflicts_with_all = ["concurrency", "rate"])]
    remove: bool,
}

/// A bound, or `None` to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound<T>(pub(super) Option<T>);

pub(super) fn concurrency(text: &str) -> Result<Bound<u32>, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    let number = text.parse().map_err(|_| {
        format!(
            "it is a whole number from 0 to {}, or `none` for no bound",
            u32::MAX
        )
    })?;
    Ok(Bound(Some(number)))
}

pub(super) fn rate(text: &str) -> Result<Bound<Rate>, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    let refused = || "write a number of starts and a period, as in 100/1m or 5/s".to_owned();
    let (starts, period) = text.split_once('/').ok_or_else(refused)?;
    let starts = starts.trim().parse().map_err(|_| refused())?;
    let period = period.trim();
    let period = if period.starts_with(|c: char| c.is_ascii_alphabetic()) {
        duration::parse(&format!("1{period}"))
    } else {
        duration::parse(period)
    }?;
    let period_ms = u32::try_from(period.as_millis()).unwrap_or(0);
    if period_ms == 0 {
        return Err("the period of a rate lasts from 1 ms to 49 days".to_owned());
    }
    Ok(Bound(Some(Rate { starts, period_ms })))
}

/// A rate as programs read it.
#[derive(Serialize)]
pub(super) struct RateView {
    starts: u32,
    period_ms: u32,
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self {
            starts: rate.starts,
            period_ms: rate.period_ms,
        }
    }
}

#[derive(Serialize)]
struct View {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    concurrency: Option<u32>,
    rate: Option<RateView>,
}

impl From<&Limit> for View {
    fn from(limit: &Limit) -> Self {
        let (queue, key) = match &limit.kind {
            LimitKind::Queue(name) => (Some(name.clone()), None),
            LimitKind::Key(key) => (None, Some(json::key(key))),
        };
        Self {
            queue,
            key,
            concurrency: limit.concurrency,
            rate: limit.rate.map(RateView::from),
        }
    }
}

const COLUMNS: [Column; 4] = [
    left("LIMITS"),
    left("NAME"),
    right("CONCURRENCY"),
    right("RATE"),
];

/// A bound for a table.
pub(super) fn shown(bound: Option<u32>) -> String {
    bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string())
}

/// A rate as [`rate`] reads it back.
pub(super) fn show_rate(rate: Rate) -> String {
    let period = Duration::from_millis(rate.period_ms.into());
    format!("{}/{}", rate.starts, duration::show(period))
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let kind = match (&arguments.queue, &arguments.key) {
        (Some(queue), _) => Some(LimitKind::Queue(queue.clone())),
        (None, Some(key)) => Some(LimitKind::Key(key.clone().into_bytes())),
        (None, None) => None,
    };
    let changes = arguments.concurrency.is_some() || arguments.rate.is_some() || arguments.remove;
    match kind {
        Some(kind) if changes => set(context, arguments, kind),
        None if changes => Err(Failure::Usage(
            "choose what to limit with --queue or --key".to_owned(),
        )),
        kind => list(context, kind.as_ref()),
    }
}

/// Shows every limit, or the one on `kind`.
fn list(context: &Context<WorkflowQueue>, kind: Option<&LimitKind>) -> Result<(), Failure> {
    let mut limits = context.open(Access::Read)?.limits()?;
    limits.retain(|limit| kind.is_none_or(|kind| limit.kind == *kind));
    if context.printer.is_json() {
        return context
            .printer
            .json(&limits.iter().map(View::from).collect::<Vec<_>>());
    }
    if limits.is_empty() {
        note("there is no limit");
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for limit in &limits {
        let rate = limit.rate.map_or_else(|| "-".to_owned(), show_rate);
        let (what, name) = named(&limit.kind);
        table.row([what, &name, &shown(limit.concurrency), &rate]);
    }
    context.printer.table(&table)
}

fn set(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
    kind: LimitKind,
) -> Result<(), Failure> {
    let queue = context.open(Access::Create)?;
    let before = queue.limits()?;
    let before = before.iter().find(|limit| limit.kind == kind);
    let kept = before.filter(|_| !arguments.remove);
    let concurrency = kept.and_then(|limit| limit.concurrency);
    let rate = kept.and_then(|limit| limit.rate);
    let mut limit = Limit::new(kind);
    limit.concurrency = arguments.concurrency.map_or(concurrency, |bound| bound.0);
    limit.rate = arguments.rate.map_or(rate, |bound| bound.0);
    queue.set_limit(&limit)?;
    let (what, name) = named(&limit.kind);
    let name = escape::line(&name).into_owned();
    let mut bounds = Vec::new();
    if let Some(bound) = limit.concurrency {
        bounds.push(format!("{bound} at once"));
    }
    if let Some(rate) = limit.rate {
        let period = duration::show(Duration::from_millis(rate.period_ms.into()));
        bounds.push(format!("{} starts in {period}", rate.starts));
    }
    let sentence = match (bounds.is_empty(), before) {
        (true, Some(_)) => format!("Removed the limit of {what} {name}"),
        (true, None) => format!("There is no limit of {what} {name}"),
        (false, _) => format!("Limited {what} {name} to {}", bounds.join(" and ")),
    };
    let printer = context.printer.of_done();
    printer.say(&sentence, &View::from(&limit))?;
    if limit.concurrency == Some(0) || limit.rate.is_some_and(|rate| rate.starts == 0) {
        note("none of its tasks start until the limit is raised");
    }
    if let LimitKind::Queue(queue_name) = &limit.kind
        && !bounds.is_empty()
    {
        context.note_after_change(note_unused(&queue, queue_name, &name));
    }
    Ok(())
}

/// Prints a note if nobody has used the queue yet.
fn note_unused(queue: &WorkflowQueue, queue_name: &str, shown: &str) -> Result<()> {
    let is_used = |queue: &QueueInfo| queue.name == queue_name;
    if queue_name != DEFAULT_QUEUE && !queue.queues()?.iter().any(is_used) {
        note(&format!(
            "no task was ever enqueued to queue {shown}; the limit waits for the first"
        ));
    }
    Ok(())
}

fn named(kind: &LimitKind) -> (&'static str, String) {
    match kind {
        LimitKind::Queue(name) => ("queue", name.clone()),
        LimitKind::Key(key) => ("key", json::key(key)),
    }
}

#[cfg(test)]
mod tests {
    use workflow_queue::Rate;

    use super::{Bound, concurrency, rate, show_rate};

    #[test]
    fn every_documented_form_of_a_bound_is_read() {
        let of = |starts, period_ms| Ok(Bound(Some(Rate { starts, period_ms })));
        assert_eq!(rate("100/1m"), of(100, 60_000));
        assert_eq!(rate("5/s"), of(5, 1000));
        assert_eq!(rate("0/1.5"), of(0, 1500));
        assert_eq!(rate("none"), Ok(Bound(None)));
        assert_eq!(concurrency("0"), Ok(Bound(Some(0))));
        assert_eq!(concurrency("none"), Ok(Bound(None)));
    }

    #[test]
    fn text_that_is_not_a_bound_is_refused_with_a_sentence() {
        for text in [
            "",
            "5",
            "/",
            "5/",
            "/1s",
            "-1/s",
            "5/0",
            "5/8w",
            "4294967296/s",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
        for text in ["", "-1", "1.5", "4294967296", "all"] {
            assert!(concurrency(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_shown_rate_reads_back() {
        let rate_of_100 = Rate {
            starts: 100,
            period_ms: 90_500,
        };
        assert_eq!(rate(&show_rate(rate_of_100)), Ok(Bound(Some(rate_of_100))));
    }
}
