//! Claim: take tasks for one execution each, under a lease.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use queue_core::claim::{ClaimRequest, ClaimedTask, Claims, WorkerId};
use queue_core::clock::{BootTime, Now, Timestamp};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::outcome::{Settled, Settlement};
use queue_core::sqlite::verbs::{ReadyQueue, ReadyStatements};
use queue_core::sqlite::{Due, aside, rows, verbs};
use queue_core::task::TaskId;
use queue_core::{InTurn, Shares};
use rusqlite::{Connection, Row};

use super::statements::{
    CLAIM_IN_TURN, CLAIM_NEXT, CLAIM_ONE, CLAIM_PROMOTE_DUE, CLAIM_READY, CLAIM_READY_NAMED,
    LATE_NEXT, QUEUE_LIMITED,
};
use super::transaction::Writing;
use super::{limits, schedules};
use crate::plan::limits::StoredLimit;
use crate::queue::WorkflowQueue;
use crate::slice::{Slice as _, TaskChange};

const READY: ReadyStatements = ReadyStatements {
    named: CLAIM_READY_NAMED,
    all: CLAIM_READY,
};

/// Result of a claim.
#[derive(Debug, Default)]
struct ClaimResult {
    claims: Claims,
    /// Result of the look for due tasks, if there was one.
    looked: Option<Due>,
}

impl ClaimResult {
    /// Remembers the result of the look, after the commit.
    fn committed(self, queue: &WorkflowQueue) -> Claims {
        if let Some(looked) = self.looked {
            *queue.due() = looked;
        }
        self.claims
    }
}

/// A claim in progress within its transaction.
struct OngoingClaim<'w, 'c> {
    writing: &'w mut Writing<'c>,
    request: &'w ClaimRequest,
    lease_until: BootTime,
    taken: ClaimResult,
    /// Free slots that are left, and the turns of several queues at them.
    shares: Shares,
    /// True if ageing gives the order of a queue.
    is_aged: bool,
    /// Number of tasks set aside.
    aside: usize,
}

/// Limit of a queue that takes turns, and what it allows in this claim.
struct TurnLimit {
    stored: StoredLimit,
    /// Tasks that may still be taken.
    left: usize,
    taken: usize,
}

/// Claims under a lease.
pub(crate) fn claim(queue: &WorkflowQueue, request: &ClaimRequest) -> Result<Claims> {
    queue.check_promoted()?;
    let (due, lease) = (*queue.due(), queue.lease_duration());
    if request.limit == 1
        && let Some(claims) = claim_alone(queue, request, due)?
    {
        return Ok(claims);
    }
    let request = request.clone();
    let (taken, _) = queue.transaction(move |writing| claim_many(writing, &request, due, lease))?;
    Ok(taken.committed(queue))
}

/// Records outcomes, then claims, in one transaction.
pub(crate) fn settle_and_claim(
    queue: &WorkflowQueue,
    settlements: Vec<Settlement>,
    request: &ClaimRequest,
) -> Result<(Vec<Settled>, Result<Claims>)> {
    let (due, lease) = (*queue.due(), queue.lease_duration());
    let random = queue.database().random();
    let request = request.clone();
    let ((settled, taken), wakes) = queue.transaction(move |writing| {
        let settled = writing.settle(&settlements, random)?;
        // Admit first: the claim below may take the tasks that get the freed slots.
        writing.admit_freed()?;
        let due = if writing.effects.scheduled {
            due.scheduled(writing.now())
        } else {
            due
        };
        let taken = claim_many(writing, &request, due, lease)?;
        Ok((settled, taken))
    })?;
    let claims = taken.committed(queue);
    queue.wake(&wakes);
    queue.database().coordination().tell_settled();
    Ok((settled, Ok(claims)))
}

