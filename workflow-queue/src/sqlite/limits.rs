//! Limits. The number of running tasks is always counted from their rows, through an index that
//! holds only limited tasks: no counter can leak.

use std::cmp::Reverse;

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::{ClaimOrder, Waits};
use queue_core::sqlite::rows;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{Connection, OptionalExtension, Row};

use super::statements::{
    CLAIM_SPEND, LIMIT_DELETE, LIMIT_GATE, LIMIT_LIST, LIMIT_OF, LIMIT_PUT, LIMIT_QUEUE,
    LIMIT_STANDINGS, PARK, PARKED_NEXT, PARKED_QUEUE, READY_OF_KEY, READY_PAGE, READY_QUEUE,
    RUNNING_OF_GATE, RUNNING_OF_KEY, WHY_AHEAD_UNDER_KEY, WHY_ORDER_UNDER_KEY,
};
use super::transaction::{SqliteSlice, Writing};
use crate::limit::{Limit, LimitKind, LimitStanding, Rate};
use crate::plan::limits::{Allowance, StoredLimit};
use crate::slice::{FreeSlots, Opening, Slice as _};

const QUEUE: i64 = 0;
const KEY: i64 = 1;

impl SqliteSlice<'_> {
    /// The free slots under a key, if a task waits for one.
    pub(super) fn free_slots_of(&self, key: &[u8]) -> Result<Option<FreeSlots>> {
        let connection = self.connection;
        let Some(mut queue) = next_queue_id(connection, PARKED_QUEUE, key, i64::MIN)? else {
            return Ok(None);
        };
        let free = match key_bound(connection, key)? {
            None => u64::from(u32::MAX),
            Some(bound) => {
                let running = count(connection, RUNNING_OF_KEY, [key])?;
                u64::from(bound).saturating_sub(running)
            }
        };
        if free == 0 {
            return Ok(None);
        }
        let mut queues = Vec::new();
        loop {
            queues.push((queue, count(connection, READY_OF_KEY, (key, queue))?));
            match next_queue_id(connection, PARKED_QUEUE, key, queue)? {
                Some(next) => queue = next,
                None => return Ok(Some(FreeSlots { free, queues })),
            }
        }
    }

    /// The next tasks of a queue that wait for a slot under a key.
    pub(super) fn parked_next(&self, opening: Opening<'_>) -> Result<Vec<TaskId>> {
        let Opening { key, queue, tasks } = opening;
        let next = ids(self.connection, PARKED_NEXT, (key, queue), tasks)?;
        Ok(next.into_iter().map(TaskId).collect())
    }
}

