//! Events: the statements that read the log in order, and the events that are read from tasks.

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::journal::{Cursor, Event, EventKind, EventPage, Portion, merge};
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{Connection, Row};

use super::journal::{self, event};
use super::statements::{
    EVENT_ENQUEUED, EVENTS_AFTER, EVENTS_BOUNDS, EVENTS_ENQUEUED, EVENTS_RUNNING,
    EVENTS_TASK_TIMES, EVENTS_TIMES,
};

/// Consecutive rows of before a time after which no later one is looked for: an execution may be recorded
/// some time after it ended.
pub(super) const LOOK_BEYOND: usize = 1_000;

/// The ends of the log and of the tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// First retained event.
    pub(super) first: i64,
    /// Position after everything.
    pub(super) end: Cursor,
}

pub(super) fn bounds(connection: &Connection) -> Result<Bounds> {
    let mut query = connection.prepare_cached(EVENTS_BOUNDS)?;
    Ok(query.query_row([], |row| {
        let mut end = Cursor::start(row.get(0)?);
        end.seq = row.get(2)?;
        end.task = TaskId(row.get(3)?);
        Ok(Bounds {
            first: row.get(1)?,
            end,
        })
    })?)
}

/// Name of the file as the source of events; it stays when the file moves.
pub(crate) fn source(connection: &Connection) -> Result<String> {
    let id = verbs::file_id(connection)?;
    Ok(format!("urn:workflow-queue:{id:016x}"))
}

/// The position after everything.
pub(crate) fn end(connection: &Connection) -> Result<Cursor> {
    Ok(bounds(connection)?.end)
}

/// The position before the last `count` events of the log and as many enqueues.
pub(crate) fn before_last(connection: &Connection, count: i64) -> Result<Cursor> {
    let Bounds { first, end: mut at } = bounds(connection)?;
    at.seq = at.seq.saturating_sub(count);
    // Before the first retained event is the beginning: of the deleted ones none was asked for.
    if at.seq < first {
        at.seq = 0;
    }
    at.task = TaskId(at.task.0.saturating_sub(count).max(0));
    Ok(at)
}

/// The position before all events from that time on. Some earlier ones may follow it too: an end has the
/// time at which the execution ended, and may be recorded later.
pub(crate) fn position_at(connection: &Connection, at: Timestamp) -> Result<Cursor> {
    let mut position = end(connection)?;
    if let Some(first) = first_from(connection, EVENTS_TIMES, at)? {
        position.seq = first - 1;
    }
    if let Some(first) = first_from(connection, EVENTS_TASK_TIMES, at)? {
        position.task = TaskId(first - 1);
    }
    Ok(position)
}

/// The lowest number with that time or a later one, of rows by number, the highest first.
fn first_from(connection: &Connection, sql: &str, at: Timestamp) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    let (mut first, mut earlier) = (None, 0);
    while let Some(row) = rows.next()?
        && earlier < LOOK_BEYOND
    {
        earlier += 1;
        if row.get::<_, i64>(1)? >= at.0 {
            first = Some(row.get(0)?);
            earlier = 0;
        }
    }
    Ok(first)
}

/// Up to `limit` events after a position, and the executions under way if nothing follows them.
pub(crate) fn after(
    connection: &Connection,
    cursor: Cursor,
    limit: usize,
) -> Result<(EventPage, Vec<Event>)> {
    let Bounds { first, end } = bounds(connection)?;
    cursor.check_epoch(end.epoch)?;
    if cursor.seq > end.seq || cursor.task > end.task {
        return Err(Error::invalid(format!(
            "the cursor {cursor} is ahead of this file, whose last position is {end}; take one that \
             this file gave out"
        )));
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX - 1);
    let portion = |mut events: Vec<Event>| {
        let is_last = events.len() <= limit;
        events.truncate(limit);
        Portion { events, is_last }
    };
    let logged = rows::all(connection, EVENTS_AFTER, (cursor.seq, most + 1), event)?;
    let tasks = rows::all(
        connection,
        EVENTS_ENQUEUED,
        (cursor.task.0, most + 1),
        enqueued,
    )?;
    let mut page = merge(cursor, portion(logged), portion(tasks));
    if page.events.len() > limit {
        page.events.truncate(limit);
        page.is_last = false;
        page.next = page.events.last().map(|(at, _)| *at);
    }
    // The very beginning is no position that was read before.
    if cursor.seq > 0 {
        page.missed = u64::try_from(first - 1 - cursor.seq).unwrap_or(0);
    }
    let running = if page.is_last {
        running(connection)?
    } else {
        Vec::new()
    };
    Ok((page, running))
}

/// The starts of the executions under way.
pub(crate) fn running(connection: &Connection) -> Result<Vec<Event>> {
    let mut starts = rows::all(connection, EVENTS_RUNNING, [], |row| {
        let mut start = Event::new(EventKind::Started, Timestamp(row.get(1)?));
        start.task = Some(TaskId(row.get(0)?));
        start.queue = row.get(2)?;
        start.token = row.get(3)?;
        start.attempt = row.get(4)?;
        start.worker = row.get::<_, Option<i64>>(5)?.map(WorkerId);
        start.state = Some(State::Running);
        Ok(start)
    })?;
    starts.sort_by_key(|start| (start.at, start.task));
    Ok(starts)
}

/// The enqueue of a stored task.
pub(super) fn enqueued(row: &Row<'_>) -> Result<Event> {
    let mut event = Event::new(EventKind::Enqueued, Timestamp(row.get(1)?));
    event.task = Some(TaskId(row.get(0)?));
    event.queue = row.get(2)?;
    event.ready_at = rows::time(row, 3)?;
    let data = serde_json::json!({
        "name": row.get::<_, String>(4)?,
        "priority": row.get::<_, i32>(5)?,
        "workflow": row.get::<_, Option<i64>>(6)?,
        "spawner": row.get::<_, Option<i64>>(7)?,
    });
    event.data = Some(data.to_string());
    Ok(event)
}

/// All that is known of a task, the oldest first; `None` if there is no such task.
pub(crate) fn history(connection: &Connection, task: TaskId) -> Result<Option<Vec<Event>>> {
    let first = rows::all(connection, EVENT_ENQUEUED, [task.0], enqueued)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut history = first;
    let old = super::attempts::before_log(connection, task)?;
    let old = old.into_iter().map(|attempt| attempt.into_event(task));
    for event in old.chain(journal::chain(connection, task)?) {
        history.extend(event.start());
        history.push(event);
    }
    let running = running(connection)?;
    history.extend(running.into_iter().filter(|start| start.task == Some(task)));
    Ok(Some(history))
}
