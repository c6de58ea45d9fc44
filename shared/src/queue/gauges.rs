//! Numbers of the moment, for monitors: some are counted up to a bound, so that reading them takes
//! milliseconds however many tasks there are.

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
    /// Queues in the order in which they were first named, the first 4,096.
    pub queues: Vec<QueueGauges>,
    /// Limits with a bound on running tasks, the first 4,096.
    pub limits: Vec<LimitGauge>,
}

/// Numbers of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueGauges {
    /// Name.
    pub name: String,
    /// True if it is paused.
    pub is_paused: bool,
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
        place(state).map_or(0, |place| self.counts[place])
    }

    /// Adds tasks in that state.
    pub fn add(&mut self, state: State, tasks: u64) {
        if let Some(place) = place(state) {
            self.counts[place] = self.counts[place].saturating_add(tasks);
        }
    }
}

fn place(state: State) -> Option<usize> {
    let mut counted = QueueGauges::COUNTED.iter();
    counted.position(|one| *one == state)
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
