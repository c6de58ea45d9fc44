//! Alerts: rules about a file, and their states, which outlive the processes that judge them.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::names::check_name;

/// Reading that an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum AlertKind {
    /// Number of queues with tasks that have waited for a minute and that no living worker serves.
    Unserved = 1,
    /// Age of the oldest queued task, in milliseconds.
    BacklogAge = 2,
    /// Number of queued tasks, up to 10,000 a queue.
    Queued = 3,
    /// Percentage of unsuccessful attempts among those that ended in the last ten minutes, if there were
    /// ten at least.
    FailureRate = 4,
    /// Percentage of the disk that is in use.
    DiskUsed = 5,
    /// Number of dead letters of all hooks.
    DeadLetters = 6,
}

impl AlertKind {
    /// Every kind, by code.
    pub const ALL: [Self; 6] = [
        Self::Unserved,
        Self::BacklogAge,
        Self::Queued,
        Self::FailureRate,
        Self::DiskUsed,
        Self::DeadLetters,
    ];

    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Kind of a stored code.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unserved => "unserved",
            Self::BacklogAge => "backlog-age",
            Self::Queued => "queued",
            Self::FailureRate => "failure-rate",
            Self::DiskUsed => "disk-used",
            Self::DeadLetters => "dead-letters",
        }
    }

    /// Kind of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// True if it can be about one queue alone.
    pub const fn is_of_queues(self) -> bool {
        !matches!(self, Self::DiskUsed | Self::DeadLetters)
    }

    /// True if its readings are times.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::BacklogAge)
    }

    /// True if its readings are percentages.
    pub const fn is_percentage(self) -> bool {
        matches!(self, Self::FailureRate | Self::DiskUsed)
    }

    /// Largest threshold.
    const fn most(self) -> i64 {
        match self {
            Self::FailureRate | Self::DiskUsed => 100,
            Self::BacklogAge => MOST_MS,
            Self::Unserved | Self::Queued | Self::DeadLetters => 1_000_000_000,
        }
    }
}

/// Longest duration: a year.
const MOST_MS: i64 = 365 * 86_400_000;

/// Rule of an alert. Thresholds are in the unit of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertRule {
    /// Name, unique in the file.
    pub name: String,
    /// Reading.
    pub kind: AlertKind,
    /// The only queue it is about; all if `None`.
    pub queue: Option<String>,
    /// It fires while the reading is above this.
    pub over: i64,
    /// It clears once the reading is at or below this.
    pub clear: i64,
    /// Time for which the reading has to be above, in milliseconds.
    pub for_ms: i64,
    /// Time for which the reading has to be clear, in milliseconds.
    pub keep_ms: i64,
}

impl AlertRule {
    /// A rule that fires at once above `over`, and clears at once at or below it.
    pub fn new(name: impl Into<String>, kind: AlertKind, over: i64) -> Self {
        Self {
            name: name.into(),
            kind,
            queue: None,
            over,
            clear: over,
            for_ms: 0,
            keep_ms: 0,
        }
    }

    /// Sets the only queue it is about.
    #[must_use]
    pub fn queue(mut self, queue: Option<String>) -> Self {
        self.queue = queue;
        self
    }

    /// Sets the threshold at or below which it clears.
    #[must_use]
    pub fn clear(mut self, clear: i64) -> Self {
        self.clear = clear;
        self
    }

    /// Sets the times for which the reading has to be above, and clear.
    #[must_use]
    pub fn times(mut self, for_ms: i64, keep_ms: i64) -> Self {
        (self.for_ms, self.keep_ms) = (for_ms, keep_ms);
        self
    }

    /// Checks the rule.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the bound that it breaks.
    pub fn check(&self) -> Result<()> {
        check_name("an alert's name", &self.name)?;
        if let Some(queue) = &self.queue {
            check_name("a queue's name", queue)?;
            if !self.kind.is_of_queues() {
                let kind = self.kind.as_str();
                return Err(Error::invalid(format!(
                    "{kind} is about no queue; leave out --queue"
                )));
            }
        }
        let most = self.kind.most();
        if (0..=most).contains(&self.over) && self.clear > self.over {
            return Err(Error::invalid(
                "an alert clears at the value at which it fires, or at a lower one; lower --clear or \
                 raise --over",
            ));
        }
        if !(0..=most).contains(&self.over) || self.clear < 0 {
            return Err(Error::invalid(
                "an alert's threshold is from 0 to 100 in percent, and up to a year or a billion",
            ));
        }
        let times = [self.for_ms, self.keep_ms];
        if times.iter().any(|time| !(0..=MOST_MS).contains(time)) {
            return Err(Error::invalid("an alert waits for a year at most"));
        }
        Ok(())
    }
}

/// Phase of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum AlertPhase {
    /// The reading is not above its threshold.
    #[default]
    Quiet = 0,
    /// The reading is above its threshold, not yet for long enough.
    Pending = 1,
    /// It fires.
    Firing = 2,
}

impl AlertPhase {
    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Phase of a stored code; quiet for an unknown one.
    pub const fn of_code(code: i64) -> Self {
        match code {
            1 => Self::Pending,
            2 => Self::Firing,
            _ => Self::Quiet,
        }
    }

    /// The phase as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// State of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertState {
    /// Phase.
    pub phase: AlertPhase,
    /// Begin of the phase.
    pub since: Timestamp,
    /// Time since which the reading of a firing alert is clear.
    pub clear_since: Option<Timestamp>,
    /// Reading at the last change.
    pub value: Option<i64>,
}

/// Change that people and hooks are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// It fires from now on.
    Fired,
    /// It does not fire any more.
    Cleared,
}

/// Alert of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alert {
    /// Rule.
    pub rule: AlertRule,
    /// State.
    pub state: AlertState,
    /// Raised by every change of the row, so that one judge alone makes each change.
    pub revision: i64,
}

impl Alert {
    /// An alert with that rule and state.
    pub fn new(rule: AlertRule, state: AlertState, revision: i64) -> Self {
        Self {
            rule,
            state,
            revision,
        }
    }

    /// True if it fires.
    pub fn is_firing(&self) -> bool {
        self.state.phase == AlertPhase::Firing
    }
}
