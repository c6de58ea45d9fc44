//! A file's rows as plans see them: each method, with the function that implements it.

use queue_core::claim::Claim;
use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::outcome::Reason;
use queue_core::output::Output;
use queue_core::queue::Edit;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use super::transaction::SqliteSlice;
use super::{edges, link};
use crate::slice::{
    Conclusion, Conditions, Execution, FreeSlots, Inserted, Late, NewCopy, NewRow, Opening,
    QueueId, Slice, Start, TaskChange, TaskRow, Waiting,
};

impl Slice for SqliteSlice<'_> {
    fn now(&self) -> Now {
        self.now
    }

    fn executions(&mut self, claims: &[Claim]) -> Result<Vec<Option<Execution>>> {
        claims.iter().map(|claim| self.execution(*claim)).collect()
    }

    fn waiting_for(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<Waiting>>> {
        tasks
            .iter()
            .map(|task| self.waiting_for_one(*task))
            .collect()
    }

    fn rows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskRow>>> {
        tasks.iter().map(|task| self.row(*task)).collect()
    }

    fn states(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>> {
        edges::states_of(self.connection, tasks)
    }

    fn dependencies(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<(TaskId, Condition)>>> {
        let of_one = |task: &TaskId| edges::dependencies(self.connection, *task);
        tasks.iter().map(of_one).collect()
    }

    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        let found = edges::dependents(self.connection, task)?;
        Ok(found.into_iter().map(|(dependent, _)| dependent).collect())
    }

    fn skipped_dependents(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<TaskId>>> {
        let skipped = |task: &TaskId| edges::skipped_dependents(self.connection, *task);
        tasks.iter().map(skipped).collect()
    }

    fn workflows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskId>>> {
        let workflow = |task: &TaskId| link::workflow_of(self.connection, *task);
        tasks.iter().map(workflow).collect()
    }

    fn starts(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<Start>>> {
        tasks.iter().map(|task| self.start(*task)).collect()
    }

    fn free_slots(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<FreeSlots>>> {
        keys.iter().map(|key| self.free_slots_of(key)).collect()
    }

    fn parked(&mut self, openings: &[Opening<'_>]) -> Result<Vec<Vec<TaskId>>> {
        openings.iter().map(|one| self.parked_next(*one)).collect()
    }

    fn late(&mut self) -> Result<Vec<Late>> {
        self.late_tasks()
    }

    fn key_holders(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<TaskId>>> {
        keys.iter().map(|key| self.key_holder(key)).collect()
    }

    fn queue_ids(&mut self, handler_queues: &[(&str, &str)]) -> Result<Vec<QueueId>> {
        let id = |(queue, handler): &(&str, &str)| self.queue_id(queue, handler);
        handler_queues.iter().map(id).collect()
    }

    fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<Vec<Inserted>> {
        self.insert_rows(rows)
    }

    fn copy(&mut self, copy: &NewCopy) -> Result<TaskId> {
        self.insert_copy(copy)
    }

    fn store_edges(&mut self, edges: Vec<Edge>) -> Result<()> {
        self.put_edges(edges)
    }

    fn cancel(&mut self, task: TaskId) -> Result<()> {
        verbs::cancel_waiting(self.connection, task, self.now.wall)
    }

    fn request_cancel(&mut self, task: TaskId) -> Result<()> {
        verbs::request_cancel(self.connection, task, self.now.wall).map(drop)
    }

    fn store_reason(&mut self, task: TaskId, why: &str) -> Result<()> {
        verbs::store_reason(self.connection, &[task], why)
    }

    fn fail(&mut self, task: TaskId, reason: Reason) -> Result<()> {
        self.fail_waiting(task, reason)?;
        self.end_hold(task)
    }

    fn conclude(&mut self, conclusion: &Conclusion<'_>) -> Result<()> {
        self.write_conclusion(conclusion)
    }

    fn record(&mut self, change: &TaskChange<'_>) -> Result<()> {
        self.write_change(change)
    }

    fn note(&mut self, kind: EventKind, data: &serde_json::Value) -> Result<()> {
        self.write_note(kind, None, Some(data))
    }

    fn store_output(&mut self, claim: Claim, attempt: u32, output: Option<&Output>) -> Result<()> {
        verbs::store_output(self.connection, claim, attempt, output)
    }

    fn hold(&mut self, task: TaskId, pending: u32) -> Result<()> {
        verbs::add_hold(self.connection, task, self.now.wall)?;
        self.block(task, pending)
    }

    fn end_hold(&mut self, task: TaskId) -> Result<()> {
        verbs::end_hold(self.connection, task).map(drop)
    }

    fn set_time(&mut self, task: TaskId, run_at: Option<Timestamp>, state: State) -> Result<()> {
        self.put_time(task, run_at, state)
    }

    fn edit(&mut self, task: TaskId, edit: &Edit) -> Result<()> {
        verbs::edit(self.connection, task, edit).map(drop)
    }

    fn wait(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.hot.waiting_put.execute((task.0, pending))?;
        Ok(())
    }

    fn set_pending(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.hot.pending.execute((task.0, pending))?;
        Ok(())
    }

    fn wait_no_more(&mut self, task: TaskId) -> Result<()> {
        self.hot.waiting_delete.execute([task.0])?;
        Ok(())
    }

    fn release(&mut self, task: TaskId, state: State) -> Result<()> {
        self.hot.release.execute((task.0, state.code()))?;
        self.wait_no_more(task)
    }

    fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()> {
        self.hot.skip.execute((task.0, self.now.wall.0, cause.0))?;
        self.end_hold(task)?;
        self.wait_no_more(task)
    }

    fn add_dependencies(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()> {
        self.add_edges_of(dependent, had, all)
    }

    fn block(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.block_one(task)?;
        self.wait(task, pending)
    }

    fn reopen(&mut self, task: TaskId, state: State, pending: u32) -> Result<()> {
        self.reopen_one(task, state, pending > 0)?;
        if pending > 0 {
            self.wait(task, pending)?;
        }
        Ok(())
    }

    fn admit(&mut self, task: TaskId) -> Result<()> {
        self.hot.admit.execute([task.0])?;
        Ok(())
    }
}
