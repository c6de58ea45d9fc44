//! Delivery of events to hooks: the state machine, which reads no clock and makes no system call.
//!
//! A hook has a position in the events of its file, which is stored. Its next chosen event is
//! delivered; once that was taken, the position moves behind it, and only then the next one follows. So
//! every event is delivered at least once, and in order. A delivery that fails is tried again after 1, 2,
//! 4, … seconds; after the eighth try the event becomes a dead letter, and the position moves on.

mod command;
mod driver;
mod election;
mod letter;
mod notice;
mod parcel;
#[cfg(feature = "webhooks")]
mod post;
mod send;
#[cfg(feature = "webhooks")]
mod signature;
mod store;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::journal::Cursor;

pub use driver::{Deliverer, Options, deliver};
pub use letter::{Choice, Letter};
pub use notice::Notice;
pub use parcel::Parcel;
pub use send::Sender;
pub use store::{HookStore, KeptLetter, StoredHook};

/// Number of tries of an event.
pub const MOST_TRIES: u32 = 8;
/// Delay after the first failed try; each later one is twice as long.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Longest delay between two tries.
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// Interval at which the position of a hook is stored while no event is for it.
const SAVE_EVERY_MS: i64 = 5_000;

/// Number of a hook in its file.
pub type HookId = i64;

/// A hook as it is stored, as far as its deliveries depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookProgress {
    /// Number.
    pub id: HookId,
    /// Position: all events up to it were delivered, were not chosen or are dead letters.
    pub at: Cursor,
    /// True if nothing is to be delivered.
    pub is_paused: bool,
    /// Number of tries of the next chosen event that failed.
    pub failures: u32,
    /// Time of the next try.
    pub next_try_at: Option<Timestamp>,
    /// Number of a dead letter that is to be delivered again.
    pub wanted: Option<i64>,
}

impl HookProgress {
    /// A hook at that position, for which nothing has failed.
    pub fn new(id: HookId, at: Cursor) -> Self {
        Self {
            id,
            at,
            is_paused: false,
            failures: 0,
            next_try_at: None,
            wanted: None,
        }
    }
}

/// Event of the machine.
#[derive(Clone, Debug)]
pub enum Input {
    /// All hooks, as they are stored now; there may be new events.
    Hooks(Vec<HookProgress>),
    /// Chosen events after the position that was asked for.
    Read {
        /// The hook.
        hook: HookId,
        /// The letters, in order.
        letters: Vec<Arc<Letter>>,
        /// Position after all events that were looked at.
        end: Cursor,
        /// True if there are no more events for now.
        is_last: bool,
    },
    /// A delivery ended.
    Ended {
        /// The hook.
        hook: HookId,
        /// Reason why the event was not taken, in a few words.
        result: Result<(), String>,
    },
    /// A change was recorded, or not, because the hook was set to another position or removed.
    Recorded {
        /// The hook.
        hook: HookId,
        /// True if it was recorded.
        is_current: bool,
    },
}

/// Order of the machine to its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read events after that position.
    Read {
        /// The hook.
        hook: HookId,
        /// The position.
        after: Cursor,
    },
    /// Deliver an event.
    Deliver {
        /// The hook.
        hook: HookId,
        /// The event.
        letter: Arc<Letter>,
    },
    /// Deliver a dead letter again.
    DeliverAgain {
        /// The hook.
        hook: HookId,
        /// Number of the dead letter.
        letter: i64,
    },
    /// Record a change of a hook at that position.
    Record {
        /// The hook.
        hook: HookId,
        /// The position that is stored.
        from: Cursor,
        /// The change.
        change: HookChange,
    },
}

