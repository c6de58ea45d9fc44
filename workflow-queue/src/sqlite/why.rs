//! Why: the reasons for a task to wait, including those that only this engine has.

use std::ops::ControlFlow;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::{ClaimOrder, Waits};
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Standing;
use rusqlite::{Connection, OptionalExtension};

use super::statements::WHY;
use super::{edges, limits};
use crate::queue::WorkflowQueue;

/// Most unmet dependencies that `why` names.
const NAMED_AT_MOST: usize = 100;

/// The reasons for a task to wait; `order` keeps the claim order of its queue for further tasks.
pub(crate) fn waits(
    queue: &WorkflowQueue,
    id: TaskId,
    order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let now = queue.database().now().wall;
    let is_unpromoted = queue.is_unpromoted();
    queue.database().read(|connection| {
        if is_unpromoted {
            return verbs::waits(connection, id, order);
        }
        own_waits(connection, id, now, order)
    })
}

fn own_waits(
    connection: &Connection,
    id: TaskId,
    now: Timestamp,
    mut order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let mut waits = verbs::waits(connection, id, order.as_deref_mut())?;
    let mut query = connection.prepare_cached(WHY)?;
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
    let Some((state, unmet, key, queue, limited, queue_id, pending, priority)) = found else {
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
        let holds = u32::from(waits.iter().any(|one| matches!(one, Waits::Held { .. })));
        let open = pending.map(|pending| pending.saturating_sub(holds));
        waits.extend(dependencies(connection, id, Standing::Open, open)?);
    } else if let (State::Blocked, Some(name)) = (state, key) {
        waits.push(limits::wait_for_slot(
            connection,
            name,
            queue_id,
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

/// The dependencies with this standing. Of very many, only their number beyond the first; `total`
/// gives that number without a look at each.
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

#[cfg(test)]
mod tests {
    use queue_core::claim::{ClaimRequest, WorkerId};
    use queue_core::clock::Timestamp;
    use queue_core::queue::{ClaimOrder, Queue as _};
    use queue_core::task::{NewTask, TaskId};
    use rusqlite::StatementStatus;

    use super::super::statements::{WHY_AHEAD_UNDER_KEY, WHY_ORDER_UNDER_KEY};
    use super::own_waits;
    use crate::{Limit, LimitKind, Settings, WorkflowQueue, WorkflowTask};

    /// The tasks ahead were counted again for every task: for 20,000 tasks under one key, `why all`
    /// counted 200 million.
    #[test]
    fn the_tasks_ahead_under_a_key_are_read_once_for_many_tasks() {
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
        let request = ClaimRequest::new(WorkerId::from_bits(2), 2).commands(true);
        assert_eq!(queue.claim(&request).unwrap().tasks.len(), 2);
        let read = queue.database().read(|connection| {
            let mut order = ClaimOrder::default();
            let mut all = Vec::new();
            for id in &ids {
                all.push(own_waits(connection, *id, Timestamp(0), Some(&mut order))?);
            }
            let runs = |sql| -> queue_core::error::Result<i32> {
                Ok(connection
                    .prepare_cached(sql)?
                    .get_status(StatementStatus::Run))
            };
            assert_eq!(runs(WHY_AHEAD_UNDER_KEY)?, 0);
            assert_eq!(runs(WHY_ORDER_UNDER_KEY)?, 2 * 2 * 2);
            for (id, waits_in_order) in ids.iter().zip(all) {
                assert_eq!(
                    own_waits(connection, *id, Timestamp(0), None)?,
                    waits_in_order
                );
            }
            Ok(())
        });
        read.unwrap();
    }
}
