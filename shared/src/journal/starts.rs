//! Starts of executions. The log does not store them: they are read from running tasks, and later from
//! the ends.

use std::collections::HashSet;

use super::{Cursor, Event};
use crate::task::TaskId;

/// The starts that a reader has told of, so that each is told once.
#[derive(Clone, Debug, Default)]
pub struct Starts {
    /// Task and token of each execution that has not ended.
    told: HashSet<(TaskId, i64)>,
}

impl Starts {
    /// Counts these executions as told of.
    pub fn skip(&mut self, running: &[Event]) {
        self.told.extend(running.iter().filter_map(execution));
    }

    /// Adds the starts of executions to a page: of those that ended before the first event after their
    /// start, if the page has it, and of those that still run at the end.
    pub fn add(
        &mut self,
        after: Cursor,
        page: Vec<(Cursor, Event)>,
        running: Vec<Event>,
    ) -> Vec<(Cursor, Event)> {
        let mut all: Vec<(Cursor, Event)> = Vec::with_capacity(page.len());
        for (cursor, event) in page {
            if let Some(start) = event.start()
                && let Some(of) = execution(&start)
                && !self.told.remove(&of)
            {
                let later =
                    |(_, one): &&(Cursor, Event)| one.at > start.at && one.task != start.task;
                let place = all.len() - all.iter().rev().take_while(later).count();
                let cursor = place.checked_sub(1).map_or(after, |before| all[before].0);
                all.insert(place, (cursor, start));
            }
            all.push((cursor, event));
        }
        let last = all.last().map_or(after, |(cursor, _)| *cursor);
        for start in running {
            if execution(&start).is_some_and(|of| self.told.insert(of)) {
                all.push((last, start));
            }
        }
        all
    }
}

fn execution(start: &Event) -> Option<(TaskId, i64)> {
    start.task.zip(start.token)
}

#[cfg(test)]
mod tests {
    use super::Starts;
    use crate::clock::Timestamp;
    use crate::journal::{Cursor, Event, EventKind};
    use crate::task::TaskId;

    fn running(task: i64, at: i64) -> Event {
        Event {
            task: Some(TaskId(task)),
            token: Some(1),
            ..Event::new(EventKind::Started, Timestamp(at))
        }
    }

    fn ended(seq: i64, task: i64, since: i64, at: i64) -> (Cursor, Event) {
        let event = Event {
            seq: Some(seq),
            task: Some(TaskId(task)),
            token: Some(1),
            since: Some(Timestamp(since)),
            ..Event::new(EventKind::Succeeded, Timestamp(at))
        };
        let mut cursor = Cursor::start(0);
        cursor.seq = seq;
        (cursor, event)
    }

    fn told(starts: &mut Starts, page: Vec<(Cursor, Event)>, left: Vec<Event>) -> Vec<(i64, i64)> {
        let all = starts.add(Cursor::start(0), page, left);
        let brief = |(_, event): (Cursor, Event)| (event.task.unwrap().0, event.at.0);
        all.into_iter().map(brief).collect()
    }

    #[test]
    fn each_start_is_told_once_and_in_its_place() {
        let mut starts = Starts::default();
        assert_eq!(told(&mut starts, vec![], vec![running(1, 10)]), [(1, 10)]);
        assert_eq!(told(&mut starts, vec![], vec![running(1, 10)]), []);
        let page = vec![
            ended(1, 1, 10, 20),
            ended(2, 2, 15, 30),
            ended(3, 3, 28, 31),
        ];
        assert_eq!(
            told(&mut starts, page, vec![running(4, 32)]),
            [(2, 15), (1, 20), (3, 28), (2, 30), (3, 31), (4, 32)]
        );
    }

    #[test]
    fn executions_that_ran_before_are_skipped() {
        let mut starts = Starts::default();
        starts.skip(&[running(1, 10)]);
        assert_eq!(
            told(&mut starts, vec![ended(1, 1, 10, 20)], vec![]),
            [(1, 20)]
        );
    }
}
