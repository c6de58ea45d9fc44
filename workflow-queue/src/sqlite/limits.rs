//! Limits. How many run is always counted from the rows that run, through an index that only
//! limited tasks are in: there is no counter that could leak.

use std::cmp::Reverse;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::{ClaimOrder, Waits};
use queue_core::sqlite::{read, rows, statement};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{Connection, OptionalExtension};

use super::slice::{SqliteSlice, Writing};
use crate::slice::{FreeSlots, Opening};
use crate::store::{Limit, LimitKind, Rate};

const LIMIT_OF: &str = statement(include_str!("../../queries/limit_of.sql"));
const LIMIT_PUT: &str = statement(include_str!("../../queries/limit_put.sql"));
const LIMIT_DELETE: &str = statement(include_str!("../../queries/limit_delete.sql"));
const LIMIT_SPEND: &str = statement(include_str!("../../queries/limit_spend.sql"));
const LIMITS: &str = statement(include_str!("../../queries/limits.sql"));
const QUEUE_LIMITED: &str = statement(include_str!("../../queries/queue_limited.sql"));
const QUEUE_GATE: &str = statement(include_str!("../../queries/queue_gate.sql"));
const RUNNING_OF_GATE: &str = statement(include_str!("../../queries/running_of_gate.sql"));
const RUNNING_OF_KEY: &str = statement(include_str!("../../queries/running_of_key.sql"));
const READY_OF_KEY: &str = statement(include_str!("../../queries/ready_of_key.sql"));
pub(super) const AHEAD_UNDER_KEY: &str =
    statement(include_str!("../../queries/ahead_under_key.sql"));
pub(super) const ORDER_UNDER_KEY: &str =
    statement(include_str!("../../queries/order_under_key.sql"));
const READY_LANE: &str = statement(include_str!("../../queries/ready_lane.sql"));
const READY_PAGE: &str = statement(include_str!("../../queries/ready_page.sql"));
const PARKED_LANE: &str = statement(include_str!("../../queries/parked_lane.sql"));
const PARKED_NEXT: &str = statement(include_str!("../../queries/parked_next.sql"));
pub(super) const ADMIT: &str = statement(include_str!("../../queries/admit.sql"));
const PARK: &str = statement(include_str!("../../queries/park.sql"));
const STATE_AND_LIMIT: &str = statement(include_str!("../../queries/state_and_limit.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("limit_of", LIMIT_OF),
    ("limit_put", LIMIT_PUT),
    ("limit_delete", LIMIT_DELETE),
    ("limit_spend", LIMIT_SPEND),
    ("limits", LIMITS),
    ("queue_limited", QUEUE_LIMITED),
    ("queue_gate", QUEUE_GATE),
    ("running_of_gate", RUNNING_OF_GATE),
    ("running_of_key", RUNNING_OF_KEY),
    ("ready_of_key", READY_OF_KEY),
    ("ahead_under_key", AHEAD_UNDER_KEY),
    ("order_under_key", ORDER_UNDER_KEY),
    ("ready_lane", READY_LANE),
    ("ready_page", READY_PAGE),
    ("parked_lane", PARKED_LANE),
    ("parked_next", PARKED_NEXT),
    ("admit", ADMIT),
    ("park", PARK),
    ("state_and_limit", STATE_AND_LIMIT),
];

const QUEUE: i64 = 0;
const KEY: i64 = 1;

/// A limit as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) concurrency: Option<u32>,
    rate: Option<Rate>,
    /// When the bucket of a rate is full again, in microseconds since 1970.
    full_at: i64,
}

/// What a limited queue allows a claim to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// How many tasks.
    pub(super) tasks: usize,
    /// When there may be more, if time alone brings that.
    pub(super) more_at: Option<Timestamp>,
}

impl Stored {
    /// Microseconds of a bucket that one start takes, rounded up so that the rate is never
    /// exceeded.
    fn interval(rate: Rate) -> i64 {
        (i64::from(rate.period_ms) * 1000 + i64::from(rate.starts) - 1)
            / i64::from(rate.starts).max(1)
    }

    /// Microseconds that the whole bucket takes to fill.
    fn capacity(rate: Rate) -> i64 {
        Self::interval(rate) * i64::from(rate.starts)
    }

    /// Whether the bucket would take longer to fill than it can: the clock was set back.
    fn is_ahead(self, rate: Rate, now: Timestamp) -> bool {
        self.full_at.saturating_sub(micros(now)) > Self::capacity(rate)
    }

