//! Stats: counts tasks by state.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::Stats;

const STATS: &str = statement(include_str!("../../../queries/stats.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("stats", STATS)];

/// Number of tasks in each state. The caller counts the blocked ones, unless only the held ones are
/// blocked: the core line has no index of those.
pub fn stats(connection: &Connection, blocked: Option<u64>) -> Result<Stats> {
    let mut query = connection.prepare_cached(STATS)?;
    let (counts, next_due, held) = query.query_row([], |row| {
        let mut counts = [0_u64; 7];
        for (index, count) in counts.iter_mut().enumerate() {
            *count = rows::count(row, index)?;
        }
        let next_due = row.get::<_, Option<i64>>(7)?;
        Ok((counts, next_due, rows::count(row, 8)?))
    })?;
    let blocked = blocked.unwrap_or(held);
    let [
        scheduled,
        queued,
        running,
        total,
        failed,
        cancelled,
        skipped,
    ] = counts;
    let others = scheduled + blocked + queued + running + failed + cancelled + skipped;
    Ok(Stats {
        by_state: [
            scheduled,
            blocked,
            queued,
            running,
            total.saturating_sub(others),
            failed,
            cancelled,
            skipped,
        ],
        held,
        next_due: next_due.map(Timestamp),
    })
}
