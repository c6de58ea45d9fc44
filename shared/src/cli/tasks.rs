//! Words and clauses about tasks, for people.

use std::time::Duration;

use super::command_name::name_of;
use super::moment;
use super::run::group_name::WITHDRAWN;
use super::table::HELD;
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::state::State;
use crate::task::Task;

/// Time of a task's last change, in a few words for a table.
pub fn when(task: &Task, now: Timestamp) -> String {
    let Some(at) = changed_at(task) else {
        return String::new();
    };
    if task.state == State::Scheduled {
        due(at, now)
    } else {
        moment::relative(at, now)
    }
}

/// Time of a task's last change; of a scheduled one, the time it starts.
pub(super) fn changed_at(task: &Task) -> Option<Timestamp> {
    match task.state {
        State::Scheduled => task.run_at,
        State::Blocked | State::Queued => Some(task.created_at),
        State::Running => task.started_at,
        State::Succeeded | State::Failed | State::Cancelled | State::Skipped => task.finished_at,
    }
}

/// State of a task in a table; a blocked task that is held says so.
pub fn standing(task: &Task) -> &'static str {
    if task.held_at.is_some() {
        HELD
    } else {
        task.state.as_str()
    }
}

/// Time until a start, or since it became possible: `in 2h`, `due for 3.1s`.
pub fn due(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        moment::relative(at, now)
    } else {
        format!("due for {}", moment::rough(moment::away(at, now)))
    }
}

/// End of the task's last attempt, if it did not succeed: `exit code 3`, `signal 9`.
pub fn ending(task: &Task) -> Option<String> {
    let reason = task.reason?;
    let message = task.message.as_deref().unwrap_or_default();
    Some(match reason {
        Reason::Exit => format!("exit code {}", task.exit_code.unwrap_or_default()),
        Reason::Signal => format!("signal {}", task.signal.unwrap_or_default()),
        Reason::Timeout => match task.options.timeout_ms {
            Some(millis) => {
                let limit = super::duration::show(Duration::from_millis(millis));
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

/// True if the task's name is the one that a command without a name gets.
pub(super) fn is_named_after_command(task: &Task) -> bool {
    task.name == name_of(&task.work.display())
}

/// The task's command in front of which stands its name, unless the name says no more.
pub(super) fn label(task: &Task) -> String {
    let command = task.work.display();
    if is_named_after_command(task) {
        command
    } else {
        format!("{}: {command}", task.name)
    }
}

/// `1 task`, `2 tasks`.
pub fn count(number: u64) -> String {
    if number == 1 {
        "1 task".to_owned()
    } else {
        format!("{number} tasks")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::clock::Timestamp;
    use crate::options::TaskOptions;
    use crate::state::State;
    use crate::task::{DEFAULT_QUEUE, Task, TaskId, Work};

    /// A succeeded task without a name of its own.
    pub(in super::super) fn ended(id: i64) -> Task {
        Task {
            id: TaskId(id),
            name: "make".to_owned(),
            work: Work::Shell("make".to_owned()),
            queue: DEFAULT_QUEUE.to_owned(),
            state: State::Succeeded,
            priority: 0,
            attempt: 1,
            attempt_base: 0,
            crashes: 0,
            token: 1,
            worker: None,
            created_at: Timestamp(0),
            run_at: None,
            started_at: Some(Timestamp(10_000)),
            finished_at: Some(Timestamp(12_500)),
            cancel_requested_at: None,
            exit_code: Some(0),
            signal: None,
            reason: None,
            message: None,
            key: None,
            options: TaskOptions::default(),
            held_at: None,
            set_aside: None,
        }
    }
}
