//! Tasks to enqueue ([`NewTask`]) and stored tasks ([`Task`]).

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
pub use crate::ids::TaskId;
use crate::ids::WorkerId;
use crate::names::{ASIDE_HANDLER, check_length, check_no_nul};
pub use crate::names::{DEFAULT_QUEUE, MAX_NAME_BYTES, check_name, check_queue_name};
use crate::options::TaskOptions;
use crate::outcome::Reason;
use crate::state::State;
use crate::usage::Usage;
pub use crate::work::{MAX_ARGUMENT_BYTES, MAX_ARGUMENTS_BYTES, MAX_PAYLOAD_BYTES, Work};

/// Most bytes in an idempotency key.
pub const MAX_KEY_BYTES: usize = 1024;

/// Task to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTask {
    /// Name, shown to people; 1 to 200 bytes without NUL.
    pub name: String,
    /// Command or handler call to run.
    pub work: Work,
    /// Queue it joins; `default` unless set.
    pub queue: String,
    /// Priority: higher runs first; 0 unless set.
    pub priority: i32,
    /// Earliest start; at once unless set.
    pub run_at: Option<Timestamp>,
    /// Idempotency key. A second task with the same key is not enqueued; its result has the id of
    /// the first.
    pub key: Option<Vec<u8>>,
    /// True if it waits until it is released.
    pub held: bool,
    /// Budgets, backoff, timeout, directory, environment.
    pub options: TaskOptions,
}

impl NewTask {
    /// Makes a task that runs `command` with `/bin/sh -c`.
    pub fn shell(name: impl Into<String>, command: impl Into<String>) -> Self {
        Self::of(name, Work::Shell(command.into()))
    }

    /// Makes a task that starts a program without a shell.
    pub fn argv(
        name: impl Into<String>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self::of(name, Work::Argv(arguments))
    }

    /// Makes a task for the handler of that name, with a payload of bytes.
    pub fn handler(handler: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        let handler = handler.into();
        let payload = payload.into();
        Self::of(handler.clone(), Work::Handler { handler, payload })
    }

    /// A task for a typed handler, whose name it bears, with these arguments as JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the arguments have no JSON form, such as a map whose keys are not text.
    pub fn handler_json(name: impl Into<String>, arguments: &impl Serialize) -> Result<Self> {
        let payload = serde_json::to_vec(arguments).map_err(|error| {
            Error::invalid(format!("the arguments cannot be written as JSON: {error}"))
        })?;
        Ok(Self::handler(name, payload))
    }

    /// Makes a task with every setting at its default.
    pub fn of(name: impl Into<String>, work: Work) -> Self {
        Self {
            name: name.into(),
            work,
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 0,
            run_at: None,
            key: None,
            held: false,
            options: TaskOptions::default(),
        }
    }

    /// Sets the priority.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the earliest start.
    #[must_use]
    pub fn run_at(mut self, run_at: Timestamp) -> Self {
        self.run_at = Some(run_at);
        self
    }

    /// Sets the idempotency key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Sets if the task waits until it is released.
    #[must_use]
    pub fn held(mut self, held: bool) -> Self {
        self.held = held;
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }

    /// Checks every limit of this module.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a sentence that names the limit.
    pub fn validate(&self) -> Result<()> {
        check_name("a task's name", &self.name)?;
        check_queue_name(&self.queue)?;
        match &self.work {
            Work::Shell(command) => check_argument("a command", command)?,
            Work::Argv(arguments) => check_arguments(arguments)?,
            Work::Handler { handler, payload } => {
                check_name("a handler's name", handler)?;
                if handler.starts_with(ASIDE_HANDLER) {
                    return Err(Error::invalid("a handler's name must not begin so"));
                }
                check_length("a payload", payload.len(), MAX_PAYLOAD_BYTES)?;
            }
        }
        if let Some(key) = &self.key {
            if key.is_empty() {
                return Err(Error::invalid("a key must not be empty"));
            }
            check_length("a key", key.len(), MAX_KEY_BYTES)?;
        }
        if let Some(run_at) = self.run_at
            && (run_at.0 < 0 || run_at > Timestamp::MAX)
        {
            return Err(Error::invalid(
                "a start time must lie between the years 1970 and 9999",
            ));
        }
        self.options.validate()
    }

    /// State of the task if it waits for nothing but its time.
    pub fn free_state(&self, now: Timestamp) -> State {
        if self.run_at.is_some_and(|at| at > now) {
            State::Scheduled
        } else {
            State::Queued
        }
    }

    /// State in which it is enqueued, unless it waits for other tasks or for a limit.
    pub fn first_state(&self, now: Timestamp) -> State {
        if self.held {
            State::Blocked
        } else {
            self.free_state(now)
        }
    }

    /// Checks every task. The message about one of several has its position.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_all<'a>(
        tasks: impl IntoIterator<IntoIter: ExactSizeIterator<Item = &'a Self>>,
    ) -> Result<()> {
        let tasks = tasks.into_iter();
        let count = tasks.len();
        for (index, task) in tasks.enumerate() {
            let Err(error) = task.validate() else {
                continue;
            };
            return Err(
                if let (true, Error::Invalid { what }) = (count > 1, &error) {
                    Error::invalid(format!("task {} of {count}: {what}", index + 1))
                } else {
                    error
                },
            );
        }
        Ok(())
    }
}

