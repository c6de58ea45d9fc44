//! Start: the statement that gives a waiting task another time.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::statements::SET_TIME;
use super::transaction::SqliteSlice;

impl SqliteSlice<'_> {
    /// Writes the time of a waiting task, and the state that follows from it.
    pub(super) fn put_time(
        &self,
        task: TaskId,
        run_at: Option<Timestamp>,
        state: State,
    ) -> Result<()> {
        let now = self.now.wall;
        let from = run_at.map_or(now, |at| at.max(now));
        self.connection.prepare_cached(SET_TIME)?.execute((
            task.0,
            run_at.map(|at| at.0),
            state.code(),
            from.0,
        ))?;
        Ok(())
    }
}
