//! `serve`: the attempts, limits and schedules of the dashboard, beside what both programs show.

use queue_core::cli::{self, Context, Failure, json};
use queue_core::error::Result;
use queue_core::task::TaskId;
use queue_core::web::{AttemptRow, LimitRow, ScheduleRow, Sources};
use workflow_queue::schedule::firing::FiringResult;
use workflow_queue::{LimitKind, Overview, WorkflowQueue};

use super::schedule::print;
use super::{attempts, limit};

pub(crate) fn run(
    context: &Context<WorkflowQueue>,
    arguments: &cli::serve::Arguments,
) -> std::result::Result<(), Failure> {
    let sources = Sources::new()
        .attempts(read_attempts)
        .limits(read_limits)
        .schedules(read_schedules);
    cli::serve::run(context, arguments, sources)
}

fn read_attempts(queue: &WorkflowQueue, id: TaskId) -> Result<Vec<AttemptRow>> {
    let ended = queue.attempts(id)?.into_iter();
    let row = |one: workflow_queue::Attempt| AttemptRow {
        attempt: one.attempt,
        state: one.state,
        started_at: one.started_at,
        finished_at: one.finished_at,
        worker: one.worker,
        ending: attempts::ending(&one),
    };
    Ok(ended.map(row).collect())
}

fn read_limits(queue: &WorkflowQueue) -> Result<Vec<LimitRow>> {
    let limits = queue.limits()?.into_iter();
    let row = |limit: workflow_queue::Limit| {
        let (is_queue, name) = match &limit.kind {
            LimitKind::Queue(name) => (true, name.clone()),
            LimitKind::Key(key) => (false, json::key(key)),
        };
        LimitRow {
            is_queue,
            name,
            concurrency: limit.concurrency,
            rate: limit.rate.map(limit::show_rate),
        }
    };
    Ok(limits.map(row).collect())
}

fn read_schedules(queue: &WorkflowQueue) -> Result<Vec<ScheduleRow>> {
    let all = queue.schedules().overview()?;
    Ok(all.into_iter().map(schedule_row).collect())
}

fn schedule_row(one: Overview) -> ScheduleRow {
    let schedule = one.schedule;
    let spec = schedule.spec.as_ref().ok();
    let standing = if schedule.trouble.is_some() || spec.is_none() {
        Some("set aside")
    } else if schedule.paused_at.is_some() {
        Some("paused")
    } else {
        schedule.next_at.is_none().then_some("ended")
    };
    let task = |result| match result {
        FiringResult::Fired(task) => Some(task),
        FiringResult::Skipped(_) => None,
    };
    ScheduleRow {
        times: spec.map_or_else(String::new, print::times),
        zone: spec.map_or("", |spec| spec.zone_name()).to_owned(),
        next_at: schedule.next_at,
        standing,
        last: one.fired.map(|firing| (firing.slot, task(firing.result))),
        command: schedule
            .task
            .map_or_else(|_| String::new(), |task| task.task.work.display()),
        name: schedule.name,
    }
}
