//! What is read beyond what both engines read.

use std::ops::ControlFlow;

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::{ClaimOrder, Stats, Waits};
use queue_core::sqlite::{read, rows, statement};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Standing;
use rusqlite::{Connection, OptionalExtension};

use super::{edges, limits};
use crate::store::{Attempt, Details};

const ATTEMPTS: &str = statement(include_str!("../../queries/attempts.sql"));
const ATTEMPTS_DELETE: &str = statement(include_str!("../../queries/attempts_delete.sql"));
const BLOCKED: &str = statement(include_str!("../../queries/blocked.sql"));
const DETAILS: &str = statement(include_str!("../../queries/details.sql"));
const SPAWNED: &str = statement(include_str!("../../queries/spawned.sql"));
const WAITS: &str = statement(include_str!("../../queries/waits.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("attempts", ATTEMPTS),
    ("attempts_delete", ATTEMPTS_DELETE),
    ("blocked", BLOCKED),
    ("details", DETAILS),
    ("spawned", SPAWNED),
    ("waits", WAITS),
];

/// Unmet dependencies that `why` names at most.
const NAMED_AT_MOST: usize = 100;

/// How many tasks stand where.
pub(super) fn stats(connection: &Connection) -> Result<Stats> {
    let mut query = connection.prepare_cached(BLOCKED)?;
    let blocked = query.query_row([], |row| rows::count(row, 0))?;
    read::stats(connection, blocked)
}

/// What keeps a task waiting.
pub(super) fn waits(
    connection: &Connection,
    id: TaskId,
    now: Timestamp,
    mut order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let mut waits = read::waits(connection, id, order.as_deref_mut())?;
    let mut query = connection.prepare_cached(WAITS)?;
    let found = query
        .query_row([id.0], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, bool>(1)?,
                row.get::<_, Option<Vec<u8>>>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, bool>(4)?,
                row.get::<_, i64>(5)?,
                row.get::<_, Option<u32>>(6)?,
                row.get::<_, i64>(7)?,
            ))
        })
        .optional()?;
    let Some((state, unmet, key, queue, limited, lane, pending, priority)) = found else {
        return Ok(waits);
    };
    let state = rows::state(state)?;
    if state == State::Skipped {
        waits.extend(dependencies(connection, id, Standing::Impossible, None)?);
    }
    if !state.is_waiting() {
        return Ok(waits);
    }
    if unmet {
        waits.extend(dependencies(connection, id, Standing::Open, pending)?);
    } else if let (State::Blocked, Some(name)) = (state, key) {
        waits.push(limits::wait_for_slot(
            connection,
            name,
            lane,
            (priority, id),
            order,
        )?);
    }
    if limited && let Some(limit) = limits::queue_limit(connection, &queue)? {
        if let Some(allowance) = limit.spent_rate(now) {
            waits.push(Waits::Rate {
                name: queue.clone().into_bytes(),
                more_at: allowance.more_at,
            });
        }
        let running = limits::running_of_queue(connection, limit)?;
        let bound = limit.concurrency.map(u64::from);
        if bound.is_some_and(|bound| running >= bound) {
            waits.push(Waits::Limit {
                name: queue.into_bytes(),
                running,
                bound,
                ahead: 0,
            });
        }
    }
    Ok(waits)
}

/// The dependencies that stand so; of many, how many more there are, which `total` tells without
/// looking at all of them.
fn dependencies(
    connection: &Connection,
    id: TaskId,
    standing: Standing,
    total: Option<u32>,
) -> Result<Vec<Waits>> {
    let (mut found, mut more) = (Vec::new(), 0);
    edges::visit_dependencies(connection, id, |task, condition, state| {
        let Some(state) = state.filter(|state| condition.standing(*state) == standing) else {
            return ControlFlow::Continue(());
        };
        if found.len() < NAMED_AT_MOST {
            found.push(Waits::Dependency {
                task,
                state,
                condition,
            });
        } else if let Some(total) = total {
            more = u64::from(total).saturating_sub(NAMED_AT_MOST as u64);
            return ControlFlow::Break(());
        } else {
            more += 1;
        }
        ControlFlow::Continue(())
    })?;
    if more > 0 {
        found.push(Waits::Dependencies { more });
    }
    Ok(found)
}

