//! Enqueue: make tasks durable.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::sqlite::{Lanes, Learned, statement, write};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use rusqlite::{Connection, Statement};

use crate::guard::Guard;

pub(crate) const ENQUEUE: &str = statement(include_str!("../queries/enqueue.sql"));
pub(crate) const ENQUEUE_ONE: &str = statement(include_str!("../queries/enqueue_one.sql"));
pub(crate) const ID_OF_KEY: &str = statement(include_str!("../queries/id_of_key.sql"));
pub(crate) const LANE_OPEN: &str = statement(include_str!("../queries/lane_open.sql"));

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

/// Inserts every task in the order given, within the caller's transaction.
pub(crate) fn enqueue(
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
            done.scheduled |= state(task, now) == State::Scheduled;
        }
        done.enqueued.push(enqueued);
    }
    Ok(done)
}

fn state(task: &NewTask, now: Timestamp) -> State {
    if task.run_at.is_some_and(|at| at > now) {
        State::Scheduled
    } else {
        State::Queued
    }
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
        let mut query = connection.prepare_cached(LANE_OPEN)?;
        if !query.query_row([id], |row| row.get::<_, bool>(0))? {
            return Err(guard.promoted());
        }
        return Ok(id);
    }
    let lane = write::lane_or_create(connection, queue, handler)?;
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
        scheduled: state(task, now) == State::Scheduled,
        wakes: 1,
    }))
}

/// Runs the inserting statement; false if it inserted nothing.
fn execute(insert: &mut Statement<'_>, lane: i64, task: &NewTask, now: Timestamp) -> Result<bool> {
    let inserted = insert.execute((
        lane,
        state(task, now).code(),
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
    let mut query = connection.prepare_cached(ID_OF_KEY)?;
    Ok(Enqueued {
        id: TaskId(query.query_row([task.key.as_deref()], |row| row.get(0))?),
        existed: true,
    })
}
