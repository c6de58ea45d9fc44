//! Settings of a task beyond name, command and priority, and their stored form.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::names::{check_length, check_no_nul};

/// Longest delay, timeout or backoff: 100 years in milliseconds.
pub const MAX_DURATION_MS: u64 = 100 * 366 * 86_400_000;
/// Most bytes in a task's own environment and directory together.
pub const MAX_ENVIRONMENT_BYTES: usize = 128 << 10;

/// Settings of a task. [`Default`] is the contract of both programs. Settings that differ from it
/// are stored as JSON; an ordinary task stores nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TaskOptions {
    /// Attempts (exits, timeouts) before the task is `failed`; at least 1.
    #[serde(skip_serializing_if = "is_default_attempts")]
    pub max_attempts: u32,
    /// Crashes (dead workers, lost leases) before the task is `failed`; at least 1.
    #[serde(skip_serializing_if = "is_default_crashes")]
    pub max_crashes: u32,
    /// Delay before the first retry, in milliseconds. Every further retry doubles it.
    #[serde(skip_serializing_if = "is_default_backoff")]
    pub backoff_ms: u64,
    /// Longest delay before a retry, in milliseconds.
    #[serde(skip_serializing_if = "is_default_max_backoff")]
    pub max_backoff_ms: u64,
    /// Longest time for one attempt, in milliseconds; no limit unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Directory of the command; the worker's unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables added to the worker's environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// True if `env` is the whole environment, in place of the worker's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub env_only: bool,
    /// Shell for a shell command, by name or path, called with `-c` and the command; unless set,
    /// the worker's, which is `/bin/sh` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// True if standard output and standard error are one pipe, recorded as standard output in the
    /// order of the writes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merge_output: bool,
    /// Exit codes that are retried; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_codes: Vec<i32>,
    /// Exit codes that are never retried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fatal_codes: Vec<i32>,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            max_crashes: 5,
            backoff_ms: 1_000,
            max_backoff_ms: 300_000,
            timeout_ms: None,
            cwd: None,
            env: Vec::new(),
            env_only: false,
            shell: None,
            merge_output: false,
            retry_codes: Vec::new(),
            fatal_codes: Vec::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_default_attempts(value: &u32) -> bool {
    *value == TaskOptions::default().max_attempts
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_default_crashes(value: &u32) -> bool {
    *value == TaskOptions::default().max_crashes
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_default_backoff(value: &u64) -> bool {
    *value == TaskOptions::default().backoff_ms
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_default_max_backoff(value: &u64) -> bool {
    *value == TaskOptions::default().max_backoff_ms
}

impl TaskOptions {
    /// Makes the settings of an ordinary task.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the attempts before the task is failed.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets the crashes before the task is failed.
    #[must_use]
    pub fn max_crashes(mut self, max_crashes: u32) -> Self {
        self.max_crashes = max_crashes;
        self
    }

    /// Sets the delay before the first retry, in milliseconds.
    #[must_use]
    pub fn backoff_ms(mut self, backoff_ms: u64) -> Self {
        self.backoff_ms = backoff_ms;
        self
    }

    /// Sets the longest delay before a retry, in milliseconds.
    #[must_use]
    pub fn max_backoff_ms(mut self, max_backoff_ms: u64) -> Self {
        self.max_backoff_ms = max_backoff_ms;
        self
    }

    /// Sets the longest time for one attempt, in milliseconds.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sets the directory of the command.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets if the added variables are the whole environment.
    #[must_use]
    pub fn env_only(mut self, env_only: bool) -> Self {
        self.env_only = env_only;
        self
    }

    /// Sets the shell of a shell command, by name or path.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = Some(shell.into());
        self
    }

    /// Sets if standard output and standard error are one pipe.
    #[must_use]
    pub fn merge_output(mut self, merge_output: bool) -> Self {
        self.merge_output = merge_output;
        self
    }

    /// Sets the exit codes that are retried; all if empty.
    #[must_use]
    pub fn retry_codes(mut self, codes: impl Into<Vec<i32>>) -> Self {
        self.retry_codes = codes.into();
        self
    }

    /// Sets the exit codes that are never retried.
    #[must_use]
    pub fn fatal_codes(mut self, codes: impl Into<Vec<i32>>) -> Self {
        self.fatal_codes = codes.into();
        self
    }

    /// Text for `queue_tasks.options`; `None` if every setting has its default.
    ///
    /// # Errors
    /// [`Error::Bug`] if the settings cannot be written as JSON.
    pub fn to_row(&self) -> Result<Option<String>> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_string(self)
            .map(Some)
            .map_err(|error| Error::Bug {
                what: format!("a task's options cannot be stored: {error}"),
            })
    }

    /// Parses the settings of a stored row.
    ///
    /// # Errors
    /// [`Error::Bug`] for text that this version did not write and cannot read.
    pub fn from_row(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        serde_json::from_str(text).map_err(|error| Error::Bug {
            what: format!(
                "a task's stored options cannot be read: {}",
                shortly(&error)
            ),
        })
    }

    /// As [`from_row`](Self::from_row), for a task that will not run. Of settings that a newer
    /// version wrote, takes those that this version knows.
    pub fn known(text: Option<&str>) -> Self {
        if let Ok(options) = Self::from_row(text) {
            return options;
        }
        let mut stored: Map<String, Value> =
            serde_json::from_str(text.unwrap_or_default()).unwrap_or_default();
        stored.retain(|name, value| {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(alone)).is_ok()
        });
        serde_json::from_value(Value::Object(stored)).unwrap_or_default()
    }

    /// True if some version can have written the text. Text that this version cannot read is not
    /// damaged for that reason alone.
    pub fn may_be_newer(text: &str) -> bool {
        serde_json::from_str::<Map<String, Value>>(text).is_ok()
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a sentence that names the limit.
    pub fn validate(&self) -> Result<()> {
        if self.max_attempts == 0 || self.max_crashes == 0 {
            return Err(Error::invalid(
                "max-attempts and max-crashes must be at least 1",
            ));
        }
        if self.timeout_ms == Some(0) {
            return Err(Error::invalid("a timeout must be longer than zero"));
        }
        for duration in [self.backoff_ms, self.max_backoff_ms]
            .into_iter()
            .chain(self.timeout_ms)
        {
            if duration > MAX_DURATION_MS {
                return Err(Error::invalid("a duration must be at most 100 years"));
            }
        }
        let mut bytes = self.cwd.as_ref().map_or(0, String::len);
        if let Some(shell) = &self.shell {
            check_shell(shell)?;
            bytes += shell.len();
        }
        if let Some(cwd) = &self.cwd {
            check_no_nul("a directory", cwd)?;
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains('=') {
                return Err(Error::invalid(
                    "a variable's name must not be empty or contain '='",
                ));
            }
            check_no_nul("a variable", name)?;
            check_no_nul("a variable's value", value)?;
            bytes += name.len() + value.len() + 2;
        }
        check_length("a task's environment", bytes, MAX_ENVIRONMENT_BYTES)
    }
}

/// Checks the name or path of a shell.
///
/// # Errors
/// [`Error::Invalid`] if it is not one.
pub(crate) fn check_shell(shell: &str) -> Result<()> {
    if shell.is_empty() {
        return Err(Error::invalid(
            "the shell is an empty name; name one, such as bash",
        ));
    }
    check_no_nul("a shell", shell)
}

/// The problem, without a list of the permitted values.
fn shortly(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(", expected").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_DURATION_MS, MAX_ENVIRONMENT_BYTES, TaskOptions};

    fn duration() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..5_u64,
            0..=MAX_DURATION_MS,
            MAX_DURATION_MS - 1..=u64::MAX
        ]
    }

    prop_compose! {
        fn any_options()(
            budgets in (0..4_u32, 0..4_u32),
            backoff_ms in duration(), max_backoff_ms in duration(),
            timeout_ms in proptest::option::of(duration()),
            cwd in proptest::option::of("\\PC{0,8}"),
            env in proptest::collection::vec(("[A-Z=]{0,3}", "\\PC{0,8}"), 0..3),
            shell in proptest::option::of("[a-z]{0,2}"), merge_output: bool, env_only: bool,
            retry_codes in proptest::collection::vec(any::<i32>(), 0..3),
            fatal_codes in proptest::collection::vec(any::<i32>(), 0..3),
        ) -> TaskOptions {
            let (max_attempts, max_crashes) = budgets;
            TaskOptions {
                max_attempts, max_crashes, backoff_ms, max_backoff_ms, timeout_ms, cwd, env,
                env_only, shell, merge_output, retry_codes, fatal_codes,
            }
        }
    }

    proptest! {
        #[test]
        fn any_options_read_back_unchanged(options in any_options()) {
            let stored = options.to_row().unwrap();
            prop_assert_eq!(TaskOptions::from_row(stored.as_deref()).unwrap(), options);
        }

        #[test]
        fn options_are_refused_exactly_if_they_break_a_limit(options in any_options()) {
            let durations = [options.backoff_ms, options.max_backoff_ms];
            let valid = options.max_attempts > 0
                && options.max_crashes > 0
                && options.timeout_ms != Some(0)
                && options.shell.as_deref() != Some("")
                && durations.into_iter().chain(options.timeout_ms).all(|ms| ms <= MAX_DURATION_MS)
                && options.env.iter().all(|(name, _)| !name.is_empty() && !name.contains('='));
            prop_assert_eq!(options.validate().is_ok(), valid);
        }
    }

    #[test]
    fn known_settings_of_a_newer_version_are_read() {
        let stored = r#"{"max_attempts":2,"cpus":4,"timeout_ms":{"soft":5},"cwd":"/tmp"}"#;
        assert!(TaskOptions::from_row(Some(stored)).is_err());
        let known = TaskOptions {
            max_attempts: 2,
            cwd: Some("/tmp".to_owned()),
            ..TaskOptions::default()
        };
        assert_eq!(TaskOptions::known(Some(stored)), known);
        for damaged in ["", "null", "{\"max_att"] {
            assert_eq!(TaskOptions::known(Some(damaged)), TaskOptions::default());
        }
    }

    #[test]
    fn defaults_are_stored_as_nothing() {
        assert_eq!(TaskOptions::default().to_row().unwrap(), None);
        assert_eq!(TaskOptions::from_row(None).unwrap(), TaskOptions::default());
    }

    #[test]
    fn only_settings_that_differ_are_stored() {
        let options = TaskOptions {
            fatal_codes: vec![2],
            ..TaskOptions::default()
        };
        let stored = options.to_row().unwrap();
        assert_eq!(stored.as_deref(), Some(r#"{"fatal_codes":[2]}"#));
    }

    #[test]
    fn the_longest_duration_is_accepted() {
        let of = |ms| TaskOptions {
            backoff_ms: ms,
            max_backoff_ms: ms,
            timeout_ms: Some(ms),
            ..TaskOptions::default()
        };
        assert!(of(MAX_DURATION_MS).validate().is_ok());
        assert!(of(MAX_DURATION_MS + 1).validate().is_err());
    }

    #[test]
    fn an_environment_may_be_as_long_as_the_system_passes() {
        let variable = |name: &str, length| (name.to_owned(), "v".repeat(length));
        let of = |cwd, first, second| TaskOptions {
            cwd: Some("d".repeat(cwd)),
            env: vec![variable("NAME", first), variable("A", second)],
            ..TaskOptions::default()
        };
        // One byte separates a name from its value, and another ends the value.
        let left = MAX_ENVIRONMENT_BYTES - "NAME=\0A=\0".len();
        for (cwd, first, second) in [(left, 0, 0), (0, left, 0), (0, 0, left), (7, left - 7, 0)] {
            assert!(of(cwd, first, second).validate().is_ok());
            assert!(of(cwd + 1, first, second).validate().is_err());
            assert!(of(cwd, first + 1, second).validate().is_err());
            assert!(of(cwd, first, second + 1).validate().is_err());
        }
    }

    #[test]
    fn settings_that_differ_read_back_unchanged() {
        let options = TaskOptions {
            max_attempts: 1,
            timeout_ms: Some(5),
            cwd: Some("/tmp/ü".to_owned()),
            env: vec![("A".to_owned(), "b=c\n".to_owned())],
            fatal_codes: vec![2],
            ..TaskOptions::default()
        };
        let stored = options.to_row().unwrap();
        assert_eq!(TaskOptions::from_row(stored.as_deref()).unwrap(), options);
        assert!(!stored.unwrap().contains("max_crashes"));
    }
}
