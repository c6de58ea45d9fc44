//! Events before a position, the newest first.

use queue_core::error::Result;
use queue_core::journal::{Cursor, Event, EventFilter, OlderEvents, OlderSource, older};
use queue_core::sqlite::rows;
use rusqlite::Connection;

use super::events::{bounds, enqueued};
use super::journal::event;
use super::statements::{EVENTS_BEFORE, EVENTS_ENQUEUED_BEFORE};

/// Reader of the events that a filter leaves.
struct Reader<'c> {
    connection: &'c Connection,
    /// Codes of the kinds as a JSON list; `None` for all.
    kinds: Option<String>,
    queue: Option<&'c str>,
}

impl OlderSource for Reader<'_> {
    fn logged(&mut self, (low, high): (i64, i64), most: usize) -> Result<Vec<Event>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters = (low, high, self.kinds.as_deref(), self.queue, most);
        rows::all(self.connection, EVENTS_BEFORE, parameters, event)
    }

    fn enqueued(&mut self, (low, high): (i64, i64), most: usize) -> Result<Vec<Event>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters = (low, high, self.queue, most);
        rows::all(
            self.connection,
            EVENTS_ENQUEUED_BEFORE,
            parameters,
            enqueued,
        )
    }
}

/// Up to `limit` events at or before a position, or the last ones.
pub(crate) fn before(
    connection: &Connection,
    filter: &EventFilter,
    (from, limit): (Option<Cursor>, usize),
    go_on: impl FnMut() -> bool,
) -> Result<OlderEvents> {
    let bounds = bounds(connection)?;
    let mut from = from.unwrap_or(bounds.end);
    from.check_epoch(bounds.end.epoch)?;
    from.seq = from.seq.min(bounds.end.seq);
    from.task = from.task.min(bounds.end.task);
    let codes: Vec<i64> = filter.kinds.iter().map(|kind| kind.code()).collect();
    let mut reader = Reader {
        connection,
        kinds: (!codes.is_empty()).then(|| serde_json::json!(codes).to_string()),
        queue: filter.queue.as_deref(),
    };
    older(&mut reader, filter, (from, bounds.first), limit, go_on)
}
