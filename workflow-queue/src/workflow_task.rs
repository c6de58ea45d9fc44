//! Tasks to enqueue, their dependencies, and the settings that only this engine has.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::options::MAX_DURATION_MS;
use queue_core::task::{MAX_KEY_BYTES, NewTask, TaskId};
use queue_core::workflow::Condition;

/// Most dependencies of one task.
pub const MAX_DEPENDENCIES: usize = 1_000_000;

/// A task to enqueue, with its dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkflowTask {
    /// The task itself.
    pub task: NewTask,
    /// The settings that a [`NewTask`] does not have.
    pub settings: Settings,
    /// Its dependencies; it starts once all conditions are met.
    pub after: Vec<Dependency>,
    /// Stored tasks that are to wait for it too.
    pub before: Vec<Dependent>,
    /// Line of the input it was read from, from 1; messages name it. `None`: messages number the
    /// tasks.
    pub line: Option<usize>,
}

/// Stored tasks that are made to wait for a new one. They must not have started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependent {
    /// The tasks.
    pub tasks: DependentTasks,
    /// Condition on the new task's end.
    pub condition: Condition,
}

impl Dependent {
    /// Makes these tasks wait until the new one has ended so.
    pub fn new(tasks: impl Into<DependentTasks>, condition: Condition) -> Self {
        Self {
            tasks: tasks.into(),
            condition,
        }
    }
}

/// The stored tasks that are made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependentTasks {
    /// This task.
    Task(TaskId),
    /// All tasks that wait for the running task that adds the new one. Only `spawn` accepts it.
    OfSpawner,
}

impl From<TaskId> for DependentTasks {
    fn from(id: TaskId) -> Self {
        Self::Task(id)
    }
}

/// One edge of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// The task depended on.
    pub on: On,
    /// Condition on that task's end.
    pub condition: Condition,
}

impl Dependency {
    /// Makes a task wait until that one has ended so.
    pub fn new(on: impl Into<On>, condition: Condition) -> Self {
        Self {
            on: on.into(),
            condition,
        }
    }
}

/// The task depended on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum On {
    /// The task at this index, from 0, of the same submission.
    Index(usize),
    /// The task of this name in the same submission; the name must be unique there.
    Name(String),
    /// A stored task.
    Task(TaskId),
}

impl From<&str> for On {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<TaskId> for On {
    fn from(id: TaskId) -> Self {
        Self::Task(id)
    }
}

impl From<usize> for On {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Settings that a [`NewTask`] does not have. [`Default`] is a task that either engine could have
/// enqueued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Period during which the task's idempotency key stays taken.
    pub key_scope: KeyScope,
    /// Behaviour if the key is taken already.
    pub on_conflict: OnConflict,
    /// Time within which the task must start; it fails otherwise. The time runs from the enqueue or
    /// re-opening, or from its `run_at` if that is later, and includes waiting for dependencies.
    pub start_within: Option<Duration>,
    /// Time within which the task must end, retries included; it fails otherwise.
    pub finish_within: Option<Duration>,
    /// The key of its limit, across all queues; 1 to 1024 bytes.
    pub limit_key: Option<Vec<u8>>,
}

/// Period during which an idempotency key stays taken by its task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyScope {
    /// While the task is in the file.
    #[default]
    Forever,
    /// Until the task has ended.
    WhileUnfinished,
    /// For this long after the enqueue of the task.
    For(Duration),
}

impl KeyScope {
    /// The code in `queue_tasks.key_scope`; nothing is stored for the default.
    pub(crate) const fn code(self) -> Option<i64> {
        match self {
            Self::Forever => None,
            Self::WhileUnfinished => Some(1),
            Self::For(_) => Some(2),
        }
    }

    /// The moment in `queue_tasks.key_until`.
    pub(crate) fn until(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(period) => Some(now.after(period)),
            Self::Forever | Self::WhileUnfinished => None,
        }
    }
}

/// Behaviour if the idempotency key of a task is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConflict {
    /// The task is not enqueued; the result is the task that holds the key.
    #[default]
    Existing,
    /// The whole submission is refused.
    Refuse,
}

