//! The time of a sync beside the file, measured once a minute at most: each writes to the disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::BootTime;
use crate::queue::Queue;
use crate::watch::sync_time;

/// Time for which a measured sync is kept.
const SYNC_EVERY: Duration = Duration::from_mins(1);

/// Time of a sync, measured once a minute at most.
#[derive(Debug, Default)]
pub(super) struct Sync {
    last: Mutex<Option<(BootTime, Option<Duration>)>>,
}

impl Sync {
    /// The time, if this user may write there.
    pub(super) fn get<Q: Queue>(&self, queue: &Q) -> Option<Duration> {
        let now = queue.now().boot;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((at, sync)) if now.since(at) < SYNC_EVERY => sync,
            _ => {
                let sync = sync_time(queue);
                *last = Some((now, sync));
                sync
            }
        }
    }
}
