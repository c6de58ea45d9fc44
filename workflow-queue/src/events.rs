//! Events: the log of a file, in order, and all that is known of one task.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{Cursor, EventFilter, EventPage, OlderEvents, Starts};
use queue_core::queue::Queue as _;

use crate::counts::Counts;
use crate::queue::WorkflowQueue;
use crate::sqlite::{counts_at, events, events_before};

/// Most events that a follower reads at once.
const PAGE: usize = 1_000;

impl WorkflowQueue {
    /// Up to `limit` events after a position: those of the log and the enqueues of stored tasks, in an
    /// order that keeps that of the commits of both. Starts are not among them; each end has the start of
    /// its execution ([`since`](queue_core::journal::Event::since)).
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a cursor of another epoch or of another file;
    /// the errors of every reading method.
    pub fn events_after(&self, cursor: &Cursor, limit: usize) -> Result<EventPage> {
        let cursor = *cursor;
        self.read(|connection| Ok(events::after(connection, cursor, limit)?.0))
    }

    /// Name of the file as the source of events, such as `urn:workflow-queue:00f1…`; it stays when the
    /// file moves.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn source(&self) -> Result<String> {
        self.database().read(events::source)
    }

    /// The position after all events so far.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn events_end(&self) -> Result<Cursor> {
        self.database().read(events::end)
    }

    /// The position before all events from that time on. Takes time in proportion to the events after
    /// it.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn events_from(&self, at: Timestamp) -> Result<Cursor> {
        self.database()
            .read(|connection| events::position_at(connection, at))
    }

    /// A position with at least `count` events after it, if there are so many.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn events_before_last(&self, count: u32) -> Result<Cursor> {
        self.database()
            .read(|connection| events::before_last(connection, i64::from(count)))
    }

    /// Up to `limit` events that the filter leaves, the newest first: those at or before a position, or the
    /// last ones. The search ends after about that time, and a position of its page goes on with it.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a cursor of another epoch;
    /// [`Error::Unusable`](queue_core::Error::Unusable) for a file of fast-queue, which has no log; the
    /// errors of every reading method.
    pub fn events_before(
        &self,
        filter: &EventFilter,
        from: Option<Cursor>,
        (limit, within): (usize, Duration),
    ) -> Result<OlderEvents> {
        self.check_promoted()?;
        let begin = self.now().boot;
        let go_on = || self.now().boot.since(begin) < within;
        self.database()
            .read(|connection| events_before::before(connection, filter, (from, limit), go_on))
    }

    /// The number of tasks in each state at an earlier time: exact, unless clocks were set back since. It
    /// takes time in proportion to the events since then.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a time before the retained log; the errors of
    /// every reading method.
    pub fn counts_at(&self, at: Timestamp) -> Result<Counts> {
        self.check_promoted()?;
        self.database()
            .read(|connection| counts_at::counts_at(connection, at))
    }

    /// A reader of the events after a position, with the starts of executions.
    ///
    /// # Errors
    /// [`Error::Unusable`](queue_core::Error::Unusable) for a file of fast-queue, which has no log.
    pub fn follow_events(&self, cursor: Cursor) -> Result<EventFollower<'_>> {
        self.check_promoted()?;
        Ok(EventFollower {
            queue: self,
            at: cursor,
            starts: Starts::default(),
            counter: None,
        })
    }
}

/// Reader of a queue's events that remembers its position and the starts it told of.
#[derive(Debug)]
pub struct EventFollower<'q> {
    queue: &'q WorkflowQueue,
    at: Cursor,
    starts: Starts,
    /// The change counter at which there was nothing more.
    counter: Option<i64>,
}

impl EventFollower<'_> {
    /// The position after the events read so far.
    pub fn cursor(&self) -> Cursor {
        self.at
    }

    /// Leaves out the starts of the executions under way now.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn skip_running(&mut self) -> Result<()> {
        let running = self.queue.database().read(events::running)?;
        self.starts.skip(&running);
        Ok(())
    }

    /// The next events, up to some thousand; none if nothing was written since the last call. A page that
    /// is not the last has more after it.
    ///
    /// # Errors
    /// As [`events_after`](WorkflowQueue::events_after).
    pub fn next_page(&mut self) -> Result<EventPage> {
        // Read before the events: a commit in between is seen again at the next call.
        let counter = self.queue.database().change_counter()?;
        if self.counter == Some(counter) {
            return Ok(EventPage::last());
        }
        let at = self.at;
        let (mut page, running) = self
            .queue
            .database()
            .read(|connection| events::after(connection, at, PAGE))?;
        page.events = self.starts.add(at, page.events, running);
        self.at = page.next.unwrap_or(at);
        self.counter = page.is_last.then_some(counter);
        Ok(page)
    }
}
