//! JSON for programs: tasks under the glossary's names, times as ISO 8601 in UTC, durations in
//! milliseconds under names that end in `_ms`.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::escape;
use crate::queue::{Fact, FactValue};
use crate::task::{Task, Work};
pub use crate::text::json::{Moment, text};

/// A task as programs read it.
#[derive(Debug, Serialize)]
pub struct TaskView<'a> {
    id: i64,
    name: &'a str,
    state: &'static str,
    queue: &'a str,
    priority: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_bytes: Option<usize>,
    attempt: u32,
    attempt_base: u32,
    crashes: u32,
    max_attempts: u32,
    max_crashes: u32,
    backoff_ms: u64,
    max_backoff_ms: u64,
    timeout_ms: Option<u64>,
    cwd: Option<&'a str>,
    shell: Option<&'a str>,
    merge_output: bool,
    env: VariableNames<'a>,
    env_only: bool,
    retry_codes: &'a [i32],
    fatal_codes: &'a [i32],
    key: Option<String>,
    token: i64,
    worker: Option<String>,
    created_at: Moment,
    run_at: Option<Moment>,
    held_at: Option<Moment>,
    started_at: Option<Moment>,
    finished_at: Option<Moment>,
    cancel_requested_at: Option<Moment>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: Option<&'static str>,
    message: Option<&'a str>,
    cpu_us: Option<u64>,
    rss_kb: Option<u64>,
}

/// Names of variables as the fields of an object. Their values are null: `show --env` alone shows
/// them.
#[derive(Debug)]
struct VariableNames<'a>(BTreeSet<&'a str>);

impl Serialize for VariableNames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|name| (name, ())))
    }
}

impl<'a> From<&'a Task> for TaskView<'a> {
    fn from(task: &'a Task) -> Self {
        let (mut command, mut argv, mut handler, mut payload_bytes) = (None, None, None, None);
        match &task.work {
            Work::Shell(text) => command = Some(text.as_str()),
            Work::Argv(arguments) => argv = Some(arguments.as_slice()),
            Work::Handler {
                handler: name,
                payload,
            } => {
                handler = Some(name.as_str());
                payload_bytes = Some(payload.len());
            }
        }
        let options = &task.options;
        let env = options.env.iter();
        Self {
            id: task.id.0,
            name: &task.name,
            state: task.state.as_str(),
            queue: &task.queue,
            priority: task.priority,
            command,
            argv,
            handler,
            payload_bytes,
            attempt: task.attempt,
            attempt_base: task.attempt_base,
            crashes: task.crashes,
            max_attempts: options.max_attempts,
            max_crashes: options.max_crashes,
            backoff_ms: options.backoff_ms,
            max_backoff_ms: options.max_backoff_ms,
            timeout_ms: options.timeout_ms,
            cwd: options.cwd.as_deref(),
            shell: options.shell.as_deref(),
            merge_output: options.merge_output,
            env: VariableNames(env.map(|(name, _)| name.as_str()).collect()),
            env_only: options.env_only,
            retry_codes: &options.retry_codes,
            fatal_codes: &options.fatal_codes,
            key: task.key.as_deref().map(key),
            token: task.token,
            worker: task.worker.map(|worker| worker.to_string()),
            created_at: Moment(task.created_at),
            run_at: task.run_at.map(Moment),
            held_at: task.held_at.map(Moment),
            started_at: task.started_at.map(Moment),
            finished_at: task.finished_at.map(Moment),
            cancel_requested_at: task.cancel_requested_at.map(Moment),
            exit_code: task.exit_code,
            signal: task.signal,
            reason: task.reason.map(crate::outcome::Reason::as_str),
            message: task.message.as_deref(),
            cpu_us: task.usage.cpu_us,
            rss_kb: task.usage.rss_kb,
        }
    }
}

/// A task with the facts that only its engine knows.
#[derive(Debug, Serialize)]
pub struct FullView<'a> {
    #[serde(flatten)]
    task: TaskView<'a>,
    #[serde(flatten)]
    facts: Facts<'a>,
}

impl<'a> FullView<'a> {
    /// The task with these facts.
    pub fn new(task: &'a Task, facts: &'a [Fact]) -> Self {
        Self {
            task: TaskView::from(task),
            facts: Facts(facts),
        }
    }
}

/// Facts as fields.
#[derive(Debug)]
struct Facts<'a>(&'a [Fact]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|fact| {
            let value = fact.value.as_ref().map(|value| match value {
                FactValue::Task(id) => FactField::Task(id.0),
                FactValue::Time(at) => FactField::Time(Moment(*at)),
                FactValue::Key(bytes) => FactField::Text(key(bytes)),
                FactValue::Name(name) => FactField::Text(name.clone()),
            });
            (fact.name, value)
        }))
    }
}

/// A fact as a field's value.
#[derive(Serialize)]
#[serde(untagged)]
enum FactField {
    Task(i64),
    Time(Moment),
    Text(String),
}

/// A key as text; bytes that are not UTF-8 as `\xNN`.
pub fn key(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => escape::bytes(bytes),
    }
}