/// What is known of a task beyond what both engines know.
pub(super) fn details(connection: &Connection, id: TaskId) -> Result<Option<Details>> {
    let found = read::all(connection, DETAILS, [id.0], |row| {
        Ok(Details {
            workflow: row.get::<_, Option<i64>>(0)?.map(TaskId),
            spawner: row.get::<_, Option<i64>>(1)?.map(TaskId),
            limit_key: row.get(2)?,
            deadline_at: rows::time(row, 3)?,
        })
    })?;
    Ok(found.into_iter().next())
}

/// The tasks that one added while running, in the order of their ids.
pub(super) fn spawned(connection: &Connection, id: TaskId) -> Result<Vec<TaskId>> {
    read::all(connection, SPAWNED, [id.0], |row| Ok(TaskId(row.get(0)?)))
}

/// The recorded attempts of a task, the oldest first.
pub(super) fn attempts(connection: &Connection, id: TaskId) -> Result<Vec<Attempt>> {
    read::all(connection, ATTEMPTS, [id.0], |row| {
        Ok(Attempt {
            token: row.get(0)?,
            attempt: row.get(1)?,
            worker: WorkerId(row.get(2)?),
            started_at: Timestamp(row.get(3)?),
            finished_at: Timestamp(row.get(4)?),
            state: rows::state(row.get(5)?)?,
            exit_code: row.get(6)?,
            signal: row.get(7)?,
            reason: rows::reason(row.get(8)?),
            message: row.get(9)?,
            tail: row.get(10)?,
        })
    })
}

/// Deletes the recorded attempts of a task.
pub(super) fn forget_attempts(connection: &Connection, id: TaskId) -> Result<()> {
    connection
        .prepare_cached(ATTEMPTS_DELETE)?
        .execute([id.0])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use queue_core::claim::{ClaimRequest, WorkerId};
    use queue_core::clock::Timestamp;
    use queue_core::queue::{ClaimOrder, Queue as _};
    use queue_core::task::{NewTask, TaskId};
    use rusqlite::StatementStatus;

    use super::{limits, waits};
    use crate::{Limit, LimitKind, Settings, WorkflowQueue, WorkflowTask};

    /// Of every task those in front of it were counted: of 20,000 under one key `why all` counted 200
    /// million.
    #[test]
    fn those_in_front_under_a_key_are_read_once_for_many_tasks() {
        let folder = tempfile::tempdir().unwrap();
        let queue = WorkflowQueue::open(folder.path().join("q.db")).unwrap();
        let limit = |key: &[u8]| Limit {
            kind: LimitKind::Key(key.to_vec()),
            concurrency: Some(2),
            rate: None,
        };
        let of = |number: i32| {
            let task = NewTask::shell("task", "true").priority(number % 3);
            let name = if number % 4 == 0 { "other" } else { "default" };
            let key = if number % 5 == 0 { b"b" } else { b"a" };
            WorkflowTask::from(task.queue(name)).settings(Settings {
                limit_key: Some(key.to_vec()),
                ..Settings::default()
            })
        };
        for key in [b"a", b"b"] {
            queue.set_limit(&limit(key)).unwrap();
        }
        let enqueued = queue.enqueue_workflow((0..60).map(of).collect()).unwrap();
        let ids: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
        let request = ClaimRequest::commands(WorkerId::from_bits(2), 2);
        assert_eq!(queue.claim(&request).unwrap().tasks.len(), 2);
        let read = queue.store().database().read(|connection| {
            let mut order = ClaimOrder::default();
            let mut all = Vec::new();
            for id in &ids {
                all.push(waits(connection, *id, Timestamp(0), Some(&mut order))?);
            }
            let runs = |sql| -> queue_core::error::Result<i32> {
                Ok(connection
                    .prepare_cached(sql)?
                    .get_status(StatementStatus::Run))
            };
            assert_eq!(runs(limits::AHEAD_UNDER_KEY)?, 0);
            assert_eq!(runs(limits::ORDER_UNDER_KEY)?, 2 * 2 * 2);
            for (id, waits_in_order) in ids.iter().zip(all) {
                assert_eq!(waits(connection, *id, Timestamp(0), None)?, waits_in_order);
            }
            Ok(())
        });
        read.unwrap();
    }
}
