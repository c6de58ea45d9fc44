//! Cancel: ends waiting tasks at once, and their dependents with them; requests the end of running
//! ones.

use std::collections::BTreeSet;

use queue_core::error::{Error, Result};
use queue_core::journal::EventKind;
use queue_core::outcome::Reason;
use queue_core::queue::Change;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::ended::{Cascade, EndedTask};
use super::writing::Writing;
use crate::slice::{Slice, TaskChange, TaskRow};

/// The changes this cancel has made so far.
#[derive(Default)]
struct CancelProgress {
    cancelled: BTreeSet<TaskId>,
    asked: BTreeSet<TaskId>,
}

impl<S: Slice> Writing<S> {
    /// Cancels tasks one after the other, as single cancels would: a task skipped because of an
    /// earlier one is refused. Every cancelled task gets the reason `why`.
    pub(crate) fn cancel(&mut self, ids: &[TaskId], why: Option<&str>) -> Result<Vec<Change>> {
        let rows = self.slice.rows(ids)?;
        let waits = |row: &Option<TaskRow>| row.as_ref().is_some_and(|row| row.state.is_waiting());
        let waiting = ids.iter().zip(&rows).filter(|(_, row)| waits(row));
        let waiting: BTreeSet<TaskId> = waiting.map(|(id, _)| *id).collect();
        let ends: Vec<EndedTask> = waiting
            .into_iter()
            .map(|id| (id, State::Cancelled))
            .collect();
        let mut cascade = Cascade::load(&mut self.slice, &ends)?;
        let mut progress = CancelProgress::default();
        let mut changes = Vec::with_capacity(ids.len());
        for (id, row) in ids.iter().zip(rows) {
            let change = match row {
                Some(row) => self.cancel_one(*id, row, why, &mut cascade, &mut progress)?,
                None => Change::NotFound,
            };
            changes.push(change);
        }
        cascade.finish(self)?;
        if let Some(why) = why {
            self.store_reasons(ids, &changes, why)?;
        }
        Ok(changes)
    }

    /// Stores the reason with the cancelled tasks, also with those that had been before.
    fn store_reasons(&mut self, ids: &[TaskId], changes: &[Change], why: &str) -> Result<()> {
        for (id, change) in ids.iter().zip(changes) {
            if *change == Change::Already(State::Cancelled) {
                let edited = TaskChange::new(EventKind::Edited, *id).message(Some(why));
                let fields = serde_json::json!({ "fields": ["message"] });
                self.slice.record(&edited.data(&fields))?;
            } else if *change != Change::Done(State::Cancelled) {
                continue;
            }
            self.slice.store_reason(*id, why)?;
        }
        Ok(())
    }

    fn cancel_one(
        &mut self,
        id: TaskId,
        row: TaskRow,
        why: Option<&str>,
        cascade: &mut Cascade,
        progress: &mut CancelProgress,
    ) -> Result<Change> {
        let state = if progress.cancelled.contains(&id) {
            State::Cancelled
        } else if cascade.has_ended(id) {
            State::Skipped
        } else {
            row.state
        };
        Ok(match state {
            State::Scheduled | State::Blocked | State::Queued => {
                let cancelled = TaskChange::new(EventKind::Cancelled, id)
                    .becomes(State::Cancelled)
                    .because(Reason::Cancel)
                    .message(why);
                self.slice.record(&cancelled)?;
                self.slice.cancel(id)?;
                self.slice.wait_no_more(id)?;
                self.freed.extend(row.limit_key);
                cascade.end_waiting(&mut self.slice, id, State::Cancelled)?;
                progress.cancelled.insert(id);
                Change::Done(State::Cancelled)
            }
            State::Running => {
                let worker = row.worker.ok_or_else(|| Error::Bug {
                    what: format!("task {id} runs without a worker"),
                })?;
                if row.cancel_requested || !progress.asked.insert(id) {
                    Change::AlreadyRequested(worker)
                } else {
                    let asked = TaskChange::new(EventKind::CancelRequested, id);
                    self.slice.record(&asked)?;
                    self.slice.request_cancel(id)?;
                    Change::Requested(worker)
                }
            }
            State::Cancelled => Change::Already(State::Cancelled),
            State::Succeeded | State::Failed | State::Skipped | _ => Change::Refused(state),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::queue::Change;
    use queue_core::state::State;
    use queue_core::workflow::Condition;

    use crate::plan::memory::{self, Memory};

    #[test]
    fn tasks_without_dependents_are_cancelled_in_two_loads() {
        let mut rows = Memory::default();
        (1..=64).for_each(|task| rows.add(task, State::Queued));
        let changes = rows.cancel(&(1..=64).collect::<Vec<_>>());
        assert_eq!(changes, [Change::Done(State::Cancelled); 64]);
        assert_eq!(rows.loads, ["rows", "waiting_for"]);
    }

    #[test]
    fn a_task_that_is_named_twice_is_cancelled_or_asked_once() {
        let mut rows = Memory::default();
        rows.add(1, State::Queued);
        rows.run(2);
        let (done, again) = (State::Cancelled, memory::WORKER);
        assert_eq!(
            rows.cancel(&[1, 2, 1, 2, 3]),
            [
                Change::Done(done),
                Change::Requested(again),
                Change::Already(done),
                Change::AlreadyRequested(again),
                Change::NotFound,
            ]
        );
    }

    proptest! {
        #[test]
        fn cancelling_tasks_together_equals_cancelling_them_one_by_one(
            edges in memory::edges(),
            ids in prop::collection::vec(1..16_i64, 1..12),
        ) {
            let mut together = Memory::default();
            for (one, other, condition) in edges {
                if one != other {
                    together.depend(one.max(other), one.min(other), condition);
                }
            }
            let mut apart = together.clone();
            let changes = together.cancel(&ids);
            let mut each = Vec::new();
            for id in ids {
                each.extend(apart.cancel(&[id]));
            }
            prop_assert_eq!(changes, each);
            prop_assert_eq!(together.tasks, apart.tasks);
            prop_assert_eq!(together.waiting, apart.waiting);
        }
    }

    #[test]
    fn a_dependent_skipped_by_an_earlier_cancel_is_refused() {
        let mut rows = Memory::default();
        rows.add(1, State::Queued);
        rows.depend(2, 1, Condition::Success);
        let changes = rows.cancel(&[1, 2]);
        let expected = [
            Change::Done(State::Cancelled),
            Change::Refused(State::Skipped),
        ];
        assert_eq!(changes, expected);
    }
}
