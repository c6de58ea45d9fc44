//! Retry: the statements of a retry.

use queue_core::error::Result;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::statements::RETRY;
use super::transaction::SqliteSlice;

impl SqliteSlice<'_> {
    /// Writes the row of a re-opened task.
    pub(super) fn reopen_one(&mut self, task: TaskId, state: State, unmet: bool) -> Result<()> {
        self.connection.prepare_cached(RETRY)?.execute((
            task.0,
            state.code(),
            unmet,
            self.now.wall.0,
        ))?;
        self.reopen_scheduled(task)?;
        verbs::retried(self.connection, task)
    }
}

#[cfg(test)]
mod tests {
    use queue_core::queue::Queue as _;
    use queue_core::sqlite::verbs;
    use queue_core::state::State;
    use queue_core::task::{NewTask, TaskId};
    use queue_core::workflow::Condition;
    use rusqlite::StatementStatus;

    use crate::sqlite::edges::RUN;
    use crate::sqlite::statements::STATES;
    use crate::{WorkflowQueue, WorkflowTask};

    /// Number of times that a retry of the last task reads states.
    fn reads(queue: &WorkflowQueue) -> usize {
        let mut state_of = verbs::statements();
        let (_, state_of) = state_of.find(|(name, _)| *name == "get_state").unwrap();
        let reads = queue.database().write(|connection| {
            let mut reads = 0;
            for sql in [*state_of, STATES] {
                let statement = connection.prepare_cached(sql)?;
                reads += usize::try_from(statement.get_status(StatementStatus::Run)).unwrap();
            }
            Ok(reads)
        });
        reads.unwrap()
    }

    /// Re-opening a task with 100,000 dependencies took one statement for each of them: half a
    /// second in a debug build, in which no other process could write. Now one statement reads all
    /// dependencies whose ids are close together.
    #[test]
    fn a_task_with_very_many_dependencies_is_re_opened_in_few_statements() {
        let folder = tempfile::tempdir().unwrap();
        let queue = WorkflowQueue::open(folder.path().join("q.db")).unwrap();
        let width = 2 * RUN + 1;
        let shell = |name| WorkflowTask::from(NewTask::shell(name, "true"));
        let mut tasks: Vec<_> = (0..width).map(|_| shell("dependency")).collect();
        let mut join = shell("join");
        for place in 0..width {
            join = join.after(place, Condition::Success);
        }
        tasks.push(join);
        let enqueued = queue.enqueue_workflow(tasks).unwrap();
        let ids: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
        queue.cancel(&ids[..width]).unwrap();
        let state = || queue.get(ids[width]).unwrap().unwrap().state;
        assert_eq!(state(), State::Skipped);
        let before = reads(&queue);
        let mut plan = queue.plan_retry(&ids[..width], true).unwrap();
        while !plan.left().is_empty() {
            queue.retry_step(&mut plan).unwrap();
        }
        assert_eq!(state(), State::Blocked);
        assert_eq!(reads(&queue) - before, width.div_ceil(RUN));
    }
}
