//! Options of a task beside its name, its command and its start, which the tasks of a schedule have
//! too.

use std::time::Duration;

use super::super::option_values::{exit_code, folder, millis, priority, set_backoff, shell};
use super::super::variables::variables;
use super::super::{duration, number};
use crate::error::Result;
use crate::task::NewTask;

/// Options of a task. A verb that flattens them has an argument `argv`.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub struct TaskSettings {
    /// Higher runs first; the option for a command after `--`
    #[arg(
        long = "priority",
        value_name = "PRIORITY",
        allow_negative_numbers = true,
        value_parser = priority
    )]
    priority_option: Option<i32>,

    /// Exits and timeouts before it is failed [default: 3]
    #[arg(long, value_name = "NUMBER", value_parser = number::within(1..=u32::MAX))]
    max_attempts: Option<u32>,

    /// Deaths of its worker before it is failed [default: 5]
    #[arg(long, value_name = "NUMBER", value_parser = number::within(1..=u32::MAX))]
    max_crashes: Option<u32>,

    /// Delay before the first retry, doubling after [default: 1s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    backoff: Option<Duration>,

    /// Time an attempt may take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// Retry only after these exit codes
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = exit_code)]
    retry_codes: Vec<i32>,

    /// Never retry after these exit codes
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = exit_code)]
    fatal_codes: Vec<i32>,

    /// The folder it runs in [default: this one]
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    cwd: Option<String>,

    /// The shell that runs its command with `-c`, such as bash [default: the worker's, `/bin/sh`]
    #[arg(long, value_name = "SHELL", conflicts_with = "argv", value_parser = shell)]
    shell: Option<String>,

    /// Record standard output and standard error as one, in the exact order of what it writes
    #[arg(long)]
    merge_output: bool,

    /// Add a variable to its environment, with that value or the one it has here; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,

    /// Run it with the environment from here in place of the worker's
    #[arg(long)]
    inherit_env: bool,

    /// Enqueue nothing if a task with this key exists, and print that task's id
    #[arg(long)]
    key: Option<String>,

    /// The queue it joins [default: default]
    #[arg(long)]
    queue: Option<String>,
}

impl TaskSettings {
    /// Applies the options that were given to a task, and leaves the others as they are.
    ///
    /// # Errors
    /// A folder that cannot be named, or a variable that is not set here.
    pub fn apply(&self, task: &mut NewTask) -> Result<()> {
        if let Some(priority) = self.priority_option {
            task.priority = priority;
        }
        if let Some(key) = &self.key {
            task.key = Some(key.clone().into_bytes());
        }
        if let Some(queue) = &self.queue {
            task.queue.clone_from(queue);
        }
        let options = &mut task.options;
        if let Some(attempts) = self.max_attempts {
            options.max_attempts = attempts;
        }
        if let Some(crashes) = self.max_crashes {
            options.max_crashes = crashes;
        }
        if let Some(backoff) = self.backoff {
            set_backoff(options, backoff);
        }
        if let Some(timeout) = self.timeout {
            options.timeout_ms = Some(millis(timeout));
        }
        if let Some(cwd) = &self.cwd {
            options.cwd = Some(folder(cwd)?);
        }
        if let Some(shell) = &self.shell {
            options.shell = Some(shell.clone());
        }
        options.merge_output |= self.merge_output;
        for (given, codes) in [
            (&self.retry_codes, &mut options.retry_codes),
            (&self.fatal_codes, &mut options.fatal_codes),
        ] {
            if !given.is_empty() {
                codes.clone_from(given);
            }
        }
        options.env_only |= self.inherit_env;
        for (name, value) in variables(&self.env, self.inherit_env)? {
            options.env.retain(|(other, _)| *other != name);
            options.env.push((name, value));
        }
        Ok(())
    }
}