/// Claims one task of a few known handler queues in a lone statement. `None` if that finds no task, or
/// if something else has to be done first.
fn claim_alone(queue: &WorkflowQueue, request: &ClaimRequest, due: Due) -> Result<Option<Claims>> {
    let database = queue.database();
    if due.must_look(database.now()) {
        return Ok(None);
    }
    // The clock is read inside the statement's turn: a lease that begins there is whole, however long
    // the writer waited.
    let (worker, lease, clock) = (request.worker, queue.lease_duration(), database.clock());
    if let Some((queue_id, (queue_name, handler))) = database.queue_ids().only(request) {
        let (queue_name, handler) = (Arc::clone(queue_name), handler.to_owned());
        let task = database.write_statement(move |connection| {
            let from = (queue_id, (&queue_name, handler.as_str()));
            take_one(connection, from, worker, clock.now(), lease)
        })?;
        return Ok(task.map(Claims::of_one));
    }
    let Some(queues) = InTurn::of(request, database.queue_ids()) else {
        return Ok(None);
    };
    database.write_statement(move |connection| {
        let now = clock.now();
        let [first, second, third, fourth] = queues.in_order();
        let lease_until = now.boot.after(lease).0;
        let parameters = (
            worker.0,
            now.wall.0,
            lease_until,
            first,
            second,
            third,
            fourth,
        );
        verbs::claim_in_turn(connection, CLAIM_IN_TURN, parameters, &queues)
    })
}

/// Claims the next task of a handler queue in one statement. `None` if that finds no task, for any
/// reason; nothing is written then.
pub(super) fn take_one(
    connection: &Connection,
    (queue_id, names): (i64, (&Arc<str>, &str)),
    worker: WorkerId,
    now: Now,
    lease: Duration,
) -> Result<Option<ClaimedTask>> {
    let lease_until = now.boot.after(lease);
    let parameters = (queue_id, worker.0, now.wall.0, lease_until.0);
    verbs::claim_one(connection, CLAIM_ONE, parameters, names)
}

/// Claims up to the requested number.
fn claim_many(
    writing: &mut Writing<'_>,
    request: &ClaimRequest,
    due: Due,
    lease: Duration,
) -> Result<ClaimResult> {
    let now = writing.now();
    let mut ongoing = OngoingClaim {
        lease_until: now.boot.after(lease),
        writing,
        request,
        taken: ClaimResult::default(),
        shares: Shares::of(request),
        is_aged: false,
        aside: 0,
    };
    if due.is_set_back(now) {
        verbs::rebase_retries(ongoing.writing.slice.connection, now.wall)?;
    }
    if due.must_look(now) {
        ongoing.look()?;
    }
    ongoing.take()?;
    if ongoing.missing() > 0 && ongoing.taken.looked.is_none() && ongoing.look()? > 0 {
        ongoing.take()?;
        if request.queues.only().is_some() && !ongoing.is_aged {
            let order = |task: &ClaimedTask| (Reverse(task.priority), task.claim.task);
            ongoing.taken.claims.tasks.sort_by_key(order);
        }
    }
    Ok(ongoing.taken)
}

impl OngoingClaim<'_, '_> {
    fn missing(&self) -> usize {
        self.request
            .limit
            .saturating_sub(self.taken.claims.tasks.len())
    }

    fn now(&self) -> Now {
        self.writing.now()
    }

    /// Promotes due tasks, fails late ones, and remembers the time of the next look. If one look
    /// cannot handle all that is due, that time lies in the past. Returns the number of tasks it
    /// moved.
    fn look(&mut self) -> Result<usize> {
        let mut next = self.next()?;
        let mut moved = 0;
        if next.is_some_and(|next| next <= self.now().wall) {
            moved = self.writing.fail_late()? + self.promote()?;
            self.writing.admit_freed()?;
            next = self.next()?;
        }
        self.taken.looked = Some(Due::found(next, self.now()));
        self.taken.claims.next_firing = schedules::next_at(self.writing.slice.connection)?;
        self.soon(next);
        Ok(moved)
    }

    /// Time of the next event that time alone causes.
    fn next(&self) -> Result<Option<Timestamp>> {
        let connection = self.writing.slice.connection;
        let mut query = connection.prepare_cached(LATE_NEXT)?;
        let expiry: Option<i64> = query.query_row([], |row| row.get(0))?;
        let due = verbs::next_due(connection)?;
        Ok(due.into_iter().chain(expiry.map(Timestamp)).min())
    }

    /// Tells the worker to claim again by that time.
    fn soon(&mut self, at: Option<Timestamp>) {
        let next_due = &mut self.taken.claims.next_due;
        *next_due = next_due.iter().copied().chain(at).min();
    }

