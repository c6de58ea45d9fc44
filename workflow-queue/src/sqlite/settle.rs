//! Settle: the statements that read an execution and write its end.

use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::{BootTime, Now, Timestamp};
use queue_core::error::Result;
use queue_core::outcome::Reason;
use queue_core::sqlite::rows;
use rusqlite::{Row, params};

use super::transaction::SqliteSlice;
use crate::lease;
use crate::slice::{Conclusion, Execution};

impl SqliteSlice<'_> {
    /// The execution of a claim; `None` if the claim is not the last of its task.
    pub(super) fn execution(&mut self, claim: Claim) -> Result<Option<Execution>> {
        let now = self.now;
        let read = &mut self.hot.running_read;
        let found = read.all([claim.task.0], |row| execution(row, claim, now))?;
        Ok(found.into_iter().flatten().next())
    }

    /// Writes the event of an end, then the task's row, which names the event.
    pub(super) fn write_conclusion(&mut self, conclusion: &Conclusion<'_>) -> Result<()> {
        let (verdict, execution) = (conclusion.verdict, conclusion.execution);
        let message = verdict.message.as_deref().map(rows::clip_message);
        let (cpu_us, rss_kb) = rows::usage_columns(conclusion.usage);
        self.hot.event_end.execute(params![
            conclusion.ended_at.0,
            conclusion.kind.code(),
            conclusion.claim.task.0,
            execution.event,
            execution.queue,
            conclusion.claim.token,
            execution.attempt,
            conclusion.claim.worker.0,
            verdict.state.code(),
            execution.ready_at.0,
            conclusion.started_at().0,
            verdict.exit_code,
            verdict.signal,
            verdict.reason.map(Reason::code),
            cpu_us,
            rss_kb,
            message,
            conclusion.tail,
        ])?;
        self.hot.conclude.execute((
            conclusion.claim.task.0,
            verdict.state.code(),
            verdict.run_at.map(|at| at.0),
            verdict.attempt,
            verdict.crashes,
            verdict.exit_code,
            verdict.signal,
            verdict.reason.map(Reason::code),
            message,
            conclusion.finished_at().map(|at| at.0),
            conclusion.is_lost,
            cpu_us,
            rss_kb,
        ))?;
        Ok(())
    }
}

/// The execution in a task's row; `None` if it is not the claim's.
fn execution(row: &Row<'_>, claim: Claim, now: Now) -> Result<Option<Execution>> {
    let (token, worker): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
    if token != claim.token || worker.map(WorkerId) != Some(claim.worker) {
        return Ok(None);
    }
    let lease_until = row.get::<_, Option<i64>>(10)?.map(BootTime);
    Ok(Some(Execution {
        state: rows::state(row.get(0)?)?,
        attempt: row.get(3)?,
        crashes: row.get(4)?,
        cancel_requested: row.get::<_, Option<i64>>(5)?.is_some(),
        options: rows::options(row, 6)?,
        started_at: rows::time(row, 7)?,
        deadline_at: rows::time(row, 8)?,
        limit_key: row.get(9)?,
        is_expired: lease::is_over(lease_until, now.boot),
        is_gated: row.get::<_, Option<i64>>(11)?.is_some(),
        attempt_base: row.get(12)?,
        event: row.get(13)?,
        queue: row.get(14)?,
        ready_at: Timestamp(row.get(15)?),
    }))
}