/// Change of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookChange {
    /// No event up to there was for it.
    Passed(Cursor),
    /// The event before that position was taken.
    Delivered(Cursor),
    /// The next event was not taken.
    Failed {
        /// The event.
        letter: Arc<Letter>,
        /// Number of its failed tries.
        failures: u32,
        /// Time of the next one.
        next_try_at: Timestamp,
        /// Reason.
        reason: String,
    },
    /// The next event was not taken at its last try.
    Buried {
        /// The event.
        letter: Arc<Letter>,
        /// Reason.
        reason: String,
    },
    /// A dead letter was taken.
    Redelivered(i64),
    /// A dead letter was not taken again.
    Kept {
        /// Its number.
        letter: i64,
        /// Reason.
        reason: String,
    },
}

/// Actions of a step, and the time of the next one if nothing happens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// Time at which to call again at the latest.
    pub wake: Option<Timestamp>,
}

/// State machine of all deliveries of a file.
#[derive(Debug, Default)]
pub struct Deliveries {
    hooks: BTreeMap<HookId, Hook>,
}

/// What a hook waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    Reading,
    /// The first letter is under way.
    Delivering,
    /// A dead letter is under way.
    DeliveringAgain(i64),
    Recording(HookChange),
    /// A delivery whose result nobody needs, since the hook was set to another position.
    Stale,
}

#[derive(Debug)]
struct Hook {
    stored: HookProgress,
    /// Chosen events after the position, in order.
    letters: VecDeque<Arc<Letter>>,
    /// Position up to which events were read.
    read: Cursor,
    /// True if there may be events after it.
    is_unread: bool,
    saved_at: Timestamp,
    task: Option<Task>,
}

impl Deliveries {
    /// Takes in events, in order, and returns the next actions.
    pub fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Step {
        for input in inputs {
            self.take(now, input);
        }
        let mut step = Step::default();
        for hook in self.hooks.values_mut() {
            step.actions.extend(hook.next(now));
            let wake = hook.wake(now);
            step.wake = [step.wake, wake].into_iter().flatten().min();
        }
        step
    }

    fn take(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Hooks(all) => {
                self.hooks
                    .retain(|id, _| all.iter().any(|one| one.id == *id));
                for stored in all {
                    let hook = self.hooks.entry(stored.id);
                    hook.or_insert_with(|| Hook::new(stored, now))
                        .refresh(stored);
                }
            }
            Input::Read {
                hook,
                letters,
                end,
                is_last,
            } => {
                if let Some(hook) = self.hooks.get_mut(&hook)
                    && hook.task == Some(Task::Reading)
                {
                    hook.letters.extend(letters);
                    hook.read = end;
                    hook.is_unread = !is_last;
                    hook.task = None;
                }
            }
            Input::Ended { hook, result } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.ended(now, result);
                }
            }
            Input::Recorded { hook, is_current } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.recorded(now, is_current);
                }
            }
        }
    }
}

impl Hook {
    fn new(stored: HookProgress, now: Timestamp) -> Self {
        Self {
            stored,
            letters: VecDeque::new(),
            read: stored.at,
            is_unread: true,
            saved_at: now,
            task: None,
        }
    }

    /// Takes in the stored hook. If somebody set it to another position, events are read anew.
    fn refresh(&mut self, stored: HookProgress) {
        if matches!(self.task, Some(Task::Recording(_))) {
            self.is_unread = true;
            return;
        }
        if stored.at != self.stored.at {
            self.letters.clear();
            self.read = stored.at;
            self.task = match self.task.take() {
                None | Some(Task::Reading) => None,
                Some(_) => Some(Task::Stale),
            };
        }
        self.stored = stored;
        self.is_unread = true;
    }

    fn ended(&mut self, now: Timestamp, result: Result<(), String>) {
        let change = match self.task.take() {
            Some(Task::DeliveringAgain(letter)) => match result {
                Ok(()) => HookChange::Redelivered(letter),
                Err(reason) => HookChange::Kept { letter, reason },
            },
            Some(Task::Delivering) => {
                let Some(letter) = self.letters.front() else {
                    return;
                };
                match result {
                    Ok(()) => HookChange::Delivered(letter.after),
                    Err(reason) => self.failed(now, Arc::clone(letter), reason),
                }
            }
            None | Some(Task::Stale | Task::Reading | Task::Recording(_)) => return,
        };
        self.task = Some(Task::Recording(change));
    }

