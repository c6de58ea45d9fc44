//! `serve`: the attempts, limits, schedules and events of the dashboard, beside what both programs show.

mod hooks;

use std::sync::Arc;
use std::time::Duration;

use queue_core::Queue as _;
use queue_core::cli::{self, Access, Context, Failure, duration, json, note};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{Cursor, EventFilter, OlderEvents};
use queue_core::task::TaskId;
use queue_core::watch::Watchdog;
use queue_core::watch::deliver::{Deliverer, Notice, Options};
use queue_core::web::{
    AttemptRow, FiringRow, HookSource, LimitRow, ScheduleHistory, ScheduleRow, ScheduleSource,
    Sources,
};
use workflow_queue::schedule::firing::{Firing, FiringResult, SkipReason};
use workflow_queue::schedule::spec::Spec;
use workflow_queue::{LimitKind, LimitStanding, Overview, Schedule, WorkflowQueue};

use super::schedule::print;
use super::{attempts, hook, limit};

pub(crate) fn run(
    context: &Context<WorkflowQueue>,
    arguments: &cli::serve::Arguments,
) -> std::result::Result<(), Failure> {
    let sources = Sources::new()
        .attempts(read_attempts)
        .limits(read_limits)
        .schedules(ScheduleSource::new(
            (read_schedules, read_schedule),
            |queue, name| Ok(queue.schedules().run(name)?.id),
            |queue, name, paused| queue.schedules().set_paused(name, paused),
        ))
        .events(read_events)
        .hooks(HookSource::new(
            (hooks::read, hooks::read_letters),
            |queue, name, letter| queue.hooks().retry(name, letter),
            |queue, name, paused| queue.hooks().set_paused(name, paused),
        ));
    // Refused before anything is delivered.
    arguments.address()?;
    let watchdog = Watchdog::default();
    let _deliverer = if arguments.is_read_only() {
        None
    } else {
        deliverer(context, &watchdog)?
    };
    cli::serve::run(context, arguments, (sources, watchdog))
}

/// The thread that delivers the events of hooks, if this process may.
fn deliverer(
    context: &Context<WorkflowQueue>,
    watchdog: &Watchdog,
) -> std::result::Result<Option<Deliverer>, Failure> {
    let queue = Arc::new(context.open_to_stay(Access::Write, "hooks")?);
    if queue.refuses()?.is_some() {
        return Ok(None);
    }
    let tell = |notice: &Notice| note(&hook::run::line(notice));
    let options = Options::new().watched(watchdog.watch("hooks"));
    match Deliverer::start(queue, options, tell) {
        Ok(deliverer) => Ok(Some(deliverer)),
        Err(refusal) => {
            note(&format!("hooks are not delivered here: {refusal}"));
            Ok(None)
        }
    }
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
        usage: one.usage,
    };
    Ok(ended.map(row).collect())
}

/// Most limits of a page.
const MOST_LIMITS: u32 = 500;

fn read_limits(queue: &WorkflowQueue) -> Result<Vec<LimitRow>> {
    let limits = queue.limit_standings(MOST_LIMITS)?.into_iter();
    let row = |standing: LimitStanding| {
        let (is_queue, name) = match &standing.limit.kind {
            LimitKind::Queue(name) => (true, name.clone()),
            LimitKind::Key(key) => (false, json::key(key)),
        };
        LimitRow {
            is_queue,
            name,
            concurrency: standing.limit.concurrency,
            rate: standing.limit.rate.map(limit::show_rate),
            running: standing.running,
            waiting: standing.waiting,
            is_capped: standing.waiting >= u64::from(LimitStanding::MOST_COUNTED),
        }
    };
    Ok(limits.map(row).collect())
}

/// Time after which a search for events shows its finds.
const SEARCH_TIME: Duration = Duration::from_millis(15);

fn read_events(
    queue: &WorkflowQueue,
    filter: &EventFilter,
    from: Option<Cursor>,
    limit: usize,
) -> Result<OlderEvents> {
    queue.events_before(filter, from, (limit, SEARCH_TIME))
}

