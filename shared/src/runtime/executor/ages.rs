//! Commands by age: some things are done about a command only once it has run for a while, so that
//! a short one is spared them.

use std::collections::VecDeque;

use crate::claim::Claim;
use crate::clock::BootTime;

/// Commands that reach one age, the oldest first. Those that ended before are passed over.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<(BootTime, usize, Claim)>);

/// What is at the head of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The command in this slot has come of age, and has left the line.
    Aged(usize, Claim),
    /// The next one does so then.
    At(BootTime),
    /// Nobody waits.
    Nobody,
}

impl Line {
    /// The command in `slot` comes of age so many milliseconds from now; nobody joins a line to
    /// come of age before those who are in it.
    pub(super) fn join(&mut self, now: BootTime, age_ms: i64, slot: usize, claim: Claim) {
        let due = BootTime(now.0.saturating_add(age_ms));
        self.0.push_back((due, slot, claim));
    }

    /// The head of the line at `now`, where `runs` tells whether a command still does.
    pub(super) fn next(&mut self, now: BootTime, runs: impl Fn(usize, Claim) -> bool) -> Next {
        while let Some(&(due, slot, claim)) = self.0.front() {
            let runs = runs(slot, claim);
            if runs && due > now {
                return Next::At(due);
            }
            self.0.pop_front();
            if runs {
                return Next::Aged(slot, claim);
            }
        }
        Next::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Next};
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
    fn those_who_ended_are_passed_over_and_the_others_come_of_age_in_turn() {
        let mut line = Line::default();
        for task in 1..=3 {
            line.join(BootTime(task * 10), 5, 0, claim(task));
        }
        let runs = |_, own: Claim| own != claim(1);
        assert_eq!(line.next(BootTime(24), runs), Next::At(BootTime(25)));
        assert_eq!(line.next(BootTime(25), runs), Next::Aged(0, claim(2)));
        assert_eq!(line.next(BootTime(99), |_, _| false), Next::Nobody);
    }
}