    /// What is left of the bucket, as starts.
    fn starts_left(self, rate: Rate, now: Timestamp) -> Allowance {
        if rate.starts == 0 {
            return Allowance {
                tasks: 0,
                more_at: None,
            };
        }
        let interval = Self::interval(rate);
        let capacity = Self::capacity(rate);
        let missing = (self.full_at - micros(now)).clamp(0, capacity);
        let left = (capacity - missing) / interval;
        let more = missing - (capacity - (left + 1) * interval);
        Allowance {
            tasks: usize::try_from(left).unwrap_or(0),
            more_at: (missing > 0).then(|| Timestamp(now.0 + more.div_euclid(1000) + 1)),
        }
    }

    /// What a rate allows now, where that is nothing.
    pub(super) fn spent_rate(self, now: Timestamp) -> Option<Allowance> {
        let rate = self.rate.filter(|rate| !self.is_ahead(*rate, now))?;
        Some(self.starts_left(rate, now)).filter(|allowance| allowance.tasks == 0)
    }

    /// When the bucket is full again once `tasks` more have started.
    fn spent(self, rate: Rate, tasks: usize, now: Timestamp) -> i64 {
        let interval = Self::interval(rate);
        let missing = (self.full_at - micros(now)).clamp(0, Self::capacity(rate));
        micros(now) + missing + interval * i64::try_from(tasks).unwrap_or(i64::MAX / interval)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.0.saturating_mul(1000)
}

impl SqliteSlice<'_> {
    /// The free slots under a key, if a task waits for one.
    pub(super) fn free_slots_of(&self, key: &[u8]) -> Result<Option<FreeSlots>> {
        let connection = self.connection;
        let Some(mut queue) = next_lane(connection, PARKED_LANE, key, i64::MIN)? else {
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
            match next_lane(connection, PARKED_LANE, key, queue)? {
                Some(next) => queue = next,
                None => return Ok(Some(FreeSlots { free, queues })),
            }
        }
    }

    /// The next tasks of a queue that wait for a key.
    pub(super) fn parked_next(&self, opening: Opening<'_>) -> Result<Vec<TaskId>> {
        let Opening { key, queue, tasks } = opening;
        let next = ids(self.connection, PARKED_NEXT, (key, queue), tasks)?;
        Ok(next.into_iter().map(TaskId).collect())
    }
}

