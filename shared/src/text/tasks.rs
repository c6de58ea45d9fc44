//! Numbers and times of tasks, in words.

use super::moment;
use crate::clock::Timestamp;
use crate::state::State;
use crate::task::Task;

/// `1 task`, `2 tasks`.
pub fn count(number: u64) -> String {
    if number == 1 {
        "1 task".to_owned()
    } else {
        format!("{number} tasks")
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

/// Time of a task's last change; of a scheduled one, the time it starts.
pub(crate) fn changed_at(task: &Task) -> Option<Timestamp> {
    match task.state {
        State::Scheduled => task.run_at,
        State::Blocked | State::Queued => Some(task.created_at),
        State::Running => task.started_at,
        State::Succeeded | State::Failed | State::Cancelled | State::Skipped => task.finished_at,
    }
}
