//! Counts of tasks, read as rarely as they are expensive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{BootTime, Timestamp};
use crate::error::Result;
use crate::queue::{Queue, QueueInfo, Stats};

/// Multiple of the time that counts took for which they are kept: counting takes a twentieth of a
/// core at most.
const KEPT_FOR: u32 = 20;

/// Time that a page may wait for counts. Others are read beside the pages, which show the old ones.
const CHEAP: Duration = Duration::from_millis(5);

/// Counts of one moment.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// Tasks by state.
    pub(super) stats: Stats,
    /// Handler queues, with their queued tasks.
    pub(super) queues: Vec<QueueInfo>,
    /// Time of the counting.
    pub(super) at: Timestamp,
    /// The same in boot time.
    pub(super) read_at: BootTime,
    cost: Duration,
}

impl Summary {
    /// True if a page may wait for such counts.
    pub(super) fn is_cheap(&self) -> bool {
        self.cost <= CHEAP
    }
}

/// Counts that are kept between requests.
#[derive(Debug, Default)]
pub(super) struct Counts {
    kept: Mutex<Option<Arc<Summary>>>,
    /// Held by whoever counts.
    counting: Mutex<()>,
}

impl Counts {
    /// The counts that a page shows, and true if they have to be read anew beside it.
    pub(super) fn get<Q: Queue>(&self, queue: &Q) -> Result<(Arc<Summary>, bool)> {
        let kept = lock(&self.kept).clone();
        let Some(kept) = kept else {
            return Ok((self.read(queue)?, false));
        };
        let age = queue.now().boot.since(kept.read_at);
        if age < kept.cost * KEPT_FOR {
            Ok((kept, false))
        } else if kept.is_cheap() {
            Ok((self.read(queue)?, false))
        } else {
            Ok((kept, true))
        }
    }

    /// Reads the counts, unless another thread has done so while this one waited for it.
    pub(super) fn read<Q: Queue>(&self, queue: &Q) -> Result<Arc<Summary>> {
        let asked_at = queue.now().boot;
        let _alone = lock(&self.counting);
        if let Some(kept) = lock(&self.kept)
            .clone()
            .filter(|one| one.read_at > asked_at)
        {
            return Ok(kept);
        }
        let begin = queue.now();
        let stats = queue.stats()?;
        let queues = queue.queues()?;
        let summary = Arc::new(Summary {
            stats,
            queues,
            at: begin.wall,
            read_at: begin.boot,
            cost: queue.now().boot.since(begin.boot),
        });
        *lock(&self.kept) = Some(Arc::clone(&summary));
        Ok(summary)
    }

    /// Forgets the counts, because this dashboard has changed the file.
    pub(super) fn forget(&self) {
        *lock(&self.kept) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
