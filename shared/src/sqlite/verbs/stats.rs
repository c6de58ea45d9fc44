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

/// Number of tasks in each state. The caller counts the blocked ones: the core line has no index of
/// those.
pub fn stats(connection: &Connection, blocked: u64) -> Result<Stats> {
    let mut query = connection.prepare_cached(STATS)?;
    let (counts, next_due) = query.query_row([], |row| {
        let mut counts = [0_u64; 7];
        for (index, count) in counts.iter_mut().enumerate() {
            *count = rows::count(row, index)?;
        }
        Ok((counts, row.get::<_, Option<i64>>(7)?))
    })?;
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
        next_due: next_due.map(Timestamp),
    })
}
