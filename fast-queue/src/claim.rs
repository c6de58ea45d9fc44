//! Claim: takes tasks for one execution each.

use std::cmp::Reverse;
use std::sync::Arc;

use queue_core::claim::{ClaimRequest, ClaimedTask, Claims, WorkerId};
use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::sqlite::{Due, Learned, QueueIds, aside, rows, verbs};
use rusqlite::{Connection, Params};

use crate::guard::{Guard, Phase};
use crate::queue::FastQueue;
use crate::statements::{
    CLAIM, CLAIM_NEXT, CLAIM_ONE, CLAIM_PROMOTE_DUE, CLAIM_QUEUES, CLAIM_READ,
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
    /// Number of tasks that were set aside.
    aside: usize,
    done: ClaimEffects,
}

/// Claims one task of a single known handler queue in a lone statement; anything else in a
/// transaction.
pub(crate) fn claim(queue: &FastQueue, request: &ClaimRequest) -> Result<Claims> {
    let database = queue.database();
    let clock = database.clock();
    let due = *queue.due();
    if request.limit == 1
        && !due.must_look(clock.now())
        && let Some((queue_id, handler)) = database.queue_ids().only(request)
    {
        let (worker, handler) = (request.worker, handler.to_owned());
        let clock = Arc::clone(&clock);
        let one = move |connection: &Connection| {
            claim_one(connection, (queue_id, &handler), worker, clock.now())
        };
        if let Some(task) = database.write_statement(one)? {
            return Ok(Claims {
                tasks: vec![task],
                next_due: None,
                next_firing: None,
            });
        }
    }
    let (guard, queue_ids) = (queue.guard.clone(), Arc::clone(database.queue_ids()));
    let request = request.clone();
    let done = database.write(move |connection| {
        claim_all(connection, &guard, &queue_ids, &request, due, clock.now())
    })?;
    Ok(done.committed(queue))
}

/// Claims the next task of a handler queue in one statement. `None` if that finds no task, for any
/// reason; nothing is written then.
pub(crate) fn claim_one(
    connection: &Connection,
    (queue_id, handler): (i64, &str),
    worker: WorkerId,
    now: Now,
) -> Result<Option<ClaimedTask>> {
    let parameters = (queue_id, worker.0, now.wall.0);
    verbs::claim_one(connection, CLAIM_ONE, parameters, handler)
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
        aside: 0,
        done: ClaimEffects::default(),
    };
    if due.must_look(now) {
        attempt.look()?;
    }
    attempt.take()?;
    if attempt.missing() > 0 && attempt.done.looked.is_none() && attempt.look()? > 0 {
        attempt.take()?;
        let order = |task: &ClaimedTask| (Reverse(task.priority), task.claim.task);
        attempt.done.claims.tasks.sort_by_key(order);
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
        if let Some(only) = self.queue_ids.only(self.request) {
            return self.take_from(only);
        }
        let open = self.open_queues()?;
        if let [(queue_id, handler)] = open.as_slice() {
            return self.claim_found(CLAIM_NEXT, [*queue_id], handler).map(drop);
        }
        let mut next = Vec::new();
        for (queue_id, handler) in &open {
            for (priority, task) in verbs::claim_peek(self.connection, *queue_id, self.missing())? {
                next.push((Reverse(priority), task, handler.as_str()));
            }
        }
        next.sort_unstable();
        next.truncate(self.missing());
        for (_, task, handler) in next {
            self.claim_found(CLAIM_READ, [task.0], handler)?;
        }
        Ok(())
    }

    /// Claims from one handler queue. Only a claim without a task has to look for the reason.
    fn take_from(&mut self, (queue_id, handler): (i64, &str)) -> Result<()> {
        if self.claim_found(CLAIM_NEXT, [queue_id], handler)? == 0 {
            self.guard.check(self.connection, Phase::Accepting)?;
        }
        Ok(())
    }

    /// Ids and handlers of the handler queues that the worker serves and that are not paused.
    fn open_queues(&mut self) -> Result<Vec<(i64, String)>> {
        self.guard.check(self.connection, Phase::Accepting)?;
        let queues = rows::all(
            self.connection,
            CLAIM_QUEUES,
            [&self.request.queue],
            |row| {
                let (id, handler): (i64, String) = (row.get(0)?, row.get(1)?);
                let fast: bool = row.get(2)?;
                Ok((id, handler, fast, rows::time(row, 3)?.is_some()))
            },
        )?;
        let mut open = Vec::with_capacity(queues.len());
        for (id, handler, fast, paused) in queues {
            let served = if handler.is_empty() {
                self.request.commands
            } else {
                self.request.handlers.contains(&handler)
            };
            if served && !fast {
                return Err(self.guard.promoted());
            }
            if served && self.queue_ids.get(&self.request.queue, &handler).is_none() {
                self.done.learned.push(Learned {
                    queue: self.request.queue.clone(),
                    handler: handler.clone(),
                    id,
                });
            }
            if served && !paused {
                open.push((id, handler));
            }
        }
        Ok(open)
    }

    /// Claims tasks that a query finds, as many as are missing. Returns their number.
    fn claim_found(&mut self, sql: &str, parameters: impl Params, handler: &str) -> Result<usize> {
        let before = self.done.claims.tasks.len();
        let mut query = self.connection.prepare_cached(sql)?;
        let mut found = query.query(parameters)?;
        let mut unreadable = Vec::new();
        while self.missing() > 0
            && unreadable.len() < aside::AT_MOST
            && let Some(row) = found.next()?
        {
            match rows::claimed_task(row, self.request.worker, handler)? {
                Ok(task) => self.done.claims.tasks.push(task),
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
