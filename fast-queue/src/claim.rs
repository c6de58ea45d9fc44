//! Claim: takes tasks for one execution each.

use std::cmp::Reverse;
use std::sync::Arc;

use queue_core::claim::{ClaimRequest, ClaimedTask, Claims, WorkerId};
use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::queue_ids::{Learned, QueueIds};
use queue_core::sqlite::verbs::{ReadyQueue, ReadyStatements};
use queue_core::sqlite::{Due, aside, rows, verbs};
use queue_core::{InTurn, Shares};
use rusqlite::{Connection, Params};

use crate::guard::{Guard, Phase};
use crate::queue::FastQueue;
use crate::statements::{
    CLAIM, CLAIM_IN_TURN, CLAIM_NEXT, CLAIM_ONE, CLAIM_PROMOTE_DUE, CLAIM_READ, CLAIM_READY,
    CLAIM_READY_NAMED,
};

const READY: ReadyStatements = ReadyStatements {
    named: CLAIM_READY_NAMED,
    all: CLAIM_READY,
};

/// Most due tasks that one claim promotes, so that a million of them coming due together delay no
/// one. The answer's `next_due` is then in the past.
const PROMOTE_AT_MOST: i64 = 1000;

/// Result of a claim.
#[derive(Debug, Default)]
pub(crate) struct ClaimEffects {
    claims: Claims,
    learned: Vec<Learned>,
    /// Result of a look for due tasks, if there was one.
    looked: Option<Due>,
}

impl ClaimEffects {
    /// Caches new queue ids and due times, after the commit.
    pub(crate) fn committed(self, queue: &FastQueue) -> Claims {
        queue.database().queue_ids().learn(self.learned);
        if let Some(looked) = self.looked {
            *queue.due() = looked;
        }
        self.claims
    }
}

/// Claim in progress, within a transaction.
struct Attempt<'a> {
    connection: &'a Connection,
    guard: &'a Guard,
    queue_ids: &'a QueueIds,
    request: &'a ClaimRequest,
    now: Now,
    is_set_back: bool,
    /// Free slots that are left, and the turns of several queues at them.
    shares: Shares,
    /// True if ageing gives the order of a queue.
    is_aged: bool,
    /// Number of tasks that were set aside.
    aside: usize,
    done: ClaimEffects,
}

/// Claims one task of a few known handler queues in a lone statement; anything else in a transaction.
pub(crate) fn claim(queue: &FastQueue, request: &ClaimRequest) -> Result<Claims> {
    let database = queue.database();
    let clock = database.clock();
    let due = *queue.due();
    if request.limit == 1
        && !due.must_look(clock.now())
        && let Some(claims) = claim_alone(queue, request)?
    {
        return Ok(claims);
    }
    let (guard, queue_ids) = (queue.guard.clone(), Arc::clone(database.queue_ids()));
    let request = request.clone();
    let done = database.write(move |connection| {
        claim_all(connection, &guard, &queue_ids, &request, due, clock.now())
    })?;
    Ok(done.committed(queue))
}

/// Claims one task in a lone statement. `None` if that finds no task, for any reason.
fn claim_alone(queue: &FastQueue, request: &ClaimRequest) -> Result<Option<Claims>> {
    let database = queue.database();
    let (worker, clock) = (request.worker, database.clock());
    if let Some((queue_id, (queue, handler))) = database.queue_ids().only(request) {
        let (queue, handler) = (Arc::clone(queue), handler.to_owned());
        let task = database.write_statement(move |connection| {
            let from = (queue_id, (&queue, handler.as_str()));
            claim_one(connection, from, worker, clock.now())
        })?;
        return Ok(task.map(Claims::of_one));
    }
    let Some(queues) = InTurn::of(request, database.queue_ids()) else {
        return Ok(None);
    };
    database
        .write_statement(move |connection| claim_in_turn(connection, &queues, worker, clock.now()))
}

/// Claims the next task of a handler queue in one statement. `None` if that finds no task, for any
/// reason; nothing is written then.
pub(crate) fn claim_one(
    connection: &Connection,
    (queue_id, names): (i64, (&Arc<str>, &str)),
    worker: WorkerId,
    now: Now,
) -> Result<Option<ClaimedTask>> {
    let parameters = (queue_id, worker.0, now.wall.0);
    verbs::claim_one(connection, CLAIM_ONE, parameters, names)
}

/// As [`claim_one`], from the first of several handler queues.
pub(crate) fn claim_in_turn(
    connection: &Connection,
    queues: &InTurn,
    worker: WorkerId,
    now: Now,
) -> Result<Option<Claims>> {
    let [first, second, third, fourth] = queues.in_order();
    let parameters = (worker.0, now.wall.0, first, second, third, fourth);
    verbs::claim_in_turn(connection, CLAIM_IN_TURN, parameters, queues)
}

/// Claims up to the requested number, within a transaction.
pub(crate) fn claim_all(
    connection: &Connection,
    guard: &Guard,
    queue_ids: &QueueIds,
    request: &ClaimRequest,
    due: Due,
    now: Now,
) -> Result<ClaimEffects> {
    let mut attempt = Attempt {
        connection,
        guard,
        queue_ids,
        request,
        now,
        is_set_back: due.is_set_back(now),
        shares: Shares::of(request),
        is_aged: false,
        aside: 0,
        done: ClaimEffects::default(),
    };
    if due.must_look(now) {
        attempt.look()?;
    }
    attempt.take()?;
    if attempt.missing() > 0 && attempt.done.looked.is_none() && attempt.look()? > 0 {
        attempt.take()?;
        if request.queues.only().is_some() && !attempt.is_aged {
            let order = |task: &ClaimedTask| (Reverse(task.priority), task.claim.task);
            attempt.done.claims.tasks.sort_by_key(order);
        }
    }
    if attempt.aside >= aside::AT_MOST {
        attempt.done.claims.next_due = Some(now.wall);
    }
    Ok(attempt.done)
}

