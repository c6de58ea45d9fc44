//! Merges the events of the log with those read from tasks. Both have an order of their own, by number and
//! by id, which stays even if clocks were set back.

use super::{Cursor, Event};

/// Page of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventPage {
    /// Events in order, each with the position after it.
    pub events: Vec<(Cursor, Event)>,
    /// Position after the page; `None` for the position at which the page began.
    pub next: Option<Cursor>,
    /// True if there was nothing more when the page was read.
    pub is_last: bool,
    /// Number of events of the log that were deleted before they were read.
    pub missed: u64,
}

impl EventPage {
    /// The page after which there is nothing more.
    pub fn last() -> Self {
        Self {
            is_last: true,
            ..Self::default()
        }
    }
}

/// The next events of one of the two orders.
#[derive(Clone, Debug, Default)]
pub struct Portion {
    /// Events, in order.
    pub events: Vec<Event>,
    /// True if none follows.
    pub is_last: bool,
}

/// Merges the next events of the log after `cursor` with the next enqueues. The enqueue of a task comes
/// before every event of it; otherwise the earlier of both comes first.
pub fn merge(cursor: Cursor, logged: Portion, enqueued: Portion) -> EventPage {
    let mut page = EventPage {
        is_last: logged.is_last && enqueued.is_last,
        ..EventPage::default()
    };
    let (mut log, mut tasks) = (
        logged.events.into_iter().peekable(),
        enqueued.events.into_iter().peekable(),
    );
    let mut at = cursor;
    loop {
        let from_tasks = match (log.peek(), tasks.peek()) {
            (Some(event), Some(task)) => event.task >= task.task || task.at <= event.at,
            (Some(_), None) if enqueued.is_last => false,
            (None, Some(_)) if logged.is_last => true,
            // What follows in the other order is unknown.
            _ => break,
        };
        let next = if from_tasks { tasks.next() } else { log.next() };
        let Some(event) = next else { break };
        match (from_tasks, event.task, event.seq) {
            (true, Some(task), _) => at.task = task,
            (false, _, Some(seq)) => at.seq = seq,
            _ => {}
        }
        page.events.push((at, event));
    }
    page.next = page.events.last().map(|(at, _)| *at);
    page
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Portion, merge};
    use crate::clock::Timestamp;
    use crate::journal::{Cursor, Event, EventKind};
    use crate::task::TaskId;

    fn logged(seq: i64, at: i64, task: Option<i64>) -> Event {
        Event {
            seq: Some(seq),
            task: task.map(TaskId),
            ..Event::new(EventKind::Edited, Timestamp(at))
        }
    }

    fn enqueued(task: i64, at: i64) -> Event {
        Event {
            task: Some(TaskId(task)),
            ..Event::new(EventKind::Enqueued, Timestamp(at))
        }
    }

    fn all(events: Vec<Event>) -> Portion {
        Portion {
            events,
            is_last: true,
        }
    }

    #[test]
    fn an_enqueue_comes_before_the_events_of_its_task_whatever_the_clock_showed() {
        let log = vec![
            logged(1, 5, None),
            logged(2, 1, Some(7)),
            logged(3, 9, None),
        ];
        let page = merge(
            Cursor::start(0),
            all(log),
            all(vec![enqueued(6, 8), enqueued(7, 100), enqueued(8, 200)]),
        );
        let order: Vec<(Option<i64>, i64)> = page
            .events
            .iter()
            .map(|(_, event)| (event.seq, event.task.map_or(0, |task| task.0)))
            .collect();
        let expected = [
            (Some(1), 0),
            (None, 6),
            (None, 7),
            (Some(2), 7),
            (Some(3), 0),
            (None, 8),
        ];
        assert_eq!(order, expected);
        let next = page.next.unwrap();
        assert_eq!((next.seq, next.task), (3, TaskId(8)));
    }

    proptest! {
        #[test]
        fn pages_of_any_size_give_the_same_events_in_each_order(
            log in prop::collection::vec((0..50_i64, prop::option::of(1..20_i64)), 0..20),
            tasks in prop::collection::vec(0..50_i64, 0..20),
            size in 1..7_usize,
        ) {
            let log: Vec<Event> = (1..).zip(log).map(|(seq, (at, task))| logged(seq, at, task)).collect();
            let tasks: Vec<Event> = (1..).zip(tasks).map(|(id, at)| enqueued(id, at)).collect();
            let mut at = Cursor::start(0);
            let mut seen = Vec::new();
            loop {
                let portion = |events: Vec<&Event>| Portion {
                    is_last: events.len() <= size,
                    events: events.into_iter().take(size).cloned().collect(),
                };
                let of_log = log.iter().filter(|one| one.seq > Some(at.seq));
                let of_tasks = tasks.iter().filter(|one| one.task > Some(at.task));
                let page = merge(at, portion(of_log.collect()), portion(of_tasks.collect()));
                prop_assert!(page.is_last || page.next.is_some());
                seen.extend(page.events.iter().map(|(_, event)| event.clone()));
                at = page.next.unwrap_or(at);
                if page.is_last {
                    break;
                }
            }
            let read: Vec<_> = seen.iter().filter(|one| one.seq.is_some()).cloned().collect();
            prop_assert_eq!(&read, &log);
            let read: Vec<_> = seen.iter().filter(|one| one.seq.is_none()).cloned().collect();
            prop_assert_eq!(&read, &tasks);
            for (index, event) in seen.iter().enumerate() {
                let late = |one: &Event| one.seq.is_none() && one.task == event.task;
                prop_assert!(event.seq.is_none() || !seen[index..].iter().any(late));
            }
        }
    }
}
