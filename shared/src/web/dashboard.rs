//! The state of a dashboard that its handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use super::auth::Keys;
use super::checks::Checks;
use super::counts::{Counts, Summary};
use super::hub::Hub;
use super::service_readings::ServiceReadings;
use super::sources::Sources;
use super::sync::Sync;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::Queue;
use crate::sidecar::Sidecar;
use crate::watch::Watchdog;

/// Options of a dashboard.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Name of the program.
    pub program: &'static str,
    /// Name of the file, in titles.
    pub file: String,
    /// True if nothing can be changed.
    pub read_only: bool,
    /// True if tasks can be enqueued, which runs any command as the user of the workers.
    pub allow_enqueue: bool,
    /// Names of the host, besides `localhost` and the addresses of the loopback interface.
    pub hosts: Vec<String>,
    /// Watchdog of the loops of the process, which the dashboard ticks and adds its own loops to.
    pub watchdog: Watchdog,
}

impl Options {
    /// Options of a dashboard of that program about that file, which shows and changes tasks.
    pub fn new(program: &'static str, file: impl Into<String>) -> Self {
        Self {
            program,
            file: file.into(),
            read_only: false,
            allow_enqueue: false,
            hosts: Vec::new(),
            watchdog: Watchdog::default(),
        }
    }

    /// Sets if nothing can be changed.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Sets if tasks can be enqueued.
    #[must_use]
    pub fn allow_enqueue(mut self, allow_enqueue: bool) -> Self {
        self.allow_enqueue = allow_enqueue;
        self
    }

    /// Sets further names of the host.
    #[must_use]
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the watchdog of the process.
    #[must_use]
    pub fn watchdog(mut self, watchdog: Watchdog) -> Self {
        self.watchdog = watchdog;
        self
    }
}

/// Dashboard of one file.
#[derive(Debug)]
pub(super) struct Dashboard<Q> {
    pub(super) queue: Q,
    pub(super) sources: Sources<Q>,
    pub(super) options: Options,
    pub(super) keys: Keys,
    pub(super) counts: Counts,
    pub(super) health: Checks,
    pub(super) services: ServiceReadings,
    is_counting: AtomicBool,
    pub(super) hub: Hub,
    /// Permits to write.
    pub(super) writers: Arc<Semaphore>,
    pub(super) sync: Sync,
}

/// Most requests that wait for the file to write, of the threads that wait for it: the others are left to
/// those that read, which wait for nobody.
const WRITERS: usize = 2;

impl<Q: Queue> Dashboard<Q> {
    /// Dashboard of that file, with the token beside it.
    pub(super) fn new(queue: Q, sources: Sources<Q>, options: Options) -> Result<Arc<Self>> {
        let keys = Keys::of(&Sidecar::at(queue.coordination().folder()))?;
        Ok(Arc::new(Self {
            queue,
            sources,
            options,
            keys,
            counts: Counts::default(),
            health: Checks::default(),
            services: ServiceReadings::default(),
            is_counting: AtomicBool::new(false),
            hub: Hub::new(),
            writers: Arc::new(Semaphore::new(WRITERS)),
            sync: Sync::default(),
        }))
    }

    /// Counts for a page: exact if that is cheap, otherwise those of some seconds ago, while they are
    /// read anew beside the page.
    pub(super) fn summary(self: &Arc<Self>) -> Result<Arc<Summary>> {
        let (summary, is_old) = self.counts.get(&self.queue)?;
        if is_old && !self.is_counting.swap(true, Ordering::AcqRel) {
            let own = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                // The next page tries again.
                let _ = own.counts.read(&own.queue);
                own.is_counting.store(false, Ordering::Release);
            });
        }
        Ok(summary)
    }

    /// Current wall time.
    pub(super) fn now(&self) -> Timestamp {
        self.queue.now().wall
    }

    /// True if a request may change something.
    pub(super) fn writes(&self) -> bool {
        !self.options.read_only
    }
}
