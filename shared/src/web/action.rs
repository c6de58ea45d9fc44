//! Changes that a form can name, and the tasks it names.

use super::filter::Filter;
use super::reply::Problem;
use super::request::Pairs;
use crate::error::Result;
use crate::queue::{Change, Queue};
use crate::state::State;
use crate::task::TaskId;

/// Change of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskAction {
    /// Queues ended tasks again.
    Retry,
    /// As `Retry`, with the tasks that were skipped because of them.
    RetryDownstream,
    /// Cancels tasks.
    Cancel,
    /// Holds waiting tasks.
    Hold,
    /// Releases held tasks.
    Release,
    /// Gives waiting tasks another priority.
    Prioritize(i32),
}

impl TaskAction {
    /// The action that a form names.
    ///
    /// # Errors
    /// [`Problem::Invalid`] if it names none, or a priority that is not a number.
    pub(super) fn of(pairs: &Pairs) -> Result<Self, Problem> {
        match pairs.get("action") {
            Some("retry") => Ok(Self::Retry),
            Some("retry-downstream") => Ok(Self::RetryDownstream),
            Some("cancel") => Ok(Self::Cancel),
            Some("hold") => Ok(Self::Hold),
            Some("release") => Ok(Self::Release),
            Some("prioritize") => {
                priority(pairs.get("priority").unwrap_or_default()).map(Self::Prioritize)
            }
            _ => Err(Problem::Invalid("choose an action".to_owned())),
        }
    }

    /// Word of a form.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::RetryDownstream => "retry-downstream",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Prioritize(_) => "prioritize",
        }
    }

    /// Verb at the beginning of a sentence and of a button.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::RetryDownstream => "Retry with dependents",
            Self::Cancel => "Cancel",
            Self::Hold => "Hold",
            Self::Release => "Release",
            Self::Prioritize(_) => "Prioritise",
        }
    }

    /// The change of these tasks as an order: `Retry 9 tasks`.
    pub(super) fn order(self, tasks: &str) -> String {
        match self {
            Self::Retry | Self::Cancel | Self::Hold | Self::Release => {
                format!("{} {tasks}", self.verb())
            }
            Self::RetryDownstream => format!("Retry {tasks}, with the skipped ones below"),
            Self::Prioritize(priority) => format!("Give {tasks} priority {priority}"),
        }
    }

    /// Past participle at the end of a sentence.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Retry | Self::RetryDownstream => "queued again",
            Self::Cancel => "cancelled",
            Self::Hold => "held",
            Self::Release => "released",
            Self::Prioritize(_) => "given another priority",
        }
    }

    /// Past participle about tasks that it left as they were, because they were so before.
    pub(super) fn done_before(self) -> &'static str {
        match self {
            Self::Retry | Self::RetryDownstream => "queued again before",
            Self::Cancel => "cancelled or asked to stop before",
            Self::Hold => "held before",
            Self::Release => "not held",
            Self::Prioritize(_) => "given that priority before",
        }
    }

    /// States in which it changes a task.
    pub(super) fn states(self) -> &'static [State] {
        match self {
            Self::Retry | Self::RetryDownstream => &State::RETRIABLE,
            Self::Cancel => &State::LIVE,
            Self::Hold | Self::Prioritize(_) => &State::WAITING,
            Self::Release => &[State::Blocked],
        }
    }

    /// Tasks of the filter that it may change; `None` if there are none.
    pub(super) fn filter(self, filter: Filter) -> Option<Filter> {
        let mut filter = filter.within(self.states())?;
        filter.held |= self == Self::Release;
        Some(filter)
    }

    /// Makes the change.
    ///
    /// # Errors
    /// As the engine.
    pub(super) fn apply<Q: Queue>(self, queue: &Q, ids: &[TaskId]) -> Result<Vec<Change>> {
        match self {
            Self::Retry => queue.retry(ids),
            Self::RetryDownstream => {
                let mut plan = queue.plan_retry(ids, true)?;
                let mut changes = Vec::new();
                while !plan.left().is_empty() {
                    let step = queue.retry_step(&mut plan)?;
                    changes.extend(step.into_iter().map(|(_, change)| change));
                }
                Ok(changes)
            }
            Self::Cancel => queue.cancel(ids),
            Self::Hold => queue.hold(ids),
            Self::Release => queue.release(ids),
            Self::Prioritize(priority) => queue.reprioritize(ids, priority),
        }
    }
}

/// The tasks that a form or a link names: some, or all of a filter.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// These.
    Ids(Vec<TaskId>),
    /// All that the filter leaves, below that id.
    Filter(Filter, Option<TaskId>),
}

impl Selection {
    /// The selection of a form or a link.
    pub(super) fn of(pairs: &Pairs) -> Self {
        let number = |text: &str| text.parse().ok().map(TaskId);
        if pairs.get("all").is_some() {
            let before = pairs.get("before").and_then(number);
            return Self::Filter(Filter::of(pairs), before);
        }
        let mut ids: Vec<TaskId> = pairs.all("id").filter_map(number).collect();
        ids.sort_unstable();
        ids.dedup();
        Self::Ids(ids)
    }
}

/// The priority that a person wrote.
pub(super) fn priority(text: &str) -> Result<i32, Problem> {
    text.trim().parse().map_err(|_| {
        let (least, most) = (i32::MIN, i32::MAX);
        Problem::Invalid(format!(
            "a priority is a whole number from {least} to {most}"
        ))
    })
}
