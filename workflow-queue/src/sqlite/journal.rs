//! The event log: the statements that write and read events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{Event, EventKind};
use queue_core::outcome::Reason;
use queue_core::sqlite::rows;
use queue_core::sqlite::verbs::Pruned;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{Connection, Row};

use super::statements::{EVENT_CHAIN, EVENT_NOTE, EVENTS_AFTER};
use super::transaction::SqliteSlice;
use crate::slice::TaskChange;

impl SqliteSlice<'_> {
    /// Writes the event of a change that the task's row does not show yet, and makes it the last of the
    /// task.
    pub(super) fn write_change(&mut self, change: &TaskChange<'_>) -> Result<()> {
        let data = self.with_actor(change.kind, change.data.as_deref());
        let written = self.hot.event_change.execute((
            change.task.0,
            self.now.wall.0,
            change.kind.code(),
            change.was.map(State::code),
            change.state.map(State::code),
            change.reason.map(Reason::code),
            change.message.map(rows::clip_message),
            data,
        ))?;
        if written > 0 {
            self.hot.event_head.execute([change.task.0])?;
        }
        Ok(())
    }

    /// The data of an event, with the actor of a change that somebody asked for.
    fn with_actor<'d>(&self, kind: EventKind, data: Option<&'d str>) -> Option<Cow<'d, str>> {
        match self.actor.filter(|_| kind.is_asked_for()) {
            Some(actor) => Some(Cow::Owned(actor.added_to(data))),
            None => data.map(Cow::Borrowed),
        }
    }

    /// Writes an event that is about no task.
    pub(crate) fn write_note(
        &self,
        kind: EventKind,
        worker: Option<WorkerId>,
        data: Option<&serde_json::Value>,
    ) -> Result<()> {
        let data = data.map(serde_json::Value::to_string);
        let data = self.with_actor(kind, data.as_deref());
        note(self.connection, self.now.wall, kind, worker, data)
    }
}

/// Writes an event that is about no task.
pub(super) fn note(
    connection: &Connection,
    at: Timestamp,
    kind: EventKind,
    worker: Option<WorkerId>,
    data: Option<Cow<'_, str>>,
) -> Result<()> {
    let mut insert = connection.prepare_cached(EVENT_NOTE)?;
    insert.execute((at.0, kind.code(), worker.map(|worker| worker.0), data))?;
    Ok(())
}

/// The data of an event about pruned tasks: their number by state, and the times at which they were
/// enqueued, each after the first as the difference to the one before. With them, counts of a time
/// before that stay true.
pub(super) fn pruned(pruned: &[Pruned]) -> serde_json::Value {
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut created, mut before) = (Vec::with_capacity(pruned.len()), 0);
    for one in pruned {
        *states.entry(one.state.as_str()).or_default() += 1;
        created.push(one.created_at.0 - before);
        before = one.created_at.0;
    }
    serde_json::json!({ "states": states, "created": created })
}

/// Time of the first event.
pub(super) fn first_at(connection: &Connection) -> Result<Option<i64>> {
    let first = rows::all(connection, EVENTS_AFTER, (0, 1), event)?;
    Ok(first.first().map(|event| event.at.0))
}

/// The retained events of a task, the oldest first.
pub(crate) fn chain(connection: &Connection, task: TaskId) -> Result<Vec<Event>> {
    let mut events = rows::all(connection, EVENT_CHAIN, [task.0], event)?;
    events.reverse();
    Ok(events)
}

/// An event, as the statements select it.
pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    let state = |index| {
        row.get::<_, Option<i64>>(index)?
            .map(rows::state)
            .transpose()
    };
    let mut event = Event::new(EventKind::of_code(row.get(2)?), Timestamp(row.get(1)?));
    event.seq = row.get(0)?;
    event.task = row.get::<_, Option<i64>>(3)?.map(TaskId);
    event.queue = row.get(4)?;
    event.token = row.get(5)?;
    event.attempt = row.get(6)?;
    event.worker = row.get::<_, Option<i64>>(7)?.map(WorkerId);
    event.was = state(8)?;
    event.state = state(9)?;
    event.ready_at = rows::time(row, 10)?;
    event.since = rows::time(row, 11)?;
    event.exit_code = row.get(12)?;
    event.signal = row.get(13)?;
    event.reason = rows::reason(row.get(14)?);
    let usage = rows::usage(row, 15)?;
    (event.cpu_us, event.rss_kb) = (usage.cpu_us, usage.rss_kb);
    event.message = row.get(17)?;
    event.tail = row.get(18)?;
    event.data = row.get(19)?;
    Ok(event)
}
