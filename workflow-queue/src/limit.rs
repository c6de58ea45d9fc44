//! Limits: how many may run at once, and how many may start in a period.

use queue_core::error::{Error, Result};
use queue_core::task::check_queue_name;

use crate::submission::check_limit_key;

/// What a limit is set on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// All tasks of a queue.
    Queue(String),
    /// All tasks with this limit key, in whatever queue.
    Key(Vec<u8>),
}

/// How many may start in a period: `starts` at once, made up for evenly over the period, so that
/// in no stretch of that length more than twice as many start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; 0 stops the queue.
    pub starts: u32,
    /// The period in milliseconds; at least 1.
    pub period_ms: u32,
}

/// A limit as set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it is set on.
    pub kind: LimitKind,
    /// How many may run at once; 0 stops them, `None` sets no bound.
    pub concurrency: Option<u32>,
    /// How many may start in a period; for queues only.
    pub rate: Option<Rate>,
}

impl Limit {
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
