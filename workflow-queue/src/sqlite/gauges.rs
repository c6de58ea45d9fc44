//! Gauges: the numbers of the moment, with the blocked tasks and the limits of this engine.

use queue_core::error::Result;
use queue_core::queue::{Gauges, LimitGauge};
use queue_core::sqlite::verbs;
use rusqlite::Connection;

use super::limits;
use super::statements::GAUGES_BLOCKED;
use crate::limit::LimitKind;
use crate::queue::WorkflowQueue;

/// Most limits.
const MOST_LIMITS: usize = 4_096;

/// Numbers of every queue and limit.
pub(crate) fn gauges(queue: &WorkflowQueue) -> Result<Gauges> {
    let read = if queue.is_unpromoted() {
        |connection: &Connection| verbs::gauges(connection, None)
    } else {
        with_limits
    };
    queue.database().read(read)
}

fn with_limits(connection: &Connection) -> Result<Gauges> {
    let mut gauges = verbs::gauges(connection, Some(GAUGES_BLOCKED))?;
    let bounded = limits::limits(connection)?.into_iter();
    let bounded = bounded.filter(|limit| limit.concurrency.is_some());
    for limit in bounded.take(MOST_LIMITS) {
        let running = limits::running_under(connection, &limit.kind)?;
        let name = match limit.kind {
            LimitKind::Queue(name) => format!("queue:{name}"),
            LimitKind::Key(key) => format!("key:{}", String::from_utf8_lossy(&key)),
        };
        gauges.limits.push(LimitGauge::new(name, running));
    }
    Ok(gauges)
}
