//! Late: fails waiting tasks that passed the deadline of their start or end.

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::outcome::Reason;
use queue_core::state::State;

use super::ended::{Cascade, EndedTask};
use super::writing::Writing;
use crate::slice::{Slice, TaskChange};

impl<S: Slice> Writing<S> {
    /// Fails the waiting tasks past their deadline. Returns the number of tasks it looked at.
    pub(crate) fn fail_late(&mut self) -> Result<usize> {
        let now = self.now().wall;
        let late = self.slice.late()?;
        let count = late.len();
        let ends: Vec<EndedTask> = late.iter().map(|one| (one.task, State::Failed)).collect();
        let mut cascade = Cascade::load(&mut self.slice, &ends)?;
        for one in late {
            // An earlier late task may have been its dependency, and skipped it.
            if cascade.has_ended(one.task) {
                continue;
            }
            let is_over = one.deadline_at.is_some_and(|deadline| deadline <= now);
            let reason = if is_over {
                Reason::Deadline
            } else {
                Reason::Late
            };
            let failed = TaskChange::new(EventKind::Failed, one.task)
                .becomes(State::Failed)
                .because(reason);
            self.slice.record(&failed)?;
            self.slice.fail(one.task, reason)?;
            self.slice.wait_no_more(one.task)?;
            self.freed.extend(one.limit_key);
            cascade.end_waiting(&mut self.slice, one.task, State::Failed)?;
        }
        cascade.finish(self)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use queue_core::state::State;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;

    use crate::plan::memory::Memory;

    #[test]
    fn a_late_task_that_depends_on_another_late_task_is_skipped() {
        let mut rows = Memory::default();
        rows.add(1, State::Queued);
        rows.depend(2, 1, Condition::Success);
        rows.depend(3, 1, Condition::Any);
        assert_eq!(rows.fail_late(&[1, 2]), 2);
        assert_eq!(rows.state(1), State::Failed);
        assert_eq!(rows.state(2), State::Skipped);
        assert_eq!(rows.cause(2), Some(TaskId(1)));
        assert_eq!(rows.state(3), State::Queued);
        assert_eq!(rows.loads, ["late", "waiting_for", "waiting_for", "starts"]);
    }
}
