//! Numbers of the moment, for monitors: some are counted up to a bound, so that reading them takes
//! milliseconds however many tasks there are.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::state::State;

/// Most queued tasks that are counted of each handler queue.
pub const MOST_QUEUED: u64 = 10_000;

/// Most queued tasks that are counted in all.
pub const MOST_QUEUED_IN_ALL: u64 = 200_000;

/// Most tasks of each other state that are counted in all.
pub const MOST_OTHERS: u64 = 2_000;

/// Numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Handler queues in the order in which they were first named, the first 4,096.
    pub handler_queues: Vec<QueueGauges>,
    /// Limits with a bound on running tasks, the first 4,096.
    pub limits: Vec<LimitGauge>,
}

impl Gauges {
    /// Numbers of each queue, over all its handlers, in the order in which the queues were first named.
    pub fn queues(&self) -> Vec<QueueGauges> {
        let mut queues: Vec<QueueGauges> = Vec::new();
        let mut indices: HashMap<&str, usize> = HashMap::new();
        for one in &self.handler_queues {
            let index = *indices.entry(&one.name).or_insert(queues.len());
            match queues.get_mut(index) {
                Some(queue) => queue.merge(one),
                None => queues.push(QueueGauges {
                    handler: String::new(),
                    ..one.clone()
                }),
            }
        }
        queues
    }
}

/// Numbers of one queue, or of its part for commands or one handler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueGauges {
    /// Name of the queue.
    pub name: String,
    /// Handler; '' for commands, and for all of a queue.
    pub handler: String,
    /// True if it is paused.
    pub is_paused: bool,
    /// Time since which its oldest queued task could run, as in [`Backlog`](super::Backlog).
    pub since: Option<Timestamp>,
    /// Held tasks, which are among the blocked ones.
    pub held: u64,
    counts: [u64; Self::COUNTED.len()],
}

impl QueueGauges {
    /// States whose tasks are counted.
    pub const COUNTED: [State; 5] = [
        State::Scheduled,
        State::Blocked,
        State::Queued,
        State::Running,
        State::Failed,
    ];

    /// Numbers of a queue without tasks.
    pub fn new(name: impl Into<String>, is_paused: bool) -> Self {
        Self {
            name: name.into(),
            is_paused,
            ..Self::default()
        }
    }

    /// Number of tasks in that state; 0 for a state that is not counted.
    pub fn count(&self, state: State) -> u64 {
        index(state).map_or(0, |index| self.counts[index])
    }

    /// Adds tasks in that state.
    pub fn add(&mut self, state: State, tasks: u64) {
        if let Some(index) = index(state) {
            self.counts[index] = self.counts[index].saturating_add(tasks);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.is_paused |= other.is_paused;
        self.since = self.since.into_iter().chain(other.since).min();
        self.held = self.held.saturating_add(other.held);
        for state in Self::COUNTED {
            self.add(state, other.count(state));
        }
    }
}

fn index(state: State) -> Option<usize> {
    let mut counted = QueueGauges::COUNTED.iter();
    counted.position(|one| *one == state)
}

/// Number of tasks of these queues in that state, and true if there may be more, since a count reached its
/// bound.
pub fn sum<'a>(queues: impl IntoIterator<Item = &'a QueueGauges>, state: State) -> (u64, bool) {
    let (mut sum, mut most) = (0_u64, 0);
    for queue in queues {
        let count = queue.count(state);
        sum = sum.saturating_add(count);
        most = most.max(count);
    }
    let is_bound = if state == State::Queued {
        sum >= MOST_QUEUED_IN_ALL || most >= MOST_QUEUED
    } else {
        sum >= MOST_OTHERS
    };
    (sum, is_bound)
}

/// Running tasks under a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitGauge {
    /// `queue:NAME` or `key:KEY`.
    pub name: String,
    /// Number of running tasks.
    pub running: u64,
}

impl LimitGauge {
    /// So many running tasks under that limit.
    pub fn new(name: impl Into<String>, running: u64) -> Self {
        Self {
            name: name.into(),
            running,
        }
    }
}
