//! Events backwards, from a position to the beginning, for pages that show the newest first.

use std::collections::VecDeque;

use super::{Cursor, Event, EventKind};
use crate::error::Result;
use crate::task::TaskId;

/// Numbers of events, or of tasks, that one reading looks at.
const WINDOW: i64 = 4_000;

/// Events to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFilter {
    /// Kinds; all if empty. Starts are told by the ends of their executions, and not among them.
    pub kinds: Vec<EventKind>,
    /// Name of a queue: events of its tasks, and of the queue itself.
    pub queue: Option<String>,
}

/// Page of events, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OlderEvents {
    /// Events.
    pub events: Vec<Event>,
    /// Position from which the next page goes on; `None` at the beginning of the log.
    pub next: Option<Cursor>,
    /// True if the page is not full because the search took its time.
    pub is_cut: bool,
}

impl EventFilter {
    /// All events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Sets the queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// True if enqueues, which the log does not store, are asked for.
    fn has_enqueues(&self) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&EventKind::Enqueued)
    }

    /// True if events of the log are asked for.
    fn has_logged(&self) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.is_stored())
    }
}

/// Events of a range of numbers, above the first and up to the second, the newest first, `most` at most.
pub trait OlderSource {
    /// Those of the log, by their place in it.
    ///
    /// # Errors
    /// If they cannot be read.
    fn logged(&mut self, range: (i64, i64), most: usize) -> Result<Vec<Event>>;

    /// Enqueues, by the ids of their tasks.
    ///
    /// # Errors
    /// If they cannot be read.
    fn enqueued(&mut self, range: (i64, i64), most: usize) -> Result<Vec<Event>>;
}

/// One of the two orders.
struct Side {
    found: VecDeque<Event>,
    /// Number up to which nothing was read yet.
    unread: i64,
    /// Lowest number; above `unread` if the order is left out.
    first: i64,
}

impl Side {
    fn new(unread: i64, first: Option<i64>) -> Self {
        Self {
            found: VecDeque::new(),
            unread,
            first: first.unwrap_or(i64::MAX),
        }
    }

    /// True if its next event is not known yet.
    fn is_open(&self) -> bool {
        self.found.is_empty() && self.unread >= self.first
    }

    /// Reads on with a function that reads a range.
    fn refill(
        &mut self,
        most: usize,
        number: impl Fn(&Event) -> i64,
        read: impl FnOnce((i64, i64), usize) -> Result<Vec<Event>>,
    ) -> Result<()> {
        let low = self.unread.saturating_sub(WINDOW).max(self.first - 1);
        let found = read((low, self.unread), most)?;
        self.unread = match found.last() {
            Some(last) if found.len() >= most => number(last) - 1,
            _ => low,
        };
        self.found = found.into();
        Ok(())
    }

    fn position(&self, number: impl Fn(&Event) -> i64) -> i64 {
        self.found.front().map_or(self.unread, number)
    }
}

/// Reads up to `limit` events at or before a position, the newest first. The later of the log's event and
/// of the enqueue comes first, and the enqueue of a task after every event of it. `first` is the first
/// retained event of the log. The search ends early once `go_on` returns false.
///
/// # Errors
/// Those of the source.
pub fn older(
    source: &mut impl OlderSource,
    filter: &EventFilter,
    (from, first): (Cursor, i64),
    limit: usize,
    mut go_on: impl FnMut() -> bool,
) -> Result<OlderEvents> {
    let mut log = Side::new(from.seq, filter.has_logged().then_some(first));
    let mut tasks = Side::new(from.task.0, filter.has_enqueues().then_some(1));
    let mut page = OlderEvents::default();
    let mut has_read = false;
    while page.events.len() < limit {
        let most = limit - page.events.len();
        while log.is_open() || tasks.is_open() {
            if has_read && !go_on() {
                page.is_cut = true;
                break;
            }
            has_read = true;
            if log.is_open() {
                log.refill(most, seq, |range, most| source.logged(range, most))?;
            } else {
                tasks.refill(most, id, |range, most| source.enqueued(range, most))?;
            }
        }
        if page.is_cut {
            break;
        }
        let is_enqueue = match (log.found.front(), tasks.found.front()) {
            (Some(event), Some(task)) => event.task < task.task && task.at > event.at,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => break,
        };
        let side = if is_enqueue { &mut tasks } else { &mut log };
        page.events.extend(side.found.pop_front());
    }
    let is_over = |side: &Side| side.found.is_empty() && side.unread < side.first;
    page.next = (!is_over(&log) || !is_over(&tasks)).then(|| Cursor {
        epoch: from.epoch,
        seq: log.position(seq),
        task: TaskId(tasks.position(id)),
    });
    Ok(page)
}