    fn promote(&mut self) -> Result<usize> {
        let mut promoted = 0;
        let keys = rows::all(
            self.writing.slice.connection,
            CLAIM_PROMOTE_DUE,
            [self.now().wall.0],
            |row| Ok(row.get::<_, Option<Vec<u8>>>(0)?),
        )?;
        for key in keys {
            promoted += 1;
            self.writing.freed.extend(key);
        }
        Ok(promoted)
    }

    /// Claims up to the requested number. A task whose key is full waits for a slot, and the claim goes
    /// on to the next task.
    fn take(&mut self) -> Result<()> {
        while let Some(only) = self.writing.slice.queue_ids.only(self.request) {
            let before = self.missing();
            let offered = self.take_from(only)?;
            if offered == 0 {
                break;
            }
            if offered == before - self.missing() || self.missing() == 0 || self.is_too_far() {
                return Ok(());
            }
        }
        self.take_turns()
    }

    /// True if so many tasks were set aside that the next claim, which follows at once, takes the rest.
    fn is_too_far(&mut self) -> bool {
        let is_too_far = self.aside >= aside::AT_MOST;
        if is_too_far {
            self.soon(Some(self.now().wall));
        }
        is_too_far
    }

    /// Claims from a handler queue without limit. Returns how many tasks were offered.
    fn take_from(&mut self, (queue_id, names): (i64, (&Arc<str>, &str))) -> Result<usize> {
        let mut query = self.writing.slice.connection.prepare_cached(CLAIM_NEXT)?;
        let mut found = query.query([queue_id])?;
        let mut offered = Vec::new();
        while offered.len() < self.missing()
            && let Some(row) = found.next()?
        {
            offered.push(found_task(row, self.request.worker, names, self.now())?);
        }
        // The query ends first: rows must not change under an open query.
        drop(found);
        let count = offered.len();
        for found in offered {
            self.keep(found, None)?;
        }
        Ok(count)
    }

    /// Claims from the queues with tasks, which take turns, each within its limit. Within a queue the
    /// tasks of all handlers are in one order.
    fn take_turns(&mut self) -> Result<()> {
        let mut ready = verbs::claim_ready(self.writing.slice.connection, READY, self.request)?;
        self.is_aged |= ready.iter().any(ReadyQueue::is_ageing);
        let mut limits = Vec::with_capacity(ready.len());
        for queue in &ready {
            let learned = queue.unknown(self.writing.slice.queue_ids);
            self.writing.effects.learned.extend(learned);
            limits.push(self.turn_limit(queue)?);
        }
        let names = ready.iter().map(|queue| Arc::clone(queue.name())).collect();
        let mut turns = std::mem::take(&mut self.shares).turns(self.missing(), names);
        if let [queue] = ready.as_slice()
            && let Some(handler) = queue.only_by_priority()
            && !handler.mark
            && turns.most(0) == self.missing()
        {
            let (before, names) = (self.missing(), (queue.name(), handler.handler.as_str()));
            self.take_from((handler.id, names))?;
            (self.missing()..before).for_each(|_| turns.took(0));
        }
        while let Some(at) = turns.next() {
            if self.is_too_far() {
                break;
            }
            let limit = &mut limits[at];
            let portion = turns.portion(at);
            let portion = limit
                .as_ref()
                .map_or(portion, |limit| portion.min(limit.left));
            if self.take_last(&ready[at])? {
                turns.took(at);
                continue;
            }
            let queue = &mut ready[at];
            let name = Arc::clone(queue.name());
            let connection = self.writing.slice.connection;
            let next = match portion {
                0 => None,
                portion => queue.next_task(connection, portion)?,
            };
            let Some((task, handler)) = next else {
                turns.ended(at);
                continue;
            };
            if self.take_id(
                task,
                (&name, handler),
                limit.as_ref().map(|limit| limit.stored),
            )? {
                turns.took(at);
                if let Some(limit) = limit {
                    limit.left -= 1;
                    limit.taken += 1;
                }
            }
        }
        for limit in limits.into_iter().flatten() {
            self.writing.spend(limit.stored, limit.taken)?;
        }
        self.taken.claims.left = turns.is_left();
        self.shares = turns.end();
        self.taken.claims.after = self.shares.after().cloned();
        Ok(())
    }

