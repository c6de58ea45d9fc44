//! Words about the ends of executions, for the worker's log.

use std::fmt::Write as _;

use super::super::escape;
use crate::outcome::Outcome;
use crate::runtime::Unrecorded;
use crate::state::State;

/// Result of an execution: `succeeded`, `failed (exit code 3)`, `will be retried (exit code 3)`.
pub(super) fn ending(state: Option<State>, outcome: Option<&Outcome>) -> String {
    let Some(state) = state else {
        return "was lost to another worker".to_owned();
    };
    let why = outcome.map(reason).unwrap_or_default();
    match state {
        State::Succeeded => "succeeded".to_owned(),
        State::Failed => format!("failed{why}"),
        State::Cancelled => "was cancelled".to_owned(),
        State::Skipped => "was skipped".to_owned(),
        State::Scheduled | State::Blocked | State::Queued | State::Running => {
            if outcome == Some(&Outcome::Returned) {
                "was handed back".to_owned()
            } else {
                format!("will run again{why}")
            }
        }
    }
}

/// True if the task failed and waits for its next attempt.
pub(super) fn is_retried(state: Option<State>, outcome: Option<&Outcome>) -> bool {
    let handed_back = matches!(outcome, Some(Outcome::Returned | Outcome::Snoozed { .. }));
    state.is_some_and(State::is_waiting) && !handed_back
}

fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded | Outcome::Returned | Outcome::Snoozed { .. } => String::new(),
        Outcome::Exited { code } => format!(" (exit code {code})"),
        Outcome::Signalled { signal } => format!(" (signal {signal})"),
        Outcome::TimedOut => " (timeout)".to_owned(),
        Outcome::NotStarted { message }
        | Outcome::HandlerFailed { message, .. }
        | Outcome::Panicked { message } => format!(" ({})", escape::line(message)),
    }
}

/// Line about tasks whose end could not be recorded.
pub(super) fn unrecorded(tasks: &[Unrecorded]) -> String {
    const SHOWN: usize = 20;
    let mut text = String::from("not recorded, and left to the next worker:");
    for task in tasks.iter().take(SHOWN) {
        let how = match &task.outcome {
            None if task.processes.is_empty() => "was killed and has not ended".to_owned(),
            None => format!("was ended, except for pid {}", pids(&task.processes)),
            Some(Outcome::Succeeded) => "succeeded".to_owned(),
            Some(Outcome::Returned) => "was ended by the stop".to_owned(),
            Some(Outcome::Snoozed { .. }) => "was put off".to_owned(),
            Some(outcome) => format!("failed{}", reason(outcome)),
        };
        let name = escape::line(&task.name);
        let _ = write!(text, " task {} ({name}) {how};", task.claim.task);
    }
    if tasks.len() > SHOWN {
        let _ = write!(text, " and {} more", tasks.len() - SHOWN);
    }
    text.truncate(text.trim_end_matches(';').len());
    text
}

pub(super) fn pids(processes: &[u32]) -> String {
    let pids: Vec<String> = processes.iter().map(u32::to_string).collect();
    pids.join(", ")
}

#[cfg(test)]
mod tests {
    use super::is_retried;
    use crate::outcome::Outcome;
    use crate::state::State;

    #[test]
    fn only_a_failed_attempt_with_another_to_come_is_a_retry() {
        let exited = Outcome::Exited { code: 3 };
        assert!(is_retried(Some(State::Scheduled), Some(&exited)));
        assert!(!is_retried(Some(State::Failed), Some(&exited)));
        assert!(!is_retried(Some(State::Queued), Some(&Outcome::Returned)));
        assert!(!is_retried(None, Some(&exited)));
    }
}
