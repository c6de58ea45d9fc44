//! Claim order of a queue with ageing.

use rusqlite::{Connection, Row};

use super::super::super::{rows, statement};
use crate::ageing::{Ageing, Head};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::task::TaskId;

const CLAIM_HEADS: &str = statement(include_str!("../../../../queries/claim_heads.sql"));
const CLAIM_HEAD_AFTER: &str = statement(include_str!("../../../../queries/claim_head_after.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(in super::super) const STATEMENTS: &[(&str, &str)] = &[
    ("claim_heads", CLAIM_HEADS),
    ("claim_head_after", CLAIM_HEAD_AFTER),
];

/// The next `limit` tasks that a claim from handler queues of one queue would take, each with the
/// index of its handler queue.
pub(in super::super) fn aged_peek(
    connection: &Connection,
    queue_ids: &[i64],
    ageing: Ageing,
    limit: usize,
) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    for (handler, queue_id) in queue_ids.iter().enumerate() {
        let own = self::heads(connection, *queue_id)?;
        heads.extend(own.into_iter().map(|head| Head { handler, ..head }));
    }
    let mut next = connection.prepare_cached(CLAIM_HEAD_AFTER)?;
    ageing.merge(heads, limit, |last| {
        let level = (queue_ids[last.handler], last.priority, last.task.0);
        let mut found = next.query(level)?;
        found.next()?.map(|row| head(row, last.handler)).transpose()
    })
}

/// The oldest task of each priority of a handler queue: of more than 32, the 31 highest and the lowest.
pub(in super::super) fn heads(connection: &Connection, queue_id: i64) -> Result<Vec<Head>> {
    rows::all(connection, CLAIM_HEADS, [queue_id], |row| head(row, 0))
}

/// Reads a task, its priority and the time since which it could run.
pub(in super::super) fn head(row: &Row<'_>, handler: usize) -> Result<Head> {
    Ok(Head {
        task: TaskId(row.get(0)?),
        priority: row.get(1)?,
        since: Timestamp(row.get(2)?),
        handler,
    })
}
