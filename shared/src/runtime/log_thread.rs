//! Thread that writes log files. A disk that does not answer delays this thread, and for a while
//! the ends of commands that wrote much; all other commands, claims, settles, timeouts and signals
//! go on. A command's output goes to this thread once it is too much or too old to be kept in
//! memory. The amount that waits to be written is bounded: beyond it, pipes are not read until the
//! thread has caught up.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::capture::{Capture, Extent, LogPlace};
use super::current_settings::{CurrentSettings, ReadSettings};
use super::eventfd::{clear, new_eventfd};
use super::log::{self, Keeper};
use crate::claim::Claim;
use crate::clock::{BootTime, Clock, SystemClock};
use crate::error::Result;
use crate::output::{Output, Stream};
use crate::sidecar::Sidecar;

/// Largest number of bytes that wait to be written.
pub(super) const MOST_BYTES: usize = 4 << 20;
/// Time that an ending worker waits for the rest to be written and for the logs to be kept within
/// their total.
const FLUSH: Duration = Duration::from_millis(500);

/// Handle to the log thread, which is started when it is first needed. If the system refuses a
/// thread, logs are written by the caller.
#[derive(Debug)]
pub(in crate::runtime) struct LogThread {
    logs: Arc<Mutex<OpenLogs>>,
    requests: Sender<LogRequest>,
    queue: Receiver<LogRequest>,
    report: Sender<Logged>,
    done: Receiver<Logged>,
    eventfd: Arc<OwnedFd>,
    /// Bytes that wait to be written.
    waiting: Arc<AtomicUsize>,
    has_thread: bool,
}

/// A finished log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) claim: Claim,
    /// Output to store with the settle, if there is no file.
    pub(super) output: Option<Output>,
}

#[derive(Debug)]
enum LogRequest {
    /// Take over the output of a command.
    Take(Claim, Box<Capture>),
    Write(Claim, Stream, Vec<u8>, BootTime),
    /// Make the output so far visible.
    Show(Claim),
    Finish(Claim, Extent),
    /// Remove the log of an earlier run.
    Remove(PathBuf),
    Flush(Sender<()>),
    /// Wait until the sender is dropped. Stands for a disk that does not answer.
    #[cfg(test)]
    Hang(Receiver<()>),
}

impl LogRequest {
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

/// Logs that are being written.
#[derive(Debug)]
struct OpenLogs {
    sidecar: Sidecar,
    settings: CurrentSettings,
    keeper: Keeper,
    captures: BTreeMap<Claim, Box<Capture>>,
}

impl OpenLogs {
    fn perform(&mut self, request: LogRequest) -> Option<Logged> {
        let logs = LogPlace {
            sidecar: &self.sidecar,
            size: self.settings.last().log_size,
        };
        match request {
            LogRequest::Take(claim, capture) => {
                // Its log is created with the next request.
                self.settings.refresh(SystemClock.now().boot);
                self.captures.insert(claim, capture);
            }
            LogRequest::Write(claim, stream, bytes, now) => {
                if let Some(capture) = self.captures.get_mut(&claim) {
                    capture.write(stream, &bytes, now, logs);
                }
            }
            LogRequest::Show(claim) => {
                if let Some(capture) = self.captures.get_mut(&claim) {
                    capture.came_due(logs);
                }
            }
            LogRequest::Finish(claim, extent) => {
                let capture = self.captures.remove(&claim)?;
                let length = capture.log_length();
                let output = capture.finish(extent);
                if let Some(length) = length {
                    self.keeper
                        .finished(length, self.settings.last().logs_total);
                }
                return Some(Logged { claim, output });
            }
            LogRequest::Remove(path) => {
                // If it stays, its token shows that it is old; it is pruned with its task.
                let _ = log::remove(&path);
            }
            LogRequest::Flush(flushed) => {
                self.keeper.flush(FLUSH);
                drop(flushed);
            }
            #[cfg(test)]
            LogRequest::Hang(until) => drop(until.recv()),
        }
        None
    }
}

impl LogThread {
    pub(super) fn new(sidecar: Sidecar) -> Result<Self> {
        let (requests, queue) = unbounded();
        let (report, done) = unbounded();
        Ok(Self {
            logs: Arc::new(Mutex::new(OpenLogs {
                keeper: Keeper::new(sidecar.clone()),
                sidecar,
                settings: CurrentSettings::default(),
                captures: BTreeMap::new(),
            })),
            requests,
            queue,
            report,
            done,
            eventfd: Arc::new(new_eventfd()?),
            waiting: Arc::default(),
            has_thread: false,
        })
    }

