//! Enqueue: makes tasks durable.

use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::coordination::Wake;
use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::queue_ids::{Learned, QueueIds};
use queue_core::sqlite::{handler_queue_or_create, verbs};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::{QueueSet, ReadyTasks};
use rusqlite::{Connection, Statement, Transaction};

use crate::guard::Guard;
use crate::queue::FastQueue;
use crate::statements::{ENQUEUE, ENQUEUE_ID_OF_KEY, ENQUEUE_ONE, ENQUEUE_QUEUE_OPEN};

/// Result of an enqueue.
#[derive(Debug, Default)]
pub(crate) struct EnqueueEffects {
    pub(crate) enqueued: Vec<Enqueued>,
    pub(crate) learned: Vec<Learned>,
    /// True if a task waits for its time.
    pub(crate) scheduled: bool,
    /// Tasks to wake workers for.
    pub(crate) ready: ReadyTasks,
}

/// Makes tasks durable, and wakes workers.
pub(crate) fn enqueue(queue: &FastQueue, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
    NewTask::validate_all(&tasks)?;
    let done = enqueue_valid(queue, tasks)?;
    queue.database().queue_ids().learn(done.learned);
    if done.scheduled {
        queue.forget_due();
    }
    queue.wake_workers(&done.ready);
    Ok(done.enqueued)
}

/// As [`enqueue`] within the caller's transaction.
pub(crate) fn enqueue_in(
    queue: &FastQueue,
    tx: &Transaction<'_>,
    tasks: &[NewTask],
) -> Result<(Vec<Enqueued>, Wake)> {
    let database = queue.database();
    database.check_caller_connection(tx)?;
    NewTask::validate_all(tasks)?;
    let now = database.now().wall;
    let done = enqueue_all(tx, &queue.guard, database.queue_ids(), tasks, now)?;
    Ok((done.enqueued, queue.wake(done.ready)))
}

/// Enqueues a lone task with a known queue id in a lone statement; anything else in a transaction.
fn enqueue_valid(queue: &FastQueue, tasks: Vec<NewTask>) -> Result<EnqueueEffects> {
    let database = queue.database();
    let now = database.now().wall;
    let tasks = Arc::new(tasks);
    if let [task] = tasks.as_slice()
        && !task.held
        && let Some(queue_id) = database.queue_ids().get(&task.queue, task.work.handler())
    {
        let tasks = Arc::clone(&tasks);
        let one = move |connection: &Connection| enqueue_one(connection, queue_id, &tasks[0], now);
        if let Some(done) = database.write_statement(one)? {
            return Ok(done);
        }
    }
    let (guard, queue_ids) = (queue.guard.clone(), Arc::clone(database.queue_ids()));
    database.write(move |connection| enqueue_all(connection, &guard, &queue_ids, &tasks, now))
}

/// Inserts every task in the order given, within a transaction.
fn enqueue_all(
    connection: &Connection,
    guard: &Guard,
    queue_ids: &QueueIds,
    tasks: &[NewTask],
    now: Timestamp,
) -> Result<EnqueueEffects> {
    let mut done = EnqueueEffects {
        enqueued: Vec::with_capacity(tasks.len()),
        ..EnqueueEffects::default()
    };
    let mut statement = connection.prepare_cached(ENQUEUE)?;
    let mut current: Option<(&str, &str, (i64, QueueSet))> = None;
    for task in tasks {
        let (queue, handler) = (task.queue.as_str(), task.work.handler());
        let (queue_id, part) = match current {
            Some((same_queue, same_handler, known))
                if same_queue == queue && same_handler == handler =>
            {
                known
            }
            _ => {
                let learned = &mut done.learned;
                let id = queue_id(connection, guard, queue_ids, queue, handler, learned)?;
                (id, QueueSet::only(queue, handler))
            }
        };
        current = Some((queue, handler, (queue_id, part)));
        let enqueued = insert(connection, &mut statement, queue_id, task, now)?;
        if !enqueued.existed {
            if !task.held {
                done.ready.add(part);
            }
            done.scheduled |= task.first_state(now) == State::Scheduled;
        }
        done.enqueued.push(enqueued);
    }
    Ok(done)
}

/// Id of a queue and handler, checked in this transaction to be open to fast-queue.
fn queue_id(
    connection: &Connection,
    guard: &Guard,
    queue_ids: &QueueIds,
    queue: &str,
    handler: &str,
    learned: &mut Vec<Learned>,
) -> Result<i64> {
    if let Some(id) = queue_ids.get(queue, handler) {
        let mut query = connection.prepare_cached(ENQUEUE_QUEUE_OPEN)?;
        if !query.query_row([id], |row| row.get::<_, bool>(0))? {
            return Err(guard.promoted());
        }
        return Ok(id);
    }
    let found = handler_queue_or_create(connection, queue, handler)?;
    if !found.fast {
        return Err(guard.promoted());
    }
    learned.push(Learned {
        queue: queue.to_owned(),
        handler: handler.to_owned(),
        id: found.id,
    });
    Ok(found.id)
}

/// Inserts one task under a known queue id in one statement. `None` if that is not enough; nothing is
/// written then.
pub(crate) fn enqueue_one(
    connection: &Connection,
    queue_id: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Option<EnqueueEffects>> {
    let mut insert = connection.prepare_cached(ENQUEUE_ONE)?;
    if !execute(&mut insert, queue_id, task, now)? {
        return Ok(None);
    }
    Ok(Some(EnqueueEffects {
        enqueued: vec![Enqueued {
            id: TaskId(connection.last_insert_rowid()),
            existed: false,
        }],
        learned: Vec::new(),
        scheduled: task.first_state(now) == State::Scheduled,
        ready: ReadyTasks::one(&task.queue, task.work.handler()),
    }))
}

/// Runs the inserting statement; false if it inserted nothing.
fn execute(
    insert: &mut Statement<'_>,
    queue_id: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<bool> {
    let inserted = insert.execute((
        queue_id,
        task.first_state(now).code(),
        task.priority,
        task.work.kind(),
        now.0,
        task.run_at.map(|at| at.0),
        &task.name,
        &task.work.to_payload()[..],
        task.options.to_row()?,
        task.key.as_deref(),
    ))?;
    Ok(inserted == 1)
}

/// Inserts a task unless its key is taken.
fn insert(
    connection: &Connection,
    insert: &mut Statement<'_>,
    queue_id: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Enqueued> {
    if execute(insert, queue_id, task, now)? {
        let id = TaskId(connection.last_insert_rowid());
        if task.held {
            verbs::add_hold(connection, id, now)?;
        }
        return Ok(Enqueued { id, existed: false });
    }
    let mut query = connection.prepare_cached(ENQUEUE_ID_OF_KEY)?;
    Ok(Enqueued {
        id: TaskId(query.query_row([task.key.as_deref()], |row| row.get(0))?),
        existed: true,
    })
}
