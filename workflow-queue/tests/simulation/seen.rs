//! Counts of rare events, which show that the runs reached them.

use std::collections::BTreeMap;

/// A rare event, or one that only this engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// A task with dependencies was enqueued.
    Dependent,
    /// A stored task was made to wait for another.
    Link,
    /// Stored tasks were made to wait for a new one.
    PutBefore,
    /// A running task added tasks.
    Spawn,
    /// A task that had lost its claim tried to add tasks and was refused.
    LostSpawn,
    /// An invalid submission was refused.
    Refusal,
    /// A key was taken.
    TakenKey,
    /// A limit was set, or removed.
    Limit,
    /// An ended task was re-opened.
    Retry,
    Pruned,
    /// A task failed for waiting too long.
    Late,
    /// A task failed by its deadline under a claim.
    Deadline,
    Snooze,
    /// A lease ran out.
    LostLease,
    /// A lost claim was settled.
    StaleSettle,
    /// A task was to be held.
    Hold,
    /// The time of a task was cleared.
    Start,
    /// A waiting task was edited.
    Edit,
    /// Ageing let a task go before one of a higher priority.
    Aged,
    /// A task may wait for ever, and the engine gives the reason.
    Explained,
}

impl Sight {
    const ALL: [Self; 20] = [
        Self::Dependent,
        Self::Link,
        Self::PutBefore,
        Self::Spawn,
        Self::LostSpawn,
        Self::Refusal,
        Self::TakenKey,
        Self::Limit,
        Self::Retry,
        Self::Pruned,
        Self::Late,
        Self::Deadline,
        Self::Snooze,
        Self::LostLease,
        Self::StaleSettle,
        Self::Hold,
        Self::Start,
        Self::Edit,
        Self::Aged,
        Self::Explained,
    ];
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(BTreeMap<Sight, u64>);

impl Seen {
    pub(crate) fn saw(&mut self, sight: Sight) {
        *self.0.entry(sight).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sight, count) in &other.0 {
            *self.0.entry(*sight).or_default() += count;
        }
    }

    /// The events that never occurred.
    pub(crate) fn missing(&self) -> Vec<Sight> {
        let missing = |sight: &Sight| !self.0.contains_key(sight);
        Sight::ALL.into_iter().filter(missing).collect()
    }
}
