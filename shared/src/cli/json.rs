//! JSON for programs: tasks under the glossary's names, times as ISO 8601 in UTC, durations in
//! milliseconds under names that end in `_ms`.

use std::collections::BTreeSet;
use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use super::escape;
use super::moment::iso;
use crate::clock::Timestamp;
use crate::queue::{Fact, FactValue};
use crate::task::{Task, Work};

/// A value as one line of JSON. Control characters are escaped, which changes nothing for a program
/// that reads it.
pub fn text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Safe(CompactFormatter));
    value.serialize(&mut serializer)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Compact JSON in which unsafe characters are `\u` escapes.
struct Safe(CompactFormatter);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(start) = rest.find(escape::is_unsafe) {
            writer.write_all(&rest.as_bytes()[..start])?;
            let mut chars = rest[start..].chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        char_escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, char_escape)
    }
}

/// A point in time, as a field's value.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&iso(self.0))
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::text;
    use crate::cli::escape::is_unsafe;

    proptest! {
        #[test]
        fn json_text_is_safe_to_show_and_reads_back(value: String) {
            let json = text(&value).unwrap();
            prop_assert!(!json.chars().any(is_unsafe));
            let read: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn tags_outside_the_basic_plane_are_escaped_as_two_units() {
        let json = text(&"a\u{e0041}\u{9b}\u{202e}").unwrap();
        assert_eq!(json, r#""a\udb40\udc41\u009b\u202e""#);
    }
}
