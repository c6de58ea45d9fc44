//! Queues with tasks that a worker of several queues can claim.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::super::super::rows;
use super::claim_peek;
use super::heads::aged_peek;
use crate::ageing::Ageing;
use crate::claim::ClaimRequest;
use crate::error::Result;
use crate::queue_ids::{Learned, QueueIds};
use crate::task::TaskId;

/// Most named queues that are looked up one by one. More are found among all queues with tasks.
const MOST_NAMED: usize = 32;

/// Statements that find handler queues with waiting tasks, except paused ones: rows of id, queue,
/// handler, a mark of the engine's, and ageing.
#[derive(Clone, Copy, Debug)]
pub struct ReadyStatements {
    /// Among the queues of a JSON array of names.
    pub named: &'static str,
    /// Among all.
    pub all: &'static str,
}

/// Queue with tasks that the worker can claim.
#[derive(Debug)]
pub struct ReadyQueue {
    name: Arc<str>,
    handlers: Vec<ReadyHandler>,
    ageing: Option<Ageing>,
    /// Next tasks in claim order, with the index of their handler.
    next: VecDeque<(TaskId, usize)>,
    /// True if no tasks are left behind those.
    is_read: bool,
}

/// Part of a ready queue for one handler.
#[derive(Clone, Debug)]
pub struct ReadyHandler {
    /// Queue id, as in `queue_tasks.queue`.
    pub id: i64,
    /// Handler; '' for commands.
    pub handler: String,
    /// Mark of the engine's.
    pub mark: bool,
}

impl ReadyQueue {
    /// Name of the queue.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its parts that the worker can run.
    pub fn handlers(&self) -> &[ReadyHandler] {
        &self.handlers
    }

    /// True if ageing gives its order.
    pub fn is_ageing(&self) -> bool {
        self.ageing.is_some()
    }

    /// The only handler queue that it has, unless ageing gives its order.
    pub fn only_by_priority(&self) -> Option<&ReadyHandler> {
        match self.handlers.as_slice() {
            [only] if self.ageing.is_none() => Some(only),
            _ => None,
        }
    }

    /// Takes the next task in claim order, with its handler. Looks for `portion` tasks if it knows of
    /// none; each that it returned before must have left the claim index then.
    ///
    /// # Errors
    /// The errors of `SQLite`.
    pub fn next_task(
        &mut self,
        connection: &Connection,
        portion: usize,
    ) -> Result<Option<(TaskId, &str)>> {
        if self.next.is_empty() && !self.is_read {
            self.peek(connection, portion)?;
        }
        let next = self.next.pop_front();
        Ok(next.map(|(task, at)| (task, self.handlers[at].handler.as_str())))
    }

    fn peek(&mut self, connection: &Connection, portion: usize) -> Result<()> {
        if let Some(ageing) = self.ageing {
            let ids: Vec<i64> = self.handlers.iter().map(|handler| handler.id).collect();
            let found = aged_peek(connection, &ids, ageing, portion)?;
            self.is_read = found.len() < portion;
            let next = found.into_iter().map(|head| (head.task, head.handler));
            self.next.extend(next);
            return Ok(());
        }
        let mut found = Vec::new();
        for (at, handler) in self.handlers.iter().enumerate() {
            for (priority, task) in claim_peek(connection, handler.id, portion)? {
                found.push((Reverse(priority), task, at));
            }
        }
        self.is_read = found.len() < portion;
        if self.handlers.len() > 1 {
            found.sort_unstable();
            found.truncate(portion);
        }
        self.next
            .extend(found.into_iter().map(|(_, task, at)| (task, at)));
        Ok(())
    }

    /// Ids that `known` lacks, to be cached after the commit.
    pub fn unknown(&self, known: &QueueIds) -> impl Iterator<Item = Learned> {
        let unknown = |one: &&ReadyHandler| known.get(&self.name, &one.handler).is_none();
        self.handlers.iter().filter(unknown).map(|one| Learned {
            queue: self.name.to_string(),
            handler: one.handler.clone(),
            id: one.id,
        })
    }
}

/// Queues of a request that have tasks and are not paused, by name.
///
/// # Errors
/// The errors of `SQLite`.
pub fn claim_ready(
    connection: &Connection,
    statements: ReadyStatements,
    request: &ClaimRequest,
) -> Result<Vec<ReadyQueue>> {
    let names = request.queues.names();
    let mut found = if request.queues.is_all() || names.len() > MOST_NAMED {
        rows::all(connection, statements.all, [], ready_handler)?
    } else {
        let names: Vec<&str> = names.iter().map(|queue| &*queue.name).collect();
        let names = serde_json::Value::from(names).to_string();
        rows::all(connection, statements.named, [names], ready_handler)?
    };
    let is_served = |(queue, handler, _): &FoundHandler| {
        let runs = if handler.handler.is_empty() {
            request.commands
        } else {
            request.handlers.contains(&handler.handler)
        };
        runs && request.queues.covers(queue)
    };
    found.retain(is_served);
    found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let mut ready: Vec<ReadyQueue> = Vec::new();
    for (name, handler, ageing) in found {
        match ready.last_mut().filter(|last| last.name == name) {
            Some(last) => last.handlers.push(handler),
            None => ready.push(ReadyQueue {
                name,
                handlers: vec![handler],
                ageing,
                next: VecDeque::new(),
                is_read: false,
            }),
        }
    }
    Ok(ready)
}

/// Handler queue with tasks: its queue, itself, and the ageing of the queue.
type FoundHandler = (Arc<str>, ReadyHandler, Option<Ageing>);

fn ready_handler(row: &Row<'_>) -> Result<FoundHandler> {
    let handler = ReadyHandler {
        id: row.get(0)?,
        handler: row.get(2)?,
        mark: row.get(3)?,
    };
    Ok((row.get(1)?, handler, Ageing::of_stored(row.get(4)?)))
}