    /// Fills the last free slot from a queue of one handler without a limit, in one statement. Returns
    /// false if that takes no task, for any reason.
    fn take_last(&mut self, queue: &ReadyQueue) -> Result<bool> {
        let is_last = self.missing() == 1;
        let only = queue.only_by_priority();
        let Some(handler) = only.filter(|handler| is_last && !handler.mark) else {
            return Ok(false);
        };
        let from = (handler.id, (queue.name(), handler.handler.as_str()));
        let (worker, now) = (self.request.worker, self.now());
        let lease = self.lease_until.since(now.boot);
        let connection = self.writing.slice.connection;
        let task = take_one(connection, from, worker, now, lease)?;
        let is_taken = task.is_some();
        self.taken.claims.tasks.extend(task);
        Ok(is_taken)
    }

    /// Limit of a queue, if it has one. A claim that it holds up is to be made again once it allows
    /// more.
    fn turn_limit(&mut self, queue: &ReadyQueue) -> Result<Option<TurnLimit>> {
        if !queue.handlers().iter().any(|handler| handler.mark) {
            return Ok(None);
        }
        let Some(stored) = limits::queue_limit(self.writing.slice.connection, queue.name())? else {
            return Ok(None);
        };
        let allowance = self.writing.allowance(stored)?;
        if allowance.tasks < self.missing() {
            self.soon(allowance.more_at);
        }
        Ok(Some(TurnLimit {
            stored,
            left: allowance.tasks,
            taken: 0,
        }))
    }

    /// Takes a task. Returns false if it was blocked or set aside.
    fn take_id(
        &mut self,
        task: TaskId,
        names: (&Arc<str>, &str),
        limit: Option<StoredLimit>,
    ) -> Result<bool> {
        let (worker, now) = (self.request.worker, self.now());
        let before = self.missing();
        let found = self
            .writing
            .slice
            .hot
            .claim_read
            .all([task.0], |row| found_task(row, worker, names, now))?;
        for found in found {
            self.keep(found, limit)?;
        }
        Ok(self.missing() < before)
    }

    /// Takes a task, or blocks it if its key is full. A task that this version cannot read is set
    /// aside, and another task may take its slot under the key.
    fn keep(&mut self, found: Found, limit: Option<StoredLimit>) -> Result<()> {
        let Found { task, key } = found;
        let task = match task {
            Ok(task) => task,
            Err(task) => {
                self.aside += 1;
                self.writing.freed.extend(key);
                return self.set_aside(task);
            }
        };
        let id = task.claim.task;
        if let Some(key) = key
            && self.writing.is_full(&key)?
        {
            return self.writing.park(id);
        }
        self.writing.slice.hot.claim.execute((
            id.0,
            self.request.worker.0,
            self.writing.now().wall.0,
            self.lease_until.0,
            limit.map(|limit| limit.id),
        ))?;
        self.taken.claims.tasks.push(task);
        Ok(())
    }

    /// Sets aside a task that this version cannot read.
    fn set_aside(&mut self, task: TaskId) -> Result<()> {
        let change = TaskChange::new(EventKind::SetAside, task);
        self.writing.slice.record(&change)?;
        let connection = self.writing.slice.connection;
        if let Some(aside) = aside::set_aside(connection, task)? {
            connection
                .prepare_cached(QUEUE_LIMITED)?
                .execute([aside.id])?;
        }
        Ok(())
    }
}

/// A ready task with the counters of the coming claim, or its id if this version cannot read it;
/// and its limit key.
struct Found {
    task: std::result::Result<ClaimedTask, TaskId>,
    key: Option<Vec<u8>>,
}

/// Reads a task. Its timeout ends no later than its deadline, so that the worker stops it in time.
fn found_task(
    row: &Row<'_>,
    worker: WorkerId,
    (queue, handler): (&Arc<str>, &str),
    now: Now,
) -> Result<Found> {
    let mut task = rows::claimed_task(row, worker, handler)?;
    if let Ok(task) = &mut task {
        task.queue = Arc::clone(queue);
        if let Some(deadline) = rows::time(row, 8)? {
            let left = u64::try_from(deadline.since(now.wall)).unwrap_or(0).max(1);
            let timeout = &mut task.options.timeout_ms;
            *timeout = Some(timeout.map_or(left, |timeout| timeout.min(left)));
        }
        task.depends = row.get(10)?;
    }
    let key = row.get(9)?;
    Ok(Found { task, key })
}