impl WorkflowTask {
    /// A task that runs `command` with `/bin/sh -c`.
    pub fn shell(name: impl Into<String>, command: impl Into<String>) -> Self {
        NewTask::shell(name, command).into()
    }

    /// Sets the task itself.
    #[must_use]
    pub fn task(mut self, task: NewTask) -> Self {
        self.task = task;
        self
    }

    /// Makes it wait for another task.
    #[must_use]
    pub fn after(mut self, on: impl Into<On>, condition: Condition) -> Self {
        self.after.push(Dependency::new(on, condition));
        self
    }

    /// Makes stored tasks wait for it, in addition to their other dependencies.
    #[must_use]
    pub fn before(mut self, tasks: impl Into<DependentTasks>, condition: Condition) -> Self {
        self.before.push(Dependent::new(tasks, condition));
        self
    }

    /// Sets the settings that a [`NewTask`] does not have.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the line of the input it was read from, from 1.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Checks every bound; edges are checked together, for the whole submission.
    pub(crate) fn validate(&self) -> Result<()> {
        self.settings.validate()?;
        if self.after.len() > MAX_DEPENDENCIES {
            return Err(Error::invalid(format!(
                "a task has {} dependencies; the limit is {MAX_DEPENDENCIES}",
                self.after.len()
            )));
        }
        Ok(())
    }
}

impl From<NewTask> for WorkflowTask {
    fn from(task: NewTask) -> Self {
        Self {
            task,
            settings: Settings::default(),
            after: Vec::new(),
            before: Vec::new(),
            line: None,
        }
    }
}

impl Settings {
    /// Makes the settings of a task that either engine could have enqueued.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the period during which the task's idempotency key stays taken.
    #[must_use]
    pub fn key_scope(mut self, key_scope: KeyScope) -> Self {
        self.key_scope = key_scope;
        self
    }

    /// Sets the behaviour if the key is taken already.
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }

    /// Sets the time within which the task must start.
    #[must_use]
    pub fn start_within(mut self, start_within: Duration) -> Self {
        self.start_within = Some(start_within);
        self
    }

    /// Sets the time within which the task must end.
    #[must_use]
    pub fn finish_within(mut self, finish_within: Duration) -> Self {
        self.finish_within = Some(finish_within);
        self
    }

    /// Sets the key of its limit.
    #[must_use]
    pub fn limit_key(mut self, limit_key: impl Into<Vec<u8>>) -> Self {
        self.limit_key = Some(limit_key.into());
        self
    }

    fn validate(&self) -> Result<()> {
        let period = match self.key_scope {
            KeyScope::For(period) => Some(period),
            KeyScope::Forever | KeyScope::WhileUnfinished => None,
        };
        for duration in [period, self.start_within, self.finish_within]
            .into_iter()
            .flatten()
        {
            if duration.is_zero() {
                return Err(Error::invalid("a duration must be longer than zero"));
            }
            if duration.as_millis() > u128::from(MAX_DURATION_MS) {
                return Err(Error::invalid("a duration must be at most 100 years"));
            }
        }
        self.limit_key.as_deref().map_or(Ok(()), check_limit_key)
    }

    /// Deadline by which a task that may start at `from` must have ended.
    pub(crate) fn deadline_at(&self, from: Timestamp) -> Option<Timestamp> {
        self.finish_within.map(|duration| from.after(duration))
    }

    /// Earliest moment at which the waiting task fails: the deadline of its start or of its end.
    pub(crate) fn expires_at(&self, from: Timestamp) -> Option<Timestamp> {
        let start = self.start_within.map(|duration| from.after(duration));
        start.into_iter().chain(self.deadline_at(from)).min()
    }
}

/// Checks a limit key: 1 to 1024 bytes of any kind.
pub(crate) fn check_limit_key(key: &[u8]) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Error::invalid(format!(
            "a limit key must have 1 to {MAX_KEY_BYTES} bytes"
        )));
    }
    Ok(())
}
