//! Words and clauses about tasks, for people.

use super::command_name::name_of;
use super::moment;
use super::table::HELD;
use crate::clock::Timestamp;
use crate::state::State;
use crate::task::Task;
pub use crate::text::ending::{attempt, ending, took};
pub(super) use crate::text::tasks::changed_at;
pub use crate::text::tasks::{count, due};

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

/// State of a task in a table; a blocked task that is held says so.
pub fn standing(task: &Task) -> &'static str {
    if task.held_at.is_some() {
        HELD
    } else {
        task.state.as_str()
    }
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

#[cfg(test)]
pub(super) mod tests {
    use crate::clock::Timestamp;
    use crate::options::TaskOptions;
    use crate::state::State;
    use crate::task::{DEFAULT_QUEUE, Task, TaskId, Work};
    use crate::usage::Usage;

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
            usage: Usage::default(),
            key: None,
            options: TaskOptions::default(),
            held_at: None,
            set_aside: None,
        }
    }
}
