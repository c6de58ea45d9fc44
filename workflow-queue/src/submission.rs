//! What is asked for: tasks, what they wait for, and the settings that only this engine knows.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::options::MAX_DURATION_MS;
use queue_core::task::{MAX_KEY_BYTES, NewTask, TaskId};
use queue_core::workflow::Condition;

/// Dependencies of one task at most.
pub const MAX_DEPENDENCIES: usize = 1_000_000;

/// A task to enqueue, with what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowTask {
    /// The task itself.
    pub task: NewTask,
    /// What goes beyond it.
    pub settings: Settings,
    /// What it waits for; it starts once all of it holds.
    pub after: Vec<Dependency>,
    /// What is made to wait for it too.
    pub before: Vec<Dependent>,
    /// The line it was read from, from 1, by which messages call it; else they count the tasks.
    pub line: Option<usize>,
}

/// Stored tasks that are made to wait for a new one. They must not have started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// Which tasks.
    pub which: Which,
    /// How the new one has to end for them.
    pub condition: Condition,
}

/// Which stored tasks are made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Task(TaskId),
    /// All that wait for the running task that adds the new one, to which alone this is open.
    OfSpawner,
}

impl From<TaskId> for Which {
    fn from(id: TaskId) -> Self {
        Self::Task(id)
    }
}

/// One edge of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The task depended on.
    pub on: On,
    /// How that task has to end.
    pub condition: Condition,
}

/// Which task is depended on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// The one at this place, from 0, of the same submission.
    Index(usize),
    /// The one of this name in the same submission, which must be the only one.
    Name(String),
    /// One that is stored already.
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

/// Settings beyond those of a [`NewTask`]. [`Default`] is a task of either engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How long the task's idempotency key stays taken.
    pub key_scope: KeyScope,
    /// What happens if the key is taken already.
    pub on_conflict: OnConflict,
    /// The task fails if it has not started so long after it was enqueued or re-opened, or after its
    /// `run_at` where that is later. Waiting for dependencies counts.
    pub start_within: Option<Duration>,
    /// The task fails if it has not ended so long after that, retries included.
    pub finish_within: Option<Duration>,
    /// The key whose limit it falls under, across all queues; 1 to 1024 bytes.
    pub limit_key: Option<Vec<u8>>,
}

/// How long an idempotency key stays taken by its task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyScope {
    /// As long as the task is in the file.
    #[default]
    Forever,
    /// Until the task has ended.
    WhileUnfinished,
    /// So long after the task was enqueued.
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

/// What happens to a task whose idempotency key is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It is not enqueued; the answer is the task that holds the key.
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

    /// Makes it wait for another task.
    #[must_use]
    pub fn after(mut self, on: impl Into<On>, condition: Condition) -> Self {
        self.after.push(Dependency {
            on: on.into(),
            condition,
        });
        self
    }

    /// Makes stored tasks wait for it as well as for what they wait for already.
    #[must_use]
    pub fn before(mut self, which: impl Into<Which>, condition: Condition) -> Self {
        self.before.push(Dependent {
            which: which.into(),
            condition,
        });
        self
    }

    /// Sets what goes beyond a [`NewTask`].
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks every limit; the edges are checked where they can be seen together.
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

    /// When a task that may start from `from` on fails for not having ended.
    pub(crate) fn deadline_at(&self, from: Timestamp) -> Option<Timestamp> {
        self.finish_within.map(|duration| from.after(duration))
    }

    /// When it fails for not having started, or not having ended.
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