impl Writing<'_> {
    /// What a queue's limit allows a claim to take now.
    pub(super) fn allowance(&self, limit: Stored) -> Result<Allowance> {
        let mut allowance = Allowance {
            tasks: usize::MAX,
            more_at: None,
        };
        if let Some(rate) = limit.rate {
            allowance = limit.starts_left(rate, self.now().wall);
            if limit.is_ahead(rate, self.now().wall) {
                // Left as it is, it would look empty until the old time comes again.
                self.store_full_at(limit, limit.spent(rate, 0, self.now().wall))?;
            }
        }
        if let Some(bound) = limit.concurrency {
            let running = count(self.slice.connection, RUNNING_OF_GATE, [limit.id])?;
            let free = u64::from(bound).saturating_sub(running);
            let free = usize::try_from(free).unwrap_or(usize::MAX);
            allowance.tasks = allowance.tasks.min(free);
        }
        Ok(allowance)
    }

    /// Takes the starts of claimed tasks from a queue's bucket.
    pub(super) fn spend(&self, limit: Stored, tasks: usize) -> Result<()> {
        if let Some(rate) = limit.rate
            && tasks > 0
        {
            self.store_full_at(limit, limit.spent(rate, tasks, self.now().wall))?;
        }
        Ok(())
    }

    fn store_full_at(&self, limit: Stored, full_at: i64) -> Result<()> {
        self.slice
            .connection
            .prepare_cached(LIMIT_SPEND)?
            .execute((limit.id, full_at))?;
        Ok(())
    }

    /// Whether as many run under a key as may.
    pub(super) fn is_full(&self, key: &[u8]) -> Result<bool> {
        let Some(bound) = key_bound(self.slice.connection, key)? else {
            return Ok(false);
        };
        Ok(count(self.slice.connection, RUNNING_OF_KEY, [key])? >= u64::from(bound))
    }

    /// Lets a task that was offered a slot wait for the next.
    pub(super) fn park(&self, task: TaskId) -> Result<()> {
        self.slice
            .connection
            .prepare_cached(PARK)?
            .execute([task.0])?;
        Ok(())
    }

    /// Notes that a task stopped being offered or running, which may free a slot of its key.
    pub(super) fn note_freed(&mut self, task: TaskId) -> Result<()> {
        let mut query = self.slice.connection.prepare_cached(STATE_AND_LIMIT)?;
        let key: Option<Option<Vec<u8>>> =
            query.query_row([task.0], |row| row.get(1)).optional()?;
        self.freed.extend(key.flatten());
        Ok(())
    }

    /// Takes back what was admitted beyond a bound that is set now.
    fn park_beyond(&self, key: &[u8], bound: u32) -> Result<()> {
        let mut lane = i64::MIN;
        while let Some(next) = next_lane(self.slice.connection, READY_LANE, key, lane)? {
            lane = next;
            let mut update = self.slice.connection.prepare_cached(PARK)?;
            for id in ids(
                self.slice.connection,
                READY_PAGE,
                (key, lane, bound),
                usize::MAX,
            )? {
                update.execute([id])?;
            }
        }
        Ok(())
    }

    /// Sets a limit, or removes one without bounds.
    pub(super) fn set_limit(&mut self, limit: &Limit) -> Result<()> {
        let (kind, name) = coded(&limit.kind);
        let bounded = limit.concurrency.is_some() || limit.rate.is_some();
        if bounded {
            self.slice.connection.prepare_cached(LIMIT_PUT)?.execute((
                kind,
                name,
                limit.concurrency,
                limit.rate.map(|rate| rate.starts),
                limit.rate.map(|rate| rate.period_ms),
            ))?;
        } else {
            let mut delete = self.slice.connection.prepare_cached(LIMIT_DELETE)?;
            delete.execute((kind, name))?;
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

    /// Puts lanes that were made just now under their queue's limit.
    pub(super) fn limit_lanes(&self, queue: &str) -> Result<()> {
        let limited = queue_limit(self.slice.connection, queue)?.is_some();
        self.slice
            .connection
            .prepare_cached(QUEUE_LIMITED)?
            .execute((queue, limited))?;
        Ok(())
    }

    /// Makes claims from a queue look at its limit, and counts what runs of it.
    fn gate(&mut self, queue: &str, limited: bool) -> Result<()> {
        let id = queue_limit(self.slice.connection, queue)?.map(|limit| limit.id);
        self.slice
            .connection
            .prepare_cached(QUEUE_LIMITED)?
            .execute((queue, limited))?;
        self.slice
            .connection
            .prepare_cached(QUEUE_GATE)?
            .execute((queue, id))?;
        self.effects.ready += usize::from(u16::MAX);
        Ok(())
    }
}

/// The limit of a queue.
pub(super) fn queue_limit(connection: &Connection, queue: &str) -> Result<Option<Stored>> {
    stored(connection, QUEUE, queue.as_bytes())
}

/// How many may run under a key.
fn key_bound(connection: &Connection, key: &[u8]) -> Result<Option<u32>> {
    Ok(stored(connection, KEY, key)?.and_then(|limit| limit.concurrency))
}

fn stored(connection: &Connection, kind: i64, name: &[u8]) -> Result<Option<Stored>> {
    let mut query = connection.prepare_cached(LIMIT_OF)?;
    let found = query.query_row((kind, name), |row| {
        Ok(Stored {
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

fn coded(kind: &LimitKind) -> (i64, &[u8]) {
    match kind {
        LimitKind::Queue(name) => (QUEUE, name.as_bytes()),
        LimitKind::Key(key) => (KEY, key),
    }
}

/// Every limit.
pub(super) fn limits(connection: &Connection) -> Result<Vec<Limit>> {
    read::all(connection, LIMITS, [], |row| {
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
    })
}

/// How many run of a limited queue.
pub(super) fn running_of_queue(connection: &Connection, limit: Stored) -> Result<u64> {
    count(connection, RUNNING_OF_GATE, [limit.id])
}

/// What a task of a lane waits for that was not admitted under its key: a slot, and those of its
/// lane that come before it. `position` is its priority and its id.
pub(super) fn wait_for_slot(
    connection: &Connection,
    key: Vec<u8>,
    lane: i64,
    (priority, id): (i64, TaskId),
    order: Option<&mut ClaimOrder>,
) -> Result<Waits> {
    let read = || order_under_key(connection, &key, lane);
    let known = match order {
        Some(order) => order.under_key(&key, lane, read)?.get(&id).copied(),
        None => None,
    };
    let ahead = match known {
        Some(ahead) => ahead,
        None => count(connection, AHEAD_UNDER_KEY, (&key, lane, priority, id.0))?,
    };
    Ok(Waits::Limit {
        running: count(connection, RUNNING_OF_KEY, [&key])?,
        bound: key_bound(connection, &key)?.map(u64::from),
        ahead,
        name: key,
    })
}

/// The tasks of a lane that were admitted under a key or wait for that, in the order in which they
/// will be claimed.
fn order_under_key(connection: &Connection, key: &[u8], lane: i64) -> Result<Vec<TaskId>> {
    let mut tasks = Vec::new();
    for state in [State::Blocked, State::Queued] {
        let parameters = (key, state.code(), lane);
        tasks.extend(read::all(connection, ORDER_UNDER_KEY, parameters, |row| {
            Ok((Reverse(row.get::<_, i64>(1)?), TaskId(row.get(0)?)))
        })?);
    }
    tasks.sort_unstable();
    Ok(tasks.into_iter().map(|(_, id)| id).collect())
}

fn count(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<u64> {
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row(parameters, |row| rows::count(row, 0))?)
}

/// The first `limit` ids that a query finds.
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

/// The next lane after `lane` that a query finds.
fn next_lane(connection: &Connection, sql: &str, key: &[u8], lane: i64) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row((key, lane), |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::clock::Timestamp;

    use super::{Rate, Stored};

    fn limit(rate: Rate, full_at: i64) -> Stored {
        Stored {
            id: 1,
            concurrency: None,
            rate: Some(rate),
            full_at,
        }
    }

    #[test]
    fn a_bucket_empties_and_fills_evenly() {
        let rate = Rate {
            starts: 4,
            period_ms: 1000,
        };
        let now = Timestamp(1_000_000);
        let full = limit(rate, 0);
        assert_eq!(full.starts_left(rate, now).tasks, 4);
        let empty = limit(rate, full.spent(rate, 4, now));
        let left = empty.starts_left(rate, now);
        assert_eq!(left.tasks, 0);
        assert!(left.more_at.is_some_and(|at| at >= Timestamp(1_000_250)));
        assert_eq!(empty.starts_left(rate, Timestamp(1_000_500)).tasks, 2);
        assert_eq!(empty.starts_left(rate, Timestamp(1_001_000)).tasks, 4);
        let zero = Rate { starts: 0, ..rate };
        assert_eq!(limit(zero, 0).starts_left(zero, now).tasks, 0);
    }

    #[test]
    fn a_bucket_says_when_it_holds_one_more_and_nothing_once_it_is_full() {
        let rate = Rate {
            starts: 3,
            period_ms: 1000,
        };
        let now = Timestamp(1_000_000);
        let full = limit(rate, 0);
        assert_eq!(full.starts_left(rate, now).more_at, None);
        for taken in 1..=3 {
            let more_at = 1_000_334;
            let used = limit(rate, full.spent(rate, taken, now));
            let left = used.starts_left(rate, now);
            assert_eq!(left.more_at, Some(Timestamp(more_at)), "{taken} taken");
            let later = used.starts_left(rate, Timestamp(more_at));
            assert_eq!(later.tasks, left.tasks + 1, "{taken} taken");
        }
    }

    #[test]
    fn a_bucket_takes_no_less_than_its_period_to_fill() {
        for starts in [1, 3, 7, 1000] {
            let rate = Rate {
                starts,
                period_ms: 1000,
            };
            assert!(Stored::capacity(rate) >= 1_000_000, "{starts} starts");
        }
    }

    proptest! {
        #[test]
        fn a_clock_set_back_waits_one_period_at_most(
            starts in 1..5000_u32, period_ms in 1..100_000_u32, ahead in 0..1_i64 << 45,
        ) {
            prop_assume!(u64::from(starts) <= u64::from(period_ms) * 1000);
            let rate = Rate { starts, period_ms };
            let now = Timestamp(1_700_000_000_000);
            let limit = limit(rate, (now.0 + ahead) * 1000);
            let left = limit.starts_left(rate, now);
            let interval_ms = i64::from(period_ms) / i64::from(starts) + 2;
            prop_assert!(left.tasks > 0 || left.more_at.unwrap().0 - now.0 <= interval_ms);
            prop_assert!(left.tasks <= starts as usize);
        }
    }
}
