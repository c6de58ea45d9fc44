//! Tasks: what is asked for ([`NewTask`]) and what is stored ([`Task`]).

use std::fmt;

use crate::claim::WorkerId;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::options::TaskOptions;
use crate::outcome::Reason;
use crate::sqlite::aside;
use crate::state::State;

/// The queue of tasks that name none.
pub const DEFAULT_QUEUE: &str = "default";
/// Bytes in a task's, queue's or handler's name.
pub const MAX_NAME_BYTES: usize = 200;
/// Bytes in a shell command or in one argument; the kernel's `MAX_ARG_STRLEN` less the final NUL.
pub const MAX_ARGUMENT_BYTES: usize = 131_071;
/// Bytes in all arguments of a command together.
pub const MAX_ARGUMENTS_BYTES: usize = 1 << 20;
/// Bytes in a handler's payload.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;
/// Bytes in an idempotency key.
pub const MAX_KEY_BYTES: usize = 1024;

/// A task's number in its file: from 1 up, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A command line for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, started without a shell.
    Argv(Vec<String>),
    /// User code registered under a name in the process that works the task.
    Handler {
        /// The name the handler is registered under.
        handler: String,
        /// Bytes handed to it; the queue does not look inside.
        payload: Vec<u8>,
    },
}

impl Work {
    /// The code in `queue_tasks.kind`.
    pub const fn kind(&self) -> i64 {
        match self {
            Self::Shell(_) => 0,
            Self::Argv(_) => 1,
            Self::Handler { .. } => 2,
        }
    }

    /// The handler's name; empty for commands, as in `queue_queues.handler`.
    pub fn handler(&self) -> &str {
        match self {
            Self::Handler { handler, .. } => handler,
            Self::Shell(_) | Self::Argv(_) => "",
        }
    }

    /// The bytes in `queue_tasks.payload`. Arguments are joined by NUL, which none may contain.
    pub fn to_payload(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Self::Shell(command) => command.as_bytes().into(),
            Self::Argv(arguments) => arguments.join("\0").into_bytes().into(),
            Self::Handler { payload, .. } => payload.into(),
        }
    }

    /// The work of a stored row.
    ///
    /// # Errors
    /// [`Error::Bug`] for a kind this program does not know or a command that is not UTF-8.
    pub fn from_row(kind: i64, handler: &str, payload: Vec<u8>) -> Result<Self> {
        let text = |bytes| {
            String::from_utf8(bytes).map_err(|_| Error::Bug {
                what: "a stored command is not UTF-8".to_owned(),
            })
        };
        match kind {
            0 => Ok(Self::Shell(text(payload)?)),
            1 => Ok(Self::Argv(
                text(payload)?.split('\0').map(str::to_owned).collect(),
            )),
            2 => Ok(Self::Handler {
                handler: handler.to_owned(),
                payload,
            }),
            other => Err(Error::Bug {
                what: format!("a stored task is of kind {other}, which this version cannot run"),
            }),
        }
    }

    /// The highest kind that this version knows.
    pub const NEWEST_KIND: i64 = 2;

    /// As [`from_row`](Self::from_row), for a task that is not to be run: what a newer version wrote
    /// passes for a handler that nobody has.
    pub fn known(kind: i64, handler: &str, payload: Vec<u8>) -> Self {
        let read = Self::from_row(kind, handler, payload.clone());
        read.unwrap_or_else(|_| Self::Handler {
            handler: format!("of kind {kind}"),
            payload,
        })
    }

    /// The command as a person would type it; handlers show their name.
    pub fn display(&self) -> String {
        match self {
            Self::Shell(command) => command.clone(),
            Self::Argv(arguments) => arguments
                .iter()
                .map(|argument| quote(argument))
                .collect::<Vec<_>>()
                .join(" "),
            Self::Handler { handler, .. } => format!("handler {handler}"),
        }
    }
}

/// An argument as a POSIX shell would read it back.
fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// A task to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// Shown to people; 1 to 200 bytes without NUL.
    pub name: String,
    /// What to do.
    pub work: Work,
    /// The queue it joins; `default` unless set.
    pub queue: String,
    /// Higher runs first; 0 unless set.
    pub priority: i32,
    /// Earliest start; at once unless set.
    pub run_at: Option<Timestamp>,
    /// Idempotency key: a second task of the same key is not enqueued, the first is returned.
    pub key: Option<Vec<u8>>,
    /// Budgets, backoff, timeout, directory, environment.
    pub options: TaskOptions,
}

