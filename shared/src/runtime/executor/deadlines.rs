//! Deadlines of commands. Some work is done only for commands that have run for a while, so that
//! short ones are spared it.

use std::collections::VecDeque;

use crate::claim::Claim;
use crate::clock::BootTime;

/// Deadlines of one kind, the earliest first. Commands that ended before are skipped.
#[derive(Debug, Default)]
pub(super) struct Deadlines(VecDeque<(BootTime, usize, Claim)>);

/// First deadline of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextDeadline {
    /// The deadline of the command in this slot has passed, and was removed.
    Due(usize, Claim),
    /// The next deadline.
    At(BootTime),
    /// There is no deadline.
    Empty,
}

impl Deadlines {
    /// Adds a deadline `age_ms` milliseconds from now. It is not earlier than those added before.
    pub(super) fn push(&mut self, now: BootTime, age_ms: i64, slot: usize, claim: Claim) {
        let due = BootTime(now.0.saturating_add(age_ms));
        self.0.push_back((due, slot, claim));
    }

    /// Takes the first deadline at `now`. `runs` is false for a command that has ended.
    pub(super) fn next(
        &mut self,
        now: BootTime,
        runs: impl Fn(usize, Claim) -> bool,
    ) -> NextDeadline {
        while let Some(&(due, slot, claim)) = self.0.front() {
            let runs = runs(slot, claim);
            if runs && due > now {
                return NextDeadline::At(due);
            }
            self.0.pop_front();
            if runs {
                return NextDeadline::Due(slot, claim);
            }
        }
        NextDeadline::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, NextDeadline};
    use crate::claim::{Claim, WorkerId};
    use crate::clock::BootTime;
    use crate::task::TaskId;

    fn claim(task: i64) -> Claim {
        Claim {
            task: TaskId(task),
            token: 1,
            worker: WorkerId::from_bits(1),
        }
    }

    #[test]
    fn deadlines_of_ended_commands_are_skipped_and_the_others_come_in_order() {
        let mut line = Deadlines::default();
        for task in 1..=3 {
            line.push(BootTime(task * 10), 5, 0, claim(task));
        }
        let runs = |_, own: Claim| own != claim(1);
        assert_eq!(
            line.next(BootTime(24), runs),
            NextDeadline::At(BootTime(25))
        );
        assert_eq!(
            line.next(BootTime(25), runs),
            NextDeadline::Due(0, claim(2))
        );
        assert_eq!(line.next(BootTime(99), |_, _| false), NextDeadline::Empty);
    }
}
