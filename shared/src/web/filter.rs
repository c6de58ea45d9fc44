//! Filters of tasks, as links and forms hold them, and the pages that they find.

use std::time::Duration;

use super::request::Pairs;
use crate::error::Result;
use crate::queue::{ListQuery, Queue, Stats};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Time after which a search shows its finds and offers to go on.
const SEARCH_TIME: Duration = Duration::from_millis(15);

/// Most waiting tasks of a state that are found through an index, as in the list of the engine.
const FEW: u64 = 20_000;

/// Filter of tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// States; all if empty.
    pub(super) states: Vec<State>,
    /// Queue.
    pub(super) queue: Option<String>,
    /// Part of the name.
    pub(super) name: Option<String>,
    /// True if only held tasks are meant.
    pub(super) held: bool,
}

/// Some of the tasks of a filter, the newest first.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) tasks: Vec<Task>,
    /// Id below which the next page begins, if there may be one.
    pub(super) next: Option<TaskId>,
    /// True if the page is not full because the search took its time.
    pub(super) is_cut: bool,
}

impl Filter {
    /// Filter of a link or form. States that do not exist are left out.
    pub(super) fn of(pairs: &Pairs) -> Self {
        let mut states: Vec<State> = pairs.all("state").filter_map(State::parse).collect();
        states.sort_unstable();
        states.dedup();
        Self {
            states,
            queue: pairs.get("queue").map(str::to_owned),
            name: pairs.get("name").map(str::to_owned),
            held: pairs.get("held").is_some(),
        }
    }

    /// Pairs that read back as this filter.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let states = self.states.iter().map(|state| ("state", state.to_string()));
        let mut pairs: Vec<_> = states.collect();
        pairs.extend(self.queue.clone().map(|queue| ("queue", queue)));
        pairs.extend(self.name.clone().map(|name| ("name", name)));
        if self.held {
            pairs.push(("held", "1".to_owned()));
        }
        pairs
    }

    /// True if it leaves no task out.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Number of its tasks, if the counts by state tell it.
    pub(super) fn count(&self, stats: &Stats) -> Option<u64> {
        if self.queue.is_some() || self.name.is_some() {
            return None;
        }
        let has = |state: &State| self.states.is_empty() || self.states.contains(state);
        Some(if self.held {
            u64::from(has(&State::Blocked)) * stats.held
        } else {
            let asked = State::ALL.iter().filter(|state| has(state));
            asked.map(|state| stats.count(*state)).sum()
        })
    }

    /// The same filter with only those states; `None` if it leaves none of them.
    pub(super) fn within(mut self, states: &[State]) -> Option<Self> {
        if self.states.is_empty() {
            self.states = states.to_vec();
        } else {
            self.states.retain(|state| states.contains(state));
        }
        (!self.states.is_empty()).then_some(self)
    }

    /// True if all its tasks are found through indexes, so that no search is long.
    fn is_indexed(&self, stats: &Stats) -> bool {
        let is_indexed = |state: &State| match state {
            State::Running => true,
            State::Queued | State::Scheduled => stats.count(*state) <= FEW,
            State::Failed | State::Cancelled | State::Skipped => {
                (self.queue.is_none() && self.name.is_none()) || stats.count(*state) <= FEW
            }
            State::Blocked | State::Succeeded => false,
        };
        let is_plain = self.queue.is_none() && self.name.is_none();
        (is_plain && self.states.is_empty())
            || (self.held && stats.held <= FEW)
            || (!self.states.is_empty() && self.states.iter().all(is_indexed))
    }

    fn query(&self) -> ListQuery {
        let mut query = ListQuery::new().states(self.states.clone()).held(self.held);
        if let Some(queue) = &self.queue {
            query = query.queue(queue);
        }
        if let Some(name) = &self.name {
            query = query.name(name);
        }
        query
    }

    /// The page below that id, or the first one. A search that no index helps ends after some
    /// milliseconds, wherever it is.
    ///
    /// # Errors
    /// As the engine.
    pub(super) fn page<Q: Queue>(
        &self,
        queue: &Q,
        stats: &Stats,
        (before, limit): (Option<TaskId>, usize),
    ) -> Result<Page> {
        let mut query = self.query().limit(limit + 1);
        if self.is_indexed(stats) {
            query.before = before;
            return Ok(Page::full(queue.list(&query)?, limit));
        }
        let begin = queue.now().boot;
        let newest = queue.last_id()?.map_or(0, |id| id.0);
        let mut end = before
            .map_or(i64::MAX, |id| id.0)
            .min(newest.saturating_add(1));
        let mut tasks = Vec::new();
        let mut ids = Window::new();
        let mut read_at = begin;
        while end > 1 {
            let start = end.saturating_sub(ids.0).max(1);
            let window = query.clone().from(TaskId(start)).before(TaskId(end));
            tasks.extend(queue.list(&window.limit(limit + 1 - tasks.len()))?);
            end = start;
            if tasks.len() > limit {
                return Ok(Page::full(tasks, limit));
            }
            let now = queue.now().boot;
            ids.adapt(now.since(read_at));
            read_at = now;
            if end > 1 && now.since(begin) >= SEARCH_TIME {
                return Ok(Page {
                    tasks,
                    next: Some(TaskId(end)),
                    is_cut: true,
                });
            }
        }
        Ok(Page::full(tasks, limit))
    }
}

