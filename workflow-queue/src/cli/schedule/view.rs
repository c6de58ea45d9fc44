//! Schedules and their firings as programs read them.

use std::collections::BTreeMap;
use std::time::Duration;

use queue_core::Queue as _;
use queue_core::cli::json::Moment;
use queue_core::error::Result;
use queue_core::state::State;
use queue_core::task::{TaskId, Work};
use serde::Serialize;
use workflow_queue::schedule::cron::DayRule;
use workflow_queue::schedule::firing::{Firing, FiringResult};
use workflow_queue::schedule::spec::Spec;
use workflow_queue::{Schedule, WorkflowQueue, WorkflowTask};

use super::print;

/// A schedule.
#[derive(Serialize)]
pub(super) struct ScheduleView<'a> {
    name: &'a str,
    #[serde(flatten)]
    spec: Option<SpecView<'a>>,
    revision: i64,
    added_at: Moment,
    next_slot_at: Option<Moment>,
    next_at: Option<Moment>,
    last_slot_at: Option<Moment>,
    fired: u64,
    paused_at: Option<Moment>,
    trouble: Option<&'a str>,
    task: Option<WorkView<'a>>,
}

/// Times and rules of a schedule.
#[derive(Serialize)]
struct SpecView<'a> {
    cron: Option<String>,
    every_ms: Option<u64>,
    zone: &'a str,
    days: Option<&'static str>,
    jitter_ms: u64,
    start_at: Option<Moment>,
    end_at: Option<Moment>,
    catch_up: &'static str,
    window_ms: u64,
    overlap: &'static str,
}

/// The task of a schedule.
#[derive(Serialize)]
struct WorkView<'a> {
    queue: &'a str,
    priority: i32,
    command: Option<&'a str>,
    argv: Option<&'a [String]>,
    handler: Option<&'a str>,
    payload_bytes: Option<usize>,
    key: Option<String>,
    limit_key: Option<String>,
    start_within_ms: Option<u64>,
    finish_within_ms: Option<u64>,
    max_attempts: u32,
    max_crashes: u32,
    backoff_ms: u64,
    timeout_ms: Option<u64>,
    cwd: Option<&'a str>,
    shell: Option<&'a str>,
    merge_output: bool,
    /// Names of the variables. Their values may be secrets, and are null.
    env: BTreeMap<&'a str, Option<&'a str>>,
    retry_codes: &'a [i32],
    fatal_codes: &'a [i32],
}

/// A slot that fired, or a range of slots that did not.
#[derive(Serialize)]
pub(super) struct FiringView {
    slot_at: Moment,
    until_at: Moment,
    at: Moment,
    pub(super) result: &'static str,
    pub(super) task: Option<i64>,
    /// State of the task, unless it was deleted.
    pub(super) state: Option<&'static str>,
}

impl<'a> ScheduleView<'a> {
    pub(super) fn new(schedule: &'a Schedule) -> Self {
        let reason = schedule.spec.as_ref().err().map(String::as_str);
        Self {
            name: &schedule.name,
            spec: schedule.spec.as_ref().ok().map(SpecView::new),
            revision: schedule.revision,
            added_at: Moment(schedule.added_at),
            next_slot_at: schedule.next_slot.map(Moment),
            next_at: schedule.next_at.map(Moment),
            last_slot_at: schedule.last_slot.map(Moment),
            fired: schedule.fired,
            paused_at: schedule.paused_at.map(Moment),
            trouble: schedule.trouble.as_deref().or(reason),
            task: schedule.task.as_ref().ok().map(WorkView::new),
        }
    }
}

impl<'a> SpecView<'a> {
    fn new(spec: &'a Spec) -> Self {
        let rules = spec.rules();
        let days = spec.expression().and_then(print::day_rule);
        Self {
            cron: spec.expression().map(ToString::to_string),
            every_ms: spec.interval().map(millis),
            zone: spec.zone_name(),
            days: days.map(|rule| match rule {
                DayRule::Both => "both",
                DayRule::Either => "either",
            }),
            jitter_ms: rules.jitter_ms,
            start_at: rules.start.map(Moment),
            end_at: rules.end.map(Moment),
            catch_up: rules.catch_up.as_str(),
            window_ms: rules.window_ms,
            overlap: rules.overlap.as_str(),
        }
    }
}

impl<'a> WorkView<'a> {
    fn new(task: &'a WorkflowTask) -> Self {
        let (new, settings) = (&task.task, &task.settings);
        let (mut command, mut argv, mut handler, mut payload_bytes) = (None, None, None, None);
        match &new.work {
            Work::Shell(text) => command = Some(text.as_str()),
            Work::Argv(arguments) => argv = Some(arguments.as_slice()),
            Work::Handler {
                handler: name,
                payload,
            } => {
                handler = Some(name.as_str());
                payload_bytes = Some(payload.len());
            }
            _ => {}
        }
        let options = &new.options;
        let env = options.env.iter();
        Self {
            queue: &new.queue,
            priority: new.priority,
            command,
            argv,
            handler,
            payload_bytes,
            key: new.key.as_deref().map(print::key),
            limit_key: settings.limit_key.as_deref().map(print::key),
            start_within_ms: settings.start_within.map(millis),
            finish_within_ms: settings.finish_within.map(millis),
            max_attempts: options.max_attempts,
            max_crashes: options.max_crashes,
            backoff_ms: options.backoff_ms,
            timeout_ms: options.timeout_ms,
            cwd: options.cwd.as_deref(),
            shell: options.shell.as_deref(),
            merge_output: options.merge_output,
            env: env.map(|(name, _)| (name.as_str(), None)).collect(),
            retry_codes: &options.retry_codes,
            fatal_codes: &options.fatal_codes,
        }
    }
}

impl FiringView {
    /// The record with the state of its task.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub(super) fn new(queue: &WorkflowQueue, firing: &Firing) -> Result<Self> {
        let (result, task) = match firing.result {
            FiringResult::Fired(task) => ("fired", Some(task)),
            FiringResult::Skipped(reason) => (reason.as_str(), reason.task()),
        };
        Ok(Self {
            slot_at: Moment(firing.slot),
            until_at: Moment(firing.until),
            at: Moment(firing.at),
            result,
            task: task.map(|task| task.0),
            state: match task {
                Some(task) => state_of(queue, task)?,
                None => None,
            },
        })
    }
}

fn state_of(queue: &WorkflowQueue, task: TaskId) -> Result<Option<&'static str>> {
    Ok(queue.get(task)?.map(|task| State::as_str(task.state)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