    fn failed(&self, now: Timestamp, letter: Arc<Letter>, reason: String) -> HookChange {
        let failures = self.stored.failures + 1;
        if failures >= MOST_TRIES {
            return HookChange::Buried { letter, reason };
        }
        let delay = delay(failures);
        HookChange::Failed {
            letter,
            failures,
            next_try_at: now.after(delay),
            reason,
        }
    }

    fn recorded(&mut self, now: Timestamp, is_current: bool) {
        let Some(Task::Recording(change)) = self.task.take() else {
            return;
        };
        if !is_current {
            // The stored hook follows.
            self.letters.clear();
            self.read = self.stored.at;
            self.is_unread = false;
            return;
        }
        match change {
            HookChange::Passed(to) => self.moved(now, to),
            HookChange::Delivered(to) => {
                self.letters.pop_front();
                self.moved(now, to);
            }
            HookChange::Buried { letter, .. } => {
                self.letters.pop_front();
                self.moved(now, letter.after);
            }
            HookChange::Failed {
                failures,
                next_try_at,
                ..
            } => {
                self.stored.failures = failures;
                self.stored.next_try_at = Some(next_try_at);
            }
            HookChange::Redelivered(_) | HookChange::Kept { .. } => self.stored.wanted = None,
        }
    }

    fn moved(&mut self, now: Timestamp, to: Cursor) {
        self.stored.at = to;
        self.stored.failures = 0;
        self.stored.next_try_at = None;
        self.saved_at = now;
    }

    /// The next action, if there is one.
    fn next(&mut self, now: Timestamp) -> Option<Action> {
        let hook = self.stored.id;
        if let Some(Task::Recording(change)) = &self.task {
            let (from, change) = (self.stored.at, change.clone());
            return Some(Action::Record { hook, from, change });
        }
        if self.task.is_some() || self.stored.is_paused {
            return None;
        }
        if let Some(letter) = self.stored.wanted {
            self.task = Some(Task::DeliveringAgain(letter));
            return Some(Action::DeliverAgain { hook, letter });
        }
        if let Some(letter) = self.letters.front() {
            if self.try_at(now) > now {
                return None;
            }
            let letter = Arc::clone(letter);
            self.task = Some(Task::Delivering);
            return Some(Action::Deliver { hook, letter });
        }
        if self.is_unread {
            self.task = Some(Task::Reading);
            let after = self.read;
            return Some(Action::Read { hook, after });
        }
        if self.is_unsaved() && self.save_at() <= now {
            let (from, change) = (self.stored.at, HookChange::Passed(self.read));
            self.task = Some(Task::Recording(change.clone()));
            return Some(Action::Record { hook, from, change });
        }
        None
    }

    fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.task.is_some() || self.stored.is_paused {
            return None;
        }
        if !self.letters.is_empty() {
            return Some(self.try_at(now));
        }
        self.is_unsaved().then(|| self.save_at())
    }

    /// Time of the next try. If the clock was set back since it was chosen, now.
    fn try_at(&self, now: Timestamp) -> Timestamp {
        let latest = now.after(LONGEST_DELAY);
        let at = self.stored.next_try_at.filter(|at| *at <= latest);
        at.unwrap_or(now)
    }

    fn is_unsaved(&self) -> bool {
        self.letters.is_empty() && self.read != self.stored.at
    }

    fn save_at(&self) -> Timestamp {
        Timestamp(self.saved_at.0.saturating_add(SAVE_EVERY_MS))
    }
}

/// Delay before the next try, after so many failed ones.
fn delay(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
    FIRST_DELAY
        .saturating_mul(doubled.unwrap_or(u32::MAX))
        .min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests;