impl NewTask {
    /// A task that runs `command` with `/bin/sh -c`.
    pub fn shell(name: impl Into<String>, command: impl Into<String>) -> Self {
        Self::of(name, Work::Shell(command.into()))
    }

    /// A task that starts a program without a shell.
    pub fn argv(
        name: impl Into<String>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self::of(name, Work::Argv(arguments))
    }

    /// A task for the handler of that name, with the bytes it is handed.
    pub fn handler(handler: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        let handler = handler.into();
        let payload = payload.into();
        Self::of(handler.clone(), Work::Handler { handler, payload })
    }

    /// A task with every setting at its default.
    pub fn of(name: impl Into<String>, work: Work) -> Self {
        Self {
            name: name.into(),
            work,
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 0,
            run_at: None,
            key: None,
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

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }

    /// Checks every limit this module names.
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
                if handler.starts_with(aside::HANDLER) {
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

    /// Checks every task; the message about one of several says which.
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

/// What the queue of a file's lines begins with: the path that follows may hold anything.
const OF_LINES: &str = "run:";

/// Checks the name of a queue that is to be: as every name, and without a comma, which stands between
/// names.
///
/// # Errors
/// [`Error::Invalid`] with a sentence that names the limit.
pub fn check_queue_name(name: &str) -> Result<()> {
    check_name("a queue's name", name)?;
    if name.contains(',') && !name.starts_with(OF_LINES) {
        return Err(Error::invalid(format!(
            "{}: a queue's name has no comma, and a worker serves one queue; start one for each",
            name.escape_debug()
        )));
    }
    Ok(())
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

/// Checks a name shown to people: 1 to [`MAX_NAME_BYTES`] bytes without NUL.
///
/// # Errors
/// [`Error::Invalid`], in a sentence about `what`.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid(format!("{what} must not be empty")));
    }
    check_no_nul(what, name)?;
    check_length(what, name.len(), MAX_NAME_BYTES)
}

pub(crate) fn check_no_nul(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(format!(
            "{what} must not contain a NUL byte"
        )));
    }
    Ok(())
}

pub(crate) fn check_length(what: &str, bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(Error::invalid(format!(
            "{what} is {bytes} bytes long; the limit is {limit}"
        )));
    }
    Ok(())
}

/// A task as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number in the file.
    pub id: TaskId,
    /// Shown to people.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// The queue it belongs to.
    pub queue: String,
    /// Where it stands.
    pub state: State,
    /// Higher runs first.
    pub priority: i32,
    /// The number of its last attempt, the running one included: verdicts so far, over all retries.
    pub attempt: u32,
    /// The number it had when it was last retried; its budget counts from there.
    pub attempt_base: u32,
    /// Workers that died on it since then.
    pub crashes: u32,
    /// The fencing token of its last claim; 0 before the first.
    pub token: i64,
    /// The worker of its last claim, unless that worker died.
    pub worker: Option<WorkerId>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// Its earliest start, if one was asked for or a retry waits.
    pub run_at: Option<Timestamp>,
    /// When its last claim began.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal state.
    pub finished_at: Option<Timestamp>,
    /// When its running claim was asked to stop.
    pub cancel_requested_at: Option<Timestamp>,
    /// The exit code of its last attempt.
    pub exit_code: Option<i32>,
    /// The signal that ended its last attempt.
    pub signal: Option<i32>,
    /// Why its last attempt did not succeed.
    pub reason: Option<Reason>,
    /// What a handler or the spawn reported.
    pub message: Option<String>,
    /// Its idempotency key.
    pub key: Option<Vec<u8>>,
    /// Budgets, backoff, timeout, directory, environment.
    pub options: TaskOptions,
    /// Why no worker of this version takes it, although it waits: a newer one wrote it.
    pub set_aside: Option<String>,
}

impl Task {
    /// Attempts since the last retry, the running one included: so many of
    /// [`max_attempts`](TaskOptions::max_attempts) are spent.
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
    fn every_limit_is_named_when_it_is_broken() {
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
    fn what_lies_on_a_limit_is_accepted() {
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
        fn stored_work_comes_back_as_it_was(
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