impl Writing<'_> {
    /// The allowance of a claim under a queue's limit, now.
    pub(super) fn allowance(&self, limit: StoredLimit) -> Result<Allowance> {
        let now = self.now().wall;
        if let Some(full_at) = limit.full_after_set_back(now) {
            self.store_full_at(limit, full_at)?;
        }
        let running = match limit.concurrency {
            Some(_) => count(self.slice.connection, RUNNING_OF_GATE, [limit.id])?,
            None => 0,
        };
        Ok(limit.allowance(running, now))
    }

    /// Takes the starts of claimed tasks from a queue's bucket.
    pub(super) fn spend(&self, limit: StoredLimit, tasks: usize) -> Result<()> {
        match limit.full_after(tasks, self.now().wall) {
            Some(full_at) => self.store_full_at(limit, full_at),
            None => Ok(()),
        }
    }

    fn store_full_at(&self, limit: StoredLimit, full_at: i64) -> Result<()> {
        self.slice
            .connection
            .prepare_cached(CLAIM_SPEND)?
            .execute((limit.id, full_at))?;
        Ok(())
    }

    /// True if the number of tasks running under a key has reached its bound.
    pub(super) fn is_full(&self, key: &[u8]) -> Result<bool> {
        let Some(bound) = key_bound(self.slice.connection, key)? else {
            return Ok(false);
        };
        Ok(count(self.slice.connection, RUNNING_OF_KEY, [key])? >= u64::from(bound))
    }

    /// Blocks a task that was offered a slot; it waits for the next one.
    pub(super) fn park(&self, task: TaskId) -> Result<()> {
        self.slice
            .connection
            .prepare_cached(PARK)?
            .execute([task.0])?;
        Ok(())
    }

    /// Blocks the admitted tasks beyond a newly set bound.
    fn park_beyond(&self, key: &[u8], bound: u32) -> Result<()> {
        let mut queue_id = i64::MIN;
        while let Some(next) = next_queue_id(self.slice.connection, READY_QUEUE, key, queue_id)? {
            queue_id = next;
            let mut update = self.slice.connection.prepare_cached(PARK)?;
            for id in ids(
                self.slice.connection,
                READY_PAGE,
                (key, queue_id, bound),
                usize::MAX,
            )? {
                update.execute([id])?;
            }
        }
        Ok(())
    }

    /// Sets a limit; removes it if it has no bounds.
    pub(crate) fn set_limit(&mut self, limit: &Limit) -> Result<()> {
        let (kind, name) = coded(&limit.kind);
        let bounded = limit.concurrency.is_some() || limit.rate.is_some();
        let data = of_limit(limit);
        if bounded {
            self.slice.note(EventKind::LimitSet, &data)?;
            self.slice.connection.prepare_cached(LIMIT_PUT)?.execute((
                kind,
                name,
                limit.concurrency,
                limit.rate.map(|rate| rate.starts),
                limit.rate.map(|rate| rate.period_ms),
            ))?;
        } else {
            let mut delete = self.slice.connection.prepare_cached(LIMIT_DELETE)?;
            let removed = delete.execute((kind, name))? > 0;
            drop(delete);
            if removed {
                self.slice.note(EventKind::LimitRemoved, &data)?;
            }
        }
        match &limit.kind {
            LimitKind::Queue(name) => self.gate(name, bounded),
            LimitKind::Key(key) => {
                if let Some(bound) = limit.concurrency {
                    self.park_beyond(key, bound)?;
                }
                self.freed.insert(key.clone());
                Ok(())
            }
        }
    }

    /// Puts new handler queues of a queue under its limit.
    pub(super) fn limit_queue(&self, queue: &str) -> Result<()> {
        let limited = queue_limit(self.slice.connection, queue)?.is_some();
        self.slice
            .connection
            .prepare_cached(LIMIT_QUEUE)?
            .execute((queue, limited))?;
        Ok(())
    }

    /// Makes claims from a queue check its limit, and counts its running tasks.
    fn gate(&mut self, queue: &str, limited: bool) -> Result<()> {
        let id = queue_limit(self.slice.connection, queue)?.map(|limit| limit.id);
        self.slice
            .connection
            .prepare_cached(LIMIT_QUEUE)?
            .execute((queue, limited))?;
        self.slice
            .connection
            .prepare_cached(LIMIT_GATE)?
            .execute((queue, id))?;
        self.effects.ready.add_anywhere(usize::from(u16::MAX));
        Ok(())
    }
}

/// The limit of a queue.
pub(super) fn queue_limit(connection: &Connection, queue: &str) -> Result<Option<StoredLimit>> {
    stored(connection, QUEUE, queue.as_bytes())
}

/// Number of tasks that may run under a key.
fn key_bound(connection: &Connection, key: &[u8]) -> Result<Option<u32>> {
    Ok(stored(connection, KEY, key)?.and_then(|limit| limit.concurrency))
}

