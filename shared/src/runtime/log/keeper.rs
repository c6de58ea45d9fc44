//! Keeps the logs of a file within their total, on a thread of its own that lives for one pass. Of
//! several workers one makes a pass at a time.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, Timespec, flock};

use super::budget::{is_due, occupied, reduce, target};
use super::cut::cut;
use super::parts::log_of;
use crate::sidecar::{Sidecar, files};

/// Keeper of the total of all logs.
#[derive(Debug)]
pub(in crate::runtime) struct Keeper {
    sidecar: Sidecar,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: Mutex<Count>,
    /// Notified when no pass is under way any more.
    ended: Condvar,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct Count {
    /// Bytes of all logs as the last pass left them; `None` before the first, and after one that
    /// another worker made.
    known: Option<u64>,
    /// Bytes added since that pass began.
    added: u64,
    under_way: bool,
}

impl Shared {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    pub(in crate::runtime) fn new(sidecar: Sidecar) -> Self {
        Self {
            sidecar,
            shared: Arc::default(),
        }
    }

    /// Counts a finished log of that length, and begins a pass if one is due. `most` is the total.
    pub(in crate::runtime) fn finished(&self, length: u64, most: u64) {
        let mut count = self.shared.count();
        count.added += occupied(length);
        if count.under_way || !is_due(count.known, count.added, most) {
            return;
        }
        let (sidecar, shared) = (self.sidecar.clone(), Arc::clone(&self.shared));
        let thread = std::thread::Builder::new().name("queue-log-keeper".to_owned());
        let begun = thread.spawn(move || make_passes(&sidecar, &shared, most));
        count.under_way = begun.is_ok();
    }

    /// Waits for the pass under way, for `within` at most.
    pub(in crate::runtime) fn flush(&self, within: Duration) {
        let under_way = |count: &mut Count| count.under_way;
        let ended = &self.shared.ended;
        // A poisoned lock is of a pass that has ended.
        let _ = ended.wait_timeout_while(self.shared.count(), within, under_way);
    }
}

impl Drop for Keeper {
    /// A pass under way ends after the log that it cuts now.
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

/// Makes passes until none is due.
fn make_passes(sidecar: &Sidecar, shared: &Shared, most: u64) {
    loop {
        shared.count().added = 0;
        // A folder that cannot be read now is read after the next log.
        let known = keep(sidecar, most, &shared.stopped).unwrap_or_default();
        let mut count = shared.count();
        count.known = known;
        if known.is_none() || !is_due(known, count.added, most) {
            count.under_way = false;
            shared.ended.notify_all();
            return;
        }
    }
}

/// Log as found in the folder.
#[derive(Debug, Default)]
struct FoundLog {
    size: u64,
    /// Last change of any of its files, in seconds and nanoseconds.
    modified: (i64, i64),
}

/// Cuts logs until they take `most` bytes at most. Returns their total, or `None` if another process
/// does so now.
fn keep(sidecar: &Sidecar, most: u64, stopped: &AtomicBool) -> io::Result<Option<u64>> {
    let lock = files::open(&sidecar.logs_lock())?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    let mut logs: Vec<(String, FoundLog)> = found_logs(sidecar)?.into_iter().collect();
    let total = logs.iter().map(|(_, log)| log.size).sum();
    if total <= most {
        return Ok(Some(total));
    }
    logs.sort_unstable_by(|(name, log), (other, than)| {
        (log.modified, name).cmp(&(than.modified, other))
    });
    let mut sizes: Vec<u64> = logs.iter().map(|(_, log)| log.size).collect();
    let folder = sidecar.logs();
    Ok(Some(reduce(&mut sizes, target(most), |index, extent| {
        if stopped.load(Ordering::Relaxed) {
            return None;
        }
        let (name, log) = &logs[index];
        let modified = Timespec {
            tv_sec: log.modified.0,
            tv_nsec: log.modified.1,
        };
        // A log that cannot be cut stays; the next one is tried.
        let cut = cut(&folder.join(name), extent, modified);
        cut.ok().flatten().filter(|size| *size < log.size)
    })))
}

/// Bytes that all logs take.
#[cfg(feature = "cli")]
pub(crate) fn total(sidecar: &Sidecar) -> io::Result<u64> {
    Ok(found_logs(sidecar)?.values().map(|log| log.size).sum())
}

/// All logs in the folder, by name.
fn found_logs(sidecar: &Sidecar) -> io::Result<HashMap<String, FoundLog>> {
    let folder = files::Folder::open(&sidecar.logs())?;
    let mut logs: HashMap<String, FoundLog> = HashMap::new();
    for file in folder.names()? {
        let Some(name) = file.to_str().and_then(log_of) else {
            continue;
        };
        if let Some((length, modified)) = folder.length_and_change(&file) {
            let log = logs.entry(name.to_owned()).or_default();
            log.size += occupied(length);
            log.modified = log.modified.max(modified);
        }
    }
    Ok(logs)
}
