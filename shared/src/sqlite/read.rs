//! What both engines read in the same way. Every function is one short read.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::{rows, statement};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::output::Output;
use crate::queue::{ClaimOrder, ListQuery, QueueInfo, Stats, Waits, WorkerInfo};
use crate::state::State;
use crate::task::{Task, TaskId};

const GET: &str = statement(include_str!("../../queries/get.sql"));
const LIST_IDS: &str = statement(include_str!("../../queries/list_ids.sql"));
const LIST_IDS_UNSUCCESSFUL: &str =
    statement(include_str!("../../queries/list_ids_unsuccessful.sql"));
const LIST_IDS_RUNNING: &str = statement(include_str!("../../queries/list_ids_running.sql"));
const LIST_IDS_QUEUED: &str = statement(include_str!("../../queries/list_ids_queued.sql"));
const LIST_IDS_SCHEDULED: &str = statement(include_str!("../../queries/list_ids_scheduled.sql"));
const FEW_WAITING: &str = statement(include_str!("../../queries/few_waiting.sql"));
const LAST_ID: &str = statement(include_str!("../../queries/last_id.sql"));
const STATS: &str = statement(include_str!("../../queries/stats.sql"));
const QUEUES: &str = statement(include_str!("../../queries/queues.sql"));
/// The next time at which a scheduled task comes due.
pub const NEXT_DUE: &str = statement(include_str!("../../queries/next_due.sql"));
const CLAIM_PEEK: &str = statement(include_str!("../../queries/claim_peek.sql"));
const OUTPUT: &str = statement(include_str!("../../queries/output.sql"));
const OUTPUT_OF: &str = statement(include_str!("../../queries/output_of.sql"));
const WORKERS: &str = statement(include_str!("../../queries/workers.sql"));
const CLAIMS_OF: &str = statement(include_str!("../../queries/claims_of.sql"));
const HELD: &str = statement(include_str!("../../queries/held.sql"));
const WAITS: &str = statement(include_str!("../../queries/waits.sql"));
const CLAIM_ORDER: &str = statement(include_str!("../../queries/claim_order.sql"));
const WAITS_BEHIND: &str = statement(include_str!("../../queries/waits_behind.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "testing")]
pub const STATEMENTS: [(&str, &str); 20] = [
    ("get", GET),
    ("list_ids", LIST_IDS),
    ("list_ids_unsuccessful", LIST_IDS_UNSUCCESSFUL),
    ("list_ids_running", LIST_IDS_RUNNING),
    ("list_ids_queued", LIST_IDS_QUEUED),
    ("list_ids_scheduled", LIST_IDS_SCHEDULED),
    ("few_waiting", FEW_WAITING),
    ("last_id", LAST_ID),
    ("stats", STATS),
    ("queues", QUEUES),
    ("next_due", NEXT_DUE),
    ("claim_peek", CLAIM_PEEK),
    ("output", OUTPUT),
    ("output_of", OUTPUT_OF),
    ("workers", WORKERS),
    ("claims_of", CLAIMS_OF),
    ("held", HELD),
    ("waits", WAITS),
    ("claim_order", CLAIM_ORDER),
    ("waits_behind", WAITS_BEHIND),
];

/// A task, or `None`.
pub fn get(connection: &Connection, id: TaskId) -> Result<Option<Task>> {
    Ok(all(connection, GET, [id.0], rows::task)?.pop())
}

/// A page of tasks, newest first.
pub fn list(connection: &Connection, query: &ListQuery) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for id in list_ids(connection, query)? {
        tasks.extend(get(connection, id)?);
    }
    Ok(tasks)
}

/// Up to so many waiting tasks are sorted for a page rather than looked for among all tasks.
const FEW: i64 = 20_000;

/// The ids of a page, newest first. Where all wanted states have an index and few tasks in it, they
/// are read from there, otherwise along the table.
fn list_ids(connection: &Connection, query: &ListQuery) -> Result<Vec<TaskId>> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let page = |sql, states: i64| {
        all(
            connection,
            sql,
            (
                states,
                query.queue.as_deref(),
                query.name.as_deref(),
                query.from.map_or(i64::MIN, |id| id.0),
                query.before.map_or(i64::MAX, |id| id.0),
                limit,
            ),
            |row| Ok(TaskId(row.get(0)?)),
        )
    };
    let Some(indexed) = indexed_lists(connection, &query.states)? else {
        let mask = |mask, state: &State| mask | 1 << state.code();
        let states = if query.states.is_empty() {
            State::ALL.iter().fold(0, mask)
        } else {
            query.states.iter().fold(0, mask)
        };
        return page(LIST_IDS, states);
    };
    let mut ids = BTreeSet::new();
    for (state, sql) in indexed {
        ids.extend(page(sql, state.code())?);
    }
    Ok(ids.into_iter().rev().take(query.limit).collect())
}

