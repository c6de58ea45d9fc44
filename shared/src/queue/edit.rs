//! Edits of waiting tasks.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::options::TaskOptions;
use crate::task::{NewTask, Task, Work};

/// New values for a waiting task; those that are not set stay. Its id, key, queue and dependencies stay
/// in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit {
    /// Name.
    pub name: Option<String>,
    /// Command, in place of another command: the work of a handler stays.
    pub work: Option<Work>,
    /// Priority.
    pub priority: Option<i32>,
    /// Earliest start; `Some(None)` for at once.
    pub run_at: Option<Option<Timestamp>>,
    /// Longest time for one attempt, in milliseconds; `Some(None)` for no limit.
    pub timeout_ms: Option<Option<u64>>,
    /// Attempts before the task is failed: more than it has had.
    pub max_attempts: Option<u32>,
    /// Crashes before the task is failed: more than it has had.
    pub max_crashes: Option<u32>,
    /// Delay before the first retry, in milliseconds. The longest one is raised to it.
    pub backoff_ms: Option<u64>,
    /// Directory of the command.
    pub cwd: Option<String>,
    /// Shell of a shell command.
    pub shell: Option<String>,
    /// Variables of its environment, each with its new value; `None` removes one.
    pub env: Vec<(String, Option<String>)>,
    /// Exit codes that are retried; all if empty.
    pub retry_codes: Option<Vec<i32>>,
    /// Exit codes that are never retried.
    pub fatal_codes: Option<Vec<i32>>,
}

impl Edit {
    /// Makes an edit that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the command, which `/bin/sh -c` or the task's own shell runs.
    #[must_use]
    pub fn shell_command(mut self, command: impl Into<String>) -> Self {
        self.work = Some(Work::Shell(command.into()));
        self
    }

    /// Sets a program with its arguments, started without a shell.
    #[must_use]
    pub fn argv(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.work = Some(Work::Argv(arguments));
        self
    }

    /// Sets the priority.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets the earliest start; `None` for at once.
    #[must_use]
    pub fn run_at(mut self, run_at: Option<Timestamp>) -> Self {
        self.run_at = Some(run_at);
        self
    }

    /// Sets the longest time for one attempt, in milliseconds; `None` for no limit.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: Option<u64>) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sets the attempts before the task is failed.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = Some(max_attempts);
        self
    }

    /// Sets the crashes before the task is failed.
    #[must_use]
    pub fn max_crashes(mut self, max_crashes: u32) -> Self {
        self.max_crashes = Some(max_crashes);
        self
    }

    /// Sets the delay before the first retry, in milliseconds.
    #[must_use]
    pub fn backoff_ms(mut self, backoff_ms: u64) -> Self {
        self.backoff_ms = Some(backoff_ms);
        self
    }

    /// Sets the directory of the command.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Sets the shell of a shell command, by name or path.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = Some(shell.into());
        self
    }

    /// Sets a variable of its environment, or removes it.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: Option<String>) -> Self {
        self.env.push((name.into(), value));
        self
    }

    /// Sets the exit codes that are retried; all if empty.
    #[must_use]
    pub fn retry_codes(mut self, codes: impl Into<Vec<i32>>) -> Self {
        self.retry_codes = Some(codes.into());
        self
    }

    /// Sets the exit codes that are never retried.
    #[must_use]
    pub fn fatal_codes(mut self, codes: impl Into<Vec<i32>>) -> Self {
        self.fatal_codes = Some(codes.into());
        self
    }

    /// Names of the fields that it sets, such as `max_attempts`.
    pub fn fields(&self) -> Vec<&'static str> {
        let sets = [
            ("name", self.name.is_some()),
            ("command", self.work.is_some()),
            ("priority", self.priority.is_some()),
            ("run_at", self.run_at.is_some()),
            ("timeout", self.timeout_ms.is_some()),
            ("max_attempts", self.max_attempts.is_some()),
            ("max_crashes", self.max_crashes.is_some()),
            ("backoff", self.backoff_ms.is_some()),
            ("cwd", self.cwd.is_some()),
            ("shell", self.shell.is_some()),
            ("env", !self.env.is_empty()),
            ("retry_codes", self.retry_codes.is_some()),
            ("fatal_codes", self.fatal_codes.is_some()),
        ];
        let set = sets.into_iter().filter(|(_, is_set)| *is_set);
        set.map(|(name, _)| name).collect()
    }

    /// The stored task with the new values.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a sentence that names the task and the value that it cannot have.
    pub(crate) fn applied_to(&self, task: &Task) -> Result<NewTask> {
        let refused = |what: &str| Err(Error::invalid(format!("task {}: {what}", task.id)));
        if let Some(why) = &task.set_aside {
            return refused(&format!("it cannot be edited by this version; {why}"));
        }
        let mut work = task.work.clone();
        if let Some(new) = &self.work {
            if let Work::Handler { handler, .. } = &work {
                return refused(&format!(
                    "it is a call of handler {handler} and has no command; cancel it, and enqueue \
                     another call"
                ));
            }
            if matches!(new, Work::Handler { .. }) {
                return refused("it is a command and cannot become a call of a handler");
            }
            work = new.clone();
        }
        let options = self.options(task, &work)?;
        for (one, many, most, had) in [
            (
                "attempt",
                "attempts",
                options.max_attempts,
                task.attempts_spent(),
            ),
            ("crash", "crashes", options.max_crashes, task.crashes),
        ] {
            if had >= most {
                let what = if had == 1 { one } else { many };
                return refused(&format!(
                    "it has had {had} {what}; allow more than that, or cancel it"
                ));
            }
        }
        let edited = NewTask {
            name: self.name.clone().unwrap_or_else(|| task.name.clone()),
            work,
            queue: task.queue.clone(),
            priority: self.priority.unwrap_or(task.priority),
            run_at: self.run_at.unwrap_or(task.run_at),
            key: task.key.clone(),
            held: task.held_at.is_some(),
            options,
        };
        edited.validate()?;
        Ok(edited)
    }

    fn options(&self, task: &Task, work: &Work) -> Result<TaskOptions> {
        let mut options = task.options.clone();
        set(&mut options.timeout_ms, self.timeout_ms);
        set(&mut options.max_attempts, self.max_attempts);
        set(&mut options.max_crashes, self.max_crashes);
        set(&mut options.backoff_ms, self.backoff_ms);
        options.max_backoff_ms = options.max_backoff_ms.max(options.backoff_ms);
        set(&mut options.retry_codes, self.retry_codes.clone());
        set(&mut options.fatal_codes, self.fatal_codes.clone());
        set(&mut options.cwd, self.cwd.clone().map(Some));
        match (work, &self.shell) {
            (Work::Shell(_), Some(shell)) => options.shell = Some(shell.clone()),
            (Work::Shell(_), None) => {}
            (Work::Argv(_) | Work::Handler { .. }, Some(_)) => {
                return Err(Error::invalid(format!(
                    "task {}: no shell runs it; only a command line has a shell",
                    task.id
                )));
            }
            (Work::Argv(_) | Work::Handler { .. }, None) => options.shell = None,
        }
        for (name, value) in &self.env {
            options.env.retain(|(own, _)| own != name);
            let value = value.clone().map(|value| (name.clone(), value));
            options.env.extend(value);
        }
        Ok(options)
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
