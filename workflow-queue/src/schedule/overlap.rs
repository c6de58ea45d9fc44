//! Decision about a slot whose predecessors have not ended.

use queue_core::state::State;
use queue_core::task::TaskId;

use super::spec::Overlap;

/// A task of the schedule that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// The task.
    pub(crate) task: TaskId,
    /// Its state.
    pub(crate) state: State,
    /// True if it ran before, or runs.
    pub(crate) has_started: bool,
}

/// Decision about a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The slot does not fire because of this task.
    Skip(TaskId),
    /// The slot's task waits for the end of `after`; the tasks of `cancel` are cancelled first.
    Fire {
        /// Tasks to wait for.
        after: Vec<TaskId>,
        /// Tasks to cancel.
        cancel: Vec<TaskId>,
    },
}

/// Decides about a slot. Waiting for a retry counts as not having ended.
pub(crate) fn decide(rule: Overlap, unfinished: &[Unfinished]) -> Decision {
    let fire = |after: Vec<TaskId>, cancel: Vec<TaskId>| Decision::Fire { after, cancel };
    let all = || unfinished.iter().map(|one| one.task).collect();
    let Some(first) = unfinished.first() else {
        return fire(Vec::new(), Vec::new());
    };
    match rule {
        Overlap::Skip => Decision::Skip(first.task),
        Overlap::Allow => fire(Vec::new(), Vec::new()),
        Overlap::Queue => match unfinished.iter().find(|one| !one.has_started) {
            Some(waiting) => Decision::Skip(waiting.task),
            None => fire(all(), Vec::new()),
        },
        Overlap::Replace => {
            let running = |one: &&Unfinished| one.state == State::Running;
            let running = unfinished.iter().filter(running).map(|one| one.task);
            fire(running.collect(), all())
        }
    }
}

#[cfg(test)]
mod tests {
    use queue_core::state::State;
    use queue_core::task::TaskId;

    use super::{Decision, Unfinished, decide};
    use crate::schedule::spec::Overlap;

    fn unfinished(task: i64, state: State, has_started: bool) -> Unfinished {
        Unfinished {
            task: TaskId(task),
            state,
            has_started,
        }
    }

    fn fire(after: &[i64], cancel: &[i64]) -> Decision {
        let ids = |ids: &[i64]| ids.iter().copied().map(TaskId).collect();
        Decision::Fire {
            after: ids(after),
            cancel: ids(cancel),
        }
    }

    #[test]
    fn a_slot_without_predecessors_fires_under_every_rule() {
        for rule in [
            Overlap::Skip,
            Overlap::Queue,
            Overlap::Allow,
            Overlap::Replace,
        ] {
            assert_eq!(decide(rule, &[]), fire(&[], &[]));
        }
    }

    #[test]
    fn each_rule_decides_about_a_running_predecessor_in_its_way() {
        let running = [unfinished(7, State::Running, true)];
        assert_eq!(decide(Overlap::Skip, &running), Decision::Skip(TaskId(7)));
        assert_eq!(decide(Overlap::Allow, &running), fire(&[], &[]));
        assert_eq!(decide(Overlap::Queue, &running), fire(&[7], &[]));
        assert_eq!(decide(Overlap::Replace, &running), fire(&[7], &[7]));
    }

    #[test]
    fn a_predecessor_that_waits_for_a_retry_has_not_ended() {
        let retrying = [unfinished(7, State::Scheduled, true)];
        assert_eq!(decide(Overlap::Skip, &retrying), Decision::Skip(TaskId(7)));
        assert_eq!(decide(Overlap::Queue, &retrying), fire(&[7], &[]));
        assert_eq!(decide(Overlap::Replace, &retrying), fire(&[], &[7]));
    }

    #[test]
    fn at_most_one_task_waits_behind_a_running_one() {
        let both = [
            unfinished(7, State::Running, true),
            unfinished(8, State::Blocked, false),
        ];
        assert_eq!(decide(Overlap::Queue, &both), Decision::Skip(TaskId(8)));
        assert_eq!(decide(Overlap::Replace, &both), fire(&[7], &[7, 8]));
    }
}
