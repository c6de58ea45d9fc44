//! Queues of a claim of one task for a few queues, which one statement takes from.

use std::sync::Arc;

use crate::claim::{ClaimRequest, ClaimedTask, Claims};
use crate::queue_ids::QueueIds;
use crate::shares::{Shares, Turns};

/// Most queues of a claim in one statement.
const MOST_QUEUES: usize = 4;

/// Known handler queues of a request for one task, in the order of their turns.
#[derive(Clone, Debug)]
pub struct InTurn {
    shares: Shares,
    names: Vec<Arc<str>>,
    ids: Vec<i64>,
    handler: String,
    in_order: [Option<i64>; MOST_QUEUES],
}

impl InTurn {
    /// Queues of a request that names a few, with only commands or one handler. `None` for any other
    /// request, and if an id is not known.
    pub fn of(request: &ClaimRequest, queue_ids: &QueueIds) -> Option<Self> {
        let handler = request.only_handler()?;
        let queues = request.queues.names();
        if request.limit != 1 || request.queues.is_all() || queues.len() > MOST_QUEUES {
            return None;
        }
        let mut names: Vec<Arc<str>> = queues.iter().map(|one| Arc::clone(&one.name)).collect();
        names.sort_unstable();
        let ids = names.iter().map(|name| queue_ids.get(name, handler));
        let mut queues = Self {
            shares: Shares::of(request),
            ids: ids.collect::<Option<_>>()?,
            names,
            handler: handler.to_owned(),
            in_order: [None; MOST_QUEUES],
        };
        let mut turns = queues.turns();
        for place in &mut queues.in_order {
            let Some(at) = turns.next() else {
                break;
            };
            *place = Some(queues.ids[at]);
            turns.ended(at);
        }
        Some(queues)
    }

    /// Handler; '' for commands.
    pub fn handler(&self) -> &str {
        &self.handler
    }

    /// Queue ids in the order of their turns. A queue without a free slot is not among them.
    pub fn in_order(&self) -> [Option<i64>; MOST_QUEUES] {
        self.in_order
    }

    /// Result of a claim that took a task of a queue id, after the queues before it had none.
    pub(crate) fn claims(&self, task: ClaimedTask, queue_id: i64) -> Claims {
        let mut turns = self.turns();
        let mut queue = Arc::clone(&task.queue);
        while let Some(at) = turns.next() {
            if self.ids[at] == queue_id {
                queue = Arc::clone(&self.names[at]);
                turns.took(at);
                break;
            }
            turns.ended(at);
        }
        Claims {
            after: turns.end().after().cloned(),
            ..Claims::of_one(ClaimedTask { queue, ..task })
        }
    }

    fn turns(&self) -> Turns {
        self.shares.clone().turns(1, self.names.clone())
    }
}