/// The statement that reads each of the states from its index; `None` if one has none, or too many
/// tasks in it.
fn indexed_lists(
    connection: &Connection,
    states: &[State],
) -> Result<Option<Vec<(State, &'static str)>>> {
    if states.is_empty() {
        return Ok(None);
    }
    let mut lists = Vec::with_capacity(states.len());
    for &state in states {
        lists.push((
            state,
            match state {
                State::Running => LIST_IDS_RUNNING,
                State::Failed | State::Cancelled | State::Skipped => LIST_IDS_UNSUCCESSFUL,
                State::Queued => LIST_IDS_QUEUED,
                State::Scheduled => LIST_IDS_SCHEDULED,
                State::Blocked | State::Succeeded => return Ok(None),
            },
        ));
    }
    let mut query = connection.prepare_cached(FEW_WAITING)?;
    let (few_queued, few_scheduled): (bool, bool) =
        query.query_row([FEW], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let few = (few_queued || !states.contains(&State::Queued))
        && (few_scheduled || !states.contains(&State::Scheduled));
    Ok(few.then_some(lists))
}

/// The highest id ever given out.
pub fn last_id(connection: &Connection) -> Result<Option<TaskId>> {
    let id: Option<i64> = connection
        .prepare_cached(LAST_ID)?
        .query_row([], |row| row.get(0))?;
    Ok(id.map(TaskId))
}

/// When the next scheduled task comes due.
pub fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    let mut query = connection.prepare_cached(NEXT_DUE)?;
    let next: Option<i64> = query.query_row([], |row| row.get(0))?;
    Ok(next.map(Timestamp))
}

/// The next `limit` tasks that a claim from a lane would take, with their priorities.
pub fn claim_peek(connection: &Connection, lane: i64, limit: usize) -> Result<Vec<(i32, TaskId)>> {
    let mut query = connection.prepare_cached(CLAIM_PEEK)?;
    let next = query.query_map([lane], |row| Ok((row.get(1)?, TaskId(row.get(0)?))))?;
    Ok(next.take(limit).collect::<rusqlite::Result<_>>()?)
}

/// How many tasks stand where, given how many are blocked: the core line has no index of those.
pub fn stats(connection: &Connection, blocked: u64) -> Result<Stats> {
    let mut query = connection.prepare_cached(STATS)?;
    let (counts, next_due) = query.query_row([], |row| {
        let mut counts = [0_u64; 7];
        for (index, count) in counts.iter_mut().enumerate() {
            *count = rows::count(row, index)?;
        }
        Ok((counts, row.get::<_, Option<i64>>(7)?))
    })?;
    let [
        scheduled,
        queued,
        running,
        total,
        failed,
        cancelled,
        skipped,
    ] = counts;
    let others = scheduled + blocked + queued + running + failed + cancelled + skipped;
    Ok(Stats {
        by_state: [
            scheduled,
            blocked,
            queued,
            running,
            total.saturating_sub(others),
            failed,
            cancelled,
            skipped,
        ],
        next_due: next_due.map(Timestamp),
    })
}

/// Every queue and handler lane.
pub fn queues(connection: &Connection) -> Result<Vec<QueueInfo>> {
    all(connection, QUEUES, [], |row| {
        Ok(QueueInfo {
            name: row.get(0)?,
            handler: row.get(1)?,
            paused_at: rows::time(row, 2)?,
            queued: rows::count(row, 3)?,
        })
    })
}

/// The output stored with a task's last settle.
pub fn output(connection: &Connection, id: TaskId) -> Result<Option<Output>> {
    let mut query = connection.prepare_cached(OUTPUT)?;
    let frames = query.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(frames.map(Output))
}

/// The output stored of one attempt.
pub fn output_of(connection: &Connection, id: TaskId, attempt: u32) -> Result<Option<Output>> {
    let frames = all(
        connection,
        OUTPUT_OF,
        (id.0, attempt),
        |row| Ok(row.get(0)?),
    )?;
    Ok(frames.into_iter().next().map(Output))
}

/// Those of these tasks that there are, each with the output stored with its last settle.
pub fn with_outputs(
    connection: &Connection,
    ids: &[TaskId],
) -> Result<Vec<(Task, Option<Output>)>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(task) = get(connection, *id)? {
            found.push((task, output(connection, *id)?));
        }
    }
    Ok(found)
}

