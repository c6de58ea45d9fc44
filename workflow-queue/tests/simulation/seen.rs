//! What happened how often, to see that the runs were worth it.

use std::collections::BTreeMap;

/// Something that only this engine can do, or that is rare.
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
    /// A task that had lost its claim was refused to.
    LostSpawn,
    /// A submission was refused for what it asked.
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
    /// Somebody reported for a claim that was lost.
    StaleSettle,
    /// A task may wait for ever, and the engine says why.
    Explained,
}

impl Sight {
    const ALL: [Self; 16] = [
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

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<Sight> {
        let missing = |sight: &Sight| !self.0.contains_key(sight);
        Sight::ALL.into_iter().filter(missing).collect()
    }
}
