//! Stop requests to a worker, from another thread or by a signal. The first lets tasks finish
//! within the grace time, the second ends them at once.

mod disposition;

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

pub(crate) use super::inherited::is_ignored;
use super::spawn::unblock;
use crate::error::{Error, Result};

/// Stops a worker. Clones stop the same worker.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Requests>);

/// Receives a worker's stop requests.
#[derive(Debug)]
pub(crate) struct StopReceiver(Arc<Requests>);

/// Stop requests, one byte each.
#[derive(Debug)]
struct Requests {
    sender: UnixStream,
    receiver: UnixStream,
    /// Number of requests that were read.
    read: AtomicUsize,
}

/// Creates a stopper and its receiver.
pub(super) fn pair() -> Result<(Stopper, StopReceiver)> {
    let refused = |error| Error::io("cannot create a socket pair", error);
    let (sender, receiver) = UnixStream::pair().map_err(refused)?;
    sender.set_nonblocking(true).map_err(refused)?;
    receiver.set_nonblocking(true).map_err(refused)?;
    let requests = Arc::new(Requests {
        sender,
        receiver,
        read: AtomicUsize::new(0),
    });
    Ok((Stopper(Arc::clone(&requests)), StopReceiver(requests)))
}

impl Stopper {
    /// Asks the worker to stop. A second request ends its tasks at once and returns them to the
    /// queue. Does not wait for the worker.
    pub fn stop(&self) {
        // A full socket holds more requests than needed.
        let _ = (&self.0.sender).write(&[1]);
    }

    /// Number of stop requests so far. For use after the worker's end: waits up to `wait` for one
    /// more request, which the worker no longer reads.
    pub fn requests(&self, wait: Duration) -> usize {
        let timeout = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut ready = [PollFd::new(&self.0.receiver, PollFlags::IN)];
        // Requests are counted after any return.
        let _ = poll(&mut ready, Some(&timeout));
        self.0.take();
        self.0.read.load(Ordering::Relaxed)
    }

    /// Makes SIGTERM, SIGINT and SIGHUP stop the worker while the guard lives; SIGHUP not if the
    /// process was started to ignore it, as by `nohup`. For programs that own their signals; a
    /// library should leave them to its user.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn on_signals(&self) -> Result<SignalGuard> {
        let refused = |error| Error::io("cannot handle signals", error);
        let mut signals = vec![SIGTERM, SIGINT];
        signals.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
        let mut guard = SignalGuard {
            sender: self.0.sender.try_clone().map_err(refused)?,
            signals: Vec::new(),
        };
        for &signal in &signals {
            let _one = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
            disposition::receive(signal, guard.sender.as_raw_fd()).map_err(refused)?;
            guard.signals.push(signal);
        }
        // The parent process may have blocked them.
        unblock(&signals);
        Ok(guard)
    }
}

impl Requests {
    /// Takes the requests since the last call.
    fn take(&self) -> usize {
        let mut buffer = [0; 16];
        let read = (&self.receiver).read(&mut buffer).unwrap_or(0);
        self.read.fetch_add(read, Ordering::Relaxed);
        read
    }
}

impl StopReceiver {
    /// Number of requests since the last call.
    pub(super) fn received(&self) -> usize {
        self.0.take()
    }
}

impl AsFd for StopReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.receiver.as_fd()
    }
}

/// Signals stop a worker while this guard lives. Once no guard lives, each signal has the disposition
/// that it had before, unless something else has changed it meanwhile. A drop waits for a handler that
/// is at work on another thread, which takes microseconds.
#[derive(Debug)]
pub struct SignalGuard {
    sender: UnixStream,
    signals: Vec<i32>,
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        let _one = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        for signal in self.signals.drain(..) {
            disposition::leave(signal, self.sender.as_raw_fd());
        }
    }
}

/// Held while receivers of signals are added or removed.
static CHANGES: Mutex<()> = Mutex::new(());