/// Number of ids that the next statement of a search looks at. It follows from the time that the last one
/// took, because rows with long texts take many times as long to read as short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window(i64);

impl Window {
    const LEAST: i64 = 100;
    const MOST: i64 = 20_000;

    /// The first one.
    fn new() -> Self {
        Self(2_000)
    }

    /// Fits it to the time that the last statement took, so that a statement takes a quarter of a search.
    fn adapt(&mut self, took: Duration) {
        let wanted = SEARCH_TIME / 4;
        self.0 = if took < wanted / 2 {
            self.0 * 4
        } else if took > wanted * 2 {
            self.0 / 4
        } else {
            self.0
        };
        self.0 = self.0.clamp(Self::LEAST, Self::MOST);
    }
}

impl Page {
    fn full(mut tasks: Vec<Task>, limit: usize) -> Self {
        let is_more = tasks.len() > limit;
        tasks.truncate(limit);
        Self {
            next: tasks.last().filter(|_| is_more).map(|task| task.id),
            tasks,
            is_cut: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Filter, Window};
    use crate::queue::Stats;
    use crate::state::State;

    #[test]
    fn tasks_of_whole_states_are_counted_without_a_search() {
        let stats = Stats {
            by_state: [1, 20, 300, 0, 4_000, 50_000, 0, 0],
            held: 7,
            ..Stats::default()
        };
        let mut filter = Filter::default();
        assert_eq!(filter.count(&stats), Some(54_321));
        filter.states = vec![State::Queued, State::Failed];
        assert_eq!(filter.count(&stats), Some(50_300));
        filter.held = true;
        assert_eq!(filter.count(&stats), Some(0));
        filter.states.push(State::Blocked);
        assert_eq!(filter.count(&stats), Some(7));
        filter.name = Some("a".to_owned());
        assert_eq!(filter.count(&stats), None);
    }

    /// A statement looked at 20,000 ids however long their rows were: with long commands it took a
    /// second, for a page that may take 50 ms.
    #[test]
    fn a_search_looks_at_fewer_ids_at_once_where_rows_are_long() {
        let mut window = Window::new();
        for _ in 0..5 {
            window.adapt(Duration::ZERO);
        }
        assert_eq!(window, Window(Window::MOST));
        window.adapt(Duration::from_millis(4));
        assert_eq!(window, Window(Window::MOST));
        window.adapt(Duration::from_millis(60));
        assert_eq!(window, Window(Window::MOST / 4));
        for _ in 0..5 {
            window.adapt(Duration::from_secs(1));
        }
        assert_eq!(window, Window(Window::LEAST));
    }
}
