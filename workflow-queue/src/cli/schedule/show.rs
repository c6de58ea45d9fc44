//! `schedule show`: the rules of a schedule, its task and its history.

use std::fmt::Write as _;
use std::time::Duration;

use queue_core::Queue as _;
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{
    Access, Context, Failure, duration, escape, moment, note, number, show_settings,
};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use serde::Serialize;
use workflow_queue::schedule::firing::Firing;
use workflow_queue::schedule::spec::Spec;
use workflow_queue::{Schedule, WorkflowQueue, WorkflowTask};

use super::print;
use super::view::{FiringView, ScheduleView};

/// Show the times, the rules, the task and the history of a schedule
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The schedule
    name: String,

    /// Most records of its history to show, the newest first
    #[arg(
        short = 'n',
        long,
        value_name = "NUMBER",
        default_value_t = 20,
        value_parser = number::within(1..=10_000_u32)
    )]
    limit: u32,
}

/// Columns of the history.
const COLUMNS: [Column; 5] = [
    left("TIME"),
    left("UNTIL"),
    left("RESULT"),
    right("TASK"),
    left("STATE"),
];

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    schedule: ScheduleView<'a>,
    firings: Vec<FiringView>,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let schedule = print::find(&queue, &arguments.name)?;
    let firings = queue
        .schedules()
        .firings(&schedule.name, Timestamp::MAX, arguments.limit)?;
    let views = firings.iter().map(|firing| FiringView::new(&queue, firing));
    let views: Vec<FiringView> = views.collect::<Result<_>>()?;
    if context.printer.is_json() {
        return context.printer.json(&View {
            schedule: ScheduleView::new(&schedule),
            firings: views,
        });
    }
    let text = describe(&schedule, queue.now().wall);
    context.printer.raw(text.as_bytes())?;
    if firings.is_empty() {
        note("it has not fired yet");
        return Ok(());
    }
    context.printer.raw(b"\n")?;
    context
        .printer
        .table(&history(&schedule, firings.iter().zip(&views)))
}

fn history<'a>(
    schedule: &Schedule,
    records: impl Iterator<Item = (&'a Firing, &'a FiringView)>,
) -> Table {
    let shown = |time: Timestamp| match &schedule.spec {
        Ok(spec) => spec.rfc_3339(time),
        Err(_) => moment::iso(time),
    };
    let mut table = Table::new(&COLUMNS);
    for (firing, view) in records {
        let is_range = firing.until > firing.slot;
        table.row([
            &shown(firing.slot),
            &if is_range {
                shown(firing.until)
            } else {
                "-".to_owned()
            },
            view.result,
            &view
                .task
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            match view.task {
                Some(_) => view.state.unwrap_or("deleted"),
                None => "-",
            },
        ]);
    }
    table
}

/// A schedule as lines of label and value.
fn describe(schedule: &Schedule, now: Timestamp) -> String {
    let mut lines = vec![("name", schedule.name.clone())];
    if let Ok(spec) = &schedule.spec {
        lines.extend(of_spec(&schedule.name, spec));
    }
    match (&schedule.spec, schedule.next_slot, schedule.next_at) {
        (Ok(spec), Some(slot), Some(_)) => lines.push(("next", spec.rfc_3339(slot))),
        (Ok(_), None, _) => lines.push(("next", "it has ended".to_owned())),
        _ => {}
    }
    if let Some(since) = schedule.paused_at {
        lines.push(("paused", moment::relative(since, now)));
    }
    let unread = schedule.spec.as_ref().err();
    if let Some(why) = schedule.trouble.as_ref().or(unread) {
        lines.push(("set aside", why.clone()));
    }
    lines.push(("added", moment::relative(schedule.added_at, now)));
    lines.push(("revision", schedule.revision.to_string()));
    lines.push(("fired", format!("{} times", schedule.fired)));
    if let Ok(task) = &schedule.task {
        lines.extend(of_task(task));
    }
    lines
        .iter()
        .fold(String::new(), |mut text, (label, value)| {
            let _ = writeln!(text, "{label:<13} {}", escape::line(value));
            text
        })
}

fn of_spec(name: &str, spec: &Spec) -> Vec<(&'static str, String)> {
    let rules = spec.rules();
    let span = |millis| duration::show(Duration::from_millis(millis));
    let mut lines = vec![("times", print::times(spec))];
    if let Some(rule) = spec.expression().and_then(print::day_rule) {
        lines.push(("days", print::day_clause(rule).to_owned()));
    }
    lines.push(("zone", spec.zone_name().to_owned()));
    if rules.jitter_ms > 0 {
        let own = duration::show(spec.jitter(name));
        lines.push((
            "jitter",
            format!("{own} of at most {}", span(rules.jitter_ms)),
        ));
    }
    for (label, time) in [("start", rules.start), ("end", rules.end)] {
        lines.extend(time.map(|time| (label, spec.rfc_3339(time))));
    }
    let catch_up = rules.catch_up.as_str();
    lines.push((
        "catch up",
        format!("{catch_up}, within {}", span(rules.window_ms)),
    ));
    lines.push(("overlap", rules.overlap.as_str().to_owned()));
    lines
}

fn of_task(task: &WorkflowTask) -> Vec<(&'static str, String)> {
    let (new, settings) = (&task.task, &task.settings);
    let options = &new.options;
    let mut lines = vec![
        ("command", new.work.display()),
        ("queue", new.queue.clone()),
        ("priority", new.priority.to_string()),
        ("attempts", options.max_attempts.to_string()),
    ];
    lines.extend(show_settings(options));
    if !options.env.is_empty() {
        let names: Vec<&str> = options.env.iter().map(|(name, _)| name.as_str()).collect();
        lines.push(("env", names.join(", ")));
    }
    let keys = [("key", &new.key), ("limit key", &settings.limit_key)];
    for (label, key) in keys {
        lines.extend(key.as_deref().map(|key| (label, print::key(key))));
    }
    for (label, time) in [
        ("start within", settings.start_within),
        ("finish within", settings.finish_within),
    ] {
        lines.extend(time.map(|time| (label, duration::show(time))));
    }
    lines
}