    /// Sets the reader of the settings of the file, which bound the logs.
    pub(super) fn read_settings(&mut self, read: ReadSettings) {
        let logs = &mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.settings.read_with(read);
    }

    /// Eventfd that is readable when a log is finished, or there is room again.
    pub(super) fn eventfd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    /// Returns true if no more output is accepted for now.
    pub(in crate::runtime) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > MOST_BYTES
    }

    /// Takes over the output of a command.
    pub(in crate::runtime) fn take(&mut self, claim: Claim, capture: Capture) {
        self.need_thread();
        self.send(LogRequest::Take(claim, Box::new(capture)));
    }

    /// Appends to the log of a command.
    pub(in crate::runtime) fn write(
        &mut self,
        claim: Claim,
        stream: Stream,
        bytes: &[u8],
        now: BootTime,
    ) {
        self.send(LogRequest::Write(claim, stream, bytes.to_vec(), now));
    }

    /// Makes a command's output so far visible.
    pub(in crate::runtime) fn show(&mut self, claim: Claim) {
        self.send(LogRequest::Show(claim));
    }

    /// Ends the log of a command; [`take_done`](Self::take_done) returns it when it is finished.
    pub(in crate::runtime) fn finish(&mut self, claim: Claim, extent: Extent) {
        self.send(LogRequest::Finish(claim, extent));
    }

    /// Removes the log of an earlier run.
    pub(super) fn remove(&mut self, path: PathBuf) {
        self.need_thread();
        self.send(LogRequest::Remove(path));
    }

    /// Clears the eventfd and returns the finished logs.
    pub(super) fn take_done(&self) -> Vec<Logged> {
        clear(&self.eventfd);
        self.done.try_iter().collect()
    }

    /// Blocks the thread until the sender is dropped.
    #[cfg(test)]
    pub(super) fn hang(&mut self) -> Sender<()> {
        let (until, hung) = bounded(0);
        self.need_thread();
        self.send(LogRequest::Hang(hung));
        until
    }

    /// Bytes that wait to be written.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn send(&mut self, request: LogRequest) {
        if self.has_thread {
            self.waiting.fetch_add(request.bytes(), Ordering::AcqRel);
            if self.requests.send(request).is_err() {
                unreachable!("both ends of the channel are here");
            }
            return;
        }
        let logs = &mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(logged) = logs.perform(request) {
            let _ = self.report.send(logged);
            signal(&self.eventfd);
        }
    }

    fn need_thread(&mut self) {
        if self.has_thread {
            return;
        }
        let (queue, report) = (self.queue.clone(), self.report.clone());
        let (logs, eventfd) = (Arc::clone(&self.logs), Arc::clone(&self.eventfd));
        let waiting = Arc::clone(&self.waiting);
        let run = move || {
            for request in queue {
                let bytes = request.bytes();
                let logs = &mut *logs.lock().unwrap_or_else(PoisonError::into_inner);
                let logged = logs.perform(request);
                let before = waiting.fetch_sub(bytes, Ordering::AcqRel);
                let has_room = before > MOST_BYTES && before - bytes <= MOST_BYTES;
                if has_room || logged.is_some() {
                    // The receiver is gone if the worker has ended.
                    let _ = logged.map(|logged| report.send(logged));
                    signal(&eventfd);
                }
            }
        };
        let thread = std::thread::Builder::new().name("queue-logs".to_owned());
        self.has_thread = thread.spawn(run).is_ok();
    }
}

fn signal(eventfd: &OwnedFd) {
    let _ = rustix::io::write(eventfd, &1_u64.to_ne_bytes());
}

impl Drop for LogThread {
    /// Waits a moment for everything to be written. A thread that is blocked by a disk is left
    /// behind.
    fn drop(&mut self) {
        if self.has_thread {
            let (flushed, flush) = bounded(0);
            let _ = self.requests.send(LogRequest::Flush(flushed));
            let _ = flush.recv_timeout(FLUSH);
        }
    }
}
