//! Events as programs and people read them.

use serde::Serialize;

use crate::journal::{Cursor, Event};
use crate::outcome::Reason;
use crate::state::State;
use crate::text::escape;
use crate::text::events::data;
pub use crate::text::events::details;
use crate::text::json::Moment;

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
        Self::with_id(source, (cursor, event), id(event))
    }

    /// The same with an id of its own, for an event that is in no file.
    pub(super) fn with_id(
        source: &'a str,
        (cursor, event): (Cursor, &'a Event),
        id: String,
    ) -> Self {
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

    /// The id.
    pub(super) fn into_id(self) -> String {
        self.id
    }
}

/// Id of an event that a file has.
fn id(event: &Event) -> String {
    let at = event.at.0;
    match (event.seq, event.task) {
        (Some(seq), _) => format!("{seq}-{at}"),
        (None, task) => format!(
            "{}-{}-{}-{at}",
            event.kind.name(),
            task.map_or(0, |task| task.0),
            event.token.unwrap_or(0)
        ),
    }
}
