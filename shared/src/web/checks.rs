//! Checks of health, kept for a moment: one of their readings syncs a disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::BootTime;
use crate::error::Result;
use crate::queue::Queue;
use crate::watch::{Check, Readings, judge};

/// Time for which readings are kept.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Checks that are kept between requests.
#[derive(Debug, Default)]
pub(super) struct Checks {
    kept: Mutex<Option<(BootTime, Arc<Vec<Check>>)>>,
}

impl Checks {
    /// The checks of some moment of the last two seconds. Others wait for whoever reads.
    ///
    /// # Errors
    /// As [`Readings::take`].
    pub(super) fn get<Q: Queue>(&self, queue: &Q) -> Result<Arc<Vec<Check>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, checks)) = &*kept
            && queue.now().boot.since(*at) < KEPT_FOR
        {
            return Ok(Arc::clone(checks));
        }
        let checks = Arc::new(judge(&Readings::take(queue)?));
        *kept = Some((queue.now().boot, Arc::clone(&checks)));
        Ok(checks)
    }
}