fn check_arguments(arguments: &[String]) -> Result<()> {
    if arguments.first().is_none_or(String::is_empty) {
        return Err(Error::invalid("a command must not be empty"));
    }
    for argument in arguments.iter().filter(|argument| !argument.is_empty()) {
        check_argument("an argument", argument)?;
    }
    let total = arguments.iter().map(|argument| argument.len() + 1).sum();
    check_length("a command with its arguments", total, MAX_ARGUMENTS_BYTES)
}

fn check_argument(what: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!("{what} must not be empty")));
    }
    check_no_nul(what, text)?;
    check_length(what, text.len(), MAX_ARGUMENT_BYTES)
}

/// Stored task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// Number in the file.
    pub id: TaskId,
    /// Name, shown to people.
    pub name: String,
    /// Command or handler call.
    pub work: Work,
    /// Queue it belongs to.
    pub queue: String,
    /// State.
    pub state: State,
    /// Priority: higher runs first.
    pub priority: i32,
    /// Number of its last attempt, the running one included, across retries.
    pub attempt: u32,
    /// Number of its last attempt when it was last retried. Its budget counts from there.
    pub attempt_base: u32,
    /// Number of workers that died while running it since then.
    pub crashes: u32,
    /// Fencing token of its last claim; 0 before the first.
    pub token: i64,
    /// Worker of its last claim, unless that worker died.
    pub worker: Option<WorkerId>,
    /// Time of its enqueue.
    pub created_at: Timestamp,
    /// Earliest start, if one was requested or a retry waits.
    pub run_at: Option<Timestamp>,
    /// Time of its last claim.
    pub started_at: Option<Timestamp>,
    /// Time at which it reached a terminal state.
    pub finished_at: Option<Timestamp>,
    /// Time of a request to end it, if it runs.
    pub cancel_requested_at: Option<Timestamp>,
    /// Exit code of its last attempt.
    pub exit_code: Option<i32>,
    /// Signal that ended its last attempt.
    pub signal: Option<i32>,
    /// Reason why its last attempt did not succeed.
    pub reason: Option<Reason>,
    /// Message of a handler, of a start that failed, or of whoever withdrew the task.
    pub message: Option<String>,
    /// Resources that the command of its last attempt used.
    pub usage: Usage,
    /// Idempotency key.
    pub key: Option<Vec<u8>>,
    /// Budgets, backoff, timeout, directory, environment.
    pub options: TaskOptions,
    /// Time since which it is held, if it is.
    pub held_at: Option<Timestamp>,
    /// Reason why no worker of this version takes it, although it waits: a newer version wrote it.
    pub set_aside: Option<String>,
}

impl Task {
    /// Attempts since the last retry, the running one included; they count against
    /// [`max_attempts`](TaskOptions::max_attempts).
    pub fn attempts_spent(&self) -> u32 {
        self.attempt.saturating_sub(self.attempt_base)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_ARGUMENT_BYTES, MAX_NAME_BYTES, NewTask, Work};
    use crate::clock::Timestamp;

    fn refusal(task: &NewTask) -> String {
        task.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_broken_limit_is_named() {
        assert!(refusal(&NewTask::shell(" ", "true")).contains("name must not be empty"));
        assert!(refusal(&NewTask::shell("a\0b", "true")).contains("NUL"));
        assert!(refusal(&NewTask::shell("ü".repeat(101), "true")).contains("202 bytes"));
        assert!(refusal(&NewTask::shell("a", "")).contains("command must not be empty"));
        assert!(
            refusal(&NewTask::shell("a", "x".repeat(MAX_ARGUMENT_BYTES + 1))).contains("131071")
        );
        assert!(refusal(&NewTask::argv("a", [""; 0])).contains("must not be empty"));
        assert!(refusal(&NewTask::argv("a", ["cat", "b\0"])).contains("NUL"));
        assert!(refusal(&NewTask::shell("a", "true").key([])).contains("key must not be empty"));
        assert!(refusal(&NewTask::shell("a", "true").queue("")).contains("queue's name"));
        for run_at in [Timestamp(-1), Timestamp(i64::MAX)] {
            assert!(refusal(&NewTask::shell("a", "true").run_at(run_at)).contains("9999"));
        }
    }

    #[test]
    fn values_at_a_limit_are_accepted() {
        NewTask::shell("n".repeat(MAX_NAME_BYTES), "x".repeat(MAX_ARGUMENT_BYTES))
            .validate()
            .unwrap();
        NewTask::argv("a", ["cat", "", "-"]).validate().unwrap();
        NewTask::shell("a", "true")
            .run_at(Timestamp::MAX)
            .validate()
            .unwrap();
    }

    #[test]
    fn arguments_are_shown_as_a_shell_reads_them() {
        let work = Work::Argv(vec![
            "echo".to_owned(),
            String::new(),
            "it's $HOME".to_owned(),
        ]);
        assert_eq!(work.display(), r"echo '' 'it'\''s $HOME'");
    }

    proptest! {
        #[test]
        fn stored_work_reads_back_unchanged(
            arguments in prop::collection::vec("[^\0]{0,20}", 1..6),
            payload: Vec<u8>,
        ) {
            let handler = Work::Handler { handler: "h".to_owned(), payload };
            let shell = Work::Shell(arguments.concat());
            for work in [Work::Argv(arguments), handler, shell] {
                let stored = work.to_payload().into_owned();
                let read = Work::from_row(work.kind(), work.handler(), stored).unwrap();
                prop_assert_eq!(read, work);
            }
        }
    }
}