fn seq(event: &Event) -> i64 {
    event.seq.unwrap_or(0)
}

fn id(event: &Event) -> i64 {
    event.task.map_or(0, |task| task.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EventFilter, OlderSource, WINDOW, id, older, seq};
    use crate::clock::Timestamp;
    use crate::error::Result;
    use crate::journal::{Cursor, Event, EventKind};
    use crate::task::TaskId;

    /// Events in both orders, the oldest first.
    #[derive(Default)]
    struct Log {
        logged: Vec<Event>,
        enqueued: Vec<Event>,
        kind: Option<EventKind>,
    }

    fn of_range(
        events: &[Event],
        (low, high): (i64, i64),
        number: fn(&Event) -> i64,
    ) -> impl Iterator<Item = Event> {
        let all = events.iter().rev().cloned();
        all.filter(move |event| number(event) > low && number(event) <= high)
    }

    impl OlderSource for Log {
        fn logged(&mut self, range: (i64, i64), most: usize) -> Result<Vec<Event>> {
            let kind = self.kind;
            let found = of_range(&self.logged, range, seq);
            let found = found.filter(|event| kind.is_none_or(|kind| event.kind == kind));
            Ok(found.take(most).collect())
        }

        fn enqueued(&mut self, range: (i64, i64), most: usize) -> Result<Vec<Event>> {
            Ok(of_range(&self.enqueued, range, id).take(most).collect())
        }
    }

    fn logged(seq: i64, at: i64, task: Option<i64>, kind: EventKind) -> Event {
        Event {
            seq: Some(seq),
            task: task.map(TaskId),
            ..Event::new(kind, Timestamp(at))
        }
    }

    fn enqueued(task: i64, at: i64) -> Event {
        Event {
            task: Some(TaskId(task)),
            ..Event::new(EventKind::Enqueued, Timestamp(at))
        }
    }

    fn end(log: &Log) -> Cursor {
        Cursor {
            epoch: 0,
            seq: log.logged.last().map_or(0, seq),
            task: TaskId(log.enqueued.last().map_or(0, id)),
        }
    }

    #[test]
    fn a_rare_kind_is_found_in_steps_and_the_search_goes_on_where_it_was_cut() {
        let many = 3 * WINDOW;
        let kind = |seq| match seq {
            7 => EventKind::Failed,
            _ => EventKind::Succeeded,
        };
        let mut log = Log {
            logged: (1..=many)
                .map(|seq| logged(seq, seq, Some(1), kind(seq)))
                .collect(),
            enqueued: vec![enqueued(1, 0)],
            kind: Some(EventKind::Failed),
        };
        let filter = EventFilter::new().kinds([EventKind::Failed]);
        let from = end(&log);
        let cut = older(&mut log, &filter, (from, 1), 5, || false).unwrap();
        assert!(cut.is_cut && cut.events.is_empty());
        let next = cut.next.unwrap();
        assert_eq!((next.seq, next.task), (many - WINDOW, TaskId(1)));
        let rest = older(&mut log, &filter, (next, 1), 5, || true).unwrap();
        assert_eq!(rest.events.iter().map(seq).collect::<Vec<_>>(), [7]);
        assert!(!rest.is_cut && rest.next.is_none());
    }

    proptest! {
        #[test]
        fn pages_of_any_size_give_each_event_once_and_in_both_orders(
            steps in prop::collection::vec((0..3_u8, 1..9_i64), 0..60),
            size in 1..7_usize,
            first in 1..4_i64,
        ) {
            // A clock that only rises, as the tasks and the events of a file have been written.
            let mut log = Log::default();
            for (at, (what, task)) in (1..).zip(steps) {
                let tasks = i64::try_from(log.enqueued.len()).unwrap();
                if what == 0 || tasks == 0 {
                    log.enqueued.push(enqueued(tasks + 1, at));
                } else {
                    let seq = i64::try_from(log.logged.len()).unwrap() + 1;
                    let task = (what == 1).then_some(task % tasks + 1);
                    log.logged.push(logged(seq, at, task, EventKind::Edited));
                }
            }
            let mut from = Some(end(&log));
            let mut seen = Vec::new();
            while let Some(at) = from {
                let page = older(&mut log, &EventFilter::new(), (at, first), size, || true).unwrap();
                prop_assert!(page.events.len() <= size && !page.is_cut);
                prop_assert!(page.next.is_none() || page.events.len() == size);
                seen.extend(page.events);
                from = page.next;
            }
            let kept = log.logged.iter().filter(|event| seq(event) >= first);
            let mut expected: Vec<Event> = kept.chain(&log.enqueued).cloned().collect();
            expected.sort_by_key(|event| std::cmp::Reverse(event.at));
            prop_assert_eq!(seen, expected);
        }
    }
}
