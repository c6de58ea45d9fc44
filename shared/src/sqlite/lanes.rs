//! The numbers of queues and handlers, remembered. Rows of `queue_queues` are never deleted, so a
//! number that was committed stays right.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use rusqlite::Connection;

use super::statement;
use crate::claim::ClaimRequest;
use crate::task::DEFAULT_QUEUE;

const LANES: &str = statement(include_str!("../../queries/lanes.sql"));

/// A lane's number learned within a transaction: worth remembering once that has committed.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The queue.
    pub queue: String,
    /// The handler; '' for commands.
    pub handler: String,
    /// Its number in `queue_tasks.queue`.
    pub id: i64,
}

/// Known numbers by queue and handler.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Commands of the queue that tasks join unless they say otherwise; 0 until it is known. Found
    /// without a search, since nearly every enqueue and claim asks for it.
    default: AtomicI64,
    named: RwLock<HashMap<String, HashMap<String, i64>>>,
}

impl Lanes {
    /// The number of a lane, if it is remembered.
    pub fn get(&self, queue: &str, handler: &str) -> Option<i64> {
        if queue == DEFAULT_QUEUE && handler.is_empty() {
            let id = self.default.load(Ordering::Relaxed);
            return (id != 0).then_some(id);
        }
        let known = self.named.read().unwrap_or_else(PoisonError::into_inner);
        known.get(queue)?.get(handler).copied()
    }

    /// The one lane that a worker of commands, or of one handler, claims from, with the handler (''
    /// for commands), if its number is known.
    pub fn only<'r>(&self, request: &'r ClaimRequest) -> Option<(i64, &'r str)> {
        let handler = match request.handlers.as_slice() {
            [] if request.commands => "",
            [handler] if !request.commands => handler,
            _ => return None,
        };
        Some((self.get(&request.queue, handler)?, handler))
    }

    /// Remembers what a committed transaction learned.
    pub fn learn(&self, learned: Vec<Learned>) {
        if learned.is_empty() {
            return;
        }
        let mut known = self.named.write().unwrap_or_else(PoisonError::into_inner);
        for lane in learned {
            if lane.queue == DEFAULT_QUEUE && lane.handler.is_empty() {
                self.default.store(lane.id, Ordering::Relaxed);
                continue;
            }
            known
                .entry(lane.queue)
                .or_default()
                .insert(lane.handler, lane.id);
        }
    }
}

/// The lanes that a file has when it is opened; the others are learned when they are named.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<Vec<Learned>> {
    connection
        .prepare(LANES)?
        .query_map([], |row| {
            Ok(Learned {
                id: row.get(0)?,
                queue: row.get(1)?,
                handler: row.get(2)?,
            })
        })?
        .collect()
}
