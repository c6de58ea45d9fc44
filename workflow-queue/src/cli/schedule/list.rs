//! `schedule list`: all schedules, with their next and their last firing.

use queue_core::Queue as _;
use queue_core::cli::table::{Column, Table, left, text};
use queue_core::cli::{Access, Context, Failure, moment, note};
use queue_core::clock::Timestamp;
use serde::Serialize;
use workflow_queue::{Overview, Schedule, WorkflowQueue};

use super::print;
use super::view::{FiringView, ScheduleView};

/// List the schedules by name
///
/// NEXT says when a schedule fires next, LAST when its newest time was that fired, RESULT the state
/// of the task of that time. SKIPPED is the reason and the age of the newest time that did not fire.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {}

const COLUMNS: [Column; 8] = [
    text("NAME"),
    text("TIMES"),
    left("ZONE").dropped(3),
    left("NEXT"),
    left("LAST"),
    left("RESULT"),
    left("SKIPPED").dropped(2),
    left("COMMAND").dropped(4),
];

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    schedule: ScheduleView<'a>,
    last_fired: Option<FiringView>,
    last_skipped: Option<FiringView>,
}

pub(super) fn run(context: &Context<WorkflowQueue>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let now = queue.now().wall;
    let all = queue.schedules().overview()?;
    let (mut table, mut views) = (Table::new(&COLUMNS), Vec::with_capacity(all.len()));
    for one in &all {
        let view = |firing| FiringView::new(&queue, firing);
        let last_fired = one.fired.as_ref().map(view).transpose()?;
        let last_skipped = one.skipped.as_ref().map(view).transpose()?;
        if context.printer.is_json() {
            views.push(View {
                schedule: ScheduleView::new(&one.schedule),
                last_fired,
                last_skipped,
            });
        } else {
            row(&mut table, one, (last_fired, last_skipped), now);
        }
    }
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    if table.is_empty() {
        note("there are no schedules");
        return Ok(());
    }
    context.printer.table(&table)
}

fn row(
    table: &mut Table,
    one: &Overview,
    (fired, skipped): (Option<FiringView>, Option<FiringView>),
    now: Timestamp,
) {
    let spec = one.schedule.spec.as_ref().ok();
    let task = one.schedule.task.as_ref().ok();
    let dash = || "-".to_owned();
    let last = one.fired.as_ref();
    let left_out = one.skipped.as_ref().zip(skipped);
    table.row([
        &one.schedule.name,
        &spec.map_or_else(dash, print::times),
        spec.map_or("-", |spec| spec.zone_name()),
        &next(&one.schedule, now),
        &last.map_or_else(dash, |firing| moment::relative(firing.slot, now)),
        &fired.map_or_else(dash, |view| view.state.unwrap_or("deleted").to_owned()),
        &left_out.map_or_else(dash, |(firing, view)| {
            let ago = moment::relative(firing.until, now);
            format!("{}, {ago}", view.result)
        }),
        &task.map_or_else(dash, |task| task.task.work.display()),
    ]);
}

/// Clause about the next firing of a schedule.
pub(super) fn next(schedule: &Schedule, now: Timestamp) -> String {
    if schedule.trouble.is_some() || schedule.spec.is_err() {
        return "set aside".to_owned();
    }
    if schedule.paused_at.is_some() {
        return "paused".to_owned();
    }
    match schedule.next_at {
        Some(at) => moment::relative(at, now),
        None => "ended".to_owned(),
    }
}