fn stored(connection: &Connection, kind: i64, name: &[u8]) -> Result<Option<StoredLimit>> {
    let mut query = connection.prepare_cached(LIMIT_OF)?;
    let found = query.query_row((kind, name), |row| {
        Ok(StoredLimit {
            id: row.get(0)?,
            concurrency: row.get(1)?,
            rate: rate(row.get(2)?, row.get(3)?),
            full_at: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

fn rate(starts: Option<u32>, period_ms: Option<u32>) -> Option<Rate> {
    Some(Rate {
        starts: starts?,
        period_ms: period_ms?,
    })
}

/// The data of an event about a limit.
fn of_limit(limit: &Limit) -> serde_json::Value {
    let (kind, name) = match &limit.kind {
        LimitKind::Queue(name) => ("queue", name.clone()),
        LimitKind::Key(key) => ("key", String::from_utf8_lossy(key).into_owned()),
    };
    serde_json::json!({
        kind: name,
        "concurrency": limit.concurrency,
        "starts": limit.rate.map(|rate| rate.starts),
        "period_ms": limit.rate.map(|rate| rate.period_ms),
    })
}

fn coded(kind: &LimitKind) -> (i64, &[u8]) {
    match kind {
        LimitKind::Queue(name) => (QUEUE, name.as_bytes()),
        LimitKind::Key(key) => (KEY, key),
    }
}

/// All limits.
pub(crate) fn limits(connection: &Connection) -> Result<Vec<Limit>> {
    rows::all(connection, LIMIT_LIST, [], limit)
}

fn limit(row: &Row<'_>) -> Result<Limit> {
    let name: Vec<u8> = row.get(1)?;
    let kind = if row.get::<_, i64>(0)? == QUEUE {
        LimitKind::Queue(String::from_utf8_lossy(&name).into_owned())
    } else {
        LimitKind::Key(name)
    };
    Ok(Limit {
        kind,
        concurrency: row.get(2)?,
        rate: rate(row.get(3)?, row.get(4)?),
    })
}

/// Up to `most` limits, each with the tasks under it.
pub(crate) fn standings(connection: &Connection, most: u32) -> Result<Vec<LimitStanding>> {
    let counted = LimitStanding::MOST_COUNTED;
    rows::all(connection, LIMIT_STANDINGS, (counted, most), |row| {
        Ok(LimitStanding {
            limit: limit(row)?,
            running: rows::count(row, 5)?,
            waiting: rows::count(row, 6)?,
        })
    })
}

/// Number of running tasks under a limit.
pub(super) fn running_under(connection: &Connection, kind: &LimitKind) -> Result<u64> {
    match kind {
        LimitKind::Queue(queue) => match queue_limit(connection, queue)? {
            Some(limit) => running_of_queue(connection, limit),
            None => Ok(0),
        },
        LimitKind::Key(key) => count(connection, RUNNING_OF_KEY, [key]),
    }
}

/// Number of running tasks of a limited queue.
pub(super) fn running_of_queue(connection: &Connection, limit: StoredLimit) -> Result<u64> {
    count(connection, RUNNING_OF_GATE, [limit.id])
}

/// Reason for a task to wait that was not admitted under its key: it needs a slot, and tasks of its
/// handler queue come before it. The pair is its priority and its id.
pub(super) fn wait_for_slot(
    connection: &Connection,
    key: Vec<u8>,
    queue_id: i64,
    (priority, id): (i64, TaskId),
    order: Option<&mut ClaimOrder>,
) -> Result<Waits> {
    let read = || order_under_key(connection, &key, queue_id);
    let known = match order {
        Some(order) => order.under_key(&key, queue_id, read)?.get(&id).copied(),
        None => None,
    };
    let ahead = match known {
        Some(ahead) => ahead,
        None => count(
            connection,
            WHY_AHEAD_UNDER_KEY,
            (&key, queue_id, priority, id.0),
        )?,
    };
    Ok(Waits::Limit {
        running: count(connection, RUNNING_OF_KEY, [&key])?,
        bound: key_bound(connection, &key)?.map(u64::from),
        ahead,
        name: key,
    })
}

/// Tasks of a handler queue that were admitted under a key or wait for it, in claim order.
fn order_under_key(connection: &Connection, key: &[u8], queue_id: i64) -> Result<Vec<TaskId>> {
    let mut tasks = Vec::new();
    for state in [State::Blocked, State::Queued] {
        let parameters = (key, state.code(), queue_id);
        tasks.extend(rows::all(
            connection,
            WHY_ORDER_UNDER_KEY,
            parameters,
            |row| Ok((Reverse(row.get::<_, i64>(1)?), TaskId(row.get(0)?))),
        )?);
    }
    tasks.sort_unstable();
    Ok(tasks.into_iter().map(|(_, id)| id).collect())
}

fn count(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<u64> {
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row(parameters, |row| rows::count(row, 0))?)
}

/// The first `limit` ids that a query returns.
fn ids(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    limit: usize,
) -> Result<Vec<i64>> {
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map(parameters, |row| row.get(0))?;
    Ok(found.take(limit).collect::<rusqlite::Result<_>>()?)
}

/// The next queue id after `queue_id` that a query finds.
fn next_queue_id(
    connection: &Connection,
    sql: &str,
    key: &[u8],
    queue_id: i64,
) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row((key, queue_id), |row| row.get(0))?)
}