fn read_schedules(queue: &WorkflowQueue) -> Result<Vec<ScheduleRow>> {
    let all = queue.schedules().overview()?;
    let row = |one: Overview| schedule_row(one.schedule, one.fired);
    Ok(all.into_iter().map(row).collect())
}

fn schedule_row(schedule: Schedule, fired: Option<Firing>) -> ScheduleRow {
    let spec = schedule.spec.as_ref().ok();
    let standing = if schedule.trouble.is_some() || spec.is_none() {
        Some("set aside")
    } else if schedule.paused_at.is_some() {
        Some("paused")
    } else {
        schedule.next_at.is_none().then_some("ended")
    };
    ScheduleRow {
        times: spec.map_or_else(String::new, print::times),
        zone: spec.map_or("", |spec| spec.zone_name()).to_owned(),
        next_at: schedule.next_at,
        standing,
        is_paused: schedule.paused_at.is_some(),
        last: fired.map(|firing| (firing.slot, firing_row(&firing).task)),
        command: schedule
            .task
            .map_or_else(|_| String::new(), |task| task.task.work.display()),
        name: schedule.name,
    }
}

/// Next slots, and newest firings and tasks, in the page of a schedule.
const NEXT_SLOTS: usize = 5;
const NEWEST: u32 = 50;

fn read_schedule(queue: &WorkflowQueue, name: &str) -> Result<Option<ScheduleHistory>> {
    let schedules = queue.schedules();
    let Some(schedule) = schedules.get(name)? else {
        return Ok(None);
    };
    let firings = schedules.firings(name, Timestamp::MAX, NEWEST)?;
    let is_fired = |firing: &&Firing| matches!(firing.result, FiringResult::Fired(_));
    let newest = firings.iter().find(is_fired).copied();
    let mut next = Vec::new();
    if let (Ok(spec), Some(_)) = (&schedule.spec, schedule.next_at) {
        let mut after = queue.now().wall;
        while let Some(slot) = spec.next_after(after).filter(|_| next.len() < NEXT_SLOTS) {
            next.push(slot);
            after = slot;
        }
    }
    let unread = schedule.spec.as_ref().err();
    Ok(Some(ScheduleHistory {
        rules: schedule.spec.as_ref().map(rules).unwrap_or_default(),
        trouble: schedule.trouble.as_ref().or(unread).cloned(),
        next,
        firings: firings.iter().map(firing_row).collect(),
        tasks: schedules.tasks(name, TaskId(i64::MAX), NEWEST)?,
        row: schedule_row(schedule, newest),
    }))
}

fn rules(spec: &Spec) -> Vec<(&'static str, String)> {
    let rules = spec.rules();
    let span = |millis| duration::show(Duration::from_millis(millis));
    let mut lines = vec![
        ("missed slots", rules.catch_up.as_str().to_owned()),
        ("caught up within", span(rules.window_ms)),
        ("overlap", rules.overlap.as_str().to_owned()),
    ];
    if rules.jitter_ms > 0 {
        lines.push(("jitter", span(rules.jitter_ms)));
    }
    for (label, time) in [("start", rules.start), ("end", rules.end)] {
        lines.extend(time.map(|time| (label, spec.rfc_3339(time))));
    }
    lines
}

fn firing_row(firing: &Firing) -> FiringRow {
    let (task, skipped) = match firing.result {
        FiringResult::Fired(task) => (Some(task), None),
        FiringResult::Skipped(reason) => (None, Some((skip_words(reason), reason.task()))),
    };
    FiringRow {
        slot: firing.slot,
        until: (firing.until > firing.slot).then_some(firing.until),
        task,
        skipped,
    }
}

fn skip_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Missed => "missed: no worker ran",
        SkipReason::Overlap(_) => "the task before it had not ended",
        SkipReason::KeyTaken(_) => "its key was taken",
        SkipReason::Restored => "the file was restored from a backup",
        SkipReason::Refused => "its task could not be enqueued",
        _ => reason.as_str(),
    }
}
