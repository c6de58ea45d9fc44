//! Enqueue: the rows of new tasks and their queues.

use std::sync::Arc;
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::outcome::Reason;
use queue_core::queue::Enqueued;
use queue_core::queue_ids::QueueIds;
use queue_core::sqlite::{handler_queue_or_create, rows, verbs};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::{QueueSet, ReadyTasks};
use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};

use super::statements::{
    ENQUEUE, ENQUEUE_KEY_HOLDER, ENQUEUE_KEY_RELEASE, ENQUEUE_NEXT_ID, QUEUE_LIMITED,
};
use super::transaction::SqliteSlice;
use crate::plan::Effects;
use crate::queue::WorkflowQueue;
use crate::slice::{Inserted, NewRow, QueueId, Slice as _, Workflow};
use crate::submission::Submission;
use crate::workflow_task::Settings;

/// Makes a submission durable, all or none, and wakes workers.
pub(crate) fn enqueue(queue: &WorkflowQueue, submission: Submission) -> Result<Vec<Enqueued>> {
    queue.check_promoted()?;
    let submission = Arc::new(submission);
    if let Some(queue_id) = only_queue_id(&submission, queue.database().queue_ids())
        && let Some(enqueued) = enqueue_one(queue, queue_id, &submission)?
    {
        return Ok(vec![enqueued]);
    }
    queue.write(move |writing| writing.enqueue(&submission))
}

/// As [`enqueue`] within the caller's transaction.
pub(crate) fn enqueue_in(
    queue: &WorkflowQueue,
    tx: &Transaction<'_>,
    submission: &Submission,
) -> Result<(Vec<Enqueued>, Wake)> {
    queue.write_in(tx, |writing| writing.enqueue(submission))
}

/// Enqueues a single plain task in one statement, its own transaction; `None` if its key is taken.
fn enqueue_one(
    queue: &WorkflowQueue,
    queue_id: i64,
    submission: &Arc<Submission>,
) -> Result<Option<Enqueued>> {
    let task = &submission.tasks[0].task;
    let part = QueueSet::only(&task.queue, task.work.handler());
    let submission = Arc::clone(submission);
    let now = queue.database().now().wall;
    let inserted = queue.database().write_statement(move |connection| {
        insert_one(connection, queue_id, &submission.tasks[0].task, now)
    })?;
    Ok(inserted.map(|(enqueued, state)| {
        let mut ready = ReadyTasks::default();
        if state == State::Queued {
            ready.add(part);
        }
        let effects = Effects {
            ready,
            scheduled: state == State::Scheduled,
            ..Effects::default()
        };
        queue.wake(&queue.committed(effects));
        enqueued
    }))
}

/// Queue id for [`insert_one`], if it is known and the submission is one task without any extras.
fn only_queue_id(submission: &Submission, queue_ids: &QueueIds) -> Option<i64> {
    let [task] = submission.tasks.as_slice() else {
        return None;
    };
    let plain = task.settings == Settings::default()
        && !task.task.held
        && task.before.is_empty()
        && submission.edges.is_empty()
        && submission.links.is_empty()
        && submission.spawner.is_none();
    plain.then(|| queue_ids.get(&task.task.queue, task.task.work.handler()))?
}

/// Inserts one task under a known queue id in one statement; `None` where its key is taken, and then
/// nothing is written.
pub(super) fn insert_one(
    connection: &Connection,
    queue_id: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Option<(Enqueued, State)>> {
    let state = task.free_state(now);
    let mut insert = connection.prepare_cached(ENQUEUE)?;
    let inserted = insert.execute(plain_row(
        queue_id,
        state,
        task,
        now,
        &task.work.to_payload(),
    )?)?;
    let enqueued = Enqueued {
        id: TaskId(connection.last_insert_rowid()),
        existed: false,
    };
    Ok((inserted == 1).then_some((enqueued, state)))
}

/// The parameters of enqueue.sql.
fn plain_row<'a>(
    queue_id: i64,
    state: State,
    task: &'a NewTask,
    now: Timestamp,
    payload: &'a [u8],
) -> Result<impl Params + 'a> {
    Ok((
        queue_id,
        state.code(),
        task.priority,
        task.work.kind(),
        now.0,
        task.run_at.map(|at| at.0),
        &task.name,
        payload,
        task.options.to_row()?,
        task.key.as_deref(),
    ))
}