impl Attempt<'_> {
    fn missing(&self) -> usize {
        self.request
            .limit
            .saturating_sub(self.done.claims.tasks.len())
    }

    /// Promotes tasks that came due and remembers the next due time. Returns the number of promoted
    /// tasks.
    fn look(&mut self) -> Result<usize> {
        if self.is_set_back {
            verbs::rebase_retries(self.connection, self.now.wall)?;
        }
        let mut next = verbs::next_due(self.connection)?;
        let mut promoted = 0;
        if next.is_some_and(|next| next <= self.now.wall) {
            let mut update = self.connection.prepare_cached(CLAIM_PROMOTE_DUE)?;
            promoted = update.execute((self.now.wall.0, PROMOTE_AT_MOST))?;
            next = verbs::next_due(self.connection)?;
        }
        self.done.looked = Some(Due::found(next, self.now));
        self.done.claims.next_due = next;
        Ok(promoted)
    }

    /// Claims as many tasks as are missing, the highest priority first. Other tasks replace those
    /// that were set aside. If these are very many, the rest is left to the next claim, which
    /// follows at once.
    fn take(&mut self) -> Result<()> {
        loop {
            let before = self.aside;
            self.take_once()?;
            if self.aside == before || self.missing() == 0 || self.aside >= aside::AT_MOST {
                return Ok(());
            }
        }
    }

    fn take_once(&mut self) -> Result<()> {
        if let Some((queue_id, names)) = self.queue_ids.only(self.request) {
            let aside = self.aside;
            if self.claim_found(CLAIM_NEXT, [queue_id], names)? > 0 || self.aside > aside {
                return Ok(());
            }
        }
        self.take_turns()
    }

    /// Claims from the queues with tasks, which take turns. Within a queue the tasks of all handlers
    /// are in one order.
    fn take_turns(&mut self) -> Result<()> {
        let mut ready = self.ready_queues()?;
        self.is_aged |= ready.iter().any(ReadyQueue::is_ageing);
        let names = ready.iter().map(|queue| Arc::clone(queue.name())).collect();
        let mut turns = std::mem::take(&mut self.shares).turns(self.missing(), names);
        if let [queue] = ready.as_slice()
            && let Some(handler) = queue.only_by_priority()
            && turns.most(0) == self.missing()
        {
            let names = (queue.name(), handler.handler.as_str());
            for _ in 0..self.claim_found(CLAIM_NEXT, [handler.id], names)? {
                turns.took(0);
            }
        }
        while self.aside < aside::AT_MOST
            && let Some(at) = turns.next()
        {
            if self.take_last(&ready[at])? {
                turns.took(at);
                continue;
            }
            let queue = &mut ready[at];
            let name = Arc::clone(queue.name());
            match queue.next_task(self.connection, turns.portion(at))? {
                Some((task, handler)) => {
                    if self.claim_found(CLAIM_READ, [task.0], (&name, handler))? > 0 {
                        turns.took(at);
                    }
                }
                None => turns.ended(at),
            }
        }
        self.done.claims.left = turns.is_left();
        self.shares = turns.end();
        self.done.claims.after = self.shares.after().cloned();
        Ok(())
    }

    /// Fills the last free slot from a queue of one handler, in one statement. Returns false if that
    /// takes no task, for any reason.
    fn take_last(&mut self, queue: &ReadyQueue) -> Result<bool> {
        let Some(handler) = queue.only_by_priority().filter(|_| self.missing() == 1) else {
            return Ok(false);
        };
        let from = (handler.id, (queue.name(), handler.handler.as_str()));
        let task = claim_one(self.connection, from, self.request.worker, self.now)?;
        let is_taken = task.is_some();
        self.done.claims.tasks.extend(task);
        Ok(is_taken)
    }

    /// Queues that the worker serves and that have tasks. Only a claim without any has to look for the
    /// reason.
    fn ready_queues(&mut self) -> Result<Vec<ReadyQueue>> {
        let ready = verbs::claim_ready(self.connection, READY, self.request)?;
        if ready.is_empty() {
            self.guard.check(self.connection, Phase::Accepting)?;
        }
        for queue in &ready {
            if queue.handlers().iter().any(|handler| !handler.mark) {
                return Err(self.guard.promoted());
            }
            self.done.learned.extend(queue.unknown(self.queue_ids));
        }
        Ok(ready)
    }

    /// Claims tasks that a query finds, as many as are missing. Returns their number.
    fn claim_found(
        &mut self,
        sql: &str,
        parameters: impl Params,
        (queue, handler): (&Arc<str>, &str),
    ) -> Result<usize> {
        let before = self.done.claims.tasks.len();
        let mut query = self.connection.prepare_cached(sql)?;
        let mut found = query.query(parameters)?;
        let mut unreadable = Vec::new();
        while self.missing() > 0
            && unreadable.len() < aside::AT_MOST
            && let Some(row) = found.next()?
        {
            match rows::claimed_task(row, self.request.worker, handler)? {
                Ok(mut task) => {
                    task.queue = Arc::clone(queue);
                    self.done.claims.tasks.push(task);
                }
                Err(task) => unreadable.push(task),
            }
        }
        // Reset first: rows must not change under an open query.
        drop(found);
        for task in &unreadable {
            aside::set_aside(self.connection, *task)?;
        }
        self.aside += unreadable.len();
        let mut update = self.connection.prepare_cached(CLAIM)?;
        let found = &self.done.claims.tasks[before..];
        for task in found {
            update.execute((task.claim.task.0, self.request.worker.0, self.now.wall.0))?;
        }
        Ok(found.len())
    }
}
