//! Words for the ends of attempts.

use std::time::Duration;

use super::duration;
use crate::outcome::Reason;
use crate::task::Task;

/// Message of a task that was cancelled because its line was removed. A task that a person
/// cancelled has none.
pub(crate) const WITHDRAWN: &str = "its line was taken out";

/// End of the task's last attempt, if it did not succeed: `exit code 3`, `signal 9`.
pub fn ending(task: &Task) -> Option<String> {
    let reason = task.reason?;
    let message = task.message.as_deref().unwrap_or_default();
    Some(match reason {
        Reason::Exit => format!("exit code {}", task.exit_code.unwrap_or_default()),
        Reason::Signal => format!("signal {}", task.signal.unwrap_or_default()),
        Reason::Timeout => match task.options.timeout_ms {
            Some(millis) => {
                let limit = duration::show(Duration::from_millis(millis));
                format!("longer than its timeout of {limit}")
            }
            None => "longer than its timeout".to_owned(),
        },
        Reason::NotStarted => format!("not started: {message}"),
        Reason::HandlerError => format!("its handler failed: {message}"),
        Reason::HandlerPanic => format!("its handler panicked: {message}"),
        Reason::Crash => "its worker died".to_owned(),
        // Any other message belongs to an earlier attempt.
        Reason::Cancel if message == WITHDRAWN => format!("cancelled: {message}"),
        Reason::Cancel => "cancelled".to_owned(),
        Reason::Dependency => "a dependency did not end as required".to_owned(),
        Reason::Late => "did not start in time".to_owned(),
        Reason::Deadline => "did not end by its deadline".to_owned(),
    })
}

/// The number of the task's last attempt beside its budget: `2 of 3`, `5 (2 of 3 since the retry)`.
pub fn attempt(task: &Task) -> String {
    let budget = task.options.max_attempts;
    if task.attempt_base == 0 {
        return format!("{} of {budget}", task.attempt);
    }
    let spent = task.attempts_spent();
    format!("{} ({spent} of {budget} since the retry)", task.attempt)
}

/// Duration of the task's last attempt, if it has ended.
pub fn took(task: &Task) -> Option<Duration> {
    let millis = task.finished_at?.since(task.started_at?);
    u64::try_from(millis).ok().map(Duration::from_millis)
}
