//! Admission: hands the slots that a transaction freed to the tasks that wait for them.
//!
//! A task under a limit key is blocked until it is admitted. Each queue has at most as many
//! admitted tasks as there are free slots, so no claim ever reads more than that. Several queues
//! may be offered the same slot, since one of them may have no worker; the claim that comes second
//! blocks its task again.

use std::mem;

use queue_core::error::Result;

use super::writing::Writing;
use crate::slice::{Opening, Slice};

impl<S: Slice> Writing<S> {
    /// Admits the next tasks that wait for the keys whose slots this transaction freed.
    pub(crate) fn admit_freed(&mut self) -> Result<()> {
        if self.freed.is_empty() {
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = mem::take(&mut self.freed).into_iter().collect();
        let found = self.slice.free_slots(&keys)?;
        let mut openings = Vec::new();
        for (key, slots) in keys.iter().zip(found) {
            let Some(slots) = slots else { continue };
            for (queue, offered) in slots.queues {
                let tasks = slots.free.saturating_sub(offered);
                if tasks > 0 {
                    openings.push(Opening {
                        key,
                        queue,
                        tasks: usize::try_from(tasks).unwrap_or(usize::MAX),
                    });
                }
            }
        }
        if openings.is_empty() {
            return Ok(());
        }
        for task in self.slice.parked(&openings)?.into_iter().flatten() {
            self.slice.admit(task)?;
            self.effects.ready.add_anywhere(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use queue_core::outcome::Outcome;
    use queue_core::state::State;
    use queue_core::task::TaskId;

    use crate::plan::memory::{Memory, settlement};

    #[test]
    fn the_slots_of_a_batch_are_given_away_in_two_loads() {
        let mut rows = Memory::default();
        for (key, tasks) in [(b"a", 1..=10), (b"b", 11..=20)] {
            rows.limit(key, 3);
            for task in tasks {
                rows.park(task, key);
            }
        }
        for task in [1, 2, 3, 11, 12] {
            rows.run(task);
        }
        let ends = [1, 2, 11].map(|task| settlement(TaskId(task), Outcome::Succeeded));
        rows.settle(&ends);
        assert_eq!(
            rows.loads,
            ["executions", "waiting_for", "free_slots", "parked"]
        );
        let admitted: Vec<i64> = (1..=20)
            .filter(|task| rows.state(*task) == State::Queued)
            .collect();
        assert_eq!(admitted, [4, 5, 13, 14]);
    }

    #[test]
    fn a_slot_that_is_offered_is_not_offered_again() {
        let mut rows = Memory::default();
        rows.limit(b"a", 2);
        (1..=5).for_each(|task| rows.park(task, b"a"));
        rows.run(1);
        rows.run(2);
        for task in [1, 2] {
            rows.settle(&[settlement(TaskId(task), Outcome::Succeeded)]);
        }
        let queued = (3..=5).filter(|task| rows.state(*task) == State::Queued);
        assert_eq!(queued.count(), 2);
    }
}
