//! Filter and page of a list.

use crate::state::State;
use crate::task::TaskId;

/// Number of tasks in a page for which no limit is set.
pub const DEFAULT_PAGE: usize = 100;

/// Filter of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// States; all if empty.
    pub states: Vec<State>,
    /// Queue; all unless set.
    pub queue: Option<String>,
    /// Part of the name.
    pub name: Option<String>,
    /// True if only held tasks are wanted.
    pub held: bool,
    /// Lowest id.
    pub from: Option<TaskId>,
    /// Lowest id that is not wanted any more: the next page ends below it.
    pub before: Option<TaskId>,
    /// Most tasks in the page; [`DEFAULT_PAGE`] unless set.
    pub limit: usize,
}

impl ListQuery {
    /// A page of all tasks, the newest [`DEFAULT_PAGE`].
    pub fn new() -> Self {
        Self {
            states: Vec::new(),
            queue: None,
            name: None,
            held: false,
            from: None,
            before: None,
            limit: DEFAULT_PAGE,
        }
    }

    /// Only tasks in these states.
    #[must_use]
    pub fn states(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = states.into();
        self
    }

    /// Only tasks of this queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Only tasks whose name contains this.
    #[must_use]
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Only held tasks, if true.
    #[must_use]
    pub fn held(mut self, held: bool) -> Self {
        self.held = held;
        self
    }

    /// Only tasks of that id and higher ones.
    #[must_use]
    pub fn from(mut self, id: TaskId) -> Self {
        self.from = Some(id);
        self
    }

    /// Only tasks below that id: the page after one that ended with it.
    #[must_use]
    pub fn before(mut self, id: TaskId) -> Self {
        self.before = Some(id);
        self
    }

    /// At most that many tasks.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl Default for ListQuery {
    fn default() -> Self {
        Self::new()
    }
}
