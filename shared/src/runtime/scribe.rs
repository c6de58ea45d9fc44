//! A thread that writes log files. A disk that does not answer holds up this thread alone, and the
//! ends of commands that wrote much for a while; every other command, claim, settle, timeout and
//! signal goes on.
//!
//! What a command writes is handed over once it is too much or too old to be kept in memory. What
//! was handed over and is not written yet is bounded: beyond that, pipes are left unread until the
//! thread has caught up.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::capture::{Capture, Extent};
use super::eventfd::{new_bell, silence};
use crate::claim::Claim;
use crate::clock::BootTime;
use crate::error::Result;
use crate::output::{Output, Stream};
use crate::sidecar::{Sidecar, files};

/// Bytes of output that may wait to be written.
pub(super) const MOST_BYTES: usize = 4 << 20;
/// How long a worker that ends waits for what is still to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// Writes log files on a thread of its own, which is started when it is first needed. Without a
/// thread they are written at once.
#[derive(Debug)]
pub(in crate::runtime) struct Scribe {
    desk: Arc<Mutex<Desk>>,
    work: Sender<Work>,
    queue: Receiver<Work>,
    report: Sender<Logged>,
    done: Receiver<Logged>,
    bell: Arc<OwnedFd>,
    /// Bytes that wait to be written.
    waiting: Arc<AtomicUsize>,
    has_thread: bool,
}

/// A log that is written to its end.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) claim: Claim,
    /// What is to be stored with the settle, where there is no file.
    pub(super) output: Option<Output>,
}

#[derive(Debug)]
enum Work {
    /// Take over the output of a command.
    Take(Claim, Box<Capture>),
    Write(Claim, Stream, Vec<u8>, BootTime),
    /// What was written so far becomes visible.
    Show(Claim),
    Finish(Claim, Extent),
    /// Remove a log file of an earlier run.
    Remove(PathBuf),
    Flush(Sender<()>),
    /// Wait until the sender is dropped, as for a disk that does not answer.
    #[cfg(test)]
    Hang(Receiver<()>),
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Write(_, _, bytes, _) => bytes.len(),
            Self::Take(..)
            | Self::Show(_)
            | Self::Finish(..)
            | Self::Remove(_)
            | Self::Flush(_) => 0,
            #[cfg(test)]
            Self::Hang(_) => 0,
        }
    }
}

/// The outputs whose logs are written here.
#[derive(Debug)]
struct Desk {
    sidecar: Sidecar,
    captures: BTreeMap<Claim, Box<Capture>>,
}

impl Desk {
    fn perform(&mut self, work: Work) -> Option<Logged> {
        match work {
            Work::Take(claim, capture) => {
                self.captures.insert(claim, capture);
            }
            Work::Write(claim, stream, bytes, now) => {
                if let Some(capture) = self.captures.get_mut(&claim) {
                    capture.write(stream, &bytes, now, &self.sidecar);
                }
            }
            Work::Show(claim) => {
                if let Some(capture) = self.captures.get_mut(&claim) {
                    capture.came_due(&self.sidecar);
                }
            }
            Work::Finish(claim, extent) => {
                let capture = self.captures.remove(&claim)?;
                let output = capture.finish(extent);
                return Some(Logged { claim, output });
            }
            Work::Remove(path) => {
                // A log that stays is of another token, and pruned with its task.
                let _ = files::remove(&path);
            }
            Work::Flush(flushed) => drop(flushed),
            #[cfg(test)]
            Work::Hang(until) => drop(until.recv()),
        }
        None
    }
}

impl Scribe {
    pub(super) fn new(sidecar: Sidecar) -> Result<Self> {
        let (work, queue) = unbounded();
        let (report, done) = unbounded();
        Ok(Self {
            desk: Arc::new(Mutex::new(Desk {
                sidecar,
                captures: BTreeMap::new(),
            })),
            work,
            queue,
            report,
            done,
            bell: Arc::new(new_bell()?),
            waiting: Arc::default(),
            has_thread: false,
        })
    }

    /// Readable once a log is written to its end, or there is room again.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Whether as much waits to be written as may.
    pub(in crate::runtime) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > MOST_BYTES
    }

    /// Takes over the output of a command.
    pub(in crate::runtime) fn take(&mut self, claim: Claim, capture: Capture) {
        self.need_thread();
        self.send(Work::Take(claim, Box::new(capture)));
    }

    /// Appends to the log of a command.
    pub(in crate::runtime) fn write(
        &mut self,
        claim: Claim,
        stream: Stream,
        bytes: &[u8],
        now: BootTime,
    ) {
        self.send(Work::Write(claim, stream, bytes.to_vec(), now));
    }

    /// Makes visible what a command wrote so far.
    pub(in crate::runtime) fn show(&mut self, claim: Claim) {
        self.send(Work::Show(claim));
    }

    /// Ends the log of a command; [`take_done`](Self::take_done) tells when that is done.
    pub(in crate::runtime) fn finish(&mut self, claim: Claim, extent: Extent) {
        self.send(Work::Finish(claim, extent));
    }

    /// Removes a log file of an earlier run.
    pub(super) fn remove(&mut self, path: PathBuf) {
        self.need_thread();
        self.send(Work::Remove(path));
    }

    /// Silences the bell and takes the logs that are written to their ends.
    pub(super) fn take_done(&self) -> Vec<Logged> {
        silence(&self.bell);
        self.done.try_iter().collect()
    }

    /// Holds the thread up until the sender is dropped.
    #[cfg(test)]
    pub(super) fn hang(&mut self) -> Sender<()> {
        let (until, hung) = bounded(0);
        self.need_thread();
        self.send(Work::Hang(hung));
        until
    }

    /// Bytes that wait to be written.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn send(&mut self, work: Work) {
        if self.has_thread {
            self.waiting.fetch_add(work.bytes(), Ordering::AcqRel);
            if self.work.send(work).is_err() {
                unreachable!("both ends of the channel are here");
            }
            return;
        }
        let desk = &mut *self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(logged) = desk.perform(work) {
            let _ = self.report.send(logged);
            ring(&self.bell);
        }
    }

    fn need_thread(&mut self) {
        if self.has_thread {
            return;
        }
        let (queue, report) = (self.queue.clone(), self.report.clone());
        let (desk, bell) = (Arc::clone(&self.desk), Arc::clone(&self.bell));
        let waiting = Arc::clone(&self.waiting);
        let run = move || {
            for work in queue {
                let bytes = work.bytes();
                let desk = &mut *desk.lock().unwrap_or_else(PoisonError::into_inner);
                let logged = desk.perform(work);
                let before = waiting.fetch_sub(bytes, Ordering::AcqRel);
                let has_room = before > MOST_BYTES && before - bytes <= MOST_BYTES;
                if has_room || logged.is_some() {
                    // Nobody takes it from a worker that has ended.
                    let _ = logged.map(|logged| report.send(logged));
                    ring(&bell);
                }
            }
        };
        let thread = std::thread::Builder::new().name("queue-logs".to_owned());
        self.has_thread = thread.spawn(run).is_ok();
    }
}

fn ring(bell: &OwnedFd) {
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

impl Drop for Scribe {
    /// Waits for a moment until everything is written. A thread that waits for a disk is left.
    fn drop(&mut self) {
        if self.has_thread {
            let (flushed, flush) = bounded(0);
            let _ = self.work.send(Work::Flush(flushed));
            let _ = flush.recv_timeout(FLUSH);
        }
    }
}
