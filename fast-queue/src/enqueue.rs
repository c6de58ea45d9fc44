//! Enqueue: make tasks durable.

use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::coordination::Wake;
use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::sqlite::{Lanes, Learned, lane_or_create};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use rusqlite::{Connection, Statement, Transaction};

use crate::guard::Guard;
use crate::queue::FastQueue;
use crate::statements::{ENQUEUE, ENQUEUE_ID_OF_KEY, ENQUEUE_LANE_OPEN, ENQUEUE_ONE};

/// What an enqueue did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) enqueued: Vec<Enqueued>,
    pub(crate) learned: Vec<Learned>,
    /// Whether a task waits for its time.
    pub(crate) scheduled: bool,
    /// How many workers may be wanted.
    pub(crate) wakes: usize,
}

/// Makes tasks durable, and wakes workers.
pub(crate) fn enqueue(queue: &FastQueue, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
    NewTask::validate_all(&tasks)?;
    let done = enqueue_valid(queue, tasks)?;
    queue.database().lanes().learn(done.learned);
    if done.scheduled {
        queue.forget_due();
    }
    queue.wake_workers(done.wakes);
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
    let done = enqueue_all(tx, &queue.guard, database.lanes(), tasks, now)?;
    Ok((done.enqueued, queue.wake(done.wakes)))
}

/// A lone task of a known lane in a lone statement, anything else in a transaction.
fn enqueue_valid(queue: &FastQueue, tasks: Vec<NewTask>) -> Result<Done> {
    let database = queue.database();
    let now = database.now().wall;
    let tasks = Arc::new(tasks);
    if let [task] = tasks.as_slice()
        && let Some(lane) = database.lanes().get(&task.queue, task.work.handler())
    {
        let tasks = Arc::clone(&tasks);
        let one = move |connection: &Connection| enqueue_one(connection, lane, &tasks[0], now);
        if let Some(done) = database.write_statement(one)? {
            return Ok(done);
        }
    }
    let (guard, lanes) = (queue.guard.clone(), Arc::clone(database.lanes()));
    database.write(move |connection| enqueue_all(connection, &guard, &lanes, &tasks, now))
}

/// Inserts every task in the order given, within a transaction.
fn enqueue_all(
    connection: &Connection,
    guard: &Guard,
    lanes: &Lanes,
    tasks: &[NewTask],
    now: Timestamp,
) -> Result<Done> {
    let mut done = Done {
        enqueued: Vec::with_capacity(tasks.len()),
        ..Done::default()
    };
    let mut statement = connection.prepare_cached(ENQUEUE)?;
    let mut current: Option<(&str, &str, i64)> = None;
    for task in tasks {
        let (queue, handler) = (task.queue.as_str(), task.work.handler());
        let lane = match current {
            Some((same_queue, same_handler, id))
                if same_queue == queue && same_handler == handler =>
            {
                id
            }
            _ => lane(connection, guard, lanes, queue, handler, &mut done.learned)?,
        };
        current = Some((queue, handler, lane));
        let enqueued = insert(connection, &mut statement, lane, task, now)?;
        if !enqueued.existed {
            done.wakes += 1;
            done.scheduled |= task.free_state(now) == State::Scheduled;
        }
        done.enqueued.push(enqueued);
    }
    Ok(done)
}

/// The lane's number, checked to be open in this transaction.
fn lane(
    connection: &Connection,
    guard: &Guard,
    lanes: &Lanes,
    queue: &str,
    handler: &str,
    learned: &mut Vec<Learned>,
) -> Result<i64> {
    if let Some(id) = lanes.get(queue, handler) {
        let mut query = connection.prepare_cached(ENQUEUE_LANE_OPEN)?;
        if !query.query_row([id], |row| row.get::<_, bool>(0))? {
            return Err(guard.promoted());
        }
        return Ok(id);
    }
    let lane = lane_or_create(connection, queue, handler)?;
    if !lane.fast {
        return Err(guard.promoted());
    }
    learned.push(Learned {
        queue: queue.to_owned(),
        handler: handler.to_owned(),
        id: lane.id,
    });
    Ok(lane.id)
}

/// Inserts one task into a known lane in one statement; `None` where that is not enough, and then
/// nothing is written.
pub(crate) fn enqueue_one(
    connection: &Connection,
    lane: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Option<Done>> {
    let mut insert = connection.prepare_cached(ENQUEUE_ONE)?;
    if !execute(&mut insert, lane, task, now)? {
        return Ok(None);
    }
    Ok(Some(Done {
        enqueued: vec![Enqueued {
            id: TaskId(connection.last_insert_rowid()),
            existed: false,
        }],
        learned: Vec::new(),
        scheduled: task.free_state(now) == State::Scheduled,
        wakes: 1,
    }))
}

/// Runs the inserting statement; false if it inserted nothing.
fn execute(insert: &mut Statement<'_>, lane: i64, task: &NewTask, now: Timestamp) -> Result<bool> {
    let inserted = insert.execute((
        lane,
        task.free_state(now).code(),
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
    lane: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Enqueued> {
    if execute(insert, lane, task, now)? {
        return Ok(Enqueued {
            id: TaskId(connection.last_insert_rowid()),
            existed: false,
        });
    }
    let mut query = connection.prepare_cached(ENQUEUE_ID_OF_KEY)?;
    Ok(Enqueued {
        id: TaskId(query.query_row([task.key.as_deref()], |row| row.get(0))?),
        existed: true,
    })
}
