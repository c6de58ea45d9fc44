//! Keeps the logs of a file within their total, on a thread of its own that lives for one pass. Of
//! several workers one makes a pass at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, Timespec, flock};

use super::budget::{Cut, is_due, occupied, reduce, target};
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
    let mut lock = files::open(&sidecar.logs_lock())?;
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
    let mut removed = None;
    let total = reduce(&mut sizes, target(most), |index, extent| {
        if stopped.load(Ordering::Relaxed) {
            return None;
        }
        let (name, log) = &logs[index];
        let modified = Timespec {
            tv_sec: log.modified.0,
            tv_nsec: log.modified.1,
        };
        // A log that cannot be cut stays; the next one is tried.
        let size = cut(&folder.join(name), extent, modified).ok().flatten()?;
        if extent == Cut::Removed {
            removed = removed.max(Some(log.modified.0));
        }
        (size < log.size).then_some(size)
    });
    if let Some(removed) = removed {
        remember(&mut lock, removed)?;
    }
    Ok(Some(total))
}

/// Notes in the lock file that logs last changed up to `time`, in seconds since 1970, may be removed.
fn remember(lock: &mut File, time: i64) -> io::Result<()> {
    let before = time_in(lock).unwrap_or(i64::MIN);
    lock.set_len(0)?;
    let text = format!("{}\n", before.max(time));
    // The cursor may stand behind what was read.
    rustix::io::pwrite(&*lock, text.as_bytes(), 0)?;
    Ok(())
}

fn time_in(lock: &mut File) -> Option<i64> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

/// Time in seconds since 1970: logs last changed up to then may have been removed to keep the total.
/// `None` if none was.
#[cfg(feature = "cli")]
pub(crate) fn removed_until(sidecar: &Sidecar) -> Option<i64> {
    time_in(&mut files::read(&sidecar.logs_lock()).ok()?)
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, SystemTime};

    use super::{keep, removed_until};
    use crate::output::Stream;
    use crate::runtime::log::{LogReader, LogWriter};
    use crate::sidecar::Sidecar;
    use crate::task::TaskId;

    /// Creates a log of that size that ended so many seconds after 1970.
    fn log(sidecar: &Sidecar, task: i64, size: usize, ended: u64) {
        let path = sidecar.log(TaskId(task), 1);
        let mut writer = LogWriter::create(path.clone(), 1, 1 << 20).unwrap();
        writer.append(Stream::Stdout, &vec![b'x'; size]);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(ended);
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    fn kept(sidecar: &Sidecar, task: i64) -> Option<usize> {
        let mut kept = 0;
        let mut reader = LogReader::new(sidecar.log(TaskId(task), 1));
        let is_there = reader.read(|chunk| match chunk {
            crate::output::Chunk::Written { bytes, .. } => kept += bytes.len(),
            crate::output::Chunk::Omitted(_) | crate::output::Chunk::GivenUp => {}
        });
        is_there.unwrap().then_some(kept)
    }

    #[test]
    fn the_oldest_logs_are_shortened_then_noted_then_removed_and_that_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::of(&folder.path().join("q.db"));
        sidecar.create().unwrap();
        // The oldest has the highest id.
        for task in 1..=4 {
            log(&sidecar, task, 200_000, 100 - task.cast_unsigned());
        }
        let go = AtomicBool::new(false);
        let keep = |most: u64| keep(&sidecar, most, &go).unwrap().unwrap();
        assert_eq!(keep(1 << 20), 4 * 200_704);
        assert!(keep(700_000) <= 630_000);
        let short = kept(&sidecar, 4).unwrap();
        assert!((60_000..=65_536).contains(&short), "{short}");
        assert_eq!([1, 2].map(|task| kept(&sidecar, task)), [Some(200_000); 2]);
        assert!(keep(250_000) <= 225_000);
        assert_eq!(kept(&sidecar, 4), Some(0));
        assert!(kept(&sidecar, 1) > Some(60_000));
        assert_eq!(removed_until(&sidecar), None);
        assert_eq!(keep(10_000), 8_192);
        let left = [1, 2, 3, 4].map(|task| kept(&sidecar, task));
        assert_eq!(left, [Some(0), Some(0), None, None]);
        assert_eq!(removed_until(&sidecar), Some(97));
        assert_eq!(keep(4_096), 0);
        assert_eq!(removed_until(&sidecar), Some(99));
    }

    #[test]
    fn one_process_cuts_at_a_time_and_a_stopped_one_cuts_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::of(&folder.path().join("q.db"));
        sidecar.create().unwrap();
        log(&sidecar, 1, 200_000, 1);
        let other = File::create(sidecar.logs_lock()).unwrap();
        other.lock().unwrap();
        let stopped = AtomicBool::new(true);
        assert_eq!(keep(&sidecar, 9_000, &stopped).unwrap(), None);
        drop(other);
        assert_eq!(keep(&sidecar, 9_000, &stopped).unwrap(), Some(200_704));
        assert_eq!(kept(&sidecar, 1), Some(200_000));
    }
}
