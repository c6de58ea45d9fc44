//! Sentences about schedules that several of the verbs print.

use std::fmt::Write as _;
use std::time::Duration;

use queue_core::Queue as _;
use queue_core::cli::{Context, Failure, add_task, duration, escape, json, note};
use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use serde::Serialize;
use workflow_queue::schedule::cron::{Cron, DayRule};
use workflow_queue::schedule::spec::Spec;
use workflow_queue::{Schedule, WorkflowQueue};

/// Number of coming times that a change prints.
const SHOWN: usize = 3;

/// Result of a change, as programs read it.
#[derive(Serialize)]
struct View<'a> {
    schedule: &'a str,
    paused: bool,
    changed: bool,
    next: Vec<String>,
}

/// The times after `after`, `most` at most.
pub(super) fn times_after(spec: &Spec, after: Timestamp, most: usize) -> Vec<String> {
    let next = std::iter::successors(spec.next_after(after), |last| spec.next_after(*last));
    next.take(most).map(|time| spec.rfc_3339(time)).collect()
}

/// Cron expression or interval.
pub(in super::super) fn times(spec: &Spec) -> String {
    match (spec.expression(), spec.interval()) {
        (Some(cron), _) => cron.to_string(),
        (None, Some(every)) => format!("every {}", duration::show(every)),
        (None, None) => String::new(),
    }
}

/// The rule of the two fields for days, if both are given.
pub(super) fn day_rule(cron: &Cron) -> Option<DayRule> {
    let text = cron.to_string();
    let mut fields = text.split(' ');
    let (of_month, of_week) = (fields.nth(2), fields.nth(1));
    (of_month != Some("*") && of_week != Some("*")).then(|| cron.day_rule())
}

/// Clause about that rule.
pub(super) fn day_clause(rule: DayRule) -> &'static str {
    match rule {
        DayRule::Either => "a day counts if the day of the month or the day of the week matches",
        DayRule::Both => {
            "a day counts if both the day of the month and the day of the week match, since one of \
             the fields begins with *"
        }
    }
}

/// Prints a note about the fields for days if both are given.
pub(super) fn note_days(spec: &Spec) {
    if let Some(rule) = spec.expression().and_then(day_rule) {
        note(day_clause(rule));
    }
}

/// Reports a changed schedule, with its coming times.
pub(super) fn report(
    context: &Context<WorkflowQueue>,
    queue: &WorkflowQueue,
    (done, changed): (&str, bool),
    schedule: &Schedule,
) -> Result<(), Failure> {
    let spec = schedule.spec.as_ref();
    let now = queue.now().wall;
    let next = spec.map_or_else(|_| Vec::new(), |spec| times_after(spec, now, SHOWN));
    let printer = context.printer.of_done();
    if printer.is_json() {
        printer.json(&View {
            schedule: &schedule.name,
            paused: schedule.paused_at.is_some(),
            changed,
            next,
        })?;
    } else {
        let name = escape::line(&schedule.name);
        let jitter = spec.map_or(Duration::ZERO, |spec| spec.jitter(&schedule.name));
        let late = if jitter.is_zero() {
            String::new()
        } else {
            format!(", each {} later", duration::show(jitter))
        };
        let mut lines = if next.is_empty() {
            format!("{done} schedule {name}\n")
        } else {
            format!("{done} schedule {name}; its next times{late}:\n")
        };
        for time in next {
            let _ = writeln!(lines, "{time}");
        }
        printer.raw(lines.as_bytes())?;
    }
    if let Ok(spec) = spec {
        note_days(spec);
    }
    if schedule.paused_at.is_some() {
        let name = argument(&schedule.name);
        let resume = context.command(&format!("schedule resume {name}"));
        note(&format!("it is paused; {resume} lets it fire"));
    }
    context.note_after_change(advise(context, queue, schedule));
    Ok(())
}

/// Prints a note if no worker fires the schedule, or none runs its tasks.
fn advise(
    context: &Context<WorkflowQueue>,
    queue: &WorkflowQueue,
    schedule: &Schedule,
) -> Result<(), Failure> {
    let Ok(task) = &schedule.task else {
        return Ok(());
    };
    if queue.live_workers()?.is_empty() {
        let start = context.how_to_serve(queue, &task.task.queue)?;
        note(&format!(
            "no worker is running, so it does not fire; {start}"
        ));
        return Ok(());
    }
    add_task::advise(context, queue, &task.task.queue, task.task.work.handler())
}

/// The name of a schedule as an argument of a command.
pub(super) fn argument(name: &str) -> String {
    queue_core::task::Work::Argv(vec![name.to_owned()]).display()
}

/// The schedule of that name.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) fn find(queue: &WorkflowQueue, name: &str) -> Result<Schedule> {
    queue.schedules().get(name)?.ok_or_else(|| {
        Error::not_found(format!(
            "there is no schedule `{}`; `schedule list` names all",
            name.escape_debug()
        ))
    })
}

/// The specification of a schedule.
///
/// # Errors
/// [`Error::Invalid`] if this version or this machine cannot read it.
pub(super) fn spec_of(schedule: &Schedule) -> Result<&Spec> {
    schedule
        .spec
        .as_ref()
        .map_err(|why| Error::invalid(why.clone()))
}

/// A key as text.
pub(super) fn key(bytes: &[u8]) -> String {
    json::key(bytes)
}