impl SqliteSlice<'_> {
    /// Id of a queue and handler. Creates it if there is none, under its queue's limit.
    pub(super) fn queue_id(&self, queue: &str, handler: &str) -> Result<QueueId> {
        if let Some(id) = self.queue_ids.get(queue, handler) {
            return Ok(QueueId {
                id,
                is_learned: false,
            });
        }
        let id = handler_queue_or_create(self.connection, queue, handler)?.id;
        let mut limited = self.connection.prepare_cached(QUEUE_LIMITED)?;
        limited.execute([id])?;
        Ok(QueueId {
            id,
            is_learned: true,
        })
    }

    /// Inserts tasks one after the other.
    pub(super) fn insert_rows(&mut self, rows: &[NewRow<'_>]) -> Result<Vec<Inserted>> {
        let mut fresh = None;
        let mut inserted = Vec::with_capacity(rows.len());
        for row in rows {
            let workflow = match row.workflow {
                Workflow::None => None,
                Workflow::Of(task) => Some(task),
                Workflow::New => Some(match fresh {
                    Some(first) => first,
                    None => *fresh.insert(self.next_id()?),
                }),
            };
            inserted.push(self.insert_row(row, workflow)?);
        }
        Ok(inserted)
    }

    /// Inserts a task unless its key is taken.
    fn insert_row(&mut self, row: &NewRow<'_>, workflow: Option<TaskId>) -> Result<Inserted> {
        let mut is_inserted = self.try_insert(row, workflow)?;
        if !is_inserted && let Some(key) = row.task.task.key.as_deref() {
            let holder = self.holder(key)?.ok_or_else(|| Error::Bug {
                what: "a key is taken by no task".to_owned(),
            })?;
            if !holder.has_lapsed {
                return Ok(Inserted::Taken(holder.id));
            }
            let mut release = self.connection.prepare_cached(ENQUEUE_KEY_RELEASE)?;
            release.execute([holder.id.0])?;
            drop(release);
            is_inserted = self.try_insert(row, workflow)?;
        }
        if !is_inserted {
            return Err(Error::Bug {
                what: "a task was not inserted".to_owned(),
            });
        }
        let id = TaskId(self.connection.last_insert_rowid());
        if row.pending > 0 && row.never.is_none() {
            self.wait(id, row.pending)?;
            if row.task.task.held {
                verbs::add_hold(self.connection, id, self.now.wall)?;
            }
        }
        Ok(Inserted::New(id))
    }

    fn try_insert(&mut self, row: &NewRow<'_>, workflow: Option<TaskId>) -> Result<bool> {
        let (new, settings) = (&row.task.task, &row.task.settings);
        let now = self.now.wall;
        let payload = new.work.to_payload();
        let is_plain =
            *settings == Settings::default() && workflow.is_none() && !row.depends && !new.held;
        let inserted = if is_plain {
            let row = plain_row(row.queue, row.state, new, now, &payload)?;
            self.hot.enqueue.execute(row)?
        } else {
            let from = new.run_at.map_or(now, |at| at.max(now));
            let never = row.never.is_some();
            self.hot.enqueue_node.execute(params![
                row.queue,
                row.state.code(),
                new.priority,
                new.work.kind(),
                now.0,
                new.run_at.map(|at| at.0),
                &new.name,
                &payload[..],
                new.options.to_row()?,
                new.key.as_deref(),
                !never && row.pending > 0,
                settings.expires_at(from).map(|at| at.0),
                settings.deadline_at(from).map(|at| at.0),
                workflow.map(|id| id.0),
                row.spawner.map(|id| id.0),
                row.never.map(|id| id.0),
                never.then_some(Reason::Dependency.code()),
                never.then_some(now.0),
                settings.key_scope.code(),
                settings.key_scope.until(now).map(|at| at.0),
                settings.limit_key.as_deref(),
                row.depends,
                settings.start_within.map(millis),
                settings.finish_within.map(millis),
            ])?
        };
        Ok(inserted == 1)
    }

    /// The id of the next task.
    fn next_id(&self) -> Result<TaskId> {
        let mut query = self.connection.prepare_cached(ENQUEUE_NEXT_ID)?;
        Ok(TaskId(query.query_row([], |row| row.get(0))?))
    }

    /// The task that holds a key that has not expired.
    pub(super) fn key_holder(&self, key: &[u8]) -> Result<Option<TaskId>> {
        let holder = self.holder(key)?.filter(|holder| !holder.has_lapsed);
        Ok(holder.map(|holder| holder.id))
    }

    fn holder(&self, key: &[u8]) -> Result<Option<Holder>> {
        let now = self.now.wall;
        let mut query = self.connection.prepare_cached(ENQUEUE_KEY_HOLDER)?;
        let found = query
            .query_row([key], |row| {
                Ok((
                    TaskId(row.get(0)?),
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, Option<i64>>(3)?.map(Timestamp),
                ))
            })
            .optional()?;
        let Some((id, state, scope, until)) = found else {
            return Ok(None);
        };
        let has_lapsed = match scope {
            None => false,
            Some(1) => rows::state(state)?.is_terminal(),
            Some(_) => until.is_some_and(|until| until <= now),
        };
        Ok(Some(Holder { id, has_lapsed }))
    }
}

/// The holder of an idempotency key.
struct Holder {
    id: TaskId,
    /// True if the key has expired.
    has_lapsed: bool,
}

/// A duration as stored; none is longer than a hundred years.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