/// Every registered worker, by place.
pub fn workers(connection: &Connection) -> Result<Vec<WorkerInfo>> {
    all(connection, WORKERS, [], rows::worker)
}

/// The running claims of a worker, by task.
pub fn claims_of(connection: &Connection, worker: WorkerId) -> Result<Vec<Claim>> {
    all(connection, CLAIMS_OF, [worker.0], rows::claim)
}

/// Of each claim, whether it is still held.
pub fn held(connection: &Connection, claims: &[Claim]) -> Result<Vec<Held>> {
    let mut query = connection.prepare_cached(HELD)?;
    let mut held = Vec::with_capacity(claims.len());
    for claim in claims {
        let found: Option<Option<i64>> = query
            .query_row((claim.task.0, claim.token, claim.worker.0), |row| {
                row.get(0)
            })
            .optional()?;
        held.push(match found {
            None => Held::Lost,
            Some(None) => Held::Held,
            Some(Some(_)) => Held::CancelRequested,
        });
    }
    Ok(held)
}

/// What keeps a task waiting of what the core line knows: its time, its queue's pause, the tasks in
/// front of it. Of many tasks, `order` keeps what was learned of their lanes.
pub fn waits(
    connection: &Connection,
    id: TaskId,
    order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let found = all(connection, WAITS, [id.0], |row| {
        Ok((
            rows::state(row.get(0)?)?,
            row.get::<_, i64>(1)?,
            rows::time(row, 2)?,
            row.get::<_, Option<i64>>(3)?.is_some(),
            row.get::<_, i64>(4)?,
            rows::time(row, 5)?,
        ))
    })?;
    let Some((state, priority, run_at, retry, lane, paused_at)) = found.into_iter().next() else {
        return Ok(Vec::new());
    };
    let mut waits = Vec::new();
    if !state.is_waiting() {
        return Ok(waits);
    }
    if let (State::Scheduled, Some(run_at)) = (state, run_at) {
        waits.push(Waits::Time { run_at, retry });
    }
    if let Some(since) = paused_at {
        waits.push(Waits::Paused { since });
    }
    if state == State::Queued {
        let known = match order {
            Some(order) => order.of(lane, || claim_order(connection, lane))?.get(&id),
            None => None,
        };
        let tasks = if let Some(tasks) = known {
            *tasks
        } else {
            let mut query = connection.prepare_cached(WAITS_BEHIND)?;
            query.query_row((lane, priority, id.0), |row| rows::count(row, 0))?
        };
        if tasks > 0 {
            waits.push(Waits::Behind { tasks });
        }
    }
    Ok(waits)
}

/// The tasks of a lane that can be claimed, in the order in which they will be.
fn claim_order(connection: &Connection, lane: i64) -> Result<Vec<TaskId>> {
    all(connection, CLAIM_ORDER, [lane], |row| {
        Ok(TaskId(row.get(0)?))
    })
}

/// Every row of a query, each made into a value.
pub fn all<T>(
    connection: &Connection,
    sql: &'static str,
    parameters: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut found = query.query(parameters)?;
    let mut values = Vec::new();
    while let Some(row) = found.next()? {
        values.push(make(row)?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{FEW, indexed_lists};
    use crate::sqlite::{CORE, Database, Durability, OpenOptions};
    use crate::state::State;

    /// Adds so many tasks in a state.
    fn add(database: &Database, count: i64, state: State) {
        let tasks = "WITH RECURSIVE numbers(n) AS
                     (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
                     INSERT INTO queue_tasks
                     (queue, state, priority, kind, created_at, run_at, name, payload)
                     SELECT 1, ?2, 0, 0, 1, iif(?2 = 0, 1, NULL), 'task', x'' FROM numbers";
        let insert = move |tx: &Connection| Ok(tx.execute(tasks, (count, state.code()))?);
        database.write(insert).unwrap();
    }

    #[test]
    fn only_a_state_of_many_tasks_is_read_along_the_table() {
        for (many, few) in [
            (State::Queued, State::Scheduled),
            (State::Scheduled, State::Queued),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let options = OpenOptions::new(Durability::Fast).unwrap();
            let database = Database::open(&folder.path().join("q.db"), options, &[CORE]).unwrap();
            let is_indexed = |states: &[State]| {
                let lists = database.read(|connection| indexed_lists(connection, states));
                lists.unwrap().is_some()
            };
            add(&database, FEW, many);
            assert!(is_indexed(&[many, few]), "{many}");
            add(&database, 1, many);
            assert!(!is_indexed(&[many]), "{many}");
            assert!(!is_indexed(&[many, few]), "{many}");
            assert!(is_indexed(&[few, State::Running]), "{many}");
        }
    }
}
