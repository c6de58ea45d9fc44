//! Events as programs and people read them.

use serde::Serialize;

use super::json::Moment;
use super::{escape, moment};
use crate::journal::{Cursor, Event, EventKind};
use crate::outcome::Reason;
use crate::state::State;

/// An event as programs read it. Fields that the event does not have are left out.
#[derive(Debug, Serialize)]
pub struct EventView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    at: Moment,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_kb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
}

impl<'a> EventView<'a> {
    /// The view of an event, with the position after it if it was read in order.
    pub fn new(event: &'a Event, cursor: Option<Cursor>) -> Self {
        Self {
            cursor: cursor.map(|cursor| cursor.to_string()),
            seq: event.seq,
            at: Moment(event.at),
            r#type: event.kind.name(),
            task: event.task.map(|task| task.0),
            queue: event.queue.as_deref(),
            token: event.token,
            attempt: event.attempt,
            worker: event.worker.map(|worker| worker.to_string()),
            was: event.was.map(State::as_str),
            state: event.state.map(State::as_str),
            ready_at: event.ready_at.map(Moment),
            since: event.since.map(Moment),
            exit_code: event.exit_code,
            signal: event.signal,
            reason: event.reason.map(Reason::as_str),
            cpu_us: event.cpu_us,
            rss_kb: event.rss_kb,
            message: event.message.as_deref(),
            tail: event.tail.as_deref().map(escape::bytes),
            data: data(event),
        }
    }
}

/// The further values of an event.
fn data(event: &Event) -> Option<serde_json::Value> {
    serde_json::from_str(event.data.as_deref()?).ok()
}

/// An event as `CloudEvents` 1.0 has it.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    r#type: &'static str,
    time: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    datacontenttype: &'static str,
    data: EventView<'a>,
}

impl<'a> CloudEvent<'a> {
    /// The envelope of an event of the file that `source` names. Its id is the same at every read, also
    /// after a restore; the time in it tells an event from another that had its number before a restore.
    pub fn new(source: &'a str, cursor: Cursor, event: &'a Event) -> Self {
        let at = event.at.0;
        let id = match (event.seq, event.task) {
            (Some(seq), _) => format!("{seq}-{at}"),
            (None, task) => format!(
                "{}-{}-{}-{at}",
                event.kind.name(),
                task.map_or(0, |task| task.0),
                event.token.unwrap_or(0)
            ),
        };
        Self {
            specversion: "1.0",
            id,
            source,
            r#type: event.kind.name(),
            time: Moment(event.at),
            subject: event.task.map(|task| format!("task/{task}")),
            datacontenttype: "application/json",
            data: EventView::new(event, Some(cursor)),
        }
    }
}

/// The values of an event beside its kind and task, in a few words for people. Not escaped.
pub fn details(event: &Event) -> String {
    let mut words = Vec::new();
    if let Some(attempt) = event.attempt.filter(|_| is_execution(event)) {
        words.push(format!("attempt {attempt}"));
    }
    match (event.reason, event.exit_code, event.signal) {
        (Some(Reason::Exit), Some(code), _) => words.push(format!("exit code {code}")),
        (Some(Reason::Signal), _, Some(signal)) => words.push(format!("signal {signal}")),
        (Some(reason), ..) => words.push(reason.as_str().to_owned()),
        (None, ..) => {}
    }
    if let Some(since) = event.since {
        words.push(format!(
            "ran {}",
            moment::rough(moment::away(since, event.at))
        ));
    }
    words.extend(event.message.clone());
    words.extend(
        event
            .worker
            .filter(|_| event.task.is_none())
            .map(|id| id.to_string()),
    );
    if event.kind != EventKind::TasksPruned {
        let data = data(event);
        let fields = data.as_ref().and_then(serde_json::Value::as_object);
        words.extend(
            fields
                .into_iter()
                .flatten()
                .filter(|(name, _)| !ORIGIN.contains(&name.as_str()))
                .filter_map(|(name, value)| field(name, value)),
        );
        words.extend(data.as_ref().and_then(origin));
    } else if let Some(data) = data(event) {
        let states = data["states"].as_object();
        words.extend(
            states
                .into_iter()
                .flatten()
                .map(|(state, count)| format!("{count} {state}")),
        );
        words.extend(origin(&data));
    }
    words.join(", ")
}

/// Names of the values that tell who asked for a change.
const ORIGIN: [&str; 3] = ["through", "uid", "from_task"];

/// Who asked for a change, in words.
fn origin(data: &serde_json::Value) -> Option<String> {
    let through = data.get("through")?.as_str()?;
    let task = data.get("from_task").and_then(serde_json::Value::as_i64);
    Some(match (task, data.get("uid")?.as_u64()?) {
        (Some(task), uid) => format!("by task {task} (user {uid}, {through})"),
        (None, uid) => format!("by user {uid} ({through})"),
    })
}

/// True for the start and the end of an execution.
fn is_execution(event: &Event) -> bool {
    event.since.is_some() || event.kind == EventKind::Started
}

/// One further value in words; nothing for a missing one.
fn field(name: &str, value: &serde_json::Value) -> Option<String> {
    let text = match value {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(at) if matches!(name, "slot" | "from" | "until") => {
            moment::iso(crate::clock::Timestamp(at.as_i64()?))
        }
        serde_json::Value::Array(values) => {
            let each = values
                .iter()
                .map(|one| one.as_str().map_or(one.to_string(), str::to_owned));
            each.collect::<Vec<_>>().join(" ")
        }
        serde_json::Value::Number(_)
        | serde_json::Value::Bool(_)
        | serde_json::Value::Object(_) => value.to_string(),
    };
    Some(format!("{} {text}", name.replace('_', " ")))
}
