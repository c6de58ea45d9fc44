//! The file as the checks read it, and planted mistakes of an engine in it.

use std::collections::BTreeMap;
use std::path::Path;

use queue_core::clock::Timestamp;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

/// The columns of a task that the checks read.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) state: State,
    pub(crate) token: i64,
    pub(crate) worker: Option<i64>,
    pub(crate) run_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) queue_id: i64,
    pub(crate) is_retry: bool,
    pub(crate) is_held: bool,
}

/// A connection apart from the engine's.
#[derive(Debug)]
pub(crate) struct File(Connection);

impl File {
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "synchronous", 0).unwrap();
        connection
            .pragma_update(None, "wal_autocheckpoint", 0)
            .unwrap();
        Self(connection)
    }

    /// All tasks, in one statement.
    pub(crate) fn rows(&self) -> BTreeMap<TaskId, Row> {
        let mut query = self
            .0
            .prepare_cached(
                "SELECT id, state, token, worker, run_at, reason,
                        EXISTS (SELECT 1 FROM queue_holds WHERE task = id), created_at, queue
                 FROM queue_tasks",
            )
            .unwrap();
        let rows = query.query_map([], |row| {
            let state = State::from_code(row.get(1)?).unwrap();
            Ok((
                TaskId(row.get(0)?),
                Row {
                    state,
                    token: row.get(2)?,
                    worker: row.get(3)?,
                    run_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                    is_retry: row.get::<_, Option<i64>>(5)?.is_some(),
                    is_held: row.get(6)?,
                    created_at: Timestamp(row.get(7)?),
                    queue_id: row.get(8)?,
                },
            ))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Makes a mistake, if there are rows for it.
    pub(crate) fn spoil(&self, mistake: Mistake) {
        if let Some(sql) = mistake.sql() {
            self.0.execute_batch(sql).unwrap();
        }
    }
}

/// A mistake that a run has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    ReleasesEarly,
    ReleasesNever,
    IgnoresSkip,
    LeaksSlot,
    ExceedsBound,
    ExceedsRate,
    ClaimsPaused,
    ForgetsAttempt,
    IgnoresDeadline,
    IgnoresCancel,
    LeavesTerminal,
    EndsLease,
    RepeatsToken,
    RepeatsKey,
    PrunesNeeded,
    SpawnsUnfenced,
    AdmitsHeld,
}

impl Mistake {
    pub(crate) const ALL: [Self; 17] = [
        Self::ReleasesEarly,
        Self::ReleasesNever,
        Self::IgnoresSkip,
        Self::LeaksSlot,
        Self::ExceedsBound,
        Self::ExceedsRate,
        Self::ClaimsPaused,
        Self::ForgetsAttempt,
        Self::IgnoresDeadline,
        Self::IgnoresCancel,
        Self::LeavesTerminal,
        Self::EndsLease,
        Self::RepeatsToken,
        Self::RepeatsKey,
        Self::PrunesNeeded,
        Self::SpawnsUnfenced,
        Self::AdmitsHeld,
    ];

    fn sql(self) -> Option<&'static str> {
        Some(match self {
            // The count of open dependencies is one too low.
            Self::ReleasesEarly => {
                "UPDATE queue_waiting SET pending = pending - 1 WHERE pending > 1"
            }
            // The edge is missing at the dependency's end.
            Self::ReleasesNever => {
                "DELETE FROM queue_dependencies
                 WHERE (SELECT state FROM queue_tasks WHERE id = task) < 4"
            }
            // The condition on a failed dependency is not checked.
            Self::IgnoresSkip => "UPDATE queue_dependencies SET condition = 2 WHERE condition = 0",
            Self::LeaksSlot => {
                "UPDATE queue_tasks SET state = 1 WHERE state = 2 AND limit_key IS NOT NULL"
            }
            Self::ExceedsBound => "UPDATE queue_tasks SET gate = NULL WHERE state = 3",
            Self::ExceedsRate => "UPDATE queue_limits SET full_at = 0",
            Self::ClaimsPaused => "UPDATE queue_queues SET paused_at = NULL",
            Self::ForgetsAttempt => "DELETE FROM queue_events WHERE token > 1",
            Self::IgnoresDeadline => "UPDATE queue_tasks SET expires_at = NULL, deadline_at = NULL",
            Self::IgnoresCancel => "UPDATE queue_tasks SET cancel_requested_at = NULL",
            Self::LeavesTerminal => {
                "UPDATE queue_tasks SET state = 2 WHERE state BETWEEN 4 AND 7 AND id % 3 = 0"
            }
            Self::EndsLease => "UPDATE queue_tasks SET lease_until = 0 WHERE state = 3",
            Self::RepeatsToken => {
                "UPDATE queue_tasks SET token = token - 1 WHERE state = 2 AND token > 0"
            }
            Self::RepeatsKey => "UPDATE queue_tasks SET key = NULL WHERE state > 3",
            Self::PrunesNeeded => {
                "DELETE FROM queue_tasks WHERE state > 3 AND EXISTS (
                     SELECT 1 FROM queue_dependencies AS d
                     JOIN queue_tasks AS t ON t.id = d.dependent
                     WHERE d.task = queue_tasks.id AND t.state < 4)"
            }
            Self::SpawnsUnfenced => return None,
            Self::AdmitsHeld => {
                "UPDATE queue_tasks SET state = 2, unmet = 0
                 WHERE id IN (SELECT task FROM queue_holds)"
            }
        })
    }
}
