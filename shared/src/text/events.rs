//! Events in words.

use super::{moment, usage};
use crate::clock::Timestamp;
use crate::journal::{Event, EventKind};
use crate::outcome::Reason;
use crate::usage::Usage;

/// The further values of an event.
pub(crate) fn data(event: &Event) -> Option<serde_json::Value> {
    serde_json::from_str(event.data.as_deref()?).ok()
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
            moment::took(moment::away(since, event.at))
        ));
    }
    let used = Usage::new(event.cpu_us, event.rss_kb);
    words.extend(usage::cpu(used).map(|cpu| format!("cpu {cpu}")));
    words.extend(usage::memory(used).map(|memory| format!("memory {memory}")));
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
                .filter(|(name, _)| !ACTOR.contains(&name.as_str()))
                .filter_map(|(name, value)| field(name, value)),
        );
        words.extend(data.as_ref().and_then(actor));
    } else if let Some(data) = data(event) {
        let states = data["states"].as_object();
        words.extend(
            states
                .into_iter()
                .flatten()
                .map(|(state, count)| format!("{count} {state}")),
        );
        words.extend(actor(&data));
    }
    words.join(", ")
}

/// Names of the values that tell who asked for a change.
const ACTOR: [&str; 3] = ["through", "uid", "from_task"];

/// Who asked for a change, in words.
fn actor(data: &serde_json::Value) -> Option<String> {
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
            moment::iso(Timestamp(at.as_i64()?))
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
