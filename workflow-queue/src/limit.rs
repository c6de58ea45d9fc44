//! Limits: the number of tasks that may run at once, and that may start in a period.

use queue_core::error::{Error, Result};
use queue_core::task::check_queue_name;

use crate::workflow_task::check_limit_key;

/// The tasks that a limit applies to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// All tasks of a queue.
    Queue(String),
    /// All tasks with this limit key, in any queue.
    Key(Vec<u8>),
}

/// A bound on starts per period. Up to `starts` tasks start at once; after that, starts become
/// available evenly over the period. So at most twice `starts` tasks start in any stretch of that
/// length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Number of starts; 0 stops the queue.
    pub starts: u32,
    /// The period in milliseconds; at least 1.
    pub period_ms: u32,
}

/// A limit as set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The tasks it applies to.
    pub kind: LimitKind,
    /// Number of tasks that may run at once; 0 stops them, `None` sets no bound.
    pub concurrency: Option<u32>,
    /// Starts per period; for queues only.
    pub rate: Option<Rate>,
}

/// A limit with the tasks under it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStanding {
    /// The limit.
    pub limit: Limit,
    /// Number of tasks that run under it.
    pub running: u64,
    /// Number of tasks that wait under it, up to [`MOST_COUNTED`](Self::MOST_COUNTED): for a queue the
    /// queued ones, for a key all that wait for nothing else.
    pub waiting: u64,
}

impl LimitStanding {
    /// Number of waiting tasks up to which they are counted.
    pub const MOST_COUNTED: u32 = 10_000;
}

impl Limit {
    /// Makes a limit that sets no bound yet.
    pub fn new(kind: LimitKind) -> Self {
        Self {
            kind,
            concurrency: None,
            rate: None,
        }
    }

    /// Makes a limit of a queue that sets no bound yet.
    pub fn queue(name: impl Into<String>) -> Self {
        Self::new(LimitKind::Queue(name.into()))
    }

    /// Makes a limit of a key that sets no bound yet.
    pub fn key(key: impl Into<Vec<u8>>) -> Self {
        Self::new(LimitKind::Key(key.into()))
    }

    /// Sets the number of tasks that may run at once; 0 stops them.
    #[must_use]
    pub fn concurrency(mut self, concurrency: u32) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets the starts per period, of a queue.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Checks the name, unless the queue is known, and the bounds.
    pub(crate) fn validate(&self, is_known: impl Fn(&str) -> Result<bool>) -> Result<()> {
        match &self.kind {
            LimitKind::Queue(name) if is_known(name)? => {}
            LimitKind::Queue(name) => check_queue_name(name)?,
            LimitKind::Key(key) => check_limit_key(key)?,
        }
        let Some(rate) = self.rate else {
            return Ok(());
        };
        if matches!(self.kind, LimitKind::Key(_)) {
            return Err(Error::invalid("a rate can be set on a queue only"));
        }
        let finest = u64::from(rate.period_ms).saturating_mul(1000);
        if rate.period_ms == 0 || u64::from(rate.starts) > finest {
            return Err(Error::invalid(
                "a rate must be at most one start in a microsecond",
            ));
        }
        Ok(())
    }
}
